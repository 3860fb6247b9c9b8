import { MsgHdrs } from "./headers.js";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** How many numbers tell one message's parts apart: subject, reply subject, headers, payload. */
const PARTS = 4;
const REPLY = 1;
const HEADERS = 2;
const PAYLOAD = 3;

/** Messages that came together: their bytes, and where each of their parts ends. */
class Batch {
  constructor(bytes, ends, owner) {
    this.bytes = bytes;
    this.ends = ends;
    this.owner = owner;
  }

  /** The bytes of a part, which begins where the one before ends. */
  part(index) {
    const { bytes, ends } = this;
    const start = ends[index - 1];
    return new Uint8Array(bytes.buffer, bytes.byteOffset + start, ends[index] - start);
  }

  isEmpty(index) {
    return this.ends[index - 1] === this.ends[index];
  }
}

/**
 * A message; the type declarations say what it offers. It holds on to its batch, and makes of that
 * only what it is asked for. The batch's owner answers for it.
 */
export class Msg {
  #batch;
  #index;
  #headers;
  #data;

  /** `index` is that of the subject among the parts of the batch. */
  constructor(subject, batch, index) {
    this.subject = subject;
    this.#batch = batch;
    this.#index = index;
  }

  get reply() {
    const part = this.#index + REPLY;
    return this.#batch.isEmpty(part) ? undefined : decoder.decode(this.#batch.part(part));
  }

  get headers() {
    const part = this.#index + HEADERS;
    if (this.#batch.isEmpty(part)) return undefined;
    return (this.#headers ??= MsgHdrs.decode(decoder.decode(this.#batch.part(part))));
  }

  get data() {
    return (this.#data ??= this.#batch.part(this.#index + PAYLOAD));
  }

  get sid() {
    return this.#batch.owner.sid;
  }

  /** What nats.js's packages send by that belongs to a message. */
  get publisher() {
    return this.#batch.owner.publisher;
  }

  size() {
    const { ends } = this.#batch;
    const rest = ends[this.#index + PAYLOAD] - ends[this.#index];
    return new TextEncoder().encode(this.subject).length + rest;
  }

  string() {
    return decoder.decode(this.data);
  }

  json(reviver) {
    try {
      return JSON.parse(this.string(), reviver);
    } catch (thrown) {
      if (thrown instanceof SyntaxError) thrown.code = "invalid_json";
      throw thrown;
    }
  }

  respond(payload, options) {
    return this.#batch.owner.respond(this.reply, payload, options);
  }
}

/**
 * Messages out of WASM's memory, many at a time: `bytes` holds the parts of each in turn, `lengths` how
 * long these are. No subject stands for that of the message before.
 */
export class Unpacker {
  #subject = "";

  /** The messages, which need WASM's memory no more. */
  unpack(bytes, lengths, owner) {
    // A view of a whole buffer is of one that was made for this batch.
    const own = bytes.length === bytes.buffer.byteLength;
    const count = lengths.length;
    const ends = new Uint32Array(count);
    const batch = new Batch(own ? bytes : bytes.slice(), ends, owner);
    const messages = new Array(count / PARTS);
    let end = 0;
    for (let i = 0; i < count; i += PARTS) {
      const start = end;
      ends[i] = end += lengths[i];
      if (end > start) this.#subject = decoder.decode(batch.bytes.subarray(start, end));
      ends[i + REPLY] = end += lengths[i + REPLY];
      ends[i + HEADERS] = end += lengths[i + HEADERS];
      ends[i + PAYLOAD] = end += lengths[i + PAYLOAD];
      messages[i / PARTS] = new Msg(this.#subject, batch, i);
    }
    return messages;
  }
}

/** Calls the page's function with each message. */
export class Delivery {
  #callback;
  #unpacker = new Unpacker();

  constructor(callback) {
    this.#callback = callback;
  }

  deliver(bytes, lengths, owner) {
    for (const message of this.#unpacker.unpack(bytes, lengths, owner)) {
      if (this.#callback === undefined) return;
      this.#call(null, message);
    }
  }

  fail(error) {
    if (this.#callback !== undefined) this.#call(error, undefined);
  }

  /** The function is not called any more. */
  close() {
    this.#callback = undefined;
  }

  #call(error, message) {
    try {
      const callback = this.#callback;
      callback(error, message);
    } catch (thrown) {
      globalThis.reportError?.(thrown);
    }
  }
}

/** One message, given as to `unpack`. */
export function message(bytes, lengths, owner) {
  return new Unpacker().unpack(bytes, lengths, owner)[0];
}
