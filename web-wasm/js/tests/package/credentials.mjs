// What cases of credentials have in common.
import { httpAuthenticator } from "web-wasm-js/http";
import { until } from "./harness.mjs";

/** What the API lets guests publish below their key, and everybody read. */
export const playground = (key) => `com.scaling-ws.playground.${key}`;

/** Who the client is by the API of the tests, whose credentials live for six seconds. */
export const guest = (servers, options) => httpAuthenticator(`${servers.api}/v1/credentials`, options);

/** Connects as a guest, with what the API says that it takes. */
export async function connectGuest(context, authenticator, options = {}) {
  const { servers, inbox_prefix: inboxPrefix } = await authenticator.grant();
  return context.connect({ servers, inboxPrefix, authenticator, ...options });
}

/** Keeps what a connection tells from now on. */
export function listening(nc) {
  const events = [];
  (async () => {
    for await (const event of nc.status()) events.push(event);
  })();
  events.count = (type) => events.filter((event) => event.type === type).length;
  events.types = () => [...new Set(events.map(({ type }) => type))].sort();
  return events;
}

/**
 * Publishes without a pause and hears all of it, until the connection has moved so often; returns what
 * came, and how much was sent.
 */
export async function underLoad(nc, subject, { events, moves }) {
  const heard = [];
  const callback = (error, message) => heard.push(error?.code ?? Number(message.string()));
  nc.subscribe(subject, { callback });
  await nc.flush();
  let sent = 0;
  await until(() => {
    for (let n = 0; n < 20; n += 1) nc.publish(subject, String(sent++));
    return events.count("handedOver") >= moves;
  });
  await nc.flush();
  await until(() => heard.length >= sent);
  return { heard, sent };
}
