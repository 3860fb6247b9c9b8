// What a tab can say for itself of what it is given, as the client would. The client has the last word.

import { makeError } from "../errors.js";

const LONGEST = 4000;
const encoder = new TextEncoder();

function isText(text) {
  // eslint-disable-next-line no-control-regex
  if (typeof text !== "string" || text === "" || /[\0- \x7f]/.test(text)) return false;
  // Most are far too short to be counted.
  return 3 * text.length <= LONGEST || encoder.encode(text).length <= LONGEST;
}

function isSubject(subject, wildcards) {
  if (!isText(subject)) return false;
  const tokens = subject.split(".");
  return tokens.every((token, at) => {
    if (token === "" || (token === "*" && !wildcards)) return false;
    return token !== ">" || (wildcards && at === tokens.length - 1);
  });
}

/** Throws unless messages can be published to this. */
export function checkSubject(subject, code = "invalid_subject", wildcards = false) {
  if (isSubject(subject, wildcards)) return;
  throw makeError(code, `${JSON.stringify(subject)} is no subject for this`, { subject });
}

/** Throws unless this can be subscribed to. */
export function checkSubscription(subject, queue) {
  checkSubject(subject, "invalid_subject", true);
  if (queue === undefined || isText(queue)) return;
  throw makeError("invalid_queue_group", `${JSON.stringify(queue)} is no queue group`);
}

/** Throws unless this is a body. */
export function checkPayload(payload) {
  if (payload === undefined || payload === null || typeof payload === "string") return;
  if (payload instanceof Uint8Array && ArrayBuffer.isView(payload)) return;
  throw makeError("invalid_argument", "the payload must be a Uint8Array or a string");
}

/** Throws if a message's headers and body are more than the server takes. */
export function checkSize(size, limit = Infinity) {
  if (size <= limit) return;
  throw makeError("max_payload_exceeded", `${size} bytes are more than the server's ${limit}`);
}

/** Throws unless this option is a time in milliseconds. */
export function checkTime(name, millis) {
  if (typeof millis === "number" && millis >= 1 && Number.isFinite(millis)) return;
  throw makeError("invalid_option", `the option ${name} must be a number of milliseconds from 1`);
}
