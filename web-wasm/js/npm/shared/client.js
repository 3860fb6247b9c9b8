import { makeError } from "../errors.js";
import { message } from "../msg.js";
import { Queue } from "../queue.js";
import { Packer, count, parts, transferable } from "./batch.js";
import { checkPayload, checkSize, checkSubject, checkSubscription, checkTime } from "./checks.js";
import { whenFree } from "./locks.js";
import { Questions } from "./questions.js";
import { Sent } from "./sent.js";
import { SharedSubscription } from "./subscription.js";
import { fromWire, toWire, withError } from "./wire.js";

/** A server does many things at once: a message may be so late after what was said since. */
const LATENESS = 1000;
/** How long subscriptions take to be known to a whole cluster. */
const SPREADING = 1000;
/** How long an answer may take to arrive after whoever gave it has gone. */
const GRACE = 1000;

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

/**
 * A tab's side of a connection that another holds, in the shape of the client in WASM. When the holder
 * is gone it goes on with the next.
 */
export class SharedClient {
  #way;
  #hello;
  #authenticator;
  #release;
  #port;
  #watching = new AbortController();
  #state;
  #subscriptions = new Map();
  #lastSid = 0;
  #questions = new Questions((question, transfer) => this.post(question, transfer));
  #packer = new Packer();
  #sent = new Sent();
  #scheduled = false;
  #events = new Queue();
  #closed;
  #resolveClosed;
  #isClosed = false;
  #leaving;
  #draining = false;
  #stats = { inBytes: 0, outBytes: 0, inMsgs: 0, outMsgs: 0, orphaned: 0, connects: 0 };
  /** When something came from the holder, and until when all that the server had has come. */
  #lastHeard;
  #heard;
  /** Since when messages may have been missed. */
  #gap;

  /** `way` leads to whoever holds the connection; `release` lets go of the tab's lock. */
  constructor(way, hello, { authenticator, release }) {
    this.#way = way;
    this.#hello = hello;
    this.#authenticator = authenticator;
    this.#release = release;
    this.#closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
  }

