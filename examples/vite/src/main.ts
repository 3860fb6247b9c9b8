import { wsconnect, type NatsConnection } from "web-wasm-js";

import "../../style.css";
import { ping } from "./api";
import { Credentials } from "./credentials";
import * as page from "./page";

/** Where `POST /ping` publishes. */
const UPDATES = "com.scaling-ws.updates";

/** Guests read all of the playground, and publish below their own key only: a subject tells who spoke. */
const PLAYGROUND = "com.scaling-ws.playground";
const SAID = `${PLAYGROUND}.*.chat`;

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const time = (moment: number): string => new Date(moment).toLocaleTimeString();

async function readUpdates(connection: NatsConnection): Promise<void> {
  for await (const message of connection.subscribe(UPDATES)) {
    page.addLine(page.updates, "update", { line: message.string() });
  }
}

async function readPlayground(connection: NatsConnection, ownKey: string): Promise<void> {
  for await (const message of connection.subscribe(SAID)) {
    const key = message.subject.split(".").at(-2) ?? "";
    const who = key === ownKey ? "you" : `${key.slice(0, 7)}…`;
    page.addLine(page.said, "said", { who, line: message.string() });
  }
}

/** Shows what happens to the connection, which is made again by itself, until it is closed for good. */
async function follow(connection: NatsConnection, credentials: Credentials): Promise<void> {
  for await (const event of connection.status()) {
    switch (event.type) {
      case "connect":
      case "reconnect":
      case "handedOver":
        page.showProblem();
        page.showState("connected", `connected to ${event.serverName}`);
        break;
      case "disconnect":
        page.showState("reconnecting");
        break;
      case "connectFailed":
        if ("code" in event.error && event.error.code === "authorization_violation") credentials.forget();
        page.showProblem(`No connection to ${event.server}: ${event.error.message}. Trying again.`);
        break;
      case "gap":
        // NATS keeps nothing for who is away, so an honest page says where something may be missing.
        for (const subject of event.subjects) {
          const list = subject === UPDATES ? page.updates : page.said;
          page.addNote(list, `Messages between ${time(event.lastHeard)} and ${time(event.to)} may be missing.`);
        }
        break;
      case "slowConsumer":
        page.showProblem("Messages are lost: they come faster than they are read.");
        break;
      case "error":
        page.showProblem(event.error.message);
        break;
      case "close":
        page.showState("closed");
        if (event.error) page.showProblem(`${event.error.message}. Reload the page to connect again.`);
        break;
    }
  }
}

function servePlayground(connection: NatsConnection, ownKey: string): void {
  page.publish.disabled = false;
  page.form.addEventListener("submit", (event) => {
    event.preventDefault();
    try {
      // Without a connection it waits in a bounded buffer for the next one.
      connection.publish(`${PLAYGROUND}.${ownKey}.chat`, page.input.value);
      page.form.reset();
      page.showProblem();
    } catch (error) {
      page.showProblem(`Not published: ${words(error)}.`);
    }
  });
}

async function main(): Promise<void> {
  // Needs no connection: the API publishes, and NATS delivers.
  page.button.addEventListener("click", () => {
    ping().then(() => page.showProblem(), (error: unknown) => page.showProblem(words(error)));
  });

  const credentials = new Credentials();
  const grant = await credentials.firstGrant((error) => page.showProblem(`${error.message}. Trying again.`));
  const connection = await wsconnect({
    servers: grant.servers,
    // Nobody else may read what is answered there.
    inboxPrefix: grant.inbox_prefix,
    authenticator: credentials.authenticate,
    name: "vite example",
    // Resolves at once, and what is subscribed to meanwhile travels with the first connection.
    retryOnInitialConnect: true,
  });
  servePlayground(connection, credentials.key);
  const ended = (list: HTMLOListElement) => (error: unknown) =>
    page.addNote(list, `No more messages: ${words(error)}.`);
  readUpdates(connection).catch(ended(page.updates));
  readPlayground(connection, credentials.key).catch(ended(page.said));
  await follow(connection, credentials);
}

main().catch((error: unknown) => {
  page.showState("closed");
  page.showProblem(`${words(error)}. Reload the page to try again.`);
});
