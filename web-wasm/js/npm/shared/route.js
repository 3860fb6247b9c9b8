import { Cutter } from "./batch.js";

/** One subscription with the server, for all tabs that have it. */
export class Route {
  #raw;
  #members = [];
  #queue;
  #cutter = new Cutter();
  #next = 0;
  #listening = [];
  #over;

  /** `over` is called when it is of no more use. Throws as the client's `subscribe`. */
  constructor(raw, subject, queue, over) {
    this.subject = subject;
    this.#queue = queue;
    this.#over = over;
    // WASM calls these.
    const delivery = {
      deliver: (bytes, lengths) => this.#deliver(bytes, lengths),
      fail: (error) => this.#end(error),
      close: () => this.#end(undefined),
    };
    this.#raw = raw.subscribe(subject, { queue, delivery });
  }

  join(member) {
    this.#members.push(member);
  }

  leave(member) {
    if (!this.#members.includes(member)) return;
    this.#members = this.#members.filter((one) => one !== member);
    if (this.#members.length === 0) this.#end(undefined);
  }

  /** Resolves when all that had come has been passed on. */
  async caughtUp() {
    while (this.#raw !== undefined && this.#raw.getPending() > 0) {
      await new Promise((resolve) => this.#listening.push(resolve));
    }
  }

  #deliver(bytes, lengths) {
    if (this.#queue === undefined) {
      const members = this.#members;
      const copies = this.#cutter.copies(bytes, lengths, members);
      members.forEach((member, at) => member.offer(copies[at]));
    } else {
      const dealt = this.#cutter.deal(bytes, lengths, () => this.#choose());
      for (const { reader, batch } of dealt) reader?.offer(batch);
    }
    this.#wake();
  }

  /** Members take turns; one that does not keep up is passed over while others do. */
  #choose() {
    const members = this.#members;
    for (let tried = 0; tried < members.length; tried += 1) {
      this.#next = (this.#next + 1) % members.length;
      if (!members[this.#next].behind) break;
    }
    return members[this.#next];
  }

  #wake() {
    for (const resolve of this.#listening.splice(0)) resolve();
  }

  #end(error) {
    const raw = this.#raw;
    if (raw === undefined) return;
    this.#raw = undefined;
    const members = this.#members;
    this.#members = [];
    this.#over();
    for (const member of members) member.fail(error);
    this.#wake();
    raw.unsubscribe();
    raw.free();
  }
}
