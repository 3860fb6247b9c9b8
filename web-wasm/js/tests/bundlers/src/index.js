// Connects in the place that its address names, and tells what came of it.
import { wsconnect } from "web-wasm-js";
import { httpAuthenticator } from "web-wasm-js/http";
import { sharedConnect } from "web-wasm-js/shared";
import { talk } from "./talk.js";

const { servers, name, place, tab } = Object.fromEntries(new URLSearchParams(location.search));

/** What a worker of its own has found out. */
function asked(worker) {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(`the worker fails: ${message}`));
    worker.postMessage({ servers, name });
  });
}

const PLACES = {
  window: async () => {
    // It needs no API to make a key.
    await httpAuthenticator("/v1/credentials", { key: name }).publicKey();
    return talk(await wsconnect({ servers, name }));
  },
  worker: () => asked(new Worker(new URL("./worker.js", import.meta.url), { type: "module" })),
  shared: async () => talk(await sharedConnect({ servers, name })),
};

const tell = (report) => new BroadcastChannel(name).postMessage({ tab, ...report });
PLACES[place]().then(tell, (error) => tell({ error: error.stack }));
