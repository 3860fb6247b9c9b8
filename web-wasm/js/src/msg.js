import { MsgHdrs } from "./headers.js";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** How many numbers tell one message's parts apart: subject, reply subject, headers, payload. */
const PARTS = 4;
const REPLY = 1;
const HEADERS = 2;
const PAYLOAD = 3;

/** Messages that came together: their bytes, how long their parts are, and which of them is next. */
class Batch {
  index = 0;
  at = 0;

  constructor(bytes, lengths, owner) {
    this.bytes = bytes;
    this.lengths = lengths;
    this.owner = owner;
  }

  part(start, length) {
    const { bytes } = this;
    return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
  }

  /** The text that ends at `end`, if there is one. */
  text(end, length) {
    return length === 0 ? undefined : decoder.decode(this.part(end - length, length));
  }
}

/** The subject of one message, or of several in a row: a text once somebody asks, or the batch is over. */
class Subject {
  #batch;
  #end;
  #length;
  #text = "";

  /** It ends at `end` in the batch; without one it is empty. */
  constructor(batch, end, length) {
    this.#batch = batch;
    this.#end = end;
    this.#length = length;
  }

  get text() {
    if (this.#batch !== undefined) {
      this.#text = this.#batch.text(this.#end, this.#length);
      this.#batch = undefined;
    }
    return this.#text;
  }
}

/**
 * A message; the type declarations say what it offers. It holds on to its batch, and makes of that
 * only what it is asked for. The batch's owner answers for it.
 */
export class Msg {
  #subject;
  #batch;
  #index;
  #payload;
  #headers;
  #data;

  /** `index` is that of the subject among the parts of the batch, `payload` where that part begins. */
  constructor(subject, batch, index, payload) {
    this.#subject = subject;
    this.#batch = batch;
    this.#index = index;
    this.#payload = payload;
  }

  #length(part) {
    return this.#batch.lengths[this.#index + part];
  }

  get subject() {
    return this.#subject.text;
  }

  get reply() {
    return this.#batch.text(this.#payload - this.#length(HEADERS), this.#length(REPLY));
  }

  get headers() {
    const length = this.#length(HEADERS);
    if (length === 0) return undefined;
    return (this.#headers ??= MsgHdrs.decode(this.#batch.text(this.#payload, length)));
  }

  get data() {
    return (this.#data ??= this.#batch.part(this.#payload, this.#length(PAYLOAD)));
  }

  get sid() {
    return this.#batch.owner.sid;
  }

  /** What nats.js's packages send by that belongs to a message. */
  get publisher() {
    return this.#batch.owner.publisher;
  }

  size() {
    const rest = this.#length(REPLY) + this.#length(HEADERS) + this.#length(PAYLOAD);
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
  #subject = new Subject();

  /** A batch for `next`, which needs WASM's memory no more. */
  open(bytes, lengths, owner) {
    return new Batch(owned(bytes), owned(lengths), owner);
  }

  /** The next message of a batch. */
  next(batch) {
    const { index, at, lengths } = batch;
    if (index === lengths.length) {
      // The next batch may go on with it, and should not keep this one.
      void this.#subject.text;
      return undefined;
    }
    const subject = lengths[index];
    if (subject > 0) this.#subject = new Subject(batch, at + subject, subject);
    const payload = at + subject + lengths[index + REPLY] + lengths[index + HEADERS];
    batch.index = index + PARTS;
    batch.at = payload + lengths[index + PAYLOAD];
    return new Msg(this.#subject, batch, index, payload);
  }

  /** All messages at once. */
  unpack(bytes, lengths, owner) {
    const batch = this.open(bytes, lengths, owner);
    return Array.from({ length: lengths.length / PARTS }, () => this.next(batch));
  }
}

/** Numbers out of WASM's memory; a view of a whole buffer is of one that was made for them. */
function owned(view) {
  return view.byteLength === view.buffer.byteLength ? view : view.slice();
}

/** Calls the page's function with each message. */
export class Delivery {
  #callback;
  #unpacker = new Unpacker();

  constructor(callback) {
    this.#callback = callback;
  }

  deliver(bytes, lengths, owner) {
    const batch = this.#unpacker.open(bytes, lengths, owner);
    let message;
    while (this.#callback !== undefined && (message = this.#unpacker.next(batch)) !== undefined) {
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
