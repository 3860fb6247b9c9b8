// The errors of this package: nats.js's classes where it has one, each with a `code` that stays the
// same from version to version. What is thrown and what it is told by is said in the type
// declarations.

/** What every error here is: an `Error` with a `code`. */
export class NatsError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = "NatsError";
    this.code = "unknown";
  }
}

/** A class that takes a message, of this name and with this code until it is given another. */
const named = (name, code) =>
  class extends NatsError {
    constructor(message = "", options = undefined) {
      super(message, options);
      this.name = name;
      this.code = code;
    }
  };

export class AuthorizationError extends named("AuthorizationError", "authorization_violation") {}
export class UserAuthenticationExpiredError
  extends named("UserAuthenticationExpiredError", "user_authentication_expired") {}
export class ConnectionError extends named("ConnectionError", "disconnected") {}
export class ProtocolError extends named("ProtocolError", "protocol_violation") {}
export class InvalidOperationError extends named("InvalidOperationError", "invalid_operation") {}

export class InvalidArgumentError extends named("InvalidArgumentError", "invalid_argument") {
  static format(property, message, options) {
    const names = [property].flat().map((name) => `'${name}'`).join(",");
    return new InvalidArgumentError(`${names} ${message}`, options);
  }
}

export class InvalidSubjectError extends NatsError {
  constructor(subject, options) {
    super(`illegal subject: '${subject}'`, options);
    this.name = "InvalidSubjectError";
    this.code = "invalid_subject";
  }
}

export class ClosedConnectionError extends NatsError {
  constructor() {
    super("closed connection");
    this.name = "ClosedConnectionError";
    this.code = "connection_closed";
  }
}

export class DrainingConnectionError extends NatsError {
  constructor() {
    super("connection draining");
    this.name = "DrainingConnectionError";
    this.code = "connection_draining";
  }
}

export class TimeoutError extends NatsError {
  constructor(options) {
    super("timeout", options);
    this.name = "TimeoutError";
    this.code = "timeout";
  }
}

export class NoRespondersError extends NatsError {
  constructor(subject, options) {
    super(`no responders: '${subject}'`, options);
    this.name = "NoRespondersError";
    this.code = "no_responders";
    this.subject = subject;
  }
}

export class RequestError extends named("RequestError", "request_failed") {
  isNoResponders() {
    return this.cause instanceof classes.NoRespondersError;
  }
}

export class PermissionViolationError extends NatsError {
  constructor(message, operation, subject, queue, options) {
    super(message, options);
    this.name = "PermissionViolationError";
    this.code = "permissions_violation";
    this.operation = operation;
    this.subject = subject;
    this.queue = queue;
  }
}

/** The classes, under their names. */
export const errors = Object.freeze({
  AuthorizationError,
  ClosedConnectionError,
  ConnectionError,
  DrainingConnectionError,
  InvalidArgumentError,
  InvalidOperationError,
  InvalidSubjectError,
  NoRespondersError,
  PermissionViolationError,
  ProtocolError,
  RequestError,
  TimeoutError,
  UserAuthenticationExpiredError,
});

let classes = errors;

/**
 * Makes the errors of this package instances of these classes from now on, so that `instanceof`
 * holds for a library that has its own: pass `errors` of nats-core. A class that is missing there
 * stays the one here.
 */
export function adoptErrors(theirs) {
  classes = { ...errors, ...theirs };
}

const CLASS_OF = {
  invalid_subject: "InvalidSubjectError",
  invalid_reply_subject: "InvalidSubjectError",
  connection_closed: "ClosedConnectionError",
  connection_draining: "DrainingConnectionError",
  timeout: "TimeoutError",
  no_responders: "RequestError",
  permissions_violation: "PermissionViolationError",
  authorization_violation: "AuthorizationError",
  authentication_timeout: "AuthorizationError",
  account_authentication_expired: "AuthorizationError",
  user_authentication_revoked: "AuthorizationError",
  user_authentication_expired: "UserAuthenticationExpiredError",
  no_credentials: "AuthorizationError",
  credentials_refused: "AuthorizationError",
  credentials_failed: "ConnectionError",
  credentials_unreachable: "ConnectionError",
  credentials_malformed: "ProtocolError",
  invalid_argument: "InvalidArgumentError",
  invalid_option: "InvalidArgumentError",
  unknown_option: "InvalidArgumentError",
  invalid_header: "InvalidArgumentError",
  invalid_queue_group: "InvalidArgumentError",
  invalid_inbox_prefix: "InvalidArgumentError",
  invalid_subprotocol: "InvalidArgumentError",
  invalid_server_address: "InvalidArgumentError",
  invalid_seed: "InvalidArgumentError",
  max_payload_exceeded: "InvalidArgumentError",
  headers_unsupported: "InvalidArgumentError",
  no_servers: "InvalidArgumentError",
  invalid_operation: "InvalidOperationError",
  buffer_full: "InvalidOperationError",
  transport_closed: "ConnectionError",
  disconnected: "ConnectionError",
  stale_connection: "ConnectionError",
  server_shutdown: "ConnectionError",
  reconnect: "ConnectionError",
  no_entropy: "ConnectionError",
  max_connections_exceeded: "ConnectionError",
  max_account_connections_exceeded: "ConnectionError",
  protocol_violation: "ProtocolError",
  server_too_old: "ProtocolError",
  server_error: "ProtocolError",
  max_subscriptions_exceeded: "ProtocolError",
  max_control_line_exceeded: "ProtocolError",
  unknown_protocol_operation: "ProtocolError",
};

/**
 * An error of the class that belongs to a code. `about` says more of it: the subject, and for a
 * permission the operation and the queue group.
 */
export function makeError(code, message, about = {}) {
  const name = CLASS_OF[code];
  const { subject = "", operation, queue, cause } = about;
  const options = cause === undefined ? undefined : { cause };
  let error;
  switch (name) {
    case undefined:
      error = new NatsError(message, options);
      break;
    case "ClosedConnectionError":
    case "DrainingConnectionError":
      error = new classes[name]();
      break;
    case "TimeoutError":
      error = new classes.TimeoutError(options);
      break;
    case "InvalidSubjectError":
      error = new classes.InvalidSubjectError(subject, options);
      break;
    case "PermissionViolationError":
      error = new classes.PermissionViolationError(message, operation, subject, queue, options);
      break;
    case "RequestError": {
      const nobody = new classes.NoRespondersError(subject);
      nobody.code = code;
      error = new classes.RequestError(message, { cause: nobody });
      break;
    }
    default:
      error = new classes[name](message, options);
  }
  // Some of the classes have words of their own, which say less.
  error.message = message;
  error.code = code;
  // Its first line has the words.
  Error.captureStackTrace?.(error, makeError);
  return error;
}

/** An error for a request that failed for a reason that is no error of requests. */
export function requestError(cause) {
  const error = new classes.RequestError(cause.message, { cause });
  error.code = cause.code;
  return error;
}
