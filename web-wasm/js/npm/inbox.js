import { makeError } from "./errors.js";

const DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const LENGTH = 22;
// The largest multiple of 62 that a byte holds: what lies above would make some digits likelier.
const FAIR = 248;

/** Makes ids of 22 letters and digits from the browser's randomness. */
export const nuid = Object.freeze({
  next() {
    let id = "";
    while (id.length < LENGTH) {
      for (const byte of crypto.getRandomValues(new Uint8Array(2 * LENGTH))) {
        if (byte < FAIR && id.length < LENGTH) id += DIGITS[byte % DIGITS.length];
      }
    }
    return id;
  },
  /** Does nothing: each id is drawn anew. */
  reset() {},
});

/** A subject that nobody else has. */
export function createInbox(prefix = "_INBOX") {
  const tokens = typeof prefix === "string" ? prefix.split(".") : [];
  // eslint-disable-next-line no-control-regex
  const good = (token) => token !== "" && !/[\s*>\0]/.test(token);
  if (tokens.length === 0 || !tokens.every(good)) {
    throw makeError("invalid_inbox_prefix", `inboxes can't begin with ${JSON.stringify(prefix)}`);
  }
  return `${prefix}.${nuid.next()}`;
}
