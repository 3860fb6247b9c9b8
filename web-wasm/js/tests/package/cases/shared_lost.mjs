// What becomes of a shared connection when whoever held it is gone.
import * as natsJs from "../built/nats-js.mjs";
import { equal, ok, ours, same_json, until } from "../harness.mjs";
import { both, event, seen, sharing, subscribe } from "../sharing.mjs";
import { connections, endWorkers } from "../tabs.mjs";

/** Takes the holder away: the worker, or the first tab. */
const lose = (holder, first) => (holder === "worker" ? endWorkers() : first.crash());

/** Publishes numbers until told to stop, and notes when each was sent and when the server had it. */
function counting(nc, subject, publish = (n) => nc.publish(subject, String(n))) {
  const notes = [];
  let stopped = false;
  const ended = (async () => {
    while (!stopped) {
      const sent = Date.now();
      await publish(notes.length);
      await nc.flush();
      notes.push({ sent, had: Date.now() });
    }
  })();
  const stop = async () => {
    stopped = true;
    await ended;
  };
  return { notes, stop };
}

both("a tab that has lost the holder goes on with another", (context, holder) =>
  sharing(3, context, holder, async (a, b, c) => {
    const { subject } = context;
    for (const tab of [b, c]) await tab.run(subscribe, subject);
    await lose(holder, a);
    for (const tab of [b, c]) {
      const { code, unconfirmed } = await tab.run(event, "disconnect");
      same_json([code, unconfirmed], ["disconnected", 0]);
      equal((await tab.run(event, "reconnect")).serverName, "main");
      await tab.run(event, "gap");
    }
    await b.run((tab, subject) => tab.nc.publish(subject, "after"), subject);
    for (const tab of [b, c]) same_json(await tab.run(seen, 1), ["after"]);
    await until(async () => (await connections(subject)).length === 1);
  }));

both("what is missed with the holder is missed in a gap that is told", (context, holder) =>
  sharing(2, context, holder, async (a, b) => {
    const { subject } = context;
    await b.run(subscribe, subject);
    const nc = await context.self.connect();
    const { notes, stop } = counting(nc, subject);
    await b.run(seen, 10);
    await lose(holder, a);
    const gap = await b.run(event, "gap");
    same_json(gap.subjects, [subject]);
    ok(gap.from <= gap.lastHeard && gap.lastHeard <= gap.to);
    const upTo = notes.length;
    await until(() => notes.length > upTo + 10);
    await stop();
    nc.publish(subject, "end");
    await b.run((tab) => tab.until(() => tab.seen.at(-1) === "end"));
    const have = await b.run((tab) => tab.seen);
    have.pop();
    equal(new Set(have).size, have.length);
    const missed = notes.filter((_, n) => !have.includes(String(n)));
    for (const { sent, had } of missed) {
      ok(had >= gap.from && sent <= gap.to, `${sent} to ${had} is not from ${gap.from} to ${gap.to}`);
    }
  }));

both("a tab reads a stream on, each message once and in order", (context, holder) =>
  sharing(2, context, holder, async (a, b) => {
    const { subject } = context;
    const nc = await context.self.connect();
    const jsm = await natsJs.jetstreams.jetstreamManager(nc);
    const name = `SHARED_${holder}`;
    await jsm.streams.add({ name, subjects: [subject] });
    await b.run(async (tab, name) => {
      tab.lib.adoptErrors(tab.natsJs.errors);
      const consumer = await tab.natsJs.jetstreams.jetstream(tab.nc).consumers.get(name);
      tab.seen = [];
      await consumer.consume({
        idle_heartbeat: 1000,
        expires: 3000,
        callback: (message) => tab.seen.push(message.string()),
      });
    }, name);
    const js = natsJs.jetstreams.jetstream(nc);
    const { notes, stop } = counting(nc, subject, (n) => js.publish(subject, String(n)));
    await b.run(seen, 20);
    // Closed as a user closes it, where the others are of tabs that crash.
    await (holder === "tab" ? a.close() : lose(holder, a));
    await b.run(event, "reconnect");
    const upTo = notes.length;
    await until(() => notes.length > upTo + 20);
    await stop();
    const have = await b.run(seen, notes.length);
    same_json(have, notes.map((_, n) => String(n)));
  }));

both("a request in flight is told that the holder is gone", (context, holder) =>
  sharing(2, context, holder, async (a, b) => {
    const { subject } = context;
    const nc = await context.self.connect();
    const asked = [];
    nc.subscribe(subject, { callback: (_, message) => asked.push(message) });
    await nc.flush();
    await b.run((tab, subject) => {
      tab.request = tab.nc.request(subject, "", { timeout: 600_000 }).catch(({ code, name }) => [code, name]);
    }, subject);
    await until(() => asked.length === 1);
    await lose(holder, a);
    same_json(await b.run((tab) => tab.request), ["disconnected", "ConnectionError"]);
  }));

both("what the server has not confirmed by then is counted", async (context, holder) => {
  const { self, subject, servers } = context;
  const nc = await self.connect({ servers: servers.fragile });
  const heard = [];
  nc.subscribe(subject, { callback: (_, message) => heard.push(message.string()) });
  await nc.flush();
  await sharing(2, { servers: { main: servers.fragile }, subject }, holder, async (a, b) => {
    const publish = (tab, subject, texts) => {
      for (const text of texts) tab.nc.publish(subject, text);
    };
    await self.control("pause");
    try {
      await b.run(publish, subject, ["1", "2", "3", "4", "5"]);
      await lose(holder, a);
      equal((await b.run(event, "disconnect")).unconfirmed, 5);
      await b.run(publish, subject, ["6"]);
    } finally {
      await self.control("resume");
    }
    await b.run(event, "reconnect");
    await until(() => heard.includes("6"));
    equal(heard.filter((text) => text === "6").length, 1);
  });
});

ours("shared: a tab that holds the connection goes on doing so when it has left", (context) =>
  sharing(3, context, "tab", async (a, b, c) => {
    const { subject } = context;
    await c.run(subscribe, subject);
    await a.run((tab) => tab.nc.close());
    await b.run(async (tab, subject) => {
      tab.nc.publish(subject, "after");
      await tab.nc.flush();
    }, subject);
    same_json(await c.run(seen, 1), ["after"]);
    same_json(await c.run((tab) => tab.events), []);
    await Promise.all([b, c].map((tab) => tab.run((tab) => tab.nc.close())));
    await until(async () => (await connections(subject)).length === 0);
  }));
