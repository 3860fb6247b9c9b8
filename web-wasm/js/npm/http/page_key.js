import { init } from "../init.js";
import { base64url, publicNkey, seedNkey, signNonce } from "../nkeys.js";

/** The database that keeps the keys of an origin, and its only store; `PageKey` in Rust has the same. */
const DATABASE = "web-wasm";
const STORE = "keys";

const encoder = new TextEncoder();

/**
 * A key of a user, as the best that the browser offers: one that no script can read, kept for the next
 * visit if it has a name; one that is gone with the page; one in WASM's memory.
 */
export async function openKey(name) {
  const session = ["session", generate];
  const ways = name === undefined ? [session] : [["kept", () => keep(name)], session];
  for (const [custody, find] of ways) {
    try {
      const { publicKey, privateKey } = await find();
      const raw = await crypto.subtle.exportKey("raw", publicKey);
      const sign = async (nonce) =>
        base64url(
          new Uint8Array(await crypto.subtle.sign("Ed25519", privateKey, encoder.encode(nonce))),
        );
      return { name: publicNkey(new Uint8Array(raw)), sign, custody };
    } catch {
      // The next best.
    }
  }
  const seed = seedNkey(crypto.getRandomValues(new Uint8Array(32)));
  await init();
  const sign = async (nonce) => (await signNonce(seed, nonce)).sig;
  return { name: (await signNonce(seed, "")).nkey, sign, custody: "memory" };
}

const generate = () => crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

/** Does something with the database. */
async function within(use) {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settled(opening);
  try {
    return await use(database);
  } finally {
    database.close();
  }
}

/** Changes the store: what the change comes to, once it is there to stay. */
async function changed(database, change) {
  const transaction = database.transaction(STORE, "readwrite");
  const done = new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = reject;
  });
  const [result] = await Promise.all([change(transaction.objectStore(STORE)), done]);
  return result;
}

/** The key that the browser keeps; if it keeps none, a new one from now on. */
const keep = (name) =>
  within(async (database) => {
    const kept = await settled(database.transaction(STORE).objectStore(STORE).get(name));
    if (kept !== undefined) return kept;
    // Made before the transaction, which ends by itself when it has nothing to do.
    const pair = await generate();
    return changed(database, async (store) => {
      // Another tab may have been faster; then its key is the one.
      const theirs = await settled(store.get(name));
      if (theirs === undefined) store.put(pair, name);
      return theirs ?? pair;
    });
  });

/** Has the browser forget the key of this name; says whether it did. */
export async function forgetKey(name) {
  try {
    await within((database) => changed(database, (store) => settled(store.delete(name))));
    return true;
  } catch {
    return false;
  }
}
