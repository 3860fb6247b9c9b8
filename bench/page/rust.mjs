// This project's client for Rust, with consumers in Rust.
import init, { Session, Streams } from "./bench_wasm.js";
import { burst, turn } from "./turn.mjs";

const { memory: wasm } = await init();

export const open = (url) => Session.open(url, turn, burst);
export const streams = (url) => Streams.open(url);
export const memory = () => wasm.buffer.byteLength;
