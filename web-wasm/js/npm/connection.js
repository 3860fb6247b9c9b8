import { makeError, requestError } from "./errors.js";
import { Features } from "./features.js";
import { headers as newHeaders } from "./headers.js";
import { init } from "./init.js";
import { clientOptions } from "./options.js";
import { Publisher } from "./publisher.js";
import { requestMany } from "./request_many.js";
import { StatusListeners, StatusTranslator, host } from "./status.js";
import { Subscription } from "./subscription.js";
import { wsconnect as connect } from "./web_wasm_js.js";

/** nats.js's time for a request, in milliseconds. */
const REQUEST_TIMEOUT = 1000;

/** What has a consumer's filter in it, and so perhaps wildcards. */
const MAKES_CONSUMER = /\.CONSUMER\.CREATE\./;

/** Connects. */
export async function wsconnect(options = {}) {
  const converted = clientOptions(options);
  await init();
  return new NatsConnection(await connect(converted), options);
}

/** A connection to NATS; the type declarations say what it offers. */
export class NatsConnection {
  #raw;
  #owner;
  #subscriptions = new Set();
  #listeners = new StatusListeners();
  #closeListeners = new Set();
  #closed;
  #draining = false;

  constructor(raw, options) {
    this.#raw = raw;
    // Without what is secret: nats.js's packages pass these around.
    const { inboxPrefix = "_INBOX", name, noAsyncTraces = false, noEcho = false } = options;
    this.options = { inboxPrefix, name, noAsyncTraces, noEcho };
    this.features = new Features(() => this.info?.version);
    this.protocol = new Publisher(this);
    this.#owner = this.ownerOf(0);
    this.#closed = raw.closed();
    watch(raw.status(), this.#listeners, this.#closeListeners, new WeakRef(this));
  }

  /** What messages of a subscription have in common. */
  ownerOf(sid) {
    const respond = (reply, payload, options) => {
      if (reply === undefined) return false;
      this.publish(reply, payload, options);
      return true;
    };
    return { sid, publisher: this.protocol, respond };
  }

  /** Tells those who listen. */
  tell(event) {
    this.#listeners.tell(event);
  }

  /** The addresses that other servers told of. */
  gossiped() {
    return this.#raw.getServers().filter((one) => one.gossiped).map((one) => host(one.url));
  }

  /** The subscription to a subject. */
  find(subject) {
    return [...this.#subscriptions].find((sub) => sub.getSubject() === subject);
  }

  /** A subscription of the client in WASM. */
  open(subject, options) {
    return this.#raw.subscribe(subject, options);
  }

  forget(sub) {
    this.#subscriptions.delete(sub);
  }

  get info() {
    return this.#raw.info;
  }

  publish(subject, payload, options) {
    this.#check();
    this.#raw.publish(subject, payload, sendOptions(options));
  }

  publishMessage(message) {
    const { reply, headers } = message;
    this.publish(message.subject, message.data, { reply, headers });
  }

  respondMessage(message) {
    if (message.reply === undefined) return false;
    this.publish(message.reply, message.data, { headers: message.headers });
    return true;
  }

  subscribe(subject, options = {}) {
    this.#check();
    const { callback, queue, max, timeout, slow, ...others } = options ?? {};
    const [unknown] = Object.keys(others);
    if (unknown !== undefined) {
      throw makeError("unknown_option", `there is no option ${JSON.stringify(unknown)}`);
    }
    if (callback !== undefined && typeof callback !== "function") {
      throw makeError("invalid_option", "the option callback must be a function");
    }
    for (const [name, value] of Object.entries({ timeout, slow })) {
      if (value !== undefined && !(typeof value === "number" && value > 0)) {
        throw makeError("invalid_option", `the option ${name} must be a number above 0`);
      }
    }
    // As in nats.js, no number of messages is none.
    return this.listen(subject, { callback, queue, max: max === 0 ? undefined : max, timeout, slow });
  }

  /** `subscribe`, where a message is also shown to `each` as it comes. */
  listen(subject, options, each) {
    const sub = new Subscription(this, subject, options, each);
    this.#subscriptions.add(sub);
    return sub;
  }

  /** What nats.js's packages use to have an ordered consumer's subscription follow it. */
  _resub(sub, subject, max) {
    sub.rebind(subject, max);
  }

  async request(subject, payload, options = {}) {
    this.#check();
    const { timeout = REQUEST_TIMEOUT, noMux = false, reply, ...rest } = options ?? {};
    if (reply !== undefined && !noMux) {
      throw makeError("invalid_option", "'reply','noMux': a reply subject needs noMux");
    }
    // nats.js's packages pass options of their own along, so none is refused here.
    const { headers } = sendOptions(rest);
    const wildcards = MAKES_CONSUMER.test(subject);
    const sent = { headers, timeout, reply, wildcards, owner: this.#owner };
    try {
      return await this.#raw.request(subject, payload, sent);
    } catch (error) {
      if (error.code === "permissions_violation") throw requestError(error);
      if (error.code === "no_responders") error.cause.subject = subject;
      throw error;
    }
  }

  async requestMany(subject, payload, options) {
    this.#check();
    return requestMany(this, subject, payload, options ?? {});
  }

  flush() {
    return this.#raw.flush();
  }

  rtt() {
    return this.#raw.rtt();
  }

  close() {
    return this.#raw.close();
  }

  async drain() {
    this.#check();
    if (this.#draining) throw makeError("connection_draining", "the connection is being drained");
    this.#draining = true;
    const drained = this.#raw.drain();
    for (const sub of this.#subscriptions) sub.release();
    await drained;
  }

  async [Symbol.asyncDispose]() {
    if (this.isClosed()) return;
    if (this.#draining) await this.closed();
    else await this.drain();
  }

  closed() {
    return this.#closed;
  }

  isClosed() {
    return this.#raw.isClosed();
  }

  isDraining() {
    return this.#draining;
  }

  getServer() {
    const server = this.#raw.getServer();
    return server === undefined ? "" : host(server);
  }

  getServers() {
    return this.#raw.getServers().map(({ url, ...server }) => {
      const { hostname, port, protocol } = new URL(url);
      const number = Number(port || (protocol === "wss:" ? 443 : 80));
      return { hostname, port: number, listen: host(url), src: url, ...server };
    });
  }

  setServers(servers) {
    this.#raw.setServers(servers);
  }

  async reconnect() {
    this.#check();
    if (this.#draining) throw makeError("connection_draining", "the connection is being drained");
    this.#raw.reconnect();
  }

  renewCredentials() {
    this.#check();
    this.#raw.renewCredentials();
  }

  /** The three numbers of the server's version; missing before the first connection. */
  getServerVersion() {
    return this.features.version();
  }

  status() {
    return this.#listeners.listen();
  }

  stats() {
    return this.#raw.stats();
  }

  addCloseListener(listener) {
    this.#closeListeners.add(listener);
  }

  removeCloseListener(listener) {
    this.#closeListeners.delete(listener);
  }

  #check() {
    if (this.isClosed()) throw makeError("connection_closed", "the connection is closed");
  }
}

/**
 * Passes on what happens to a connection, without holding it: one that the page has let go of is to
 * be closed.
 */
async function watch(events, listeners, closeListeners, connection) {
  const { info } = connection.deref();
  const gossiped = () => connection.deref()?.gossiped() ?? [];
  const server = connection.deref().getServer();
  const translator = new StatusTranslator(server, info !== undefined, gossiped);
  let error;
  for await (const event of events) {
    if (event.type === "slowConsumer") {
      const sub = connection.deref()?.find(event.subject);
      listeners.tell({ ...event, sub, pending: sub?.getPending() ?? 0 });
    } else {
      for (const told of translator.translate(event)) listeners.tell(told);
    }
    if (event.type === "close") ({ error } = event);
  }
  events.free();
  listeners.end();
  for (const listener of closeListeners) {
    try {
      listener.connectionClosedCallback(error);
    } catch (thrown) {
      globalThis.reportError?.(thrown);
    }
  }
  closeListeners.clear();
}

/** Options with what asks for a trace among the headers. */
function sendOptions(options) {
  if (options === undefined || options === null) return options;
  const { traceDestination, traceOnly, ...rest } = options;
  if (traceDestination === undefined && traceOnly === undefined) return rest;
  const headers = newHeaders();
  for (const [name, values] of entries(rest.headers)) {
    for (const value of [values].flat()) headers.append(name, value);
  }
  if (traceDestination !== undefined) headers.set("Nats-Trace-Dest", traceDestination);
  if (traceOnly !== undefined) headers.set("Nats-Trace-Only", String(traceOnly));
  return { ...rest, headers };
}

function entries(headers = {}) {
  return Symbol.iterator in headers ? headers : Object.entries(headers);
}
