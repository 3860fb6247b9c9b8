// Does what a case says, in a tab of its own: functions come as their source.
import * as lib from "web-wasm-js";
import * as http from "web-wasm-js/http";
import * as shared from "web-wasm-js/shared";
import * as natsJs from "./built/nats-js.mjs";
import { soon, until } from "./harness.mjs";

const name = new URLSearchParams(location.search).get("name");
/** What functions are given, and leave things for later ones in. */
const tab = { lib, http, shared, natsJs, soon, until };

const channel = new BroadcastChannel("tabs");
channel.onmessage = async ({ data }) => {
  if (data.to !== name) return;
  try {
    const run = (0, eval)(`(${data.source})`);
    channel.postMessage({ from: name, id: data.id, value: await run(tab, ...data.args) });
  } catch (thrown) {
    const { code, message, stack } = thrown;
    channel.postMessage({ from: name, id: data.id, error: { code, message, stack } });
  }
};
channel.postMessage({ from: name, id: 0 });
