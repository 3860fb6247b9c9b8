// Messages as they cross from tab to tab: many in one buffer, as WASM hands them over. `bytes` holds
// the parts of each in turn, `lengths` how long these are; no subject stands for that of the message
// before.

import { MsgHdrs } from "../headers.js";
import { Unpacker } from "../msg.js";

/** Subject, reply subject, headers, payload. */
const PARTS = 4;

const NONE = new Uint8Array(0);
const encoder = new TextEncoder();
const encoded = (text) => (text ? encoder.encode(text) : NONE);

/** How many messages there are. */
export const count = ({ lengths }) => lengths.length / PARTS;

/** What can be handed over rather than copied. */
export const transferable = ({ bytes, lengths }) => [bytes.buffer, lengths.buffer];

/** Puts messages into one buffer, which is kept for the next ones. */
export class Packer {
  #bytes = new Uint8Array(1024);
  #used = 0;
  #lengths = [];

  get count() {
    return this.#lengths.length / PARTS;
  }

  /** A message by its encoded parts. */
  push(parts) {
    for (const part of parts) {
      this.#write(part);
      this.#lengths.push(part.length);
    }
  }

  /** A message whose parts are at hand; `rest` is what follows the subject. */
  append(subject, rest, [reply, headers, payload]) {
    this.#write(subject);
    this.#write(rest);
    this.#lengths.push(subject.length, reply, headers, payload);
  }

  /** The messages, in memory of their own. */
  take() {
    const bytes = this.#bytes.slice(0, this.#used);
    const lengths = Uint32Array.from(this.#lengths);
    this.#used = 0;
    this.#lengths = [];
    return { bytes, lengths };
  }

  #write(part) {
    const needed = this.#used + part.length;
    if (needed > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(needed, 2 * this.#bytes.length));
      larger.set(this.#bytes.subarray(0, this.#used));
      this.#bytes = larger;
    }
    this.#bytes.set(part, this.#used);
    this.#used = needed;
  }
}

/** The parts of a message as a page gives it. Throws `invalid_header`. */
export function parts(subject, reply, headers, payload) {
  const body = payload instanceof Uint8Array ? payload : encoded(payload);
  return [encoded(subject), encoded(reply), encoded(block(headers)), body];
}

/** Headers of any kind that a page may give. */
function block(given) {
  if (given === undefined || given === null) return "";
  const headers = new MsgHdrs();
  for (const [name, values] of Symbol.iterator in given ? given : Object.entries(given)) {
    for (const value of typeof values === "string" ? [values] : values) headers.append(name, value);
  }
  return headers.toString();
}

/** One message that was received, as a batch. */
export function packed({ subject, reply, headers, data }) {
  const packer = new Packer();
  packer.push([encoded(subject), encoded(reply), encoded(headers?.toString()), data]);
  return packer.take();
}

/** Every message. */
export function unpack({ bytes, lengths }) {
  return new Unpacker().unpack(bytes, lengths, undefined);
}

/**
 * Cuts the batches of one subscription into pieces that can be understood one by one: it knows the
 * subject that a message without one has.
 */
export class Cutter {
  #subject = NONE;

  /**
   * The batch for each of several readers. `bytes` and `lengths` are WASM's memory, and stay there.
   */
  copies(bytes, lengths, readers) {
    const before = this.#subject;
    const missing = lengths[0] === 0;
    this.#pass(bytes, lengths);
    return readers.map(() => {
      if (!missing) return { bytes: bytes.slice(), lengths: lengths.slice() };
      const whole = new Uint8Array(before.length + bytes.length);
      whole.set(before);
      whole.set(bytes, before.length);
      const cuts = lengths.slice();
      cuts[0] = before.length;
      return { bytes: whole, lengths: cuts };
    });
  }

  /** The batch dealt out to several readers: `choose` says to which one each message goes. */
  deal(bytes, lengths, choose) {
    const piles = new Map();
    let at = 0;
    let subject = this.#subject;
    for (let i = 0; i < lengths.length; i += PARTS) {
      const [named, ...parts] = lengths.subarray(i, i + PARTS);
      if (named > 0) subject = bytes.subarray(at, at + named);
      const start = at + named;
      at = start + parts[0] + parts[1] + parts[2];
      const reader = choose();
      const pile = piles.get(reader) ?? new Packer();
      piles.set(reader, pile);
      pile.append(subject, bytes.subarray(start, at), parts);
    }
    this.#subject = subject.slice();
    return [...piles].map(([reader, pile]) => ({ reader, batch: pile.take() }));
  }

  #pass(bytes, lengths) {
    let at = 0;
    let found;
    for (let i = 0; i < lengths.length; i += PARTS) {
      if (lengths[i] > 0) found = [at, at + lengths[i]];
      at += lengths[i] + lengths[i + 1] + lengths[i + 2] + lengths[i + 3];
    }
    if (found !== undefined) this.#subject = bytes.slice(...found);
  }
}

/** The first messages of a batch. */
export function first({ bytes, lengths }, wanted) {
  const cuts = lengths.slice(0, wanted * PARTS);
  return { bytes: bytes.slice(0, cuts.reduce((sum, length) => sum + length, 0)), lengths: cuts };
}
