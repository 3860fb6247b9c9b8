// Subscriptions with a callback.
import { differs, equal, isError, ok, ours, same, same_json, soon, throws, until } from "../harness.mjs";

const counting = () => {
  const seen = [];
  return { seen, callback: (_, message) => seen.push(message.string()) };
};

same("callback: gets no error and a message", async ({ self, subject }) => {
  const nc = await self.connect();
  const calls = [];
  nc.subscribe(subject, { callback: (...args) => calls.push(args) });
  nc.publish(subject, "x");
  await nc.flush();
  equal(calls.length, 1);
  equal(calls[0][0], null);
  equal(calls[0][1].string(), "x");
});

same("callback: a subscription knows its subject", async ({ self, subject }) => {
  const nc = await self.connect();
  equal(nc.subscribe(`${subject}.>`, { callback: () => {} }).getSubject(), `${subject}.>`);
});

for (const [pattern, matches] of [["*", ["a"]], ["*.b", ["a.b"]], [">", ["a", "a.b", "a.b.c"]], ["a.>", ["a.b", "a.b.c"]]]) {
  same(`callback: the pattern ${pattern}`, async ({ self, subject }) => {
    const nc = await self.connect();
    const seen = [];
    nc.subscribe(`${subject}.${pattern}`, { callback: (_, m) => seen.push(m.subject.slice(subject.length + 1)) });
    for (const name of ["a", "a.b", "a.b.c"]) nc.publish(`${subject}.${name}`);
    await nc.flush();
    same_json(seen, matches);
  });
}

same("callback: every subscription gets a message", async ({ self, subject }) => {
  const nc = await self.connect();
  const [a, b] = [counting(), counting()];
  nc.subscribe(subject, { callback: a.callback });
  nc.subscribe(`${subject.slice(0, 5)}*.*`, { callback: b.callback });
  nc.publish(subject, "x");
  await nc.flush();
  same_json([a.seen, b.seen], [["x"], ["x"]]);
});

same("callback: unsubscribe", async ({ self, subject }) => {
  const nc = await self.connect();
  const { seen, callback } = counting();
  const sub = nc.subscribe(subject, { callback });
  sub.unsubscribe();
  nc.publish(subject, "x");
  await nc.flush();
  same_json([seen, sub.isClosed()], [[], true]);
});

same("callback: unsubscribe twice", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject, { callback: () => {} });
  sub.unsubscribe();
  sub.unsubscribe();
  await soon(sub.closed);
});

same("callback: max", async ({ self, subject }) => {
  const nc = await self.connect();
  const { seen, callback } = counting();
  const sub = nc.subscribe(subject, { callback, max: 2 });
  equal(sub.getMax(), 2);
  for (const n of ["1", "2", "3"]) nc.publish(subject, n);
  await nc.flush();
  await soon(sub.closed);
  same_json([seen, sub.isClosed(), sub.getReceived()], [["1", "2"], true, 2]);
});

same("callback: unsubscribe after so many", async ({ self, subject }) => {
  const nc = await self.connect();
  const { seen, callback } = counting();
  const sub = nc.subscribe(subject, { callback });
  sub.unsubscribe(2);
  for (const n of ["1", "2", "3"]) nc.publish(subject, n);
  await nc.flush();
  await soon(sub.closed);
  same_json(seen, ["1", "2"]);
});

same("callback: unsubscribe after fewer than came", async ({ self, subject }) => {
  const nc = await self.connect();
  const { seen, callback } = counting();
  const sub = nc.subscribe(subject, { callback });
  nc.publish(subject, "1");
  nc.publish(subject, "2");
  await nc.flush();
  sub.unsubscribe(1);
  nc.publish(subject, "3");
  await nc.flush();
  await until(() => sub.isClosed());
  same_json(seen, ["1", "2"]);
});

