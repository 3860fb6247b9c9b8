// The types of `web-wasm-js/http`.

import type { Authenticator, NatsError } from "../index.js";

/** What an API grants, but for the JWT, which stays in the authenticator. Times are in seconds. */
export interface Grant {
  /** The websocket listeners that accept the JWT. */
  readonly servers: string[];
  /** What the client's inboxes have to begin with. */
  readonly inbox_prefix: string;
  /** For how long the JWT is good. */
  readonly ttl: number;
  /** After how long a new one is asked for. */
  readonly refresh_after: number;
  /** What else the API says. */
  readonly [name: string]: unknown;
}

export interface HttpAuthenticatorOptions {
  /**
   * The name under which the browser keeps the key of this origin, where no script can read it: a visitor
   * is the same user after a reload, and in every tab. Without a name, or where the browser keeps none,
   * there is a new key each time. It is that of `PageKey` in Rust.
   */
  key?: string;
  /** The role to ask for, instead of the one that the API gives by itself. A function is asked each time. */
  role?: string | (() => string | undefined);
  /** The channels to ask for, such as `room:7`. */
  channels?: string[] | (() => string[] | undefined);
  /** The token that says to the API who asks. */
  bearer?: string | (() => string | undefined | PromiseLike<string | undefined>);
  /** Further headers of the request. */
  headers?: Headers | Record<string, string> | [string, string][];
  /** Whether cookies go along; "same-origin" by default. "include" sends them to an API elsewhere, too. */
  credentials?: RequestCredentials;
  /** How long the API may take; 4,000 by default. An attempt at a connection has its own `timeout`. */
  timeout?: number;
  /** In the place of the browser's `fetch`, for what the other options do not say. */
  fetch?: (endpoint: string | URL, request: RequestInit) => Promise<Response>;
}

/** An authenticator that has its JWT from an API. It may serve several connections. */
export type HttpAuthenticator = Authenticator & {
  /**
   * The grant that is held if it is fresh, else a new one; while the API is away, the one that is held as
   * long as it is good. Calls at the same moment share one question.
   *
   * Rejects with an `HttpCredentialsError`, or what the functions for role and channels throw.
   */
  grant(): Promise<Grant>;
  /** The public part of the key, `U…`: the name of the user. */
  publicKey(): Promise<string>;
  /** Where the secret part of the key is. */
  custody(): Promise<Custody>;
};

/**
 * Where the secret part of a key is: in the browser, which keeps it over reloads (`kept`) or until the page
 * is left (`session`), where no script can read it; or in the page's memory until then (`memory`).
 */
export type Custody = "kept" | "session" | "memory";

/**
 * Has the browser forget the key that it keeps under this name, as when the visitor leaves for good. The
 * next authenticator with the name makes another; one that is there already goes on with the former.
 * Resolves to whether the browser did; never rejects. It is `PageKey::forget` in Rust.
 */
export function forgetKey(name: string): Promise<boolean>;

/**
 * Why an API granted nothing: `credentials_refused` (401 or 403; asking again will not help),
 * `credentials_failed` (another status), `credentials_unreachable` (no answer in time, or none at all) or
 * `credentials_malformed`.
 */
export interface HttpCredentialsError extends NatsError {
  /** The status of the API's answer, if there is one. */
  status?: number;
  /** The API's own code for the reason, such as `role_not_allowed`; "" if it gave none. */
  reason?: string;
  /** For how long the API wants to be left alone, 0 if it does not say. */
  retryAfter?: number;
}

/**
 * Names a user by a key that is made in the page and never leaves it, and by a JWT about it, for which the
 * API's endpoint, such as `/v1/credentials`, is asked with the public part. It is `HttpCredentials` in Rust.
 *
 * The JWT is replaced when about `refresh_after` has passed, by chance up to a tenth of its life earlier or
 * later: the client moves to a connection with the new one before it leaves the old (`handedOver`). While
 * the API fails it is asked less and less often, and not before the moment that its `Retry-After` names.
 * When it refuses, the client closes once the JWT has ended.
 *
 * Throws `unknown_option` or `invalid_option`.
 */
export function httpAuthenticator(
  endpoint: string | URL,
  options?: HttpAuthenticatorOptions,
): HttpAuthenticator;
