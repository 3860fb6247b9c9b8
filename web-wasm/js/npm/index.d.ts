// The types of the package. Times are in milliseconds, and sizes in bytes, unless said otherwise.

/** Where the WASM module is: its address, an answer of `fetch`, its bytes, or the module itself. */
export type InitInput =
  | string
  | URL
  | Request
  | Response
  | Promise<Response>
  | BufferSource
  | WebAssembly.Module;

/**
 * Fetches and starts the WASM module, once: later calls return the same promise, unless it was
 * rejected. `wsconnect` calls it by itself; call it earlier to have the module sooner, or to say where
 * it is. Without `input` it is looked for beside this module.
 */
export function init(input?: InitInput): Promise<void>;
export default init;

/**
 * Connects. Rejects when every server was tried once and none let the client in, unless
 * `waitOnFirstConnect` or `retryOnInitialConnect` say otherwise.
 */
export function wsconnect(options: ConnectionOptions): Promise<NatsConnection>;

/** A body. Text is sent as UTF-8. */
export type Payload = Uint8Array | string;

/** A body of no bytes. */
export const Empty: Uint8Array;

// Who the client is

export interface Auth {
  jwt?: string;
  nkey?: string;
  /** The signature of the nonce, base64url without padding. */
  sig?: string;
  user?: string;
  pass?: string;
  auth_token?: string;
  /**
   * When the client is to ask for another answer: it then moves to a connection that is made with it
   * before it leaves the present one, and misses nothing. Where it is missing, and there is a JWT that
   * ends, that is after 70 to 90 % of the JWT's life; else never.
   */
  renewAfter?: number;
}

/**
 * Asked for each connection, with what is to be signed if the server knows keys, and why, if not for a
 * connection alone: for a "renewal", where one who keeps answers gives a new one, or as the last answer was
 * "refused". It throws or rejects where there is no answer. The client tries again, unless the error's
 * `code` is `credentials_refused`: then it goes on for as long as the server lets it, and closes.
 */
export type Authenticator = (
  nonce?: string,
  why?: "renewal" | "refused",
) => Auth | void | PromiseLike<Auth | void>;

/** Names a user by name and password. A function is asked anew for each connection. */
export function usernamePasswordAuthenticator(
  user: string | (() => string),
  pass?: string | (() => string),
): Authenticator;
/** Names a user by token. */
export function tokenAuthenticator(token: string | (() => string)): Authenticator;
/**
 * Names a user by the key whose seed, `SU…`, this is. The authenticator rejects with `invalid_seed`
 * if it is none.
 */
export function nkeyAuthenticator(seed?: Payload | (() => Payload | undefined)): Authenticator;
/** Names a user by JWT, and by the seed of its key, unless the JWT is a bearer's. */
export function jwtAuthenticator(
  jwt: string | (() => string | PromiseLike<string>),
  seed?: Payload | (() => Payload | undefined),
): Authenticator;
/** Names a user by the contents of a `.creds` file. The authenticator throws if it is none. */
export function credsAuthenticator(creds: Payload | (() => Payload)): Authenticator;

// How to connect

