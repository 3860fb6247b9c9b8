import { makeError } from "./errors.js";

/**
 * What waits to be read by a `for await` loop: values until it ends, with an error or without.
 *
 * One reader at a time. Leaving the loop ends it.
 */
export class Queue {
  #items = [];
  #next = 0;
  #waiting = [];
  #ended = false;
  #error;
  #reading = false;
  #left;
  processed = 0;

  /** `left` is called when the reader has left before the end. */
  constructor(left = () => {}) {
    this.#left = left;
  }

  get length() {
    return this.#items.length - this.#next;
  }

  get ended() {
    return this.#ended;
  }

  /** Called whenever a value was taken or the rest let go of, with how many are left. */
  onTaken = (_left) => {};

  push(value) {
    if (this.#ended) return;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) {
      this.#items.push(value);
    } else {
      this.processed += 1;
      waiting.resolve({ value, done: false });
    }
  }

  /** There will be no more; what waits is still read, unless there is an error. */
  end(error) {
    if (this.#ended) return;
    this.#ended = true;
    this.#error = error;
    if (error !== undefined) this.#clear();
    for (const waiting of this.#waiting.splice(0)) {
      if (this.#error === undefined) waiting.resolve({ value: undefined, done: true });
      else waiting.reject(this.#takeError());
    }
  }

  /** An iterator, for one reader. */
  read() {
    if (this.#reading) {
      throw makeError("invalid_operation", "iterator is already yielding");
    }
    this.#reading = true;
    return {
      next: () => this.#take(),
      return: async (value) => {
        this.#leave();
        return { value, done: true };
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** Not an async function, which makes more promises than one for each value. */
  #take() {
    if (this.length > 0) {
      const value = this.#items[this.#next];
      this.#items[this.#next] = undefined;
      this.#next += 1;
      if (this.length === 0) this.#clear();
      this.processed += 1;
      this.onTaken(this.length);
      return Promise.resolve({ value, done: false });
    }
    if (this.#error !== undefined) return Promise.reject(this.#takeError());
    if (this.#ended) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #takeError() {
    const error = this.#error;
    this.#error = undefined;
    return error;
  }

  #leave() {
    this.#clear();
    this.end();
    this.#left();
    this.onTaken(0);
  }

  #clear() {
    this.#items = [];
    this.#next = 0;
  }
}

/**
 * Reads one value at a time: `next` resolves to a value, or to null when there will be no more.
 */
export function syncIterator(source) {
  const iterator = source[Symbol.asyncIterator]();
  return {
    async next() {
      const { value, done } = await iterator.next();
      return done ? null : value;
    },
  };
}
