import { makeError } from "../errors.js";
import { fromWire } from "./wire.js";

/** What a tab has asked the holder and waits for. */
export class Questions {
  #post;
  #waiting = new Map();
  #lastId = 0;

  /** `post` sends a question, and says whether there is anybody to send it to. */
  constructor(post) {
    this.#post = post;
  }

  /** Asks, if there is somebody to ask. Rejects with `disconnected` else, and when they are lost. */
  ask(question) {
    return new Promise((resolve, reject) => {
      const id = this.#add({ resolve, reject });
      if (this.#post({ type: "ask", id, ...question })) return;
      this.#take(id);
      reject(makeError("disconnected", "no tab holds the connection now"));
    });
  }

  /** Asks now or when there is somebody, for no longer than its time. */
  wait(question, transfer) {
    return new Promise((resolve, reject) => {
      const waiting = { resolve, reject };
      const id = this.#add(waiting);
      waiting.timer = setTimeout(() => {
        this.#take(id);
        reject(makeError("timeout", "no answer came in time"));
      }, question.timeout);
      waiting.send = () => this.#post({ ...question, id }, transfer);
      this.#send(waiting);
    });
  }

  #add(waiting) {
    this.#lastId += 1;
    this.#waiting.set(this.#lastId, waiting);
    return this.#lastId;
  }

  #send(waiting) {
    if (waiting.send?.()) waiting.send = undefined;
  }

  #take(id) {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  answer({ id, error, ...answer }) {
    const waiting = this.#take(id);
    if (error === undefined) waiting?.resolve(answer);
    else waiting?.reject(fromWire(error));
  }

  /** Whoever was asked is gone, and with them whether it was done. */
  lost(error) {
    for (const [id, { send }] of this.#waiting) {
      if (send === undefined) this.#take(id).reject(error);
    }
  }

  /** There is somebody to ask again. */
  resume() {
    for (const waiting of this.#waiting.values()) this.#send(waiting);
  }

  /** Nobody will answer. */
  fail(code, words) {
    for (const id of [...this.#waiting.keys()]) this.#take(id).reject(makeError(code, words));
  }
}