export interface ConnectionOptions {
  /** Where the servers' websocket listeners are, `ws://…` or `wss://…`. */
  servers?: string | Iterable<string>;
  /** The port of a listener on this machine, instead of `servers`. */
  port?: number;
  /** A name for the client, shown in the server's monitoring. */
  name?: string;
  user?: string;
  pass?: string;
  token?: string;
  /** In the place of `user` and `token`; what several say is put together. */
  authenticator?: Authenticator | Authenticator[];
  /** The client does not get the messages that it publishes itself. */
  noEcho?: boolean;
  /** What inboxes begin with; `_INBOX` by default. */
  inboxPrefix?: string;
  /** How long an attempt at a connection may take; 5,000 by default. */
  timeout?: number;
  /** How often the server is asked whether it is there; 25,000 by default. */
  pingInterval?: number;
  /** How many unanswered questions make a server count as gone; 2 by default. */
  maxPingOut?: number;
  /** Servers are tried in the order given, instead of a random one. */
  noRandomize?: boolean;
  /** Only the servers given are ever dialled, whatever others the cluster has. */
  ignoreClusterUpdates?: boolean;
  /** Goes on trying until a server lets the client in, instead of giving up after one round. */
  waitOnFirstConnect?: boolean;
  /** Resolves at once, and goes on trying behind it. In the place of `waitOnFirstConnect`. */
  retryOnInitialConnect?: boolean;
  /** `false` closes the client when its connection breaks. */
  reconnect?: boolean;
  /** After how many failed attempts in a row, over all servers, it closes; -1, the default, is never. */
  maxReconnectAttempts?: number;
  /** How long to wait before the next attempt. */
  reconnectDelayHandler?: () => number;
  /** The wait before each attempt, 2,000 where only the jitter is given; else it grows by itself. */
  reconnectTimeWait?: number;
  /** The most that is added to it by chance; 100 by default. */
  reconnectJitter?: number;
  /** The same where a server is dialled by `wss:`. */
  reconnectJitterTLS?: number;
  /** Taken for nats.js's sake; does nothing. */
  noAsyncTraces?: boolean;
}

// Headers

export const Match: {
  readonly Exact: "exact";
  readonly CanonicalMIME: "canonical";
  readonly IgnoreCase: "insensitive";
};
export type Match = (typeof Match)[keyof typeof Match];

/** Headers of a message: names with values, in the order in which they were added. */
export interface MsgHdrs extends Iterable<[string, string[]]> {
  /** The server's status, 0 if there is none. */
  readonly code: number;
  /** The words after the status. */
  readonly description: string;
  /** Both. */
  readonly status: string;
  /** Whether the status is 300 or above. */
  readonly hasError: boolean;
  /** The first value, or "". Names are compared to the letter unless `match` says otherwise. */
  get(name: string, match?: Match): string;
  /** The last value, or "". */
  last(name: string, match?: Match): string;
  values(name: string, match?: Match): string[];
  has(name: string, match?: Match): boolean;
  keys(): string[];
  /** Puts a value in the place of those there are. Throws `invalid_header`. */
  set(name: string, value: string, match?: Match): void;
  /** Adds a value. Throws `invalid_header`. */
  append(name: string, value: string, match?: Match): void;
  delete(name: string, match?: Match): void;
  /** How many names there are. */
  size(): number;
  toRecord(): Record<string, string[]>;
}

/** Headers to be filled. */
export function headers(code?: number, description?: string): MsgHdrs;
/** A name with each word's first letter in upper case and the rest in lower case. */
export function canonicalMIMEHeaderKey(name: string): string;

/** Headers to be sent: those of this package or nats.js, or an object. */
export type HeadersInit =
  | Iterable<[string, string | Iterable<string>]>
  | Record<string, string | Iterable<string>>;

// Messages

/**
 * A message. Keeping one keeps in memory those that came together with it: keep a copy of its `data`
 * instead where that matters.
 */
export interface Msg {
  /** The subject it was published to. */
  readonly subject: string;
  /** The subscription's number, as `getID` has it; 0 for an answer to a request. */
  readonly sid: number;
  /** Where the publisher wants an answer, if it does. */
  readonly reply?: string;
  /**
   * The body, in memory that it shares with the messages that came together with it: `slice()` it to
   * transfer it, or to keep it without them.
   */
  readonly data: Uint8Array;
  /** The headers, if it came with any. */
  readonly headers?: MsgHdrs;
  /** The body as text. What is not UTF-8 in it becomes U+FFFD. */
  string(): string;
  /** The body, read as JSON. Throws a `SyntaxError` if it is none. */
  json<T = any>(reviver?: (this: any, key: string, value: any) => any): T;
  /**
   * Publishes an answer, and says whether one is wanted. The publisher chose where it goes: answer
   * only on subjects that the publisher may be trusted with. Throws as `publish` does.
   */
  respond(payload?: Payload, options?: PublishOptions): boolean;
  /** Subject, reply subject, headers and payload together. */
  size(): number;
}

