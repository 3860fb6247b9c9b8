// The API on a nats-server with nats-conf, as in production save for how long its credentials live.
import { cp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";

/**
 * How long credentials of guests live, in seconds, and those for hidden tabs, whose timers fire once a
 * second: a tenth of it is the least that is left for a renewal.
 */
const TTL = 6;
const HIDDEN_TTL = 12;

/** Where the API answers once it is connected to its nats-server. */
export class Api {
  /**
   * Starts both, for pages of `origin`. `root` is the repository's, `folder` is made for them, and
   * `processes` are how programs are started and ports found.
   */
  static async start(program, { root, folder, origin, processes }) {
    const { start, freePort, sleep } = processes;
    const conf = join(folder, "nats-conf");
    const generated = join(root, "nats-conf/generated");
    await cp(join(root, "nats-conf"), conf, { recursive: true, filter: (from) => from !== generated });
    const keys = join(conf, "generated");
    const [client, monitor, websocket, http] = [
      await freePort(), await freePort(), await freePort(), await freePort(),
    ];
    const edited = async (from, to, edits) => {
      let text = await readFile(join(root, from), "utf8");
      for (const [pattern, by] of edits) {
        if (!pattern.test(text)) throw new Error(`${from} has nothing like ${pattern}`);
        text = text.replace(pattern, by);
      }
      await writeFile(to, text);
    };
    const lives = (role, ttl) => [
      new RegExp(`(^name = "${role}"\\n.*\\nttl_seconds = )\\d+$`, "m"),
      (_, before) => `${before}${ttl}`,
    ];
    const roles = join(folder, "roles.toml");
    await edited("api/roles.toml", roles, [lives("guest", TTL), lives("brief", HIDDEN_TTL)]);
    const config = join(folder, "api.toml");
    await edited("api/config/dev.toml", config, [[/^cross = .*/m, `cross = ["${origin}"]`]]);

    const init = start(program, [
      "init", "--dir", keys, "--roles", roles, "--allowed-origin", origin,
      "--client-listen", `127.0.0.1:${client}`,
      "--monitor-listen", `127.0.0.1:${monitor}`,
      "--websocket-listen", `127.0.0.1:${websocket}`,
    ]);
    if ((await init.ended) !== 0) throw new Error(`api init fails:\n${init.output}`);
    const api = new Api();
    api.url = `http://127.0.0.1:${http}`;
    api.parts = [
      start("nats-server", ["-c", join(conf, "single.conf")]),
      start(program, [
        "serve", "--config", config, "--roles", roles, "--keys-dir", keys,
        "--listen", `127.0.0.1:${http}`,
        "--nats-url", `nats://127.0.0.1:${client}`,
        "--websocket-urls", `ws://127.0.0.1:${websocket}`,
      ]),
    ];
    let over;
    for (const part of api.parts) part.ended.then(() => (over = part));
    while (!(await fetch(`${api.url}/readyz`).then(({ ok }) => ok, () => false))) {
      if (over !== undefined) throw new Error(`the API does not start:\n${over.output}`);
      await sleep(50);
    }
    return api;
  }

  /** What both have logged. */
  log() {
    return this.parts.map((part) => part.output).join("");
  }
}
