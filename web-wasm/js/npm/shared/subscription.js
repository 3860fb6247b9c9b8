import { count } from "./batch.js";

/** A tab's side of a subscription, in the shape of the client's own in WASM. */
export class SharedSubscription {
  #client;
  #delivery;
  #max;
  #batches = [];
  #pending = 0;
  #busy = false;
  #ended = false;
  #received = 0;
  /** How many messages earlier holders of the connection have sent. */
  #before = 0;
  #ending = false;
  #finished;

  constructor(client, sid, subject, { queue, max, delivery }) {
    this.#client = client;
    this.#delivery = delivery;
    this.#max = max;
    Object.assign(this, { sid, subject, queue });
    /** Resolves when everything has been delivered. */
    this.finished = new Promise((resolve) => {
      this.#finished = resolve;
    });
  }

  /** Subscribes, with this holder or with the next. */
  open() {
    this.#before = this.#received;
    if (this.#ending || this.#rest() === 0) {
      this.end(undefined);
      return;
    }
    const { sid, subject, queue } = this;
    this.#client.post({ type: "subscribe", sid, subject, queue, max: this.#rest() });
  }

  /** How many messages the present holder is to send. */
  #rest() {
    return this.#max === undefined ? undefined : Math.max(0, this.#max - this.#before);
  }

  receive(batch) {
    this.#received += count(batch);
    this.#pending += count(batch);
    this.#batches.push(batch);
    this.#pump();
  }

  /** There will be no more messages. */
  end(error) {
    if (this.#ended) return;
    this.#ended = true;
    this.error = error;
    this.#pump();
  }

  #pump() {
    while (!this.#busy && this.#batches.length > 0) {
      const batch = this.#batches.shift();
      const [messages, bytes] = [count(batch), batch.bytes.length];
      this.#pending -= messages;
      const taken = () => this.#client.post({ type: "taken", sid: this.sid, messages, bytes });
      const room = this.#delivery.deliver(batch.bytes, batch.lengths);
      if (room === undefined) {
        taken();
      } else {
        this.#busy = true;
        room.then(() => {
          this.#busy = false;
          taken();
          this.#pump();
        });
      }
    }
    if (this.#ended && !this.#busy && this.#batches.length === 0) this.#finish();
  }

  #finish() {
    if (!this.#client.forget(this)) return;
    if (this.error !== undefined) this.#delivery.fail(this.error);
    this.#delivery.close();
    this.#finished();
  }

  /** Ends it at once, or when so many messages have come in all. */
  unsubscribe(max) {
    if (max === undefined) {
      this.#batches = [];
      this.#pending = 0;
      if (this.#client.forget(this)) this.#end("now");
      this.#finished();
      return;
    }
    this.#max = max;
    this.#client.post({ type: "limit", sid: this.sid, max: this.#rest() });
  }

  /** Ends it when what has come by now is read. */
  stop() {
    this.#end("stop");
  }

  /** Ends it when what is on its way is read. */
  drain() {
    this.#end("drain");
  }

  #end(how) {
    this.#ending = true;
    // Without a holder there is nothing to come.
    if (!this.#client.post({ type: "end", sid: this.sid, how })) this.end(undefined);
  }

  getPending() {
    return this.#pending;
  }

  /** For the one in WASM has memory that is freed so. */
  free() {}
}
