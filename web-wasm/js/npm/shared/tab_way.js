import { nuid } from "../inbox.js";
import { Leader, channelName } from "./leader.js";
import { Port } from "./port.js";

/**
 * The way to a connection that one of the tabs holds: the one that has the leader's lock. When that is
 * gone the browser gives the lock to another.
 *
 * All hear each other in the hall, where a leader says who it is. With each tab it has a channel of
 * their own.
 */
export class TabWay {
  #scope;
  #hall;
  #gone = new AbortController();
  #leader;
  #port;
  #arrive;
  #trying;

  constructor(scope) {
    this.#scope = scope;
    this.#hall = new BroadcastChannel(scope);
    this.#hall.onmessage = ({ data }) => {
      if (data.type === "leader") this.#follow(data.id);
    };
    const { signal } = this.#gone;
    const elected = navigator.locks.request(`${scope}/leader`, { signal }, () => this.#lead());
    // The signal's word.
    elected.catch(() => {});
  }

  async #lead() {
    if (this.#gone.signal.aborted) return;
    this.#leader = new Leader(this.#scope);
    this.#follow(this.#leader.id);
    await this.#leader.over;
    this.#leader = undefined;
  }

  /** Resolves when there is somebody at the other end. */
  reach() {
    return new Promise((resolve) => {
      this.#port = undefined;
      this.#arrive = (port, leader) => {
        this.#arrive = undefined;
        this.#port = port;
        port.leader = leader;
        resolve(port);
      };
      if (this.#leader === undefined) this.#hall.postMessage({ type: "who" });
      else this.#follow(this.#leader.id);
    });
  }

  /** There is a leader. */
  #follow(leader) {
    if (this.#port !== undefined && this.#port.leader !== leader) this.#port.onlost();
    if (this.#arrive === undefined || this.#trying?.leader === leader) return;
    this.#trying?.channel.close();
    this.#trying = undefined;
    if (this.#leader?.id === leader) {
      const { port1, port2 } = new MessageChannel();
      this.#leader.admit(new Port(port2));
      this.#arrive(new Port(port1), leader);
      return;
    }
    const name = nuid.next();
    const channel = new BroadcastChannel(channelName(this.#scope, { leader, name }));
    this.#trying = { leader, channel };
    channel.onmessage = () => {
      this.#trying = undefined;
      this.#arrive?.(new Port(channel), leader);
    };
    this.#hall.postMessage({ type: "join", leader, name });
  }

  /** The tab wants the connection no more; it goes on holding it for others. */
  leave() {
    this.#gone.abort();
    this.#hall.close();
    this.#leader?.resign();
  }
}
