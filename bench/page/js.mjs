// This project's client for JavaScript, as its npm package has it.
import { adoptErrors, glue, init, wsconnect } from "./web-wasm-js.min.mjs";
import { opener } from "./like-natsjs.mjs";
import { Streams } from "./streams.mjs";

await init();
// It has been instantiated, and is only returned.
const { memory: wasm } = await glue();

export const open = opener(wsconnect);
export const memory = () => wasm.buffer.byteLength;

/** nats.js's packages for streams and buckets, on a connection of this client's. */
export const streams = async (url) => {
  const natsJs = await import("./nats-js.min.mjs");
  adoptErrors(natsJs.errors);
  return new Streams(natsJs, await wsconnect({ servers: url }));
};
