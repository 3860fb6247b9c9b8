// Tabs in which cases have something done.
import { soon } from "./harness.mjs";

const channel = new BroadcastChannel("tabs");
const waiting = new Map();
let lastTab = 0;

channel.onmessage = ({ data: { from, id, value, error } }) => {
  const { resolve, reject } = waiting.get(`${from}.${id}`) ?? {};
  if (error === undefined) resolve?.(value);
  else reject?.(Object.assign(new Error(error.message), error));
};

const post = async (path, body) => {
  const response = await fetch(path, { method: "POST", body: JSON.stringify(body) });
  return response.json();
};

/** A tab of the browser, which may be another process. */
class Tab {
  #target;
  #lastId = 0;

  static async open() {
    lastTab += 1;
    const tab = new Tab();
    tab.name = `tab-${lastTab}`;
    const ready = tab.#answer(0);
    tab.#target = await post("/tabs/open", { path: `/tab.html?name=${tab.name}` });
    await soon(ready);
    return tab;
  }

  #answer(id) {
    return new Promise((resolve, reject) => {
      waiting.set(`${this.name}.${id}`, { resolve, reject });
    });
  }

  /** Has a function run there. It sees nothing of what is around it here. */
  run(source, ...args) {
    this.#lastId += 1;
    const answer = this.#answer(this.#lastId);
    channel.postMessage({ to: this.name, id: this.#lastId, source: String(source), args });
    return soon(answer);
  }

  async close() {
    await post("/tabs/close", { target: this.#target });
  }

  /** Ends it without a word of farewell. */
  async crash() {
    await post("/tabs/crash", { target: this.#target });
  }
}

/** Opens so many tabs for as long as `use` takes. */
export async function withTabs(count, use) {
  const tabs = await Promise.all(Array.from({ length: count }, () => Tab.open()));
  try {
    return await use(...tabs);
  } finally {
    await Promise.allSettled(tabs.map((tab) => tab.close()));
  }
}

/** Opens a page at each of these addresses, in tabs of their own, for as long as `use` takes. */
export async function withPages(paths, use) {
  const targets = await Promise.all(paths.map((path) => post("/tabs/open", { path })));
  try {
    return await use();
  } finally {
    await Promise.allSettled(targets.map((target) => post("/tabs/close", { target })));
  }
}

/** What nats-server says of the connections of this name, their subscriptions included. */
export async function connections(name) {
  const all = await post("/connections");
  return all.connections.filter((one) => one.name === name);
}

/** Ends the workers that hold connections. */
export async function endWorkers() {
  const ended = await post("/workers/end", { path: "/package/shared/worker.js" });
  if (ended === 0) throw new Error("there is no such worker");
}