same("callback: unsubscribe in the callback", async ({ self, subject }) => {
  const nc = await self.connect();
  const seen = [];
  const sub = nc.subscribe(subject, {
    callback: (_, m) => {
      seen.push(m.string());
      sub.unsubscribe();
    },
  });
  for (const n of ["1", "2", "3"]) nc.publish(subject, n);
  await nc.flush();
  same_json(seen, ["1"]);
});

same("callback: a queue group shares the work", async ({ self, subject }) => {
  const nc = await self.connect();
  const all = [counting(), counting(), counting()];
  for (const { callback } of all) nc.subscribe(subject, { callback, queue: "q" });
  for (let i = 0; i < 60; i += 1) nc.publish(subject, "x");
  await nc.flush();
  equal(all.reduce((sum, { seen }) => sum + seen.length, 0), 60);
});

same("callback: two queue groups each get all", async ({ self, subject }) => {
  const nc = await self.connect();
  const [a, b] = [counting(), counting()];
  nc.subscribe(subject, { callback: a.callback, queue: "a" });
  nc.subscribe(subject, { callback: b.callback, queue: "b" });
  for (let i = 0; i < 10; i += 1) nc.publish(subject, "x");
  await nc.flush();
  same_json([a.seen.length, b.seen.length], [10, 10]);
});

same("callback: counters", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject, { callback: () => {} });
  for (let i = 0; i < 5; i += 1) nc.publish(subject);
  await nc.flush();
  same_json([sub.getReceived(), sub.getProcessed(), sub.getPending()], [5, 5, 0]);
});

same("callback: drain", async ({ self, subject }) => {
  const nc = await self.connect();
  const { seen, callback } = counting();
  const sub = nc.subscribe(subject, { callback });
  for (let i = 0; i < 10; i += 1) nc.publish(subject, "x");
  const drained = sub.drain();
  equal(sub.isDraining(), true);
  await soon(drained);
  same_json([seen.length, sub.isClosed()], [10, true]);
});

same("callback: drain of what is closed", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject, { callback: () => {} });
  sub.unsubscribe();
  let thrown;
  await sub.drain().catch((error) => {
    thrown = error;
  });
  isError(thrown, "InvalidOperationError", "invalid_operation");
});

same("callback: can't be iterated over", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject, { callback: () => {} });
  let thrown;
  try {
    await sub[Symbol.asyncIterator]().next();
  } catch (error) {
    thrown = error;
  }
  isError(thrown, "InvalidOperationError", "invalid_operation");
});

same("callback: closed resolves to nothing after unsubscribe", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject, { callback: () => {} });
  sub.unsubscribe();
  equal(await soon(sub.closed), undefined);
});

same("callback: closed resolves when the connection is closed", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject, { callback: () => {} });
  await nc.close();
  await soon(sub.closed);
  equal(sub.isClosed(), true);
});

same("callback: a timeout tells that no message came", async ({ self, subject }) => {
  const nc = await self.connect();
  const errors = [];
  nc.subscribe(subject, { timeout: 20, callback: (error) => errors.push(error) });
  await until(() => errors.length > 0);
  isError(errors[0], "TimeoutError", "timeout");
});

/** What a callback is told that gets a message before its time is over. */
async function inTime({ self, subject }) {
  const nc = await self.connect();
  const calls = [];
  const callback = (error, m) => calls.push(error?.name ?? m.string());
  nc.subscribe(subject, { timeout: 1000, callback });
  nc.publish(subject, "x");
  await until(() => calls.length > 0);
  // A timer that was made later ends later.
  await new Promise((resolve) => setTimeout(resolve, 1000));
  return calls;
}

differs(
  "a message ends the timeout of a callback, where nats.js says so and does it for readers alone",
  async (c) => same_json(await inTime(c), ["x", "TimeoutError"]),
  async (c) => same_json(await inTime(c), ["x"]),
);

