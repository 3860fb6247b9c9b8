const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * A message; the interface of this name says what it offers. It holds the bytes of its batch, and
 * makes of them only what it is asked for.
 */
class Msg {
  #bytes;
  #reply;
  #start;
  #end;
  #data;
  #responder;

  constructor(bytes, subject, reply, start, end, headers, responder) {
    this.subject = subject;
    this.headers = headers;
    this.#bytes = bytes;
    this.#reply = reply;
    this.#start = start;
    this.#end = end;
    this.#responder = responder;
  }

  get reply() {
    // The reply subject stands before the payload.
    if (this.#reply === this.#start) return undefined;
    return decoder.decode(this.#bytes.subarray(this.#reply, this.#start));
  }

  get data() {
    return (this.#data ??= this.#bytes.slice(this.#start, this.#end));
  }

  string() {
    return decoder.decode(this.#bytes.subarray(this.#start, this.#end));
  }

  json() {
    try {
      return JSON.parse(this.string());
    } catch (thrown) {
      throw this.#responder.invalidJson(thrown);
    }
  }

  respond(payload, options) {
    return this.#responder.respond(this.reply, payload, options);
  }
}

/**
 * Messages out of WASM's memory, one call for many: `bytes` holds the subject, the reply subject and
 * the payload of each in turn, `lengths` how long these are. No subject stands for that of the
 * message before. `headers` has an entry for each message, if any of them has headers.
 */
export class Delivery {
  #callback;
  #subject = "";

  constructor(callback) {
    this.#callback = callback;
  }

  deliver(bytes, lengths, headers, responder) {
    // What is called may make WASM's memory grow, which takes it away from under a view.
    const kept = bytes.slice();
    const cuts = lengths.slice();
    let at = 0;
    for (let i = 0; i < cuts.length; i += 3) {
      const callback = this.#callback;
      if (callback === undefined) return;
      const reply = at + cuts[i];
      const start = reply + cuts[i + 1];
      const end = start + cuts[i + 2];
      if (reply > at) this.#subject = decoder.decode(kept.subarray(at, reply));
      const own = headers?.[i / 3];
      try {
        callback(null, new Msg(kept, this.#subject, reply, start, end, own, responder));
      } catch (thrown) {
        globalThis.reportError?.(thrown);
      }
      at = end;
    }
  }

  fail(error) {
    try {
      this.#callback?.(error, undefined);
    } catch (thrown) {
      globalThis.reportError?.(thrown);
    }
  }

  /** The function is not called any more. */
  close() {
    this.#callback = undefined;
  }
}

/** One message, given as to `deliver`. */
export function message(bytes, lengths, headers, responder) {
  const kept = bytes.slice();
  const [subject, reply] = lengths;
  const text = decoder.decode(kept.subarray(0, subject));
  return new Msg(kept, text, subject, subject + reply, kept.length, headers?.[0], responder);
}
