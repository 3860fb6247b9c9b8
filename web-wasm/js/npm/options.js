import { allOf, renewing } from "./authenticators.js";
import { makeError } from "./errors.js";

// What nats.js waits between attempts, where only a part of it is given.
const TIME_WAIT = 2000;
const JITTER = 100;

// What belongs to nats.js's implementation alone; off, they ask for nothing.
const OFF = ["debug", "pedantic", "verbose", "resolve", "noAsyncTraces"];

/** The options as the client in WASM takes them. */
export function clientOptions(given) {
  if (given === null || typeof given !== "object") {
    throw makeError("invalid_argument", "the options must be an object");
  }
  const options = { ...given };
  for (const name of OFF) {
    if (!options[name] || name === "noAsyncTraces") delete options[name];
  }
  if (Array.isArray(options.authenticator)) options.authenticator = allOf(options.authenticator);
  if (typeof options.authenticator === "function") {
    options.authenticator = renewing(options.authenticator);
  }
  if (options.maxReconnectAttempts === -1) delete options.maxReconnectAttempts;
  if (options.port !== undefined) {
    if (options.servers !== undefined) {
      throw makeError("invalid_option", "give servers or port, and not both");
    }
    options.servers = `ws://127.0.0.1:${options.port}`;
    delete options.port;
  }
  return waits(options);
}

/** A wait with jitter is a function of these. */
function waits(options) {
  const { reconnectTimeWait, reconnectJitter, reconnectJitterTLS } = options;
  const given = { reconnectTimeWait, reconnectJitter, reconnectJitterTLS };
  const set = Object.entries(given).filter(([, value]) => value !== undefined);
  for (const [name, value] of set) {
    if (typeof value !== "number" || !(value >= 0)) {
      throw makeError("invalid_option", `the option ${name} must be a number of milliseconds`);
    }
    delete options[name];
  }
  if (set.length > 0 && options.reconnectDelayHandler === undefined) {
    const wait = reconnectTimeWait ?? TIME_WAIT;
    const secure = [options.servers].flat().some((server) => String(server).startsWith("wss:"));
    const jitter = (secure ? reconnectJitterTLS : undefined) ?? reconnectJitter ?? JITTER;
    options.reconnectDelayHandler = () => wait + Math.random() * jitter;
  }
  return options;
}
