import { MsgHdrs } from "./headers.js";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** How many numbers tell one message's parts apart: subject, reply subject, headers, payload. */
const PARTS = 4;

/**
 * A message; the type declarations say what it offers. It holds the bytes of its batch, and makes of
 * them only what it is asked for. Its owner answers for it.
 */
export class Msg {
  #bytes;
  #reply;
  #head;
  #start;
  #end;
  #headers;
  #data;
  #owner;

  constructor(bytes, subject, reply, head, start, end, owner) {
    this.subject = subject;
    this.#bytes = bytes;
    this.#reply = reply;
    this.#head = head;
    this.#start = start;
    this.#end = end;
    this.#owner = owner;
  }

  get reply() {
    // The reply subject stands before the headers.
    if (this.#reply === this.#head) return undefined;
    return decoder.decode(this.#bytes.subarray(this.#reply, this.#head));
  }

  get headers() {
    if (this.#head === this.#start) return undefined;
    const block = () => decoder.decode(this.#bytes.subarray(this.#head, this.#start));
    return (this.#headers ??= MsgHdrs.decode(block()));
  }

  get data() {
    return (this.#data ??= this.#bytes.slice(this.#start, this.#end));
  }

  get sid() {
    return this.#owner.sid;
  }

  /** What nats.js's packages send by that belongs to a message. */
  get publisher() {
    return this.#owner.publisher;
  }

  size() {
    return new TextEncoder().encode(this.subject).length + this.#end - this.#reply;
  }

  string() {
    return decoder.decode(this.#bytes.subarray(this.#start, this.#end));
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
    return this.#owner.respond(this.reply, payload, options);
  }
}

/**
 * Messages out of WASM's memory, one call for many: `bytes` holds the parts of each in turn, `lengths`
 * how long these are. No subject stands for that of the message before.
 */
export class Unpacker {
  #subject = "";

  /** Calls `each` with every message, until it returns false. */
  unpack(bytes, lengths, owner, each) {
    // What is called may make WASM's memory grow, which takes it away from under a view. A view of
    // a whole buffer is of one that was made for this batch.
    const own = bytes.length === bytes.buffer.byteLength;
    const kept = own ? bytes : bytes.slice();
    const cuts = lengths.slice();
    let at = 0;
    for (let i = 0; i < cuts.length; i += PARTS) {
      const reply = at + cuts[i];
      const head = reply + cuts[i + 1];
      const start = head + cuts[i + 2];
      const end = start + cuts[i + 3];
      if (reply > at) this.#subject = decoder.decode(kept.subarray(at, reply));
      if (each(new Msg(kept, this.#subject, reply, head, start, end, owner)) === false) return;
      at = end;
    }
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
    this.#unpacker.unpack(bytes, lengths, owner, (message) => {
      if (this.#callback === undefined) return false;
      this.#call(null, message);
      return true;
    });
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
  let one;
  new Unpacker().unpack(bytes, lengths, owner, (only) => {
    one = only;
    return false;
  });
  return one;
}
