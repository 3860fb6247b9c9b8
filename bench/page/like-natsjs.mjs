// The benchmarks of a library that has the interface of nats.js.
import { Counter } from "./counter.mjs";
import { burst, turn } from "./turn.mjs";

/** Opens connections with a library's `wsconnect`. */
export const opener = (wsconnect) => async (url) =>
  new Session(await wsconnect({ servers: url }));

class Session {
  constructor(connection) {
    this.connection = connection;
  }

  get ways() {
    try {
      const tried = this.connection.subscribe("bench.ways", {});
      tried.unsubscribe();
      return Symbol.asyncIterator in tried ? ["callback", "iterator"] : ["callback"];
    } catch {
      return ["callback"];
    }
  }

  receive(how, subject) {
    const counter = new Counter();
    if (how === "callback") {
      this.connection.subscribe(subject, {
        callback: (error, message) => {
          if (error) throw error;
          counter.take(message.data.length);
        },
      });
    } else {
      const subscription = this.connection.subscribe(subject, {});
      (async () => {
        for await (const message of subscription) counter.take(message.data.length);
      })();
    }
    return counter;
  }

  flush() {
    return this.connection.flush();
  }

  close() {
    return this.connection.close();
  }

  async publish(subject, size, count) {
    const payload = new Uint8Array(size);
    const atOnce = burst(size);
    for (let sent = 0; sent < count; ) {
      const stop = Math.min(count, sent + atOnce);
      while (sent < stop) {
        try {
          this.connection.publish(subject, payload);
          sent += 1;
        } catch (error) {
          if (error.code !== "buffer_full") throw error;
          await this.connection.flush();
        }
      }
      await turn();
    }
    await this.connection.flush();
  }

  async publishFlushed(subject, size, count) {
    const payload = new Uint8Array(size);
    const times = new Float64Array(count);
    for (let i = 0; i < count; i += 1) {
      const began = performance.now();
      this.connection.publish(subject, payload);
      await this.connection.flush();
      times[i] = performance.now() - began;
    }
    return times;
  }

  async requests(subject, size, count) {
    const payload = new Uint8Array(size);
    const times = new Float64Array(count);
    for (let i = 0; i < count; i += 1) {
      const began = performance.now();
      const answer = await this.connection.request(subject, payload, { timeout: 10_000 });
      times[i] = performance.now() - began;
      if (answer.data.length !== size) throw new Error("an answer of the wrong size");
    }
    return times;
  }

  async pipelined(subject, size, count, window) {
    const payload = new Uint8Array(size);
    let left = count;
    const ask = async () => {
      while (left > 0) {
        left -= 1;
        const answer = await this.connection.request(subject, payload, { timeout: 10_000 });
        if (answer.data.length !== size) throw new Error("an answer of the wrong size");
      }
    };
    await Promise.all(Array.from({ length: window }, ask));
  }
}
