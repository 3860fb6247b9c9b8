import { makeError } from "../errors.js";
import { init } from "../init.js";
import { nuid } from "../inbox.js";
import { clientOptions } from "../options.js";
import { wsconnect } from "../web_wasm_js.js";
import { hold, whenFree } from "./locks.js";
import { Route } from "./route.js";
import { Tab } from "./tab.js";
import { fromWire, toWire } from "./wire.js";

/** How long to leave the server alone between questions whether it has everything, in milliseconds. */
const PAUSE = 50;
/** How often it is asked where nobody publishes: what is missed with a holder is told from then on. */
const IDLE = 5000;

/** How soon it is asked again where it did not answer. */
const AGAIN = 500;

/** How long a tab may think about who the client is before the next is asked, too. */
const NEXT = 1000;

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));

/** A connection, held for as long as there are tabs that use it. */
export class Holder {
  #lock;
  #tabs = new Set();
  #routes = new Map();
  #connected;
  #closing = false;
  #end;
  #dirty = false;
  #confirming = false;
  #idle;

  /** What the package's client in WASM has. */
  raw;

  /** Connects. */
  constructor(scope, { options, asks }) {
    this.#lock = `${scope}/holder/${nuid.next()}`;
    /** Resolves when there is no connection any more. */
    this.over = new Promise((resolve) => {
      this.#end = resolve;
    });
    this.over.then(() => {
      this.#closing = true;
      clearInterval(this.#idle);
    });
    const authenticator = asks ? (nonce, why) => this.#authenticate(nonce, why) : undefined;
    this.#connected = this.#connect({ ...options, authenticator });
    this.#connected.catch(() => this.#end());
  }

  async #connect(options) {
    const release = await hold(this.#lock);
    this.over.then(release);
    await init();
    this.raw = await wsconnect(clientOptions(options));
    this.#watch(this.raw.status());
    this.#idle = setInterval(() => this.confirm(), IDLE);
  }

  /** Has the tabs say who the client is; whichever is the first to say it counts. */
  async #authenticate(nonce, why) {
    let answered = false;
    const asked = [...this.#tabs].map(async (tab, at) => {
      if (at > 0) await sleep(at * NEXT);
      if (answered) throw makeError("no_credentials", "another tab has said it");
      const answer = await tab.challenge(nonce, why);
      answered = true;
      return answer;
    });
    const nobody = () => ({ error: { code: "no_credentials", message: "no tab says who it is" } });
    const { auth, error } = await Promise.any(asked).catch(nobody);
    if (error !== undefined) throw fromWire(error);
    return auth;
  }

  /** Whether it takes nobody in any more. */
  get isClosing() {
    return this.#closing;
  }

  /** Takes in a tab that has said hello. */
  async accept(port, hello) {
    const tab = new Tab(this, port);
    this.#tabs.add(tab);
    port.onmessage = (message) => tab.hear(message);
    const watching = new AbortController();
    this.over.then(() => watching.abort());
    whenFree(hello.tab, watching.signal, () => {
      tab.close();
      this.leave(tab).catch(() => {});
    });
    try {
      await this.#connected;
    } catch (error) {
      tab.post({ type: "refused", error: toWire(error) });
      tab.close();
      return;
    }
    tab.post({ type: "welcome", holder: this.#lock, state: this.state() });
  }

  /**
   * Lets a tab go, and resolves when the server has what it published. The last one takes the
   * connection along.
   */
  async leave(tab) {
    if (!this.#tabs.delete(tab)) return;
    tab.unsubscribe();
    if (this.#tabs.size > 0) {
      await this.raw?.flush();
      return;
    }
    this.#closing = true;
    try {
      await this.#connected;
      await this.raw.close();
    } finally {
      this.#end();
    }
  }

  state() {
    const { info } = this.raw;
    return { info, server: this.raw.getServer(), servers: this.raw.getServers() };
  }

  /** The subscription with the server, which all tabs share. Throws as the client's `subscribe`. */
  route(subject, queue) {
    const key = JSON.stringify([subject, queue]);
    const over = () => this.#routes.delete(key);
    const route = this.#routes.get(key) ?? new Route(this.raw, subject, queue, over);
    this.#routes.set(key, route);
    return route;
  }

  /** Resolves when the server has everything and the tabs were passed on all that it had sent. */
  async settle() {
    await this.raw.flush();
    await Promise.all([...this.#routes.values()].map((route) => route.caughtUp()));
  }

  /** Finds out that what tabs have published has arrived, and tells them. */
  async confirm() {
    this.#dirty = true;
    if (this.#confirming) return;
    this.#confirming = true;
    while (this.#dirty && !this.#closing) {
      this.#dirty = false;
      const at = Date.now();
      const published = [...this.#tabs].map((tab) => [tab, tab.published]);
      const settled = await this.settle().then(() => true, () => false);
      for (const [tab, count] of settled ? published : []) {
        tab.post({ type: "confirmed", published: count, at: tab.behind ? undefined : at });
      }
      this.#dirty ||= !settled;
      await sleep(settled ? PAUSE : AGAIN);
    }
    this.#confirming = false;
  }

  async #watch(events) {
    for await (const event of events) {
      for (const tab of [...this.#tabs]) tab.tell(event);
    }
    events.free();
    this.#end();
  }
}
