import { count, first, transferable } from "./batch.js";

/** How much of a subscription is on its way to a tab, or unread there. */
const WINDOW = { messages: 4096, bytes: 1 << 20 };
/** How much more of it waits here, as of a subscription that is not shared. */
const LIMIT = { messages: 65_536, bytes: 64 << 20 };

const NOTHING = Object.freeze({ messages: 0, bytes: 0 });
const sizeOf = (batch) => ({ messages: count(batch), bytes: batch.bytes.length });
const plus = (a, b) => ({ messages: a.messages + b.messages, bytes: a.bytes + b.bytes });
const minus = (a, b) => ({ messages: a.messages - b.messages, bytes: a.bytes - b.bytes });
const within = (size, limit) => size.messages <= limit.messages && size.bytes <= limit.bytes;

/**
 * A tab's share in a subscription: what the tab has no room for waits, and what there is no room for
 * here is dropped, so that a slow tab costs the others nothing.
 */
export class Member {
  #tab;
  #waiting = [];
  #held = NOTHING;
  #sent = NOTHING;
  #left = Infinity;
  #offered = 0;
  #dropped = 0;
  #slow = false;
  #ending = false;
  #error;

  constructor(tab, sid, route, max) {
    this.#tab = tab;
    this.sid = sid;
    this.route = route;
    if (max !== undefined) this.limit(max);
  }

  /** Whether the tab does not keep up. */
  get behind() {
    return this.#waiting.length > 0;
  }

  /** Messages for the tab, in memory of their own. */
  offer(batch) {
    if (this.#ending) return;
    const wanted = count(batch) > this.#left ? first(batch, this.#left) : batch;
    const size = sizeOf(wanted);
    this.#left -= size.messages;
    this.#offered += size.messages;
    if (this.#waiting.length > 0 && !within(plus(this.#held, size), LIMIT)) {
      this.#drop(size.messages);
    } else {
      this.#waiting.push(wanted);
      this.#held = plus(this.#held, size);
      this.#send();
    }
    if (this.#left === 0) this.stop();
  }

  #drop(messages) {
    this.#dropped += messages;
    if (this.#slow) return;
    this.#slow = true;
    const { subject } = this.route;
    this.#tab.tell({ type: "slowConsumer", subject, dropped: this.#dropped });
  }

  /** The tab has taken so much. */
  taken(messages, bytes) {
    this.#sent = minus(this.#sent, { messages, bytes });
    this.#send();
    if (2 * this.#held.messages <= LIMIT.messages && 2 * this.#held.bytes <= LIMIT.bytes) {
      this.#slow = false;
    }
  }

  #send() {
    while (this.#waiting.length > 0) {
      const size = sizeOf(this.#waiting[0]);
      // One is always let through: it may be larger than the window.
      if (this.#sent.messages > 0 && !within(plus(this.#sent, size), WINDOW)) return;
      const batch = this.#waiting.shift();
      this.#held = minus(this.#held, size);
      this.#sent = plus(this.#sent, size);
      this.#tab.post({ type: "messages", sid: this.sid, ...batch }, transferable(batch));
    }
    if (this.#ending) this.#tab.ended(this, this.#error);
  }

  /** Ends when so many messages have come in all. */
  limit(max) {
    this.#left = Math.max(0, max - this.#offered);
    if (this.#left === 0) this.stop();
  }

  /** Takes no more, and ends when the tab has what waits. */
  stop() {
    if (this.#ending) return;
    this.#ending = true;
    this.route.leave(this);
    this.#send();
  }

  /** Ends so with an error, if there is one. */
  fail(error) {
    this.#error = error;
    this.stop();
  }

  /** Takes no more, and gives up what waits. */
  drop() {
    this.#ending = true;
    this.#waiting = [];
    this.route.leave(this);
  }
}
