export {
  credsAuthenticator,
  jwtAuthenticator,
  nkeyAuthenticator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
} from "./authenticators.js";
export { NatsConnection, wsconnect } from "./connection.js";
export {
  AuthorizationError,
  ClosedConnectionError,
  ConnectionError,
  DrainingConnectionError,
  InvalidArgumentError,
  InvalidOperationError,
  InvalidSubjectError,
  NatsError,
  NoRespondersError,
  PermissionViolationError,
  ProtocolError,
  RequestError,
  TimeoutError,
  UserAuthenticationExpiredError,
  adoptErrors,
  errors,
} from "./errors.js";
export { Match, MsgHdrs, canonicalMIMEHeaderKey, headers } from "./headers.js";
export { createInbox, nuid } from "./inbox.js";
export { init, init as default } from "./init.js";
export { syncIterator } from "./queue.js";

/** A body of no bytes. */
export const Empty = new Uint8Array(0);
