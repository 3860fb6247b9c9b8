// Subscriptions that are read by `for await`.
import { equal, isError, ok, ours, rejects, same, same_json, soon, take, texts, until } from "../harness.mjs";

const all = async (sub) => {
  const messages = [];
  for await (const message of sub) messages.push(message);
  return messages;
};

same("iterator: messages come in order", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject, { max: 3 });
  for (const n of ["1", "2", "3"]) nc.publish(subject, n);
  same_json(texts(await soon(all(sub))), ["1", "2", "3"]);
});

same("iterator: waits for messages", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject, { max: 2 });
  const reading = all(sub);
  nc.publish(subject, "1");
  await nc.flush();
  nc.publish(subject, "2");
  same_json(texts(await soon(reading)), ["1", "2"]);
});

same("iterator: break unsubscribes", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject);
  nc.publish(subject, "1");
  nc.publish(subject, "2");
  same_json(texts(await take(1, sub)), ["1"]);
  await soon(sub.closed);
  equal(sub.isClosed(), true);
});

same("iterator: leaving by an error unsubscribes", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject);
  nc.publish(subject, "1");
  const reading = (async () => {
    for await (const message of sub) throw new Error(message.string());
  })();
  await rejects(reading, "Error");
  await soon(sub.closed);
});

same("iterator: unsubscribe ends it", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject);
  const reading = all(sub);
  sub.unsubscribe();
  equal((await soon(reading)).length, 0);
});

same("iterator: what has come is read after unsubscribe", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject);
  for (let i = 0; i < 10; i += 1) nc.publish(subject, "x");
  await nc.flush();
  sub.unsubscribe();
  equal((await soon(all(sub))).length, 10);
});

same("iterator: drain, then read", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject);
  for (let i = 0; i < 10; i += 1) nc.publish(subject, "x");
  await soon(sub.drain());
  equal((await soon(all(sub))).length, 10);
  await soon(sub.closed);
});

same("iterator: drain while it is read", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject);
  const reading = all(sub);
  for (let i = 0; i < 100; i += 1) nc.publish(subject, "x");
  await nc.flush();
  await soon(sub.drain());
  equal((await soon(reading)).length, 100);
});

same("iterator: unsubscribe after so many", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject);
  sub.unsubscribe(2);
  for (let i = 0; i < 4; i += 1) nc.publish(subject, "x");
  equal((await soon(all(sub))).length, 2);
});

same("iterator: the end of the connection ends it", async ({ self, subject }) => {
  const nc = await self.connect();
  const reading = all(nc.subscribe(subject));
  await nc.close();
  equal((await soon(reading)).length, 0);
});

same("iterator: counters", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject);
  for (let i = 0; i < 4; i += 1) nc.publish(subject, "x");
  await nc.flush();
  same_json([sub.getReceived(), sub.getProcessed(), sub.getPending()], [4, 0, 4]);
  const iterator = sub[Symbol.asyncIterator]();
  await soon(iterator.next());
  same_json([sub.getReceived(), sub.getProcessed(), sub.getPending()], [4, 1, 3]);
});

same("iterator: one reader only", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject);
  const first = sub[Symbol.asyncIterator]();
  const waiting = first.next();
  let thrown;
  try {
    await sub[Symbol.asyncIterator]().next();
  } catch (error) {
    thrown = error;
  }
  isError(thrown, "InvalidOperationError", "invalid_operation");
  nc.publish(subject, "x");
  equal((await soon(waiting)).value.string(), "x");
});

same("iterator: a timeout is thrown", async ({ self, subject }) => {
  const nc = await self.connect();
  await rejects(all(nc.subscribe(subject, { timeout: 20 })), "TimeoutError", "timeout");
});

same("iterator: a message ends the timeout", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject, { timeout: 5000, max: 1 });
  nc.publish(subject, "x");
  equal((await soon(all(sub))).length, 1);
});

same("iterator: a queue group shares the work", async ({ self, subject }) => {
  const nc = await self.connect();
  const subs = [1, 2].map(() => nc.subscribe(subject, { queue: "q" }));
  for (let i = 0; i < 20; i += 1) nc.publish(subject, "x");
  await nc.flush();
  const counts = await Promise.all(
    subs.map(async (sub) => {
      await sub.drain();
      return (await all(sub)).length;
    }),
  );
  equal(counts[0] + counts[1], 20);
});

same("iterator: syncIterator gives one at a time, and null at the end", async ({ self, subject, lib }) => {
  const nc = await self.connect();
  const iterator = lib.syncIterator(nc.subscribe(subject, { max: 2 }));
  nc.publish(subject, "1");
  nc.publish(subject, "2");
  equal((await soon(iterator.next())).string(), "1");
  equal((await soon(iterator.next())).string(), "2");
  equal(await soon(iterator.next()), null);
});

same("iterator: closed resolves when all was read", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject, { max: 2 });
  nc.publish(subject);
  nc.publish(subject);
  await soon(all(sub));
  equal(await soon(sub.closed), undefined);
});

same("iterator: slow tells when too many wait", async ({ self, subject }) => {
  const nc = await self.connect();
  const status = nc.status();
  const sub = nc.subscribe(subject, { slow: 5 });
  for (let i = 0; i < 10; i += 1) nc.publish(subject, "x");
  await nc.flush();
  let event;
  const watching = (async () => {
    for await (const one of status) {
      if (one.type === "slowConsumer") {
        event = one;
        break;
      }
    }
  })();
  await soon(watching);
  ok(event.sub === sub && event.pending > 5);
});

ours("iterator: many messages are read whole though few wait in JavaScript", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject);
  const body = new Uint8Array(1000);
  for (let i = 0; i < 5000; i += 1) nc.publish(subject, body);
  await nc.flush();
  equal(sub.getReceived(), 5000);
  await soon(sub.drain());
  equal((await soon(all(sub))).length, 5000);
});

ours("iterator: one that is not read loses what is too much, and tells", async ({ self, subject }) => {
  const nc = await self.connect();
  const status = nc.status();
  const sub = nc.subscribe(subject);
  for (let round = 0; round < 10; round += 1) {
    for (let i = 0; i < 7000; i += 1) nc.publish(subject);
    await nc.flush();
  }
  const [event] = await take(1, status);
  same_json([event.type, event.subject, event.sub === sub], ["slowConsumer", subject, true]);
  ok(sub.getPending() < 70_000);
});

ours("iterator: several waits at once are answered in order", async ({ self, subject }) => {
  const nc = await self.connect();
  const iterator = nc.subscribe(subject)[Symbol.asyncIterator]();
  const waits = [iterator.next(), iterator.next()];
  nc.publish(subject, "1");
  nc.publish(subject, "2");
  const values = await soon(Promise.all(waits));
  same_json(values.map(({ value }) => value.string()), ["1", "2"]);
  const last = iterator.next();
  await nc.close();
  equal((await soon(last)).done, true);
  await until(() => nc.isClosed());
});
