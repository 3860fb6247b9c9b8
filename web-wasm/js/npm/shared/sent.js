import { makeError } from "../errors.js";

/** How many bytes may be on their way from a tab to the server, as of a client that shares nothing. */
const LIMIT = 8 << 20;

const total = (parts) => parts.reduce((sum, part) => sum + part.length, 0);

/** What a tab has published and the server has not confirmed. */
export class Sent {
  #waiting = { messages: 0, bytes: 0 };
  /** Batches with the holder. */
  #batches = [];
  #bytes = 0;
  #published = 0;
  #confirmed = 0;

  /** A message is to be sent. Throws `buffer_full`. */
  wait(parts) {
    const bytes = total(parts);
    const all = this.#bytes + this.#waiting.bytes;
    if (all > 0 && all + bytes > LIMIT) {
      throw makeError("buffer_full", `more than ${LIMIT} bytes wait to be sent`);
    }
    this.#waiting.messages += 1;
    this.#waiting.bytes += bytes;
  }

  /** All that waited is with the holder now. */
  send() {
    const { messages, bytes } = this.#waiting;
    this.#published += messages;
    this.#bytes += bytes;
    this.#batches.push({ upTo: this.#published, bytes });
    this.#waiting = { messages: 0, bytes: 0 };
  }

  /** The server has so many of all. */
  confirm(published) {
    this.#confirmed = published;
    while (this.#batches.length > 0 && this.#batches[0].upTo <= published) {
      this.#bytes -= this.#batches.shift().bytes;
    }
  }

  /** The holder is gone: how many messages may be lost with it. */
  forget() {
    const unconfirmed = this.#published - this.#confirmed;
    this.#batches = [];
    this.#bytes = 0;
    this.#published = 0;
    this.#confirmed = 0;
    return unconfirmed;
  }
}
