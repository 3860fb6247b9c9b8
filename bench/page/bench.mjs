// What the benchmark program calls, as `bench`, over the DevTools protocol. A page measures one
// library; the program loads it anew for the next.
import { Stalls } from "./stalls.mjs";

// Each module has `open(url)`, which connects, and `memory()`, the bytes of its WASM memory; all but
// the bare socket have `streams(url)`, which connects with what streams and buckets take.
const libraries = {
  bare: () => import("./bare.mjs"),
  natsjs: () => import("./natsjs.mjs"),
  rust: () => import("./rust.mjs"),
  js: () => import("./js.mjs"),
};

const stalls = new Stalls();
let library;
let session;
let counter;

globalThis.bench = {
  /** Loads a library; how long that takes, in milliseconds. */
  async load(name) {
    const began = performance.now();
    library = await libraries[name]();
    return performance.now() - began;
  },

  /** Connects and closes again so often; how long each connecting took, in milliseconds. */
  async connect(url, count) {
    const times = [];
    for (let i = 0; i < count; i += 1) {
      const began = performance.now();
      const opened = await library.open(url);
      times.push(performance.now() - began);
      await opened.close();
    }
    return times;
  },

  async open(url) {
    session = await library.open(url);
  },

  async openStreams(url) {
    session = await library.streams(url);
  },

  close: () => session.close(),

  /** Subscribes; false if the library cannot receive in this way. */
  async receive(how, subject) {
    if (!session.ways.includes(how)) return false;
    counter = session.receive(how, subject);
    await session.flush();
    return true;
  },

  /** Begins to count, up to so many messages of so many bytes. */
  arm(count, size) {
    counter.arm(count, size);
    stalls.reset();
  },

  /** Waits for them all: how long they took from the first on, and what stood in the way. */
  async received() {
    const { bytes, elapsed } = await counter.done();
    return { bytes, elapsed, stall: stalls.longest() };
  },

  /** Publishes so many messages without waiting for any of them, then flushes. */
  async publish(subject, size, count) {
    stalls.reset();
    const began = performance.now();
    await session.publish(subject, size, count);
    return { elapsed: performance.now() - began, stall: stalls.longest() };
  },

  /** Publishes to a stream, one message after the other; how long each confirmation took. */
  publishStored: async (subject, size, count) =>
    Array.from(await session.publish(subject, size, count)),

  /** Reads so much of a stream or a bucket in a way that the session has; how long it took. */
  async read(how, name, count) {
    stalls.reset();
    const began = performance.now();
    const bytes = await session[how](name, count);
    return { bytes, elapsed: performance.now() - began, stall: stalls.longest() };
  },

  /** Publishes messages and waits for the server's confirmation of each; the times. */
  publishFlushed: async (subject, size, count) =>
    Array.from(await session.publishFlushed(subject, size, count)),

  /** Asks so often, one question after the other; how long each answer took. */
  requests: async (subject, size, count) =>
    Array.from(await session.requests(subject, size, count)),

  /** Asks, or publishes to a stream, so often with so many on their way at a time; how long it took. */
  async pipelined(subject, size, count, window) {
    const began = performance.now();
    await session.pipelined(subject, size, count, window);
    return { elapsed: performance.now() - began };
  },

  wasmMemory: () => library.memory(),
};
