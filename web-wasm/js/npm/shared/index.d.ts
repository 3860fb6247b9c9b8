// The types of `web-wasm-js/shared`.

import type { ConnectionOptions, NatsConnection } from "../index.js";

/**
 * Options of a shared connection: what can go to another tab, which is plain data, and authenticators,
 * which stay here: any of the tabs is asked who the client is.
 */
export type SharedConnectionOptions = Omit<ConnectionOptions, "noEcho" | "reconnectDelayHandler">;

/** How a connection is shared. */
export interface SharingOptions {
  /** Tabs with another name have another connection; "" by default. */
  group?: string;
  /**
   * Where the connection is: in a shared worker, the default where the browser has them, or in one of
   * the tabs.
   */
  holder?: "worker" | "tab";
}

/**
 * Connects, together with all tabs of the origin that ask with the same options: they have one connection
 * to the server, and each closes its part of it. Rejects as `wsconnect` does, with `invalid_option` for an
 * option that can't go to another tab, with `invalid_operation` outside of a secure context, and with
 * `no_shared_worker` if the worker can't be started.
 */
export function sharedConnect(
  options: SharedConnectionOptions,
  sharing?: SharingOptions,
): Promise<NatsConnection>;
