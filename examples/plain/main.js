// A page that is a NATS client: no build, no framework. The package is a folder beside this file. (An
// import map would give it its bare name, but it is an inline script, which the API's content security
// policy forbids with good reason.)

import { httpAuthenticator } from "./web-wasm-js/http/index.js";
import { wsconnect } from "./web-wasm-js/index.js";

/** Where `POST /ping` publishes. */
const UPDATES = "com.scaling-ws.updates";

/** Guests read all of the playground, and publish below their own key only: a subject tells who spoke. */
const PLAYGROUND = "com.scaling-ws.playground";
const SAID = `${PLAYGROUND}.*.chat`;

/** How many lines a list keeps: a page may be open for days. */
const LINES = 100;

const element = (id) => document.getElementById(id);
const lists = { [UPDATES]: element("updates"), [SAID]: element("said") };

function showState(state, words = state) {
  element("connection").dataset.state = state;
  element("connection").textContent = words;
}

/** Says what went wrong, or with no words that it is over. */
function showProblem(words = "") {
  element("problem").textContent = words;
  element("problem").hidden = words === "";
}

/** Adds a line of parts, newest first. What comes from outside is text, never markup. */
function addLine(list, name, parts) {
  const item = document.createElement("li");
  item.className = name;
  for (const [part, text] of Object.entries(parts)) {
    const span = document.createElement("span");
    span.className = part;
    span.textContent = text;
    item.append(span);
  }
  list.prepend(item);
  while (list.children.length > LINES) list.lastChild.remove();
}

/** Has the API publish an update, which comes by NATS. Its errors (RFC 9457) have words for people. */
async function callApi() {
  const answer = await fetch("/ping", { method: "POST", signal: AbortSignal.timeout(10_000) }).catch((cause) => {
    throw new Error("The API was not reached", { cause });
  });
  if (answer.ok) return;
  const { detail = answer.statusText } = await answer.json().catch(() => ({}));
  throw new Error(`The API answered ${answer.status}: ${detail}`);
}

/** The first grant. While the API is away it is asked ever more rarely; when it refuses, that is final. */
async function firstGrant(authenticator) {
  for (let pause = 500; ; pause = Math.min(pause * 2, 15_000)) {
    try {
      return await authenticator.grant();
    } catch (error) {
      if (error.code === "credentials_refused") throw error;
      showProblem(`No credential: ${error.message}. Trying again.`);
      // Half of the pause is left to chance, lest all tabs come back in step.
      const wait = Math.max(error.retryAfter ?? 0, pause * (0.5 + Math.random() / 2));
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** Says in the list itself that messages are missing there, and why. */
function addNote(list, line) {
  addLine(list, "note", { line });
}

async function readUpdates(connection) {
  for await (const message of connection.subscribe(UPDATES)) {
    addLine(lists[UPDATES], "update", { line: message.string() });
  }
}

async function readPlayground(connection, ownKey) {
  for await (const message of connection.subscribe(SAID)) {
    const key = message.subject.split(".").at(-2);
    const who = key === ownKey ? "you" : `${key.slice(0, 7)}…`;
    addLine(lists[SAID], "said", { who, line: message.string() });
  }
}

/** Shows what happens to the connection, which is made again by itself, until it is closed for good. */
async function followConnection(connection) {
  for await (const event of connection.status()) {
    switch (event.type) {
      case "connect":
      case "reconnect":
      case "handedOver":
        showProblem();
        showState("connected", `connected to ${event.serverName}`);
        break;
      case "disconnect":
        showState("reconnecting");
        break;
      case "connectFailed":
        showProblem(`No connection to ${event.server}: ${event.error.message}. Trying again.`);
        break;
      case "gap":
        // NATS keeps nothing for who is away, so an honest page says where something may be missing.
        for (const subject of event.subjects) {
          const [from, to] = [event.lastHeard, event.to].map((at) => new Date(at).toLocaleTimeString());
          addNote(lists[subject], `Messages between ${from} and ${to} may be missing.`);
        }
        break;
      case "slowConsumer":
        showProblem(`Messages on ${event.subject} are lost: they come faster than they are read.`);
        break;
      case "error":
        showProblem(event.error.message);
        break;
      case "close":
        showState("closed");
        if (event.error) showProblem(`${event.error.message}. Reload the page to connect again.`);
        break;
    }
  }
}

function servePlayground(connection, ownKey) {
  element("publish").disabled = false;
  element("playground").addEventListener("submit", (event) => {
    event.preventDefault();
    try {
      // Without a connection it waits in a bounded buffer for the next one.
      connection.publish(`${PLAYGROUND}.${ownKey}.chat`, element("text").value);
      event.target.reset();
      showProblem();
    } catch (error) {
      showProblem(`Not published: ${error.message}.`);
    }
  });
}

async function main() {
  // Needs no connection: the API publishes, and NATS delivers.
  element("call-api").addEventListener("click", () => {
    callApi().then(() => showProblem(), (error) => showProblem(error.message));
  });

  // Who this page is to NATS: a key that the browser keeps, whose secret half no script can read, and a JWT
  // by the API that says what the public half may do. It is replaced before it ends, without a break.
  const authenticator = httpAuthenticator("/v1/credentials", { key: "plain example" });
  const grant = await firstGrant(authenticator);
  const ownKey = await authenticator.publicKey();
  const connection = await wsconnect({
    servers: grant.servers,
    // Nobody else may read what is answered there.
    inboxPrefix: grant.inbox_prefix,
    authenticator,
    name: "plain example",
    // Resolves at once, and what is subscribed to meanwhile travels with the first connection.
    retryOnInitialConnect: true,
  });
  servePlayground(connection, ownKey);
  const ended = (list) => (error) => addNote(list, `No more messages: ${error.message}.`);
  readUpdates(connection).catch(ended(lists[UPDATES]));
  readPlayground(connection, ownKey).catch(ended(lists[SAID]));
  await followConnection(connection);
}

main().catch((error) => {
  showState("closed");
  showProblem(`${error.message}. Reload the page to try again.`);
});
