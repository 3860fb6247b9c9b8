import { makeError } from "../errors.js";
import { Port } from "./port.js";

/** The way to a connection that a shared worker holds. */
export class WorkerWay {
  async reach() {
    // Bundlers look for this expression, all of it. The name has the protocol's number, so that tabs
    // from before and after a change of it do not meet; webpack makes a file's name of it.
    const worker = new SharedWorker(new URL("./worker.js", import.meta.url), {
      type: "module",
      name: "web-wasm-js-2",
    });
    const port = new Port(worker.port);
    worker.onerror = () => port.onlost(makeError("no_shared_worker", "the worker can't be started"));
    return port;
  }

  leave() {}
}
