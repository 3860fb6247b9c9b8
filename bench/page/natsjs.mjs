// nats.js.
import { opener } from "./like-natsjs.mjs";
import { wsconnect } from "./nats-core.min.mjs";

export const open = opener(wsconnect);
export const memory = () => 0;
