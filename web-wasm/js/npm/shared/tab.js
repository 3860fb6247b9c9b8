import { count, packed, transferable, unpack } from "./batch.js";
import { Member } from "./member.js";
import { toWire, withError } from "./wire.js";

/** What one tab has of a connection, where that is held. */
export class Tab {
  #holder;
  #port;
  #members = new Map();
  #gone = false;
  #challenges = new Map();
  #lastChallenge = 0;
  /** How many messages it has published. */
  published = 0;

  constructor(holder, port) {
    this.#holder = holder;
    this.#port = port;
  }

  /** Whether anything waits for it. */
  get behind() {
    return [...this.#members.values()].some((member) => member.behind);
  }

  post(message, transfer) {
    if (!this.#gone) this.#port.post(message, transfer);
  }

  /** Tells what happens to the connection. */
  tell(event) {
    const mine = this.#about(event);
    if (mine === undefined) return;
    this.post({ type: "event", event: withError(mine, toWire), state: this.#holder.state() });
  }

  /** An event as far as it concerns this tab. */
  #about(event) {
    const subjects = new Set([...this.#members.values()].map(({ route }) => route.subject));
    switch (event.type) {
      case "gap": {
        const concerned = event.subjects.filter((subject) => subjects.has(subject));
        return concerned.length > 0 ? { ...event, subjects: [...new Set(concerned)] } : undefined;
      }
      case "slowConsumer":
        return subjects.has(event.subject) ? event : undefined;
      default:
        return event;
    }
  }

  ended({ sid }, error) {
    this.#members.delete(sid);
    this.post({ type: "ended", sid, error: error && toWire(error) });
  }

  /** Has the tab say who the client is: `auth`, or why not: `error`. Rejects if it is gone. */
  challenge(nonce, why) {
    return new Promise((resolve, reject) => {
      this.#lastChallenge += 1;
      this.#challenges.set(this.#lastChallenge, { resolve, reject });
      this.post({ type: "challenge", id: this.#lastChallenge, nonce, why });
      if (this.#gone) reject();
    });
  }

  /** It wants no more messages. */
  unsubscribe() {
    for (const member of this.#members.values()) member.drop();
    this.#members.clear();
  }

  /** It is not there any more. */
  close() {
    this.#gone = true;
    for (const { reject } of this.#challenges.values()) reject();
    this.unsubscribe();
    this.#port.close();
  }

  hear(message) {
    if (this.#gone) return;
    switch (message.type) {
      case "publish":
        this.#publish(message);
        break;
      case "subscribe":
        this.#subscribe(message);
        break;
      case "limit":
        this.#members.get(message.sid)?.limit(message.max);
        break;
      case "end":
        this.#end(message);
        break;
      case "taken":
        this.#members.get(message.sid)?.taken(message.messages, message.bytes);
        break;
      case "request":
        this.#answer(message, this.#request(message));
        break;
      case "ask":
        this.#answer(message, this.#ask(message));
        break;
      case "auth":
        this.#challenges.get(message.id)?.resolve(message);
        this.#challenges.delete(message.id);
        break;
    }
  }

  #publish(batch) {
    const { raw } = this.#holder;
    for (const { subject, reply, headers, data } of unpack(batch)) {
      try {
        raw.publish(subject, data, { reply, headers });
      } catch (error) {
        // What the tab could not know; its call returned long ago.
        this.tell({ type: "error", error });
      }
    }
    this.published += count(batch);
    this.#holder.confirm();
  }

  #subscribe({ sid, subject, queue, max }) {
    try {
      const route = this.#holder.route(subject, queue);
      const member = new Member(this, sid, route, max);
      this.#members.set(sid, member);
      route.join(member);
    } catch (error) {
      this.ended({ sid }, error);
    }
  }

  async #end({ sid, how }) {
    const member = this.#members.get(sid);
    if (member === undefined) return;
    if (how === "now") {
      this.#members.delete(sid);
      member.drop();
      return;
    }
    // What the server has sent by the time that it answers belongs to the subscription.
    if (how === "drain") await this.#holder.settle().catch(() => {});
    member.stop();
  }

  #request({ timeout, wildcards, ...batch }) {
    const [{ subject, reply, headers, data }] = unpack(batch);
    const options = { headers, timeout, reply, wildcards, owner: {} };
    return this.#holder.raw.request(subject, data, options).then(packed);
  }

  async #ask({ what }) {
    switch (what) {
      case "flush":
        await this.#holder.settle();
        return {};
      case "rtt":
        return { value: await this.#holder.raw.rtt() };
      case "reconnect":
        this.#holder.raw.reconnect();
        return {};
      case "renew":
        this.#holder.raw.renewCredentials();
        return {};
      case "leave":
        await this.#holder.leave(this);
        return {};
    }
    return {};
  }

  async #answer({ id, what }, answering) {
    try {
      const answer = await answering;
      const transfer = answer.bytes === undefined ? [] : transferable(answer);
      this.post({ type: "answer", id, ...answer }, transfer);
    } catch (error) {
      this.post({ type: "answer", id, error: toWire(error) });
    }
    if (what === "leave") this.close();
  }
}
