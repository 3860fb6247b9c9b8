import { Queue } from "./queue.js";

/** How many events wait for a reader; what comes beyond that is lost. */
const LIMIT = 1024;

/** Those who read what happens to a connection. */
export class StatusListeners {
  #listeners = new Set();
  #closed = false;

  /** A new reader, from now on. */
  listen() {
    const queue = new Queue(() => this.#listeners.delete(queue));
    if (this.#closed) queue.end();
    else this.#listeners.add(queue);
    return new StatusIterator(queue, () => {
      this.#listeners.delete(queue);
      queue.end();
    });
  }

  tell(event) {
    for (const queue of this.#listeners) {
      if (queue.length < LIMIT) queue.push(event);
    }
  }

  end() {
    this.#closed = true;
    for (const queue of this.#listeners) queue.end();
    this.#listeners.clear();
  }
}

class StatusIterator {
  #queue;
  #stop;

  constructor(queue, stop) {
    this.#queue = queue;
    this.#stop = stop;
  }

  [Symbol.asyncIterator]() {
    return this.#queue.read();
  }

  stop() {
    this.#stop();
  }
}

const AUTHENTICATION = new Set([
  "authorization_violation",
  "authentication_timeout",
  "user_authentication_expired",
  "user_authentication_revoked",
  "account_authentication_expired",
]);

/** Tells what the client tells in nats.js's words; what these have no word for, in the client's. */
export class StatusTranslator {
  #server;
  #connected;
  #known;
  #servers;

  /** `servers` says which other servers are known. */
  constructor(server, connected, servers) {
    this.#server = server;
    this.#connected = connected;
    this.#servers = servers;
    this.#known = servers();
  }

  translate(event) {
    switch (event.type) {
      case "connect": {
        this.#server = host(event.server);
        const type = this.#connected ? "reconnect" : "connect";
        this.#connected = true;
        return [{ ...event, type, server: this.#server }];
      }
      case "disconnect":
        return [...this.#reasons(event.error), { ...event, server: this.#server }];
      case "connecting":
        return [{ ...event, type: "reconnecting", server: host(event.server) }];
      case "handedOver":
        this.#server = host(event.server);
        return [{ ...event, server: this.#server }];
      case "connectFailed":
      case "handoverFailed":
        return [{ ...event, server: host(event.server) }];
      case "update":
        return [{ type: "update", ...this.#changes() }];
      case "ldm":
        return [{ type: "ldm", server: this.#server }];
      default:
        return [event];
    }
  }

  #reasons(error) {
    if (error.code === "stale_connection") return [{ type: "staleConnection" }];
    if (error.code === "reconnect") return [{ type: "forceReconnect" }];
    return AUTHENTICATION.has(error.code) ? [{ type: "error", error }] : [];
  }

  #changes() {
    const [before, now] = [this.#known, this.#servers()];
    this.#known = now;
    return {
      added: now.filter((server) => !before.includes(server)),
      deleted: before.filter((server) => !now.includes(server)),
    };
  }
}

/** An address without what belongs to the websocket. */
export function host(url) {
  return /^wss?:\/\/([^/?#]*)/.exec(url)?.[1] ?? url;
}
