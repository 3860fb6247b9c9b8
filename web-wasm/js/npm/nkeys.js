// Signs with a user's key: by the browser, or else by a module that only those pages load whose browser
// can't. Source: the nkeys repository's README; RFC 4648; RFC 8032; RFC 8410.
// What speaks to the module is there in any case: Vite's workers know no import that may come later.
import instantiate, { sign } from "./ed25519/ed25519.js";
import { makeError } from "./errors.js";

const encoder = new TextEncoder();
const ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const USER = 20 << 3;
const SEED = 18 << 3;
/** What an Ed25519 key begins with as PKCS #8. */
const PKCS8 = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/**
 * Signs a nonce with the seed of a user nkey, `SU…`: the public key and the signature, base64url without
 * padding. The seed is not kept.
 *
 * Rejects with `invalid_seed`, and with `invalid_argument` if there is no nonce.
 */
export async function signNonce(seed, nonce) {
  const secret = secretOf(seed);
  // The seed is not repeated.
  if (secret === undefined) throw makeError("invalid_seed", "this is not the seed of a user nkey");
  try {
    if (typeof nonce !== "string") {
      throw makeError("invalid_argument", "the nonce must be a string");
    }
    const message = encoder.encode(nonce);
    const signed = (await byBrowser(secret, message)) ?? (await byModule(secret, message));
    return { nkey: publicNkey(signed.subarray(0, 32)), sig: base64url(signed.subarray(32)) };
  } finally {
    secret.fill(0);
  }
}

/** The public key and the signature, or undefined if the browser does not sign. */
async function byBrowser(secret, message) {
  // Absent where the page did not come over a secure connection.
  const subtle = globalThis.crypto?.subtle;
  if (subtle === undefined) return undefined;
  const pkcs8 = Uint8Array.of(...PKCS8, ...secret);
  try {
    // WebCrypto tells the public key of a secret one in this way alone.
    const key = await subtle.importKey("pkcs8", pkcs8, "Ed25519", true, ["sign"]);
    const { x } = await subtle.exportKey("jwk", key);
    const publicKey = atob(x.replaceAll("-", "+").replaceAll("_", "/"));
    const signature = new Uint8Array(await subtle.sign("Ed25519", key, message));
    return Uint8Array.of(...Array.from(publicKey, (char) => char.charCodeAt(0)), ...signature);
  } catch {
    return undefined;
  } finally {
    pkcs8.fill(0);
  }
}

async function byModule(secret, message) {
  await instantiate();
  return sign(secret, message);
}

/** The 32 bytes that the seed of a user nkey stands for, or undefined if it is none. */
function secretOf(seed) {
  if (typeof seed !== "string" || !/^[A-Z2-7]{58}$/.test(seed)) return undefined;
  const raw = new Uint8Array(36);
  let bits = 0;
  let held = 0;
  let length = 0;
  for (const char of seed) {
    held = ((held << 5) | ALPHABET.indexOf(char)) & 0xfff;
    bits += 5;
    if (bits >= 8) {
      bits -= 8;
      raw[length] = held >> bits;
      length += 1;
    }
  }
  // The bits that are left over mean nothing; one way to write a key is enough.
  const canonical = (held & ((1 << bits) - 1)) === 0;
  const checked = crc16(raw.subarray(0, 34)) === (raw[34] | (raw[35] << 8));
  const ofUser = (raw[0] & 0xf8) === SEED && ((raw[0] << 5) | (raw[1] >> 3)) % 256 === USER;
  const secret = canonical && checked && ofUser ? raw.slice(2, 34) : undefined;
  raw.fill(0);
  return secret;
}

/** A user's public key as NATS writes it. */
export const publicNkey = (key) => nkey([USER, ...key]);

/** The seed of a user's key as NATS writes it. */
export const seedNkey = (secret) => nkey([SEED | (USER >> 5), (USER & 31) << 3, ...secret]);

/** What a key is, the key, and their checksum, in base 32. */
function nkey(bytes) {
  const crc = crc16(bytes);
  const raw = Uint8Array.of(...bytes, crc & 0xff, crc >> 8);
  let text = "";
  for (let bit = 0; bit < 8 * raw.length; bit += 5) {
    // What is beyond the end counts as zero.
    const two = (raw[bit >> 3] << 8) | raw[(bit >> 3) + 1];
    text += ALPHABET[(two >> (11 - (bit & 7))) & 31];
  }
  return text;
}

/** CRC-16/XMODEM: polynomial 0x1021, beginning with zero. */
function crc16(bytes) {
  let crc = 0;
  for (const byte of bytes) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit += 1) {
      crc = (crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1) & 0xffff;
    }
  }
  return crc;
}

/** Bytes as base64url without padding. */
export function base64url(bytes) {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