  /** Is taken in by the holder. Rejects if that can't connect. */
  async join() {
    const port = await this.#way.reach();
    if (this.#isClosed) return port.close();
    const { state, holder } = await new Promise((resolve, reject) => {
      port.onlost = (error) => (error === undefined ? resolve({}) : reject(error));
      port.onmessage = (answer) => {
        if (answer.type === "challenge") this.#authenticate(port, answer);
        else if (answer.type === "refused") reject(fromWire(answer.error));
        else resolve(answer);
      };
      port.post({ type: "hello", ...this.#hello });
    });
    if (state === undefined) {
      port.close();
      return this.join();
    }
    if (this.#isClosed) return port.close();
    this.#port = port;
    this.#state = state;
    this.#stats.connects += 1;
    this.#heard ??= Date.now();
    this.#lastHeard = Date.now();
    port.onmessage = (told) => {
      if (told.type === "challenge") this.#authenticate(port, told);
      else this.#hear(told);
    };
    port.onlost = () => this.#lost(port);
    whenFree(holder, this.#watching.signal, () => this.#lost(port));
    return undefined;
  }

  /** Says who the client is. */
  async #authenticate(port, { id, nonce, why }) {
    try {
      const authenticator = this.#authenticator;
      port.post({ type: "auth", id, auth: await authenticator(nonce, why) });
    } catch (thrown) {
      port.post({ type: "auth", id, error: toWire(thrown) });
    }
  }

  /** Whoever held the connection is gone. */
  async #lost(port) {
    if (this.#port !== port || this.#isClosed) return;
    if (this.#leaving !== undefined) {
      await sleep(GRACE);
      this.#questions.fail("disconnected", "the tab that held the connection is gone");
      return;
    }
    this.#port = undefined;
    port.close();
    const error = makeError("disconnected", "the tab that held the connection is gone");
    this.#gap ??= { from: this.#heard - LATENESS, lastHeard: this.#lastHeard, sids: [] };
    this.#gap.sids = [...this.#subscriptions.keys()];
    this.#events.push({ type: "disconnect", error, unconfirmed: this.#sent.forget() });
    this.#questions.lost(error);
    // It has been in once: from now on it waits for a server as long as it takes.
    this.#hello.options = { ...this.#hello.options, waitOnFirstConnect: true };
    // One that is refused together with a new tab, which waits for no server, tries again.
    const joined = this.join().catch(() => this.join());
    await joined.catch((refused) => this.#finish(refused));
    if (this.#port === undefined) return;
    for (const sub of this.#subscriptions.values()) sub.open();
    this.#sendPublished();
    this.#questions.resume();
    const { server, info } = this.#state;
    this.#events.push({ type: "connect", server, serverName: info.server_name });
    await this.#endGap(this.#port);
  }

  /** Tells what may have been missed, once the subscriptions are in place. */
  async #endGap(port) {
    let answered = false;
    while (!answered && this.#port === port) {
      answered = await this.#questions.ask({ what: "flush" }).then(() => true, () => false);
    }
    if (answered && this.#state.info?.cluster !== undefined) await sleep(SPREADING);
    if (this.#port !== port || this.#gap === undefined) return;
    const { from, lastHeard, sids } = this.#gap;
    const to = Date.now();
    this.#gap = undefined;
    this.#heard = to;
    const concerned = sids.map((sid) => this.#subscriptions.get(sid)?.subject);
    const subjects = [...new Set(concerned.filter((subject) => subject !== undefined))];
    if (subjects.length === 0) return;
    this.#events.push({ type: "gap", from, lastHeard, to, subjects });
  }

  #hear(told) {
    this.#lastHeard = Date.now();
    switch (told.type) {
      case "messages":
        this.#stats.inMsgs += count(told);
        this.#stats.inBytes += told.bytes.length;
        this.#subscriptions.get(told.sid)?.receive(told);
        break;
      case "ended":
        this.#subscriptions.get(told.sid)?.end(told.error && fromWire(told.error));
        break;
      case "answer":
        this.#questions.answer(told);
        break;
      case "confirmed":
        this.#sent.confirm(told.published);
        if (this.#gap === undefined) this.#heard = told.at ?? this.#heard;
        break;
      case "event": {
        const event = withError(told.event, fromWire);
        this.#state = told.state;
        if (event.type === "connect") this.#stats.connects += 1;
        if (event.type === "close") this.#finish(event.error, event.discarded);
        else this.#events.push(event);
        break;
      }
    }
  }

  /** Says something to the holder, after what was published before; returns whether there is one. */
  post(told, transfer) {
    if (this.#port === undefined) return false;
    this.#sendPublished();
    this.#port.post(told, transfer);
    return true;
  }

  /** A subscription has ended; returns whether it had not before. */
  forget({ sid }) {
    return this.#subscriptions.delete(sid);
  }

  publish(subject, payload, options) {
    const { reply, headers, ...others } = options ?? {};
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) {
      throw makeError("unknown_option", `there is no option ${JSON.stringify(unknown)}`);
    }
    checkSubject(subject);
    const message = this.#parts(subject, reply, headers, payload);
    this.#sent.wait(message);
    this.#packer.push(message);
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => this.#sendPublished());
  }

  #parts(subject, reply, headers, payload) {
    if (reply !== undefined && reply !== null) checkSubject(reply, "invalid_reply_subject");
    checkPayload(payload);
    const message = parts(subject, reply, headers, payload);
    const size = message[2].length + message[3].length;
    checkSize(size, this.info?.max_payload);
    this.#stats.outMsgs += 1;
    this.#stats.outBytes += size;
    return message;
  }

  #sendPublished() {
    this.#scheduled = false;
    if (this.#port === undefined || this.#packer.count === 0) return;
    const batch = this.#packer.take();
    this.#sent.send();
    this.#port.post({ type: "publish", ...batch }, transferable(batch));
  }

  subscribe(subject, { queue, max, delivery }) {
    checkSubscription(subject, queue);
    this.#checkDraining();
    this.#lastSid += 1;
    const sub = new SharedSubscription(this, this.#lastSid, subject, { queue, max, delivery });
    this.#subscriptions.set(sub.sid, sub);
    sub.open();
    return sub;
  }

  async request(subject, payload, { headers, timeout, reply, wildcards, owner }) {
    this.#checkDraining();
    checkSubject(subject, "invalid_subject", wildcards);
    checkTime("timeout", timeout);
    const packer = new Packer();
    packer.push(this.#parts(subject, reply, headers, payload));
    const batch = packer.take();
    const request = { type: "request", timeout, wildcards, ...batch };
    const { bytes, lengths } = await this.#questions.wait(request, transferable(batch));
    this.#stats.inMsgs += 1;
    this.#stats.inBytes += bytes.length;
    return message(bytes, lengths, owner);
  }

  async flush() {
    this.#check();
    await this.#questions.ask({ what: "flush" });
  }

  async rtt() {
    this.#check();
    return (await this.#questions.ask({ what: "rtt" })).value;
  }

  #check() {
    if (this.#isClosed) throw makeError("connection_closed", "the connection is closed");
  }

  #checkDraining() {
    if (this.#draining) throw makeError("connection_draining", "the connection is being drained");
  }

  /** Has the holder leave its server for another; all tabs go along. */
  reconnect() {
    this.#questions.ask({ what: "reconnect" }).catch(() => {});
  }

  /** Has the holder ask who the client is, and move to a connection of that. */
  renewCredentials() {
    this.#questions.ask({ what: "renew" }).catch(() => {});
  }

  close() {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  async #leave() {
    if (this.#isClosed) return;
    const discarded = this.#port === undefined ? this.#packer.count : 0;
    try {
      if (this.#port !== undefined) await this.#questions.ask({ what: "leave" });
      else if (discarded > 0) throw makeError("disconnected", "messages were not sent");
    } finally {
      this.#finish(undefined, discarded);
    }
  }

  async drain() {
    this.#draining = true;
    this.#events.push({ type: "draining" });
    const subs = [...this.#subscriptions.values()];
    for (const sub of subs) sub.drain();
    await Promise.all(subs.map((sub) => sub.finished));
    await this.close();
  }

  /** Has not come to be. */
  abandon(error) {
    this.#finish(error);
  }

  #finish(error, discarded = this.#packer.count) {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watching.abort();
    this.#port?.close();
    this.#port = undefined;
    this.#way.leave();
    this.#release();
    for (const sub of [...this.#subscriptions.values()]) sub.end(undefined);
    this.#questions.fail("connection_closed", "the connection is closed");
    this.#events.push({ type: "close", error, discarded });
    this.#events.end();
    this.#resolveClosed(error);
  }

  closed() {
    return this.#closed;
  }

  isClosed() {
    return this.#isClosed;
  }

  status() {
    const events = this.#events;
    return { [Symbol.asyncIterator]: () => events.read(), free() {} };
  }

  get info() {
    return this.#state?.info;
  }

  getServer() {
    return this.#port === undefined ? undefined : this.#state.server;
  }

  getServers() {
    return this.#state.servers;
  }

  setServers() {
    const words = "the servers of a shared connection are those that it was asked for with";
    throw makeError("invalid_operation", words);
  }

  stats() {
    return { ...this.#stats };
  }
}
