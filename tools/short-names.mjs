// Gives the functions that a WASM module and its glue have of each other short names. wasm-bindgen's are
// long, with a hash that no compression makes smaller, and stand in both files.
// usage: node short-names.mjs MODULE.wasm GLUE.js
import { readFile, writeFile } from "node:fs/promises";

const IMPORTS = 2;
const EXPORTS = 7;
/** The kind of a function, among what is imported and exported. */
const FUNCTION = 0;

const [modulePath, gluePath] = process.argv.slice(2);
const module = await readFile(modulePath);
const glue = await readFile(gluePath, "utf8");

/** The short names, by the long ones. */
const imported = new Map();
const exported = new Map();

function shorten(name, names) {
  if (!names.has(name)) names.set(name, `_${names.size.toString(36)}`);
  return names.get(name);
}

/** Reads a part of the module. */
class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  number() {
    let [value, shift] = [0, 0];
    for (;;) {
      const byte = this.take(1)[0];
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
      shift += 7;
    }
  }

  take(length) {
    if (this.at + length > this.bytes.length) throw new Error("the module ends too early");
    return this.bytes.subarray(this.at, (this.at += length));
  }

  text() {
    return this.take(this.number()).toString("utf8");
  }
}

function number(value) {
  const bytes = [];
  for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
  return Buffer.from([...bytes, value]);
}

const text = (value) => Buffer.concat([number(Buffer.byteLength(value)), Buffer.from(value)]);

/** A section with each of its entries written anew by `entry`, but for the number that ends it. */
function rewritten(section, entry) {
  const reader = new Reader(section);
  const count = reader.number();
  const parts = [number(count)];
  for (let done = 0; done < count; done += 1) parts.push(entry(reader), number(reader.number()));
  return Buffer.concat(parts);
}

/** An import, which has the name of a module before its own. */
function shortImport(reader) {
  const module = reader.text();
  const name = reader.text();
  if (reader.take(1)[0] !== FUNCTION) throw new Error(`${name} is no function`);
  return Buffer.concat([text(module), text(shorten(name, imported)), Buffer.from([FUNCTION])]);
}

function shortExport(reader) {
  const name = reader.text();
  const kind = reader.take(1)[0];
  return Buffer.concat([text(kind === FUNCTION ? shorten(name, exported) : name), Buffer.from([kind])]);
}

const reader = new Reader(module);
const parts = [reader.take(8)];
while (reader.at < module.length) {
  const id = reader.take(1)[0];
  let section = reader.take(reader.number());
  if (id === IMPORTS) section = rewritten(section, shortImport);
  if (id === EXPORTS) section = rewritten(section, shortExport);
  parts.push(Buffer.from([id]), number(section.length), section);
}
const output = Buffer.concat(parts);
if (!WebAssembly.validate(output)) throw new Error("the module is none any more");

// An import is a method of the object that the module is instantiated with, an export one of `wasm`.
const found = new Set();
const replaced = (names) => (whole, before, name) => {
  const other = names.get(name);
  if (other === undefined) return whole;
  found.add(name);
  return before + other;
};
const shortened = glue
  .replace(/^( +)(\w+)(?=: function\()/gm, replaced(imported))
  .replace(/(\bwasm\.)(\w+)/g, replaced(exported));
for (const name of [...imported.keys(), ...exported.keys()]) {
  if (!found.has(name)) throw new Error(`the glue does not name ${name}`);
}
await writeFile(modulePath, output);
await writeFile(gluePath, shortened);
