// Runs the tests of the npm package in Chromium against nats-servers that it starts for them.
// usage: node run.mjs PACKAGE BUILT API [NAME]   (folders of the package and of the bundled nats.js, the
// API's program, and a part of the names of the tests to be run)
import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import { connect, createServer as createListener } from "node:net";
import { tmpdir } from "node:os";
import { extname, join, normalize } from "node:path";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Api } from "./api.mjs";
import { Devtools } from "./devtools.mjs";

const [packageDir, builtDir, apiProgram, only = ""] = process.argv.slice(2);
const here = fileURLToPath(new URL(".", import.meta.url));
const scratch = await mkdtemp(join(tmpdir(), "web-wasm-js-"));
/** How long the page may say nothing before it counts as stuck, in milliseconds. */
const PATIENCE = 180_000;
/** Below which path Vite's development server answers. */
const DEVELOPMENT = "/development/";

const sleep = (millis) => new Promise((resolve) => setTimeout(resolve, millis));
const children = new Set();

const freePort = () =>
  new Promise((resolve, reject) => {
    const listener = createListener().on("error", reject);
    listener.listen(0, "127.0.0.1", () => {
      const { port } = listener.address();
      listener.close(() => resolve(port));
    });
  });

const isOpen = (port) =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("connect", () => resolve(true)).on("error", () => resolve(false));
    socket.on("connect", () => socket.destroy());
  });

/** A child of this process, whose output is kept for when something goes wrong. */
function start(program, args, env = {}, stdio = "pipe") {
  const child = spawn(program, args, { env: { ...process.env, ...env }, stdio });
  child.output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (data) => {
      child.output = (child.output + data).slice(-20_000);
    });
  }
  child.ended = new Promise((resolve) => {
    child.on("error", (error) => resolve(error.message));
    child.on("exit", (code, signal) => resolve(code ?? signal));
  });
  children.add(child);
  child.ended.then(() => children.delete(child));
  return child;
}

/** A nats-server that can be ended and started again at the same address. */
class NatsServer {
  constructor(conf, port, monitor, env) {
    Object.assign(this, { conf, port, monitor, env });
  }

  get url() {
    return `ws://127.0.0.1:${this.port}`;
  }

  async start() {
    this.child = start("nats-server", ["-c", this.conf], this.env);
    let over = false;
    this.child.ended.then(() => {
      over = true;
    });
    while (!(await isOpen(this.port))) {
      if (over) throw new Error(`nats-server does not start:\n${this.child.output}`);
      await sleep(20);
    }
  }

  signal(signal) {
    this.child.kill(signal);
  }

  /** What it says of its connections. */
  async connections() {
    const answer = await fetch(`http://127.0.0.1:${this.monitor}/connz?subs=1&auth=1&limit=10000`);
    return answer.json();
  }

  async stop() {
    this.child.kill("SIGKILL");
    await this.child.ended;
  }
}

async function natsServer(name, env = {}) {
  const [port, monitor] = [await freePort(), await freePort()];
  // The ports are within texts, where nats-server looks for no variables.
  const conf = join(scratch, name);
  const text = await readFile(join(here, name), "utf8");
  const ports = { $WEBSOCKET_PORT: port, $MONITOR_PORT: monitor };
  await writeFile(conf, text.replace(/\$\w+_PORT/g, (variable) => String(ports[variable])));
  const server = new NatsServer(conf, port, monitor, env);
  await server.start();
  return server;
}

const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

async function file(path) {
  const [, first, ...rest] = normalize(path).split("/");
  const folder = { package: packageDir, built: builtDir }[first];
  const name = folder === undefined ? join(here, first, ...rest) : join(folder, ...rest);
  return { body: await readFile(name), type: TYPES[extname(name)] ?? "application/octet-stream" };
}

async function bodyOf(request) {
  let text = "";
  for await (const part of request) text += part;
  return text === "" ? undefined : JSON.parse(text);
}

/** Answers as an API might: `/answers/503?retry-after=2`, `/answers/never`. */
async function answer(pathname, request, response) {
  const status = Number(pathname.split("/").at(-1));
  await bodyOf(request);
  // Until the page has had enough.
  if (Number.isNaN(status)) return;
  const after = new URL(request.url, "http://localhost").searchParams.get("retry-after");
  if (after !== null) response.setHeader("retry-after", after);
  response.statusCode = status;
  response.setHeader("content-type", "application/problem+json");
  response.end(JSON.stringify({ status, code: "a_code", detail: "In words." }));
}

