/** One end of what a tab and the holder talk through: a message port, or a channel of their own. */
export class Port {
  #target;

  /** Called when whoever is at the other end is known to be gone. */
  onlost = () => {};

  constructor(target) {
    this.#target = target;
  }

  /** Buffers to be handed over are copied where the other end is in another tab. */
  post(message, transfer = []) {
    this.#target.postMessage(message, transfer);
  }

  set onmessage(listener) {
    this.#target.onmessage = ({ data }) => listener(data);
  }

  close() {
    this.#target.onmessage = null;
    this.#target.close();
  }
}
