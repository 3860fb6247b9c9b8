import { makeError } from "./errors.js";

/** How names of headers are compared. */
export const Match = Object.freeze({
  Exact: "exact",
  CanonicalMIME: "canonical",
  IgnoreCase: "insensitive",
});

const VERSION = "NATS/1.0";
const NAME = /^[!-9;-~]+$/;
// eslint-disable-next-line no-control-regex
const NOT_IN_VALUE = /[\r\n\0]/;

/** A name with each word's first letter in upper case and the rest in lower case. */
export function canonicalMIMEHeaderKey(name) {
  checkName(name);
  const word = (text) => text.slice(0, 1).toUpperCase() + text.slice(1).toLowerCase();
  return name.split("-").map(word).join("-");
}

function checkName(name) {
  if (typeof name === "string" && NAME.test(name)) return;
  throw makeError("invalid_header", `${JSON.stringify(name)} can't be the name of a header`);
}

/** The headers of a message: names with values, in the order in which they were added. */
export class MsgHdrs {
  #values = new Map();
  #code;
  #description;

  constructor(code = 0, description = "") {
    this.#code = code;
    this.#description = description;
  }

  /** Headers from a block as the client hands it over: each line is checked already. */
  static decode(block) {
    const lines = block.split("\r\n");
    const [, code = "0", description = ""] = /^NATS\/1\.0(?: (\d+))?(?: (.*))?$/.exec(lines[0]) ?? [];
    const headers = new MsgHdrs(Number(code), description);
    for (const line of lines.slice(1)) {
      const colon = line.indexOf(":");
      if (colon > 0) headers.#add(line.slice(0, colon), line.slice(colon + 1).trim());
    }
    return headers;
  }

  get code() {
    return this.#code;
  }

  get description() {
    return this.#description;
  }

  get status() {
    return `${this.#code} ${this.#description}`.trim();
  }

  get hasError() {
    return this.#code >= 300;
  }

  size() {
    return this.#values.size;
  }

  [Symbol.iterator]() {
    return this.#values.entries();
  }

  keys() {
    return [...this.#values.keys()];
  }

  get(name, match = Match.Exact) {
    return this.values(name, match)[0] ?? "";
  }

  last(name, match = Match.Exact) {
    return this.values(name, match).at(-1) ?? "";
  }

  values(name, match = Match.Exact) {
    if (match === Match.Exact) return [...(this.#values.get(name) ?? [])];
    return this.#find(name, match).flatMap((found) => this.#values.get(found));
  }

  has(name, match = Match.Exact) {
    return this.#find(name, match).length > 0;
  }

  set(name, value, match = Match.Exact) {
    // Before anything is deleted, so that what is refused changes nothing.
    const text = checkedValue(name, value);
    checkName(name);
    this.delete(name, match);
    this.append(name, text, match);
  }

  append(name, value, match = Match.Exact) {
    const text = checkedValue(name, value);
    checkName(name);
    const wanted = match === Match.CanonicalMIME ? canonicalMIMEHeaderKey(name) : name;
    this.#add(this.#find(wanted, match)[0] ?? wanted, text);
  }

  delete(name, match = Match.Exact) {
    for (const found of this.#find(name, match)) this.#values.delete(found);
  }

  toRecord() {
    return Object.fromEntries([...this].map(([name, values]) => [name, [...values]]));
  }

  toString() {
    if (this.size() === 0 && this.#code === 0) return "";
    const status = this.#code === 0 ? "" : ` ${this.status}`;
    const lines = [...this].flatMap(([name, values]) => values.map((value) => `${name}: ${value}`));
    return `${[VERSION + status, ...lines].join("\r\n")}\r\n\r\n`;
  }

  #add(name, value) {
    const values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, [value]);
    else values.push(value);
  }

  #find(name, match) {
    if (match === Match.Exact) return this.#values.has(name) ? [name] : [];
    if (match === Match.CanonicalMIME) {
      const canonical = canonicalMIMEHeaderKey(name);
      return this.#values.has(canonical) ? [canonical] : [];
    }
    const lower = String(name).toLowerCase();
    return this.keys().filter((key) => key.toLowerCase() === lower);
  }
}

function checkedValue(name, value) {
  if (typeof value !== "string") {
    throw makeError("invalid_header", `the header ${name} must be a string`);
  }
  if (NOT_IN_VALUE.test(value)) {
    throw makeError("invalid_header", `the header ${name} has a forbidden character in its value`);
  }
  return value.trim();
}

/** Headers to be filled. */
export function headers(code = 0, description = "") {
  return new MsgHdrs(code, description);
}

/**
 * Names and values in turn, from headers of this package, of nats.js, or anything else that can be
 * iterated over for names with values.
 */
export function pairs(headers) {
  const flat = [];
  for (const [name, values] of headers) {
    for (const value of typeof values === "string" ? [values] : values) flat.push(name, value);
  }
  return flat;
}
