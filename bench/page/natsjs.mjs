// nats.js.
import { opener } from "./like-natsjs.mjs";
import { wsconnect } from "./nats-core.min.mjs";
import { Streams } from "./streams.mjs";

export const open = opener(wsconnect);
export const memory = () => 0;

export const streams = async (url) => {
  const natsJs = await import("./nats-js.min.mjs");
  return new Streams(natsJs, await natsJs.wsconnect({ servers: url }));
};