same("callback: unsubscribe ends the timeout", async ({ self, subject }) => {
  const nc = await self.connect();
  const calls = [];
  const sub = nc.subscribe(subject, { timeout: 50, callback: (error) => calls.push(error) });
  sub.unsubscribe();
  await new Promise((resolve) => setTimeout(resolve, 100));
  equal(calls.length, 0);
});

for (const subject of ["", "a b"]) {
  same(`subscribe: not to ${JSON.stringify(subject)}`, async ({ self }) => {
    const nc = await self.connect();
    throws(() => nc.subscribe(subject, { callback: () => {} }), "InvalidSubjectError", "invalid_subject");
  });
}

for (const subject of ["a..b", "a.>.b", ".a"]) {
  ours(`subscribe: not to ${subject}, which nats.js leaves to the server`, async ({ self }) => {
    const nc = await self.connect();
    throws(() => nc.subscribe(subject), "InvalidSubjectError", "invalid_subject");
  });
}

same("subscribe: not on a closed connection", async ({ self, subject }) => {
  const nc = await self.connect();
  await nc.close();
  throws(() => nc.subscribe(subject), "ClosedConnectionError", "connection_closed");
});

/** How many of three messages come where the most is none. */
async function atMostNone({ self, subject }) {
  const nc = await self.connect();
  const { seen, callback } = counting();
  nc.subscribe(subject, { callback, max: 0 });
  for (let i = 0; i < 3; i += 1) nc.publish(subject, "x");
  await nc.flush();
  return seen.length;
}

differs(
  "a max of 0 is no limit, where nats.js delivers one message",
  async (c) => equal(await atMostNone(c), 1),
  async (c) => equal(await atMostNone(c), 3),
);

ours("subscribe: an option that is not known or of the wrong type", async ({ self, subject }) => {
  const nc = await self.connect();
  const refused = (options, code) =>
    throws(() => nc.subscribe(subject, options), "InvalidArgumentError", code);
  refused({ queu: "q" }, "unknown_option");
  refused({ queue: "q q" }, "invalid_queue_group");
  refused({ max: -1 }, "invalid_option");
  refused({ callback: "x" }, "invalid_option");
  refused({ timeout: -1 }, "invalid_option");
  refused({ slow: "x" }, "invalid_option");
});

ours("callback: what it throws is reported, and the subscription goes on", async ({ self, subject }) => {
  const nc = await self.connect();
  const reported = [];
  const listener = (event) => {
    event.preventDefault();
    reported.push(event.error.message);
  };
  addEventListener("error", listener);
  try {
    let calls = 0;
    nc.subscribe(subject, {
      callback: () => {
        calls += 1;
        throw new Error(`call ${calls}`);
      },
    });
    nc.publish(subject);
    nc.publish(subject);
    await until(() => calls === 2);
    same_json(reported, ["call 1", "call 2"]);
  } finally {
    removeEventListener("error", listener);
  }
});

ours("callback: it is let go of when the subscription ends", async ({ self, subject }) => {
  const nc = await self.connect();
  const subscribe = () => {
    const callback = () => {};
    return [nc.subscribe(subject, { callback }), new WeakRef(callback)];
  };
  const [sub, held] = subscribe();
  sub.unsubscribe();
  await until(() => {
    globalThis.gc();
    return held.deref() === undefined;
  });
  ok(sub.isClosed());
});

same("callback: what has come is passed over once it follows another subject", async ({ self, subject }) => {
  const nc = await self.connect();
  const seen = [];
  const callback = (_, message) => {
    seen.push(message.string());
    if (seen.length === 1) nc._resub(sub, `${subject}.b`);
  };
  const sub = nc.subscribe(`${subject}.a`, { callback });
  await nc.flush();
  for (const text of ["1", "2", "3"]) nc.publish(`${subject}.a`, text);
  await nc.flush();
  nc.publish(`${subject}.b`, "b");
  await until(() => seen.includes("b"));
  same_json(seen, ["1", "b"]);
});
