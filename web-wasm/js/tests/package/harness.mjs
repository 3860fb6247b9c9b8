// What the cases are written with.

/** How long anything may take that should happen soon, in milliseconds. */
const SOON = 60_000;

/** All cases. */
export const cases = [];

/** A case that holds for nats.js, too, and is run with both, and with connections that are shared. */
export const same = (name, run) => {
  cases.push({ name, run, libraries: ["nats.js", "ours", "shared"] });
};

/** One that asks for what no connection has that is shared. */
export const unshared = (name, run) => cases.push({ name, run, libraries: ["nats.js", "ours"] });

/** A case of what nats.js does not have. */
export const ours = (name, run) => cases.push({ name, run, libraries: ["ours"] });

/** The same, which connections that are shared have, too. */
export const own = (name, run) => cases.push({ name, run, libraries: ["ours", "shared"] });

/** What is done otherwise on purpose: what nats.js does, and what is done here. */
export const differs = (name, theirs, own) => {
  cases.push({ name: `difference: ${name}`, run: theirs, libraries: ["nats.js"] });
  cases.push({ name: `difference: ${name}`, run: own, libraries: ["ours", "shared"] });
};

const show = (value) => {
  try {
    return JSON.stringify(value) ?? String(value);
  } catch {
    return String(value);
  }
};

export function ok(value, words = "this should hold") {
  if (!value) throw new Error(words);
}

export function equal(have, want) {
  if (!Object.is(have, want)) throw new Error(`${show(have)} is not ${show(want)}`);
}

export function same_json(have, want) {
  if (show(have) !== show(want)) throw new Error(`${show(have)} is not ${show(want)}`);
}

/** Checks an error's class by its name, and ours for a code. */
export function isError(error, name, code) {
  ok(error instanceof Error, `${show(error)} is no error`);
  equal(error.name, name);
  if (code !== undefined && "code" in error) equal(error.code, code);
}

export function throws(call, name, code) {
  let thrown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  isError(thrown, name, code);
  return thrown;
}

export async function rejects(promise, name, code) {
  let thrown;
  try {
    await soon(promise);
  } catch (error) {
    thrown = error;
  }
  isError(thrown, name, code);
  return thrown;
}

/** What a promise comes to, which has to be soon. */
export function soon(promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error("it did not happen in time")), SOON);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** Waits until a condition holds. */
export async function until(condition) {
  const deadline = performance.now() + SOON;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`it did not come to be: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** The next values of something that can be iterated over. */
export async function take(count, source) {
  const values = [];
  const read = async () => {
    for await (const value of source) {
      values.push(value);
      if (values.length === count) break;
    }
  };
  await soon(read());
  return values;
}

/** Has a connection leave its server, and waits until it is back. */
export async function reconnected(nc) {
  const status = nc.status();
  const back = (async () => {
    for await (const { type } of status) if (type === "reconnect") break;
  })();
  await nc.reconnect();
  await soon(back);
}

export const texts = (messages) => messages.map((message) => message.string());

/** What a case has to do with: a library, servers, and connections that are closed after it. */
export class Context {
  #open = [];

  constructor(library, environment, number) {
    /** The context itself, for cases that take it apart. */
    this.self = this;
    this.lib = library;
    this.servers = environment;
    /** A subject that no other case uses. */
    this.subject = `case.${number}.${Math.random().toString(36).slice(2)}`;
  }

  async connect(options = {}) {
    const nc = await soon(this.lib.wsconnect({ servers: this.servers.main, ...options }));
    this.#open.push(nc);
    return nc;
  }

  control(what) {
    return soon(fetch(`/control/${what}`, { method: "POST" }));
  }

  async end() {
    await Promise.all(this.#open.map((nc) => nc.close().catch(() => {})));
  }
}
