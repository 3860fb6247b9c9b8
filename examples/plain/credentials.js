// Who this page is to NATS: a key pair that the browser makes and whose secret half no script can
// read, and a JWT by the API that says what the public half may do. A new page has a new key; keep the
// pair in IndexedDB, which takes it as it is, and a visitor stays the same one.

/** The API's answer, unless it was the one that was asked for. */
class ApiError extends Error {
  constructor(status, detail, retryAfter) {
    super(`The API answered ${status}: ${detail}`);
    /** Whether asking again is of no use. */
    this.isFinal = status === 401 || status === 403;
    /** For how many milliseconds the API wants to be left alone. */
    this.retryAfter = retryAfter;
  }
}

/** Calls the API; its errors are problem details (RFC 9457), whose `detail` is meant for people. */
export async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(10_000),
  }).catch((cause) => {
    throw new Error("The API was not reached", { cause });
  });
  const json = await answer.json().catch(() => ({}));
  if (answer.ok) return json;
  const retryAfter = Number(answer.headers.get("retry-after") ?? 0) * 1_000;
  throw new ApiError(answer.status, json.detail ?? answer.statusText, retryAfter);
}

export class Credentials {
  #secret;
  #grant;
  #freshUntil = 0;

  constructor(secret, key) {
    this.#secret = secret;
    /** The public key, `U…`: the name of this visitor. */
    this.key = key;
  }

  /** Makes a key. */
  static async create() {
    const pair = await crypto.subtle.generateKey("Ed25519", false, ["sign", "verify"]);
    const raw = await crypto.subtle.exportKey("raw", pair.publicKey);
    return new Credentials(pair.privateKey, userKey(new Uint8Array(raw)));
  }

  /**
   * What the API grants: a JWT, the servers that take it, and what inboxes begin with. It serves more
   * than one connection, so that an API that is away for a moment keeps nobody from coming back.
   */
  async grant() {
    // By the wall clock, as others stand still while a laptop sleeps.
    const now = Date.now();
    if (now >= this.#freshUntil) {
      this.#grant = await post("/v1/credentials", { nkey: this.key });
      this.#freshUntil = now + this.#grant.refresh_after * 1_000;
    }
    return this.#grant;
  }

  /** To be called when a server has refused the JWT, lest it be offered again. */
  forget() {
    this.#freshUntil = 0;
  }

  /**
   * What the client asks for each connection. The server's nonce is signed, and no secret is sent. When a
   * JWT expires the server ends the connection; the client is back at once with the next one, and tells
   * the gap between the two.
   */
  authenticate = async (nonce) => {
    const { jwt } = await this.grant();
    const signed = await crypto.subtle.sign("Ed25519", this.#secret, new TextEncoder().encode(nonce));
    return { jwt, sig: base64url(new Uint8Array(signed)) };
  };
}

/** A public key as NATS writes it: a prefix, the key and their CRC-16/XMODEM, in base 32. */
function userKey(key) {
  const prefix = 20 << 3; // makes the text begin with U
  let crc = 0;
  for (const byte of [prefix, ...key]) {
    crc ^= byte << 8;
    for (let bit = 0; bit < 8; bit++) crc = ((crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0)) & 0xffff;
  }
  const bits = [prefix, ...key, crc & 0xff, crc >> 8].map((byte) => byte.toString(2).padStart(8, "0"));
  return bits
    .join("")
    .match(/.{5}/g)
    .map((five) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[parseInt(five, 2)])
    .join("");
}

function base64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replace(/[+/=]/g, (char) => ({ "+": "-", "/": "_" })[char] ?? "");
}