async function main() {
  const require = createRequire(join(builtDir, "package.json"));
  const { createUser } = require("@nats-io/nkeys");
  const user = createUser();
  const main = await natsServer("server.conf", {
    STORE_DIR: join(scratch, "jetstream"),
    NKEY: user.getPublicKey(),
  });
  const fragile = await natsServer("fragile.conf");
  const token = await natsServer("token.conf");
  const environment = {
    main: main.url,
    fragile: fragile.url,
    token: token.url,
    nobody: `ws://127.0.0.1:${await freePort()}`,
    seed: new TextDecoder().decode(user.getSeed()),
    only,
  };

  const failures = [];
  let passed = 0;
  let lastHeard = Date.now();
  let finish;
  const finished = new Promise((resolve) => {
    finish = resolve;
  });
  const calls = {
    "/control/stop": () => fragile.stop(),
    "/control/start": () => fragile.start(),
    "/control/pause": () => fragile.signal("SIGSTOP"),
    "/control/resume": () => fragile.signal("SIGCONT"),
    "/result": ({ name, error, millis }) => {
      lastHeard = Date.now();
      if (error === undefined) passed += 1;
      else failures.push(name);
      const line = `test ${name} ... ${error === undefined ? "ok" : "FAILED"}`;
      console.log(millis > 3000 ? `${line} (${Math.round(millis)} ms)` : line);
      if (error !== undefined) console.log(error);
    },
    "/done": () => finish(),
    "/connections": () => main.connections(),
    "/api/log": () => api.log(),
    "/tabs/open": ({ path }) => devtools.open(address(path)),
    "/tabs/close": ({ target }) => devtools.close(target),
    "/tabs/crash": ({ target }) => devtools.crash(target),
    "/workers/end": ({ path }) => devtools.endWorkers(address(path)),
  };
  const address = (path) => `http://127.0.0.1:${http.address().port}${path}`;
  const http = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, "http://localhost");
    try {
      if (pathname.startsWith("/answers/")) {
        await answer(pathname, request, response);
      } else if (request.method === "POST") {
        const answer = await calls[pathname]((await bodyOf(request)) ?? {});
        response.end(JSON.stringify(answer ?? null));
      } else if (pathname === "/environment") {
        response.setHeader("content-type", "application/json");
        response.end(JSON.stringify(environment));
      } else if (pathname.startsWith(DEVELOPMENT)) {
        developed.answer(request, response);
      } else {
        const { body, type } = await file(pathname);
        response.setHeader("content-type", type);
        response.end(body);
      }
    } catch (error) {
      response.statusCode = error.code === "ENOENT" ? 404 : 500;
      response.end(String(error));
    }
  });
  const { develop } = await import(join(builtDir, "bundlers/develop.mjs"));
  const developed = await develop(DEVELOPMENT, http);
  await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
  const api = await Api.start(apiProgram, {
    root: join(here, "../../../.."),
    folder: await mkdtemp(join(scratch, "api-")),
    origin: address(""),
    processes: { start, freePort, sleep },
  });
  environment.api = api.url;

  const flags = JSON.parse(await readFile(join(here, "../../../../tools/webdriver.json"), "utf8"));
  const { args } = flags["goog:chromeOptions"];
  const flagged = [
    ...args.map((arg) => (arg.startsWith("--") ? arg : `--${arg}`)),
    "--js-flags=--expose-gc",
    "--enable-logging=stderr",
    "--remote-debugging-pipe",
    `--user-data-dir=${join(scratch, "browser")}`,
    address("/index.html"),
  ];
  const pipes = ["ignore", "pipe", "pipe", "pipe", "pipe"];
  const browser = start(process.env.CHROMIUM ?? "chromium", flagged, {}, pipes);
  const devtools = new Devtools(browser);
  const stuck = (async () => {
    while (Date.now() - lastHeard < PATIENCE) await sleep(500);
    return "the page has fallen silent";
  })();
  const why = await Promise.race([
    finished,
    stuck,
    browser.ended.then((how) => `Chromium has ended: ${how}`),
  ]);
  if (why !== undefined) {
    console.log(`${why}\n${browser.output}`);
    failures.push(why);
  }
  for (const name of failures) console.log(`failed: ${name}`);
  console.log(`${passed} passed; ${failures.length} failed`);
  await developed.close();
  http.closeAllConnections();
  http.close();
  return failures.length === 0 && passed > 0;
}

let good = false;
try {
  good = await main();
} catch (error) {
  console.error(error);
} finally {
  for (const child of children) child.kill("SIGKILL");
  await Promise.all([...children].map((child) => child.ended));
  await rm(scratch, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}
process.exit(good ? 0 : 1);
