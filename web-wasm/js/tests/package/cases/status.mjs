// What happens to a connection, and what of it one is told.
import { differs, equal, isError, ok, ours, same, same_json, soon, unshared, until } from "../harness.mjs";

const FAST = { reconnectTimeWait: 20, reconnectJitter: 0, maxReconnectAttempts: -1 };

function watch(nc) {
  const events = [];
  const status = nc.status();
  (async () => {
    for await (const event of status) events.push(event);
    events.push({ type: "end" });
  })();
  const has = (type) => events.some((event) => event.type === type);
  return { events, has, status };
}

same("status: ends when the connection is closed", async ({ self }) => {
  const nc = await self.connect();
  const { has } = watch(nc);
  await nc.close();
  await until(() => has("close") && has("end"));
});

same("status: several may watch", async ({ self }) => {
  const nc = await self.connect();
  const [a, b] = [watch(nc), watch(nc)];
  await nc.close();
  await until(() => a.has("close") && b.has("close"));
});

same("status: stop ends it", async ({ self }) => {
  const nc = await self.connect();
  const { has, status } = watch(nc);
  status.stop();
  await until(() => has("end"));
  ok(!has("close"));
});

same("reconnect: on demand", async ({ self, subject }) => {
  const nc = await self.connect(FAST);
  const { has, events } = watch(nc);
  const seen = [];
  nc.subscribe(subject, { callback: (_, m) => seen.push(m.string()) });
  await nc.flush();
  const before = nc.info.client_id;
  await nc.reconnect();
  await until(() => has("disconnect") && has("reconnect"));
  ok(has("forceReconnect"));
  equal(events.find(({ type }) => type === "reconnect").server, nc.getServer());
  await nc.flush();
  ok(nc.info.client_id !== before);
  nc.publish(subject, "after");
  await nc.flush();
  same_json(seen, ["after"]);
});

same("reconnect: when the server has been away", async ({ self, servers, subject, control }) => {
  const nc = await self.connect({ ...FAST, servers: servers.fragile });
  const { has, events } = watch(nc);
  const seen = [];
  nc.subscribe(subject, { callback: (_, m) => seen.push(m.string()) });
  await nc.flush();
  await self.control("stop");
  await until(() => has("disconnect") && has("reconnecting"));
  await self.control("start");
  await until(() => has("reconnect"));
  nc.publish(subject, "after");
  await nc.flush();
  same_json(seen, ["after"]);
  const order = events.map(({ type }) => type);
  ok(order.indexOf("disconnect") < order.indexOf("reconnecting"));
  ok(order.indexOf("reconnecting") < order.indexOf("reconnect"));
  ok(control !== undefined);
});

/** What comes of a message from while the server was away and one from afterwards. */
async function meanwhile({ self, servers, subject }) {
  const nc = await self.connect({ ...FAST, servers: servers.fragile });
  const { has } = watch(nc);
  const seen = [];
  nc.subscribe(subject, { callback: (_, m) => seen.push(m.string()) });
  await nc.flush();
  await self.control("stop");
  await until(() => has("disconnect"));
  nc.publish(subject, "meanwhile");
  await self.control("start");
  await until(() => has("reconnect"));
  nc.publish(subject, "afterwards");
  await until(() => seen.includes("afterwards"));
  return seen;
}

differs(
  "what is published without a server is sent when there is one, where nats.js gives it up",
  async (c) => same_json(await meanwhile(c), ["afterwards"]),
  async (c) => same_json(await meanwhile(c), ["meanwhile", "afterwards"]),
);

same("reconnect: an iterator goes on", async ({ self, servers, subject }) => {
  const nc = await self.connect({ ...FAST, servers: servers.fragile });
  const { has } = watch(nc);
  const iterator = nc.subscribe(subject)[Symbol.asyncIterator]();
  await nc.flush();
  const next = iterator.next();
  await self.control("stop");
  await until(() => has("disconnect"));
  await self.control("start");
  await until(() => has("reconnect"));
  nc.publish(subject, "x");
  equal((await soon(next)).value.string(), "x");
});

