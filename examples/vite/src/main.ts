import { wsconnect, type NatsConnection } from "web-wasm-js";
import {
  httpAuthenticator,
  type Grant,
  type HttpAuthenticator,
  type HttpCredentialsError,
} from "web-wasm-js/http";

import "../../style.css";
import { ping } from "./api";
import * as page from "./page";

/** Where `POST /ping` publishes. */
const UPDATES = "com.scaling-ws.updates";

/** Guests read all of the playground, and publish below their own key only: a subject tells who spoke. */
const PLAYGROUND = "com.scaling-ws.playground";
const SAID = `${PLAYGROUND}.*.chat`;

const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const time = (moment: number): string => new Date(moment).toLocaleTimeString();

/** The first grant. While the API is away it is asked ever more rarely; when it refuses, that is final. */
async function firstGrant(authenticator: HttpAuthenticator): Promise<Grant> {
  for (let pause = 500; ; pause = Math.min(pause * 2, 15_000)) {
    try {
      return await authenticator.grant();
    } catch (thrown) {
      const error = thrown as HttpCredentialsError;
      if (error.code === "credentials_refused") throw error;
      page.showProblem(`No credential: ${error.message}. Trying again.`);
      // Half of the pause is left to chance, lest all tabs come back in step.
      const wait = Math.max(error.retryAfter ?? 0, pause * (0.5 + Math.random() / 2));
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

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
async function follow(connection: NatsConnection): Promise<void> {
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

  // Who this page is to NATS: a key that the browser keeps, whose secret half no script can read, and a JWT
  // by the API that says what the public half may do. It is replaced before it ends, without a break.
  const authenticator = httpAuthenticator("/v1/credentials", { key: "vite example" });
  const grant = await firstGrant(authenticator);
  const ownKey = await authenticator.publicKey();
  const connection = await wsconnect({
    servers: grant.servers,
    // Nobody else may read what is answered there.
    inboxPrefix: grant.inbox_prefix,
    authenticator,
    name: "vite example",
    // Resolves at once, and what is subscribed to meanwhile travels with the first connection.
    retryOnInitialConnect: true,
  });
  servePlayground(connection, ownKey);
  const ended = (list: HTMLOListElement) => (error: unknown) =>
    page.addNote(list, `No more messages: ${words(error)}.`);
  readUpdates(connection).catch(ended(page.updates));
  readPlayground(connection, ownKey).catch(ended(page.said));
  await follow(connection);
}

main().catch((error: unknown) => {
  page.showState("closed");
  page.showProblem(`${words(error)}. Reload the page to try again.`);
});
