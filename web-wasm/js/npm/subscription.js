import { makeError } from "./errors.js";
import { Unpacker } from "./msg.js";
import { Queue } from "./queue.js";

/** How much a reader holds before more is taken out of WASM's memory: a batch, more or less. */
const HELD_MESSAGES = 1024;
const HELD_BYTES = 64 * 1024;

let lastId = 0;

/**
 * A subscription. It lasts until it is unsubscribed or drained, has had as many messages as it was to
 * have, is refused by the server, or the connection is closed.
 *
 * With a callback each message is handed over as it comes. Without one they wait to be read by a
 * `for await` loop: a batch of them here, and the rest in WASM's memory, where their number is limited.
 */
export class Subscription {
  #connection;
  #subject;
  #options;
  #raw;
  #feed;
  #queue;
  #callback;
  #timer;
  #received = 0;
  #draining = false;
  #ended = false;
  #error;
  #room;
  #slow = false;
  /** How many bytes have been taken since none waited. */
  #held = 0;
  #resolveClosed;
  #id;

  /** `each` sees a message as it comes, before its reader does. */
  constructor(connection, subject, options, each = undefined) {
    this.#connection = connection;
    this.#subject = subject;
    const { callback, ...others } = options;
    this.#options = others;
    this.#callback = callback;
    this.each = each;
    lastId += 1;
    this.#id = lastId;
    this.owner = connection.ownerOf(this.#id);
    if (this.#callback === undefined) {
      this.#queue = new Queue(() => this.#left());
      this.#queue.onTaken = (left) => this.#taken(left);
    }
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    this.#open(options.max);
    const { timeout } = options;
    if (timeout !== undefined) {
      this.#timer = setTimeout(() => this.fail(makeError("timeout", "no message came in time")), timeout);
    }
  }

  #open(max) {
    const feed = new Feed(this);
    const { queue } = this.#options;
    this.#raw = this.#connection.open(this.#subject, { queue, max, delivery: feed });
    this.#feed = feed;
  }

  /** Subscribes to something else instead, as the same subscription. */
  rebind(subject, max) {
    const [raw, feed] = [this.#raw, this.#feed];
    this.#subject = subject;
    this.#options = { ...this.#options, max };
    this.#open(max);
    feed.target = undefined;
    this.#makeRoom();
    raw.unsubscribe();
    raw.free();
  }

  /** Messages out of WASM's memory. Returns a promise if there is no room for more. */
  take(unpacker, bytes, lengths, frame) {
    // Nearly always there is none, and the browser is slow to say so.
    if (this.#timer !== undefined) this.#stopTimer();
    const feed = this.#feed;
    const batch = unpacker.open(bytes, lengths, this.owner, frame);
    let message;
    // What is called may have ended it, or had it follow another subject.
    while (!this.#ended && !this.#queue?.ended && this.#feed === feed) {
      message = unpacker.next(batch);
      if (message === undefined) break;
      this.#received += 1;
      this.each?.(message);
      if (this.#queue === undefined) this.#call(null, message);
      else this.#queue.push(message);
    }
    if (this.#queue === undefined) return undefined;
    if (this.#options.slow !== undefined) this.#notifyIfSlow();
    const waiting = this.#queue.length;
    this.#held = waiting === 0 ? 0 : this.#held + batch.size;
    const full = waiting >= HELD_MESSAGES || this.#held >= HELD_BYTES;
    if (!full || this.#draining || this.#ended) return undefined;
    return new Promise((resolve) => {
      this.#room = resolve;
    });
  }

  #stopTimer() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #call(error, message) {
    try {
      const callback = this.#callback;
      callback(error, message);
    } catch (thrown) {
      globalThis.reportError?.(thrown);
    }
  }

  #notifyIfSlow() {
    const pending = this.getPending();
    const slow = pending > this.#options.slow;
    if (slow && !this.#slow) {
      this.#connection.tell({ type: "slowConsumer", sub: this, pending });
    }
    this.#slow = slow;
  }

  /** Ends with an error, which the callback or the reader is told. */
  fail(error) {
    if (this.#ended) return;
    if (this.#queue === undefined) this.#call(error, {});
    else this.#queue.end(error);
    this.#end(error);
  }

  /** There are no more messages. */
  ends() {
    this.#end(undefined);
  }

  #end(error) {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    this.#stopTimer();
    this.#makeRoom();
    this.#feed.target = undefined;
    this.#raw.unsubscribe();
    this.#raw.free();
    this.#raw = undefined;
    this.#callback = undefined;
    this.#connection.forget(this);
    this.#queue?.end();
    if ((this.#queue?.length ?? 0) === 0) this.#resolveClosed(error);
  }

  /** The reader has left. */
  #left() {
    this.#end(undefined);
    this.#resolveClosed(this.#error);
  }

  #taken(left) {
    if (left > 0) return;
    this.#held = 0;
    this.#makeRoom();
    if (this.#ended) this.#resolveClosed(this.#error);
  }

  #makeRoom() {
    this.#room?.();
    this.#room = undefined;
  }

  [Symbol.asyncIterator]() {
    if (this.#queue === undefined) {
      throw makeError("invalid_operation", "a subscription with a callback can't be iterated over");
    }
    return this.#queue.read();
  }

  unsubscribe(max) {
    if (this.#ended) return;
    if (max !== undefined && max !== null) {
      if (Number.isInteger(max) && max > 0 && max <= this.getReceived()) {
        this.#stop();
        return;
      }
      this.#raw.unsubscribe(max);
      this.#options = { ...this.#options, max };
      return;
    }
    this.#stop();
  }

  /** With a callback it is not called again; a reader still gets what has come. */
  #stop() {
    if (this.#queue === undefined) {
      this.#end(undefined);
    } else {
      this.#raw.stop();
      this.release();
    }
  }

  /** Takes all that is left, however much there is of it: there will be no more. */
  release() {
    this.#draining = true;
    this.#makeRoom();
  }

  drain() {
    if (this.#connection.isClosed()) {
      return Promise.reject(makeError("connection_closed", "the connection is closed"));
    }
    if (this.#ended) {
      return Promise.reject(makeError("invalid_operation", "subscription is already closed"));
    }
    this.#raw.drain();
    this.release();
    return this.#feed.finished;
  }

  async [Symbol.asyncDispose]() {
    if (!this.#ended && !this.#connection.isClosed()) await this.drain();
  }

  isDraining() {
    return this.#draining;
  }

  isClosed() {
    return this.#ended;
  }

  getSubject() {
    return this.#subject;
  }

  getID() {
    return this.#id;
  }

  getMax() {
    return this.#options.max;
  }

  getReceived() {
    return this.#received + (this.#raw?.getPending() ?? 0);
  }

  getProcessed() {
    return this.#queue === undefined ? this.#received : this.#queue.processed;
  }

  getPending() {
    return this.getReceived() - (this.#queue === undefined ? this.#received : this.#queue.processed);
  }
}

/** Where WASM delivers the messages of one subscription of its own. */
class Feed {
  #unpacker = new Unpacker();
  #resolve;

  constructor(target) {
    this.target = target;
    this.finished = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  get byFrame() {
    return true;
  }

  deliver(bytes, lengths, owner, frame) {
    return this.target?.take(this.#unpacker, bytes, lengths, frame);
  }

  fail(error) {
    this.target?.fail(error);
  }

  close() {
    this.target?.ends();
    this.#resolve();
  }
}
