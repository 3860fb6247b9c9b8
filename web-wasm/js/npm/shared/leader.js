import { nuid } from "../inbox.js";
import { Host } from "./host.js";
import { Port } from "./port.js";

/** The tab that holds the connection for all, for as long as there is one. */
export class Leader {
  #hall;
  #host;
  #resign;
  id = nuid.next();

  constructor(scope) {
    /** Resolves when it is the leader no more. */
    this.over = new Promise((resolve) => {
      this.#resign = resolve;
    });
    this.#host = new Host(() => this.#end());
    this.#hall = new BroadcastChannel(scope);
    this.#hall.onmessage = ({ data }) => {
      if (data.type === "who") this.#announce();
      if (data.type === "join" && data.leader === this.id) {
        const port = new Port(new BroadcastChannel(channelName(scope, data)));
        this.admit(port);
        port.post({ type: "open" });
      }
    };
    this.#announce();
  }

  #announce() {
    this.#hall.postMessage({ type: "leader", id: this.id });
  }

  admit(port) {
    this.#host.admit(port);
  }

  /** Leaves the office to another, unless there is a connection to hold. */
  resign() {
    if (this.#host.isIdle) this.#end();
  }

  #end() {
    this.#hall.close();
    this.#resign();
  }
}

/** The channel that a leader and a tab have for themselves. */
export function channelName(scope, { leader, name }) {
  return `${scope}/${leader}/${name}`;
}
