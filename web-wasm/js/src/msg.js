import { MsgHdrs } from "./headers.js";

const NONE = new Uint8Array(0);
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Numbers that tell one message's parts apart: after the length of its subject come these lengths. */
const REPLY = 1;
const HEADERS = 2;
const PAYLOAD = 3;
/** Where its payload is in a frame, if there may be one. */
const PLACE = 4;
/** It is in none, but follows the headers. */
const COPIED = 0xffffffff;

/** For how many numbers there is room that is used again. */
const LENGTHS = 8 * 1024;
// New memory for each few numbers would cost more than they do. A batch has this as long as it is read.
let spare;

/** Messages that came together: their bytes, how long their parts are, and which of them is next. */
class Batch {
  #lengths;
  #end;
  #parts;
  #index = 0;
  #at = 0;
  /** How many bytes the messages have that were made of it, without subjects. */
  size = 0;

  /** `frame` has those payloads that `bytes` has not; it is undefined where all are there. */
  constructor(bytes, lengths, owner, frame) {
    this.bytes = bytes.length === 0 ? NONE : owned(bytes);
    this.owner = owner;
    this.frame = frame ?? undefined;
    this.#parts = frame === undefined ? PLACE : PLACE + 1;
    this.#end = lengths.length;
    if (this.#end > LENGTHS) {
      this.#lengths = lengths.slice();
    } else {
      this.#lengths = spare ?? new Uint32Array(LENGTHS);
      spare = undefined;
      this.#lengths.set(lengths);
    }
  }

  /** The next message, if there is one. Those without a subject have that of the one before. */
  next(unpacker) {
    const index = this.#index;
    if (index === this.#end) {
      this.#release();
      return undefined;
    }
    const lengths = this.#lengths;
    this.#index = index + this.#parts;
    const subject = lengths[index];
    const start = this.#at + subject;
    if (subject > 0) unpacker.subject = new Subject(this, start, subject);
    const reply = lengths[index + REPLY];
    const headers = lengths[index + HEADERS];
    const length = lengths[index + PAYLOAD];
    const end = start + reply + headers;
    const place = this.frame === undefined ? COPIED : lengths[index + PLACE];
    this.#at = place === COPIED ? end + length : end;
    this.size += reply + headers + length;
    return new Msg(unpacker.subject, this, end, reply, headers, place, length);
  }

  /** Others have the room from now on. */
  #release() {
    if (this.#lengths?.length === LENGTHS) spare = this.#lengths;
    this.#lengths = undefined;
  }

  part(start, length) {
    const { bytes } = this;
    return new Uint8Array(bytes.buffer, bytes.byteOffset + start, length);
  }

  /** The text that ends at `end`, if there is one. */
  text(end, length) {
    return length === 0 ? undefined : decoder.decode(this.part(end - length, length));
  }

  payload(place, end, length) {
    return place === COPIED ? this.part(end, length) : new Uint8Array(this.frame, place, length);
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
  #end;
  #replyLength;
  #headersLength;
  #place;
  #length;
  #headers;
  #data;

  /** The reply subject and the headers stand before `end`. */
  constructor(subject, batch, end, replyLength, headersLength, place, length) {
    this.#subject = subject;
    this.#batch = batch;
    this.#end = end;
    this.#replyLength = replyLength;
    this.#headersLength = headersLength;
    this.#place = place;
    this.#length = length;
  }

  get subject() {
    return this.#subject.text;
  }

  get reply() {
    return this.#batch.text(this.#end - this.#headersLength, this.#replyLength);
  }

  get headers() {
    if (this.#headersLength === 0) return undefined;
    return (this.#headers ??= MsgHdrs.decode(this.#batch.text(this.#end, this.#headersLength)));
  }

  get data() {
    return (this.#data ??= this.#batch.payload(this.#place, this.#end, this.#length));
  }

  get sid() {
    return this.#batch.owner.sid;
  }

  /** What nats.js's packages send by that belongs to a message. */
  get publisher() {
    return this.#batch.owner.publisher;
  }

  size() {
    const rest = this.#replyLength + this.#headersLength + this.#length;
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
 * long these are. No subject stands for that of the message before. With a `frame`, or null for none,
 * `lengths` also says where in that a payload is which `bytes` has not.
 */
export class Unpacker {
  subject = new Subject();

  /** A batch for `next`, which needs WASM's memory no more. */
  open(bytes, lengths, owner, frame) {
    return new Batch(bytes, lengths, owner, frame);
  }

  /** The next message of a batch. */
  next(batch) {
    const message = batch.next(this);
    // The next batch may go on with its subject, and should not keep this one.
    if (message === undefined) void this.subject.text;
    return message;
  }

  /** All messages at once. */
  unpack(bytes, lengths, owner) {
    const batch = this.open(bytes, lengths, owner);
    const messages = [];
    let message;
    while ((message = this.next(batch)) !== undefined) messages.push(message);
    return messages;
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

  get byFrame() {
    return true;
  }

  deliver(bytes, lengths, owner, frame) {
    const batch = this.#unpacker.open(bytes, lengths, owner, frame);
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
