import { init } from "../init.js";
import { signNonce } from "../nkeys.js";

/** The database that keeps the keys of an origin, and its only store; `PageKey` in Rust has the same. */
const DATABASE = "web-wasm";
const STORE = "keys";

/** What seeds and public keys of users begin with, before the text is made. */
const SEED = [0x95, 0];
const PUBLIC = [0xa0];

const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const encoder = new TextEncoder();

/**
 * A key of a user, as the best that the browser offers: one that no script can read, kept for the next
 * visit if it has a name; one that is gone with the page; one in WASM's memory.
 */
export async function openKey(name) {
  for (const find of name === undefined ? [generate] : [() => keep(name), generate]) {
    try {
      const { publicKey, privateKey } = await find();
      const raw = await crypto.subtle.exportKey("raw", publicKey);
      const sign = async (nonce) =>
        base64url(await crypto.subtle.sign("Ed25519", privateKey, encoder.encode(nonce)));
      return { name: nkey([...PUBLIC, ...new Uint8Array(raw)]), sign };
    } catch {
      // The next best.
    }
  }
  const seed = nkey([...SEED, ...crypto.getRandomValues(new Uint8Array(32))]);
  await init();
  const sign = async (nonce) => (await signNonce(seed, nonce)).sig;
  return { name: (await signNonce(seed, "")).nkey, sign };
}

const generate = () => crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** The key that the browser keeps; if it keeps none, a new one from now on. */
async function keep(name) {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settled(opening);
  try {
    const kept = await settled(database.transaction(STORE).objectStore(STORE).get(name));
    if (kept !== undefined) return kept;
    // Made before the transaction, which ends by itself when it has nothing to do.
    const pair = await generate();
    const transaction = database.transaction(STORE, "readwrite");
    const done = new Promise((resolve, reject) => {
      transaction.oncomplete = resolve;
      transaction.onabort = reject;
    });
    const store = transaction.objectStore(STORE);
    // Another tab may have been faster; then its key is the one.
    const theirs = await settled(store.get(name));
    if (theirs === undefined) store.put(pair, name);
    await done;
    return theirs ?? pair;
  } finally {
    database.close();
  }
}

/** A key as NATS writes it: what it is, the key, and their CRC-16/XMODEM, in base 32. */
function nkey(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) crc = ((crc << 1) ^ (crc & 0x8000 && 0x1021)) & 0xffff;
  }
  const bits = [...bytes, crc & 0xff, crc >> 8].map((byte) => byte.toString(2).padStart(8, "0"));
  const fives = bits.join("").match(/.{1,5}/g);
  return fives.map((five) => ALPHABET[parseInt(five.padEnd(5, "0"), 2)]).join("");
}

function base64url(bytes) {
  const text = btoa(String.fromCharCode(...new Uint8Array(bytes)));
  return text.replace(/[+/=]/g, (char) => ({ "+": "-", "/": "_" })[char] ?? "");
}