unshared("reconnect: reconnectDelayHandler is asked", async ({ self, servers }) => {
  let asked = 0;
  const reconnectDelayHandler = () => {
    asked += 1;
    return 10;
  };
  const options = { reconnectDelayHandler, maxReconnectAttempts: -1, servers: servers.fragile };
  const nc = await self.connect(options);
  const { has } = watch(nc);
  await self.control("stop");
  await until(() => asked > 1);
  await self.control("start");
  await until(() => has("reconnect"));
});

same("reconnect: none where it is not wanted", async ({ self, servers }) => {
  const nc = await self.connect({ reconnect: false, servers: servers.fragile });
  await self.control("stop");
  try {
    await soon(nc.closed());
    equal(nc.isClosed(), true);
  } finally {
    await self.control("start");
  }
});

same("reconnect: it is given up after so many attempts", async ({ self, servers }) => {
  const nc = await self.connect({ ...FAST, maxReconnectAttempts: 2, servers: servers.fragile });
  await self.control("stop");
  try {
    ok((await soon(nc.closed())) instanceof Error);
    equal(nc.isClosed(), true);
  } finally {
    await self.control("start");
  }
});

same("reconnect: a close while it is tried", async ({ self, servers }) => {
  const nc = await self.connect({ ...FAST, servers: servers.fragile });
  const { has } = watch(nc);
  await self.control("stop");
  await until(() => has("reconnecting"));
  await nc.close();
  await self.control("start");
  equal(nc.isClosed(), true);
});

same("connect: waitOnFirstConnect waits for the server", async ({ self, servers }) => {
  await self.control("stop");
  const options = { ...FAST, waitOnFirstConnect: true, servers: servers.fragile };
  const connecting = self.connect(options);
  await self.control("start");
  equal((await soon(connecting)).info.server_name, "fragile");
});

same("status: a listener for the close", async ({ self }) => {
  const nc = await self.connect();
  let closed = false;
  nc.addCloseListener({
    connectionClosedCallback: () => {
      closed = true;
    },
  });
  await nc.close();
  await until(() => closed);
});

same("status: a listener for the close that was taken away", async ({ self }) => {
  const nc = await self.connect();
  let [first, second] = [false, false];
  const listener = {
    connectionClosedCallback: () => {
      first = true;
    },
  };
  nc.addCloseListener(listener);
  nc.removeCloseListener(listener);
  nc.addCloseListener({
    connectionClosedCallback: () => {
      second = true;
    },
  });
  await nc.close();
  await until(() => second);
  equal(first, false);
});

unshared("reconnect: setServers and then elsewhere", async ({ self, servers }) => {
  const nc = await self.connect({ ...FAST, servers: servers.fragile });
  const { has } = watch(nc);
  nc.setServers([servers.main]);
  await nc.reconnect();
  await until(() => has("reconnect"));
  equal(nc.info.server_name, "main");
});

ours("status: a disconnect says why, and what may be lost", async ({ self, servers }) => {
  const nc = await self.connect({ ...FAST, servers: servers.fragile });
  const { events, has } = watch(nc);
  await self.control("stop");
  await until(() => has("disconnect"));
  await self.control("start");
  await until(() => has("reconnect"));
  const { error, unconfirmed, server } = events.find(({ type }) => type === "disconnect");
  isError(error, "ConnectionError", "transport_closed");
  same_json([unconfirmed, server], [0, servers.fragile.replace("ws://", "")]);
});

ours("status: a gap is told, with the subjects that it may concern", async ({ self, servers, subject }) => {
  const nc = await self.connect({ ...FAST, servers: servers.fragile });
  const { events, has } = watch(nc);
  nc.subscribe(subject, { callback: () => {} });
  await nc.flush();
  await self.control("stop");
  await until(() => has("disconnect"));
  await self.control("start");
  await until(() => has("gap"));
  const { from, to, subjects } = events.find(({ type }) => type === "gap");
  ok(from <= to);
  same_json(subjects, [subject]);
});

ours("status: what nobody reads is bounded", async ({ self }) => {
  const nc = await self.connect({ user: "limited", pass: "limited" });
  const status = nc.status();
  for (let i = 0; i < 1500; i += 1) nc.publish("secret.x");
  await nc.flush();
  let told = false;
  nc.addCloseListener({
    connectionClosedCallback: () => {
      told = true;
    },
  });
  await nc.close();
  await until(() => told);
  let count = 0;
  for await (const _ of status) count += 1;
  ok(count >= 1000 && count <= 1024, `${count} events`);
});
