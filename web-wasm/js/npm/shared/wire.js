// What tabs and the holder of their connection say to each other, and what each has to be turned into
// for that.
//
// From a tab:
//   hello        { tab, scope, options, asks }  first; `tab` is the lock that says it is there, and
//                                               `asks` whether it is to be asked who the client is
//   auth         { id, auth | error }           who the client is
//   publish      { bytes, lengths }             many messages in one buffer
//   subscribe    { sid, subject, queue, max }
//   limit        { sid, max }                   ends it after so many in all
//   end          { sid, how }                   "now"; "stop": with what waits; "drain": with what comes
//   taken        { sid, messages, bytes }       so much has been taken: there is room for as much
//   request      { id, bytes, lengths, timeout, wildcards }
//   ask          { id, what }                   "flush", "rtt", "reconnect", "renew", "leave"
// From the holder:
//   welcome      { holder, state }              `holder` is the lock that says it is there
//   refused      { error }
//   challenge    { id, nonce, why }             who is the client?
//   messages     { sid, bytes, lengths }
//   ended        { sid, error }
//   answer       { id, error | value | bytes, lengths }
//   confirmed    { published, at }              so many have arrived; at `at` all was heard
//   event        { event, state }

import { makeError } from "../errors.js";

/** Changes whenever tabs of before and after would not understand each other. */
export const PROTOCOL = 2;

/** An error that can cross. */
export function toWire(error) {
  const { message = String(error), code = "unknown", operation, queue, cause } = error ?? {};
  return { message, code, operation, queue, subject: error?.subject ?? cause?.subject };
}

/** The error of this tab's classes that was sent. */
export function fromWire({ code, message, ...about }) {
  return makeError(code, message, about);
}

/** An event whose error has been turned by one of the two. */
export function withError(event, turn) {
  return event.error === undefined ? event : { ...event, error: turn(event.error) };
}
