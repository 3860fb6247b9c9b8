// Runs all cases, one after the other, and tells the runner what came of each.
import * as own from "web-wasm-js";
import { sharedConnect } from "web-wasm-js/shared";
import * as natsJs from "./built/nats-js.mjs";
import { Context, cases, soon } from "./harness.mjs";
import "./cases/headers.mjs";
import "./cases/connecting.mjs";
import "./cases/publishing.mjs";
import "./cases/messages.mjs";
import "./cases/callbacks.mjs";
import "./cases/iterators.mjs";
import "./cases/requests.mjs";
import "./cases/request_many.mjs";
import "./cases/ending.mjs";
import "./cases/permissions.mjs";
import "./cases/status.mjs";
import "./cases/jetstream.mjs";
import "./cases/kv.mjs";
import "./cases/package.mjs";
import "./cases/bundlers.mjs";
import "./cases/http.mjs";
import "./cases/renewing.mjs";
import "./cases/shared.mjs";
import "./cases/shared_lost.mjs";

let groups = 0;
const shared = {
  ...own,
  // Cases want a connection of their own each; what tabs have in common has its own cases.
  wsconnect(options) {
    groups += 1;
    return sharedConnect(options, { group: String(groups) });
  },
};
const LIBRARIES = { "nats.js": natsJs.core, ours: own, shared };

const tell = (path, body) => fetch(path, { method: "POST", body: JSON.stringify(body) });

const environment = await (await fetch("/environment")).json();
let number = 0;
for (const { name, run, libraries } of cases) {
  for (const library of libraries) {
    const full = `${library}: ${name}`;
    if (!full.includes(environment.only)) continue;
    number += 1;
    const began = performance.now();
    const context = new Context(LIBRARIES[library], environment, number);
    let error;
    try {
      await soon(run(context));
    } catch (thrown) {
      error = thrown?.stack ?? String(thrown);
    }
    await soon(context.end()).catch((thrown) => {
      error ??= thrown.stack;
    });
    await tell("/result", { name: full, error, millis: performance.now() - began });
  }
}
await tell("/done");
