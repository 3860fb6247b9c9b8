import { allOf } from "../authenticators.js";
import { makeError } from "../errors.js";
import { PROTOCOL } from "./wire.js";

/** The options as they go to the holder, where it is, and the name under which tabs find each other. */
export async function sharedOptions(given, { group = "", holder, ...others }) {
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw makeError("unknown_option", `there is no option ${JSON.stringify(unknown)}`);
  }
  if (typeof group !== "string") {
    throw makeError("invalid_option", "the option group must be a string");
  }
  if (holder !== undefined && holder !== "worker" && holder !== "tab") {
    throw makeError("invalid_option", 'the option holder must be "worker" or "tab"');
  }
  const authenticator = authenticatorOf(given);
  const options = crossing(given);
  const where = holder ?? (globalThis.SharedWorker === undefined ? "tab" : "worker");
  const identity = JSON.stringify([PROTOCOL, group, where, authenticator !== undefined, options]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(identity));
  const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0"));
  // For everything of the origin can see it, and there may be a password among the options.
  return { options, authenticator, holder: where, scope: `web-wasm-js/${hex.join("")}` };
}

/** The page's functions as one. They stay in the tab, which is asked by the holder. */
function authenticatorOf(given) {
  if (given?.authenticator === undefined || given.authenticator === null) return undefined;
  const all = [given.authenticator].flat();
  if (all.some((one) => typeof one !== "function")) {
    throw makeError("invalid_option", "the option authenticator must be a function or several");
  }
  for (const name of ["user", "pass", "token"]) {
    if (given[name] === undefined || given[name] === null) continue;
    throw makeError("invalid_option", `give the option ${name} or authenticator, and not both`);
  }
  return all.length === 1 ? all[0] : allOf(all);
}

/** The other options, in order of their names, if all of them can go to another tab. */
function crossing(given) {
  if (given === null || typeof given !== "object") {
    throw makeError("invalid_argument", "the options must be an object");
  }
  const options = {};
  for (const name of Object.keys(given).sort()) {
    const value = given[name];
    if (value === undefined || value === null || name === "authenticator") continue;
    options[name] = name === "servers" && typeof value !== "string" ? [...value] : value;
    if (name === "noEcho" && value) {
      throw makeError("invalid_option", "the option noEcho would keep tabs from hearing each other");
    }
    if (!isPlain(options[name])) {
      throw makeError("invalid_option", `the option ${name} can't be shared: it has to be plain data`);
    }
  }
  return options;
}

function isPlain(value) {
  if (Array.isArray(value)) return value.every(isPlain);
  if (typeof value === "object" && value !== null) {
    return Object.getPrototypeOf(value) === Object.prototype && Object.values(value).every(isPlain);
  }
  return ["string", "number", "boolean"].includes(typeof value);
}