/** What `publishMessage` and `respondMessage` need of a message. */
export type Sendable = Pick<Msg, "subject" | "data"> & { reply?: string; headers?: HeadersInit };

// Subscriptions

/** The message is empty where there is an error. */
export type MsgCallback = (error: Error | null, message: Msg) => void;

export interface SubscriptionOptions {
  /**
   * Called with each message; without it, the subscription is iterated over. What it throws is
   * reported as an uncaught error, and the subscription goes on.
   */
  callback?: MsgCallback;
  /** The queue group to be a member of, of which only one gets each message. */
  queue?: string;
  /** After how many messages the subscription ends. */
  max?: number;
  /** How long it waits for its first message before it ends with a `TimeoutError`. */
  timeout?: number;
  /** How many messages may wait for a reader before the status tells. */
  slow?: number;
}

/**
 * A subscription. It is iterated over by one reader, and leaving the loop unsubscribes. Up to 65,536
 * messages or 64 MiB wait; what comes beyond that is lost, and told by the status.
 */
export interface Subscription extends AsyncIterable<Msg> {
  /** Resolves when it has ended: to the error, if one ended it. */
  readonly closed: Promise<void | Error>;
  /** Ends it at once, or when so many messages have come in all. */
  unsubscribe(max?: number): void;
  /**
   * Ends it when what is on its way has come. Rejects with `invalid_operation` if it has ended, and
   * with `connection_closed`.
   */
  drain(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  isDraining(): boolean;
  isClosed(): boolean;
  getSubject(): string;
  getReceived(): number;
  getProcessed(): number;
  getPending(): number;
  getID(): number;
  getMax(): number | undefined;
}

/** Gives one value at a time, and null when there will be no more. */
export function syncIterator<T>(source: AsyncIterable<T>): { next(): Promise<T | null> };

// Connections

export interface TraceOptions {
  /** Where servers tell of the message's way. */
  traceDestination?: string;
  /** The message is traced and not delivered. */
  traceOnly?: boolean;
}

export interface PublishOptions extends TraceOptions {
  /** Where an answer should go. */
  reply?: string;
  headers?: HeadersInit;
}

export interface RequestOptions extends TraceOptions {
  /** How long to wait for the answer; 1,000 by default. */
  timeout?: number;
  headers?: HeadersInit;
  /** Needed for `reply`; else it makes no difference. */
  noMux?: boolean;
  /** Where the answer goes, instead of the inbox that all requests share. */
  reply?: string;
}

export interface RequestManyOptions extends TraceOptions {
  /**
   * When there are enough answers: at the end of the wait, the default; at so many; when no more have
   * come for a while; at an empty one.
   */
  strategy?: "timer" | "count" | "stall" | "sentinel";
  /** How long to wait at most; 1,000 by default. */
  maxWait?: number;
  /** For "count". */
  maxMessages?: number;
  /** For "stall": how long a while is; 300 by default. */
  stall?: number;
  headers?: HeadersInit;
  /** Taken for nats.js's sake; makes no difference. */
  noMux?: boolean;
}

/** What a server says of itself. */
export interface ServerInfo {
  server_id: string;
  server_name: string;
  version: string;
  cluster?: string;
  domain?: string;
  host: string;
  port: number;
  proto: number;
  headers: boolean;
  jetstream: boolean;
  max_payload: number;
  client_id: number;
  client_ip: string;
  auth_required: boolean;
  connect_urls: string[];
  ldm: boolean;
}

/** A server that may be dialled. */
export interface Server {
  readonly hostname: string;
  readonly port: number;
  /** Host and port. */
  readonly listen: string;
  /** The whole address. */
  readonly src: string;
  /** Whether another server told of it. */
  readonly gossiped: boolean;
  readonly didConnect: boolean;
  /** How many attempts in a row have failed. */
  readonly reconnects: number;
}

export interface Stats {
  inBytes: number;
  outBytes: number;
  inMsgs: number;
  outMsgs: number;
  /** Messages received for subscriptions that had ended. */
  orphaned: number;
  /** How often a server has let the client in. */
  connects: number;
}

/** What happens to a connection; `server` is host and port. */
export type Status =
  /** It is over. So many messages were sent without the server's confirmation. */
  | { type: "disconnect"; server: string; error: Error; unconfirmed: number }
  /** There is another, and every subscription is in place. */
  | { type: "reconnect"; server: string; serverName: string }
  /** The first one there is, after `retryOnInitialConnect`. */
  | { type: "connect"; server: string; serverName: string }
  /** A server is about to be dialled. */
  | { type: "reconnecting"; server: string; wait: number; attempt: number }
  /** An attempt failed. */
  | { type: "connectFailed"; server: string; error: Error }
  /** The page wished another connection. */
  | { type: "forceReconnect" }
  /** The server does not answer any more. */
  | { type: "staleConnection" }
  /** Servers joined the cluster, or left it. */
  | { type: "update"; added: string[]; deleted: string[] }
  /** The server is about to stop. */
  | { type: "ldm"; server: string }
  /** The server said that something went wrong. */
  | { type: "error"; error: Error }
  /** More messages wait than `slow` says, or so many were lost as there was no room for them. */
  | {
      type: "slowConsumer";
      sub: Subscription | undefined;
      pending: number;
      subject?: string;
      dropped?: number;
    }
  /** Another connection took the place of the one before, and subscriptions went on. */
  | { type: "handedOver"; server: string; serverName: string; error?: Error; unconfirmed: number }
  /** Another connection was to take its place, and did not come to be. */
  | { type: "handoverFailed"; server: string; error: Error }
  /** Messages may have been missed between two moments, in milliseconds since 1970. */
  | { type: "gap"; from: number; lastHeard: number; to: number; subjects: string[] }
  | { type: "draining" }
  /** The client is closed; the error is missing if the page wished it. */
  | { type: "close"; error?: Error; discarded: number }
  | { type: "unknown" };

/** Reads events until the connection is closed, or `stop` is called. Up to 1,024 wait. */
export interface StatusIterator extends AsyncIterable<Status> {
  stop(): void;
}

/** A connection to NATS; `wsconnect` makes one. It is closed when the page lets go of it. */
export interface NatsConnection {
  /** What the server said of itself last; missing before the first connection. */
  readonly info?: ServerInfo;
  /** The options that are no secret. */
  readonly options: {
    readonly inboxPrefix: string;
    readonly name?: string;
    readonly noEcho: boolean;
    readonly noAsyncTraces: boolean;
  };
  /**
   * Publishes a message. It is sent at once if the server is there, else as soon as it is.
   *
   * Throws `invalid_subject`, `invalid_reply_subject`, `invalid_header`, `max_payload_exceeded`,
   * `headers_unsupported`, `buffer_full` when as much waits to be sent as may, or
   * `connection_closed`. That the credential does not allow it shows in `status`.
   */
  publish(subject: string, payload?: Payload, options?: PublishOptions): void;
  /** Publishes a message as it is. Throws as `publish` does. */
  publishMessage(message: Sendable): void;
  /** Publishes a message to its reply subject, and says whether it has one. */
  respondMessage(message: Sendable): boolean;
  /**
   * Subscribes to a subject or pattern. Throws `invalid_subject`, `invalid_queue_group`,
   * `connection_draining` or `connection_closed`. What the server refuses ends the subscription with a
   * `PermissionViolationError`.
   */
  subscribe(subject: string, options?: SubscriptionOptions): Subscription;
  /**
   * Publishes a request and waits for one answer. Rejects as `publish` throws, and with
   * `no_responders`, `timeout`, `permissions_violation` or `connection_closed`.
   */
  request(subject: string, payload?: Payload, options?: RequestOptions): Promise<Msg>;
  /** Publishes a request, and resolves to its answers. Reading them throws `no_responders`. */
  requestMany(
    subject: string,
    payload?: Payload,
    options?: RequestManyOptions,
  ): Promise<AsyncIterable<Msg>>;
  /**
   * Waits until the server has everything published before. Rejects with `timeout`, `disconnected` or
   * `connection_closed`.
   */
  flush(): Promise<void>;
  /** The round-trip time. Rejects as `flush` does. */
  rtt(): Promise<number>;
  /**
   * Sends what waits, and closes the connection for good. Rejects with `timeout` or `disconnected`
   * when it is not known that everything arrived; it is closed all the same.
   */
  close(): Promise<void>;
  /** Lets subscriptions have what is on its way, then closes. Rejects as `close` does. */
  drain(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
  /** Resolves when it is closed for good: to the error, if the page did not close it. */
  closed(): Promise<void | Error>;
  isClosed(): boolean;
  isDraining(): boolean;
  /** Host and port of the server, or "" while there is none. */
  getServer(): string;
  getServers(): Server[];
  /** Replaces the servers that are dialled from now on. Throws `no_servers` or `invalid_server_address`. */
  setServers(servers: string | Iterable<string>): void;
  /** Leaves the present connection for another. Rejects with `connection_closed` or `connection_draining`. */
  reconnect(): Promise<void>;
  /**
   * Asks the authenticator for another answer, as when other channels are wanted, and moves to a connection
   * that is made with it before the present one is left. `handedOver` or `handoverFailed` tells how it went.
   * Does nothing while there is no connection. Throws `connection_closed`.
   */
  renewCredentials(): void;
  status(): StatusIterator;
  stats(): Stats;
}

// Ids

/** Makes ids of 22 letters and digits. */
export const nuid: { next(): string; reset(): void };
/** A subject that nobody else has. Throws `invalid_inbox_prefix`. */
export function createInbox(prefix?: string): string;

// Errors

/** What every error of this package is, unless `adoptErrors` says otherwise. */
export class NatsError extends Error {
  /** What went wrong, in a word that stays the same from version to version. */
  code: string;
}
export class AuthorizationError extends NatsError {}
export class ClosedConnectionError extends NatsError {}
export class ConnectionError extends NatsError {}
export class DrainingConnectionError extends NatsError {}
export class InvalidArgumentError extends NatsError {}
export class InvalidOperationError extends NatsError {}
export class InvalidSubjectError extends NatsError {}
export class NoRespondersError extends NatsError {
  subject: string;
}
export class PermissionViolationError extends NatsError {
  operation: "publish" | "subscription";
  subject: string;
  queue?: string;
}
export class ProtocolError extends NatsError {}
export class RequestError extends NatsError {
  isNoResponders(): boolean;
}
export class TimeoutError extends NatsError {}
export class UserAuthenticationExpiredError extends NatsError {}

/** The classes, under their names. */
export const errors: {
  readonly AuthorizationError: typeof AuthorizationError;
  readonly ClosedConnectionError: typeof ClosedConnectionError;
  readonly ConnectionError: typeof ConnectionError;
  readonly DrainingConnectionError: typeof DrainingConnectionError;
  readonly InvalidArgumentError: typeof InvalidArgumentError;
  readonly InvalidOperationError: typeof InvalidOperationError;
  readonly InvalidSubjectError: typeof InvalidSubjectError;
  readonly NoRespondersError: typeof NoRespondersError;
  readonly PermissionViolationError: typeof PermissionViolationError;
  readonly ProtocolError: typeof ProtocolError;
  readonly RequestError: typeof RequestError;
  readonly TimeoutError: typeof TimeoutError;
  readonly UserAuthenticationExpiredError: typeof UserAuthenticationExpiredError;
};

/**
 * Makes this package's errors instances of these classes from now on, so that `instanceof` holds for
 * a library that has its own: pass `errors` of `@nats-io/nats-core`. They still have their codes. A
 * class that is missing there is the one here.
 */
export function adoptErrors(theirs: Record<string, new (...args: any[]) => Error>): void;
