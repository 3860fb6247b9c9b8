import { NatsConnection } from "../connection.js";
import { makeError } from "../errors.js";
import { nuid } from "../inbox.js";
import { SharedClient } from "./client.js";
import { hold } from "./locks.js";
import { sharedOptions } from "./options.js";
import { TabWay } from "./tab_way.js";
import { WorkerWay } from "./worker_way.js";

/** Connects together with the other tabs that ask for the same. */
export async function sharedConnect(options = {}, sharing = {}) {
  if (globalThis.navigator?.locks === undefined) {
    throw makeError("invalid_operation", "tabs share a connection in secure contexts only");
  }
  const shared = await sharedOptions(options, sharing);
  const { scope, holder, authenticator } = shared;
  const tab = `${scope}/tab/${nuid.next()}`;
  const release = await hold(tab);
  const way = holder === "worker" ? new WorkerWay() : new TabWay(scope);
  const hello = { tab, scope, options: shared.options, asks: authenticator !== undefined };
  const client = new SharedClient(way, hello, { authenticator, release });
  await client.join().catch((error) => {
    client.abandon(error);
    throw error;
  });
  return new NatsConnection(client, shared.options);
}
