// Draining and closing.
import { equal, ok, ours, rejects, same, same_json, soon, throws, until } from "../harness.mjs";

same("close: the connection is closed", async ({ self }) => {
  const nc = await self.connect();
  await nc.close();
  equal(nc.isClosed(), true);
  equal(await soon(nc.closed()), undefined);
});

same("close: twice", async ({ self }) => {
  const nc = await self.connect();
  await Promise.all([nc.close(), nc.close()]);
  await nc.close();
});

same("close: what was published has arrived", async ({ self, subject }) => {
  const [nc, other] = [await self.connect(), await self.connect()];
  const seen = [];
  other.subscribe(subject, { callback: (_, m) => seen.push(m.string()) });
  await other.flush();
  nc.publish(subject, "x");
  await nc.flush();
  await nc.close();
  await until(() => seen.length === 1);
});

same("close: flush afterwards", async ({ self }) => {
  const nc = await self.connect();
  await nc.close();
  await rejects(nc.flush(), "ClosedConnectionError", "connection_closed");
});

same("close: drain afterwards", async ({ self }) => {
  const nc = await self.connect();
  await nc.close();
  await rejects(nc.drain(), "ClosedConnectionError", "connection_closed");
});

same("close: reconnect afterwards", async ({ self }) => {
  const nc = await self.connect();
  await nc.close();
  await rejects(nc.reconnect(), "ClosedConnectionError", "connection_closed");
});

same("close: a subscription's drain afterwards", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject, { callback: () => {} });
  await nc.close();
  await rejects(sub.drain(), "ClosedConnectionError", "connection_closed");
});

same("drain: the connection is closed", async ({ self }) => {
  const nc = await self.connect();
  const drained = nc.drain();
  equal(nc.isDraining(), true);
  await soon(drained);
  equal(nc.isClosed(), true);
  equal(await soon(nc.closed()), undefined);
});

same("drain: callbacks get what was on its way", async ({ self, subject }) => {
  const nc = await self.connect();
  let count = 0;
  nc.subscribe(subject, {
    callback: () => {
      count += 1;
    },
  });
  for (let i = 0; i < 100; i += 1) nc.publish(subject);
  await soon(nc.drain());
  equal(count, 100);
});

same("drain: iterators get what was on its way", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject);
  for (let i = 0; i < 100; i += 1) nc.publish(subject);
  await soon(nc.drain());
  let count = 0;
  for await (const _ of sub) count += 1;
  equal(count, 100);
});

same("drain: answers are still sent", async ({ self, subject }) => {
  const [nc, other] = [await self.connect(), await self.connect()];
  nc.subscribe(subject, { callback: (_, m) => m.respond("done") });
  await nc.flush();
  const asked = other.request(subject, "", { timeout: 10_000 });
  await other.flush();
  await soon(nc.drain());
  equal((await soon(asked)).string(), "done");
});

same("drain: twice", async ({ self }) => {
  const nc = await self.connect();
  const first = nc.drain();
  let thrown;
  await nc.drain().catch((error) => {
    thrown = error;
  });
  ok(["DrainingConnectionError", "ClosedConnectionError"].includes(thrown.name));
  await soon(first);
});

same("drain: no new subscriptions", async ({ self, subject }) => {
  const nc = await self.connect();
  const drained = nc.drain();
  throws(() => nc.subscribe(subject), "DrainingConnectionError", "connection_draining");
  await soon(drained);
});

same("drain: no requests", async ({ self, subject }) => {
  const nc = await self.connect();
  const drained = nc.drain();
  await rejects(nc.request(subject, "", { timeout: 1000 }), "DrainingConnectionError", "connection_draining");
  await soon(drained);
});

same("drain: no reconnect", async ({ self }) => {
  const nc = await self.connect();
  const drained = nc.drain();
  await rejects(nc.reconnect(), "DrainingConnectionError", "connection_draining");
  await soon(drained);
});

same("dispose: of a connection drains it", async ({ self, subject }) => {
  const nc = await self.connect();
  let count = 0;
  nc.subscribe(subject, {
    callback: () => {
      count += 1;
    },
  });
  nc.publish(subject);
  await soon(nc[Symbol.asyncDispose]());
  same_json([count, nc.isClosed()], [1, true]);
  await soon(nc[Symbol.asyncDispose]());
});

same("dispose: of a subscription drains it", async ({ self, subject }) => {
  const nc = await self.connect();
  let count = 0;
  const sub = nc.subscribe(subject, {
    callback: () => {
      count += 1;
    },
  });
  nc.publish(subject);
  await soon(sub[Symbol.asyncDispose]());
  same_json([count, sub.isClosed()], [1, true]);
  await soon(sub[Symbol.asyncDispose]());
});

ours("close: one that the page has let go of is closed", async ({ lib, servers, self }) => {
  const watcher = await self.connect();
  const lost = async () => {
    const nc = await lib.wsconnect({ servers: servers.main });
    let closed = false;
    const connectionClosedCallback = () => {
      closed = true;
    };
    nc.addCloseListener({ connectionClosedCallback });
    await nc.flush();
    return () => closed;
  };
  const closed = await lost();
  await until(() => {
    globalThis.gc();
    return closed();
  });
  equal(watcher.isClosed(), false);
});
