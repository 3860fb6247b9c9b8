// This project's client for JavaScript.
import init, { wsconnect } from "./web_wasm_js.js";
import { opener } from "./like-natsjs.mjs";

const { memory: wasm } = await init();

export const open = opener(wsconnect);
export const memory = () => wasm.buffer.byteLength;
