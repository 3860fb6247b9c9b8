import { Holder } from "./holder.js";

/** Takes in tabs, each to the connection that it asks for; these end with their last tabs. */
export class Host {
  #holders = new Map();
  #idle;

  /** `idle` is called when there is no connection any more. */
  constructor(idle = () => {}) {
    this.#idle = idle;
  }

  get isIdle() {
    return this.#holders.size === 0;
  }

  /** Listens for the hello of whoever is at the other end. */
  admit(port) {
    port.onmessage = (hello) => this.#find(hello).accept(port, hello);
  }

  #find({ scope, options, asks }) {
    const found = this.#holders.get(scope);
    if (found !== undefined && !found.isClosing) return found;
    const holder = new Holder(scope, { options, asks });
    this.#holders.set(scope, holder);
    holder.over.then(() => {
      if (this.#holders.get(scope) === holder) this.#holders.delete(scope);
      if (this.isIdle) this.#idle();
    });
    return holder;
  }
}
