// nats.js's own package for JetStream, on a connection of each library.
import * as natsJs from "../built/nats-js.mjs";
import { equal, isError, ok, reconnected, same, same_json, soon, take, texts, until } from "../harness.mjs";

const { jetstream, jetstreamManager, AckPolicy, DeliverPolicy } = natsJs.jetstreams;

let number = 0;

/** A connection under nats.js's package, and a stream of three messages. */
async function stream({ self, lib, subject }) {
  lib.adoptErrors?.(natsJs.errors);
  const nc = await self.connect();
  const jsm = await jetstreamManager(nc);
  number += 1;
  const name = `S${number}`;
  const base = subject;
  await jsm.streams.add({ name, subjects: [`${base}.>`], allow_direct: true });
  const js = jetstream(nc);
  for (const n of ["1", "2", "3"]) await js.publish(`${base}.${n}`, n);
  return { nc, js, jsm, name, base };
}

async function consumer(c, config = {}) {
  const { js, jsm, name, ...rest } = await stream(c);
  await jsm.consumers.add(name, { durable_name: "d", ack_policy: AckPolicy.Explicit, ...config });
  return { js, jsm, name, ...rest, consumer: await js.consumers.get(name, "d") };
}

same("jetstream: publish is confirmed", async (c) => {
  const { js, name, base } = await stream(c);
  const ack = await js.publish(`${base}.x`, "x");
  same_json([ack.stream, ack.seq, ack.duplicate], [name, 4, false]);
});

same("jetstream: publish with an id is stored once", async (c) => {
  const { js, base } = await stream(c);
  await js.publish(`${base}.x`, "x", { msgID: "one" });
  equal((await js.publish(`${base}.x`, "x", { msgID: "one" })).duplicate, true);
});

same("jetstream: an expectation that does not hold", async (c) => {
  const { js, base } = await stream(c);
  const published = js.publish(`${base}.x`, "x", { expect: { lastSequence: 1 } });
  const error = await published.catch((thrown) => thrown);
  equal(error.name, "JetStreamApiError");
});

same("jetstream: publish where there is no stream", async ({ self, lib }) => {
  lib.adoptErrors?.(natsJs.errors);
  const nc = await self.connect();
  const error = await jetstream(nc).publish("no.stream.here", "").catch((thrown) => thrown);
  isError(error, "JetStreamNotEnabled");
});

same("jetstream: info and names of streams", async (c) => {
  const { jsm, name, base } = await stream(c);
  const info = await jsm.streams.info(name);
  same_json([info.state.messages, info.config.subjects], [3, [`${base}.>`]]);
  const names = [];
  for await (const one of jsm.streams.names()) names.push(one);
  ok(names.includes(name));
});

same("jetstream: a stream that is not there", async (c) => {
  const { jsm } = await stream(c);
  const error = await jsm.streams.info("none").catch((thrown) => thrown);
  ok(error.name.startsWith("StreamNotFound") || error.name === "JetStreamApiError", error.name);
});

same("jetstream: update, purge and delete", async (c) => {
  const { jsm, name } = await stream(c);
  await jsm.streams.update(name, { max_msgs: 10 });
  equal((await jsm.streams.info(name)).config.max_msgs, 10);
  equal((await jsm.streams.purge(name)).purged, 3);
  equal(await jsm.streams.delete(name), true);
});

same("jetstream: a message by its number, and directly", async (c) => {
  const { jsm, name, base } = await stream(c);
  equal((await jsm.streams.getMessage(name, { seq: 2 })).string(), "2");
  equal((await jsm.direct.getMessage(name, { last_by_subj: `${base}.3` })).string(), "3");
});

same("jetstream: next", async (c) => {
  const { consumer: one } = await consumer(c);
  const message = await one.next();
  same_json([message.string(), message.seq], ["1", 1]);
  message.ack();
});

same("jetstream: next where there is nothing", async (c) => {
  const { consumer: one } = await consumer(c, { deliver_policy: DeliverPolicy.New });
  equal(await one.next({ expires: 1000 }), null);
});

same("jetstream: fetch", async (c) => {
  const { consumer: one } = await consumer(c);
  const messages = await one.fetch({ max_messages: 3, expires: 5000 });
  const seen = [];
  for await (const message of messages) {
    message.ack();
    seen.push(message.string());
  }
  same_json(seen, ["1", "2", "3"]);
});

same("jetstream: fetch of more than there is", async (c) => {
  const { consumer: one } = await consumer(c);
  const seen = [];
  for await (const message of await one.fetch({ max_messages: 10, expires: 1000 })) {
    seen.push(message.string());
  }
  same_json(seen, ["1", "2", "3"]);
});

same("jetstream: consume by iterator", async (c) => {
  const { js, consumer: one, base } = await consumer(c);
  const messages = await one.consume();
  const seen = [];
  const reading = (async () => {
    for await (const message of messages) {
      message.ack();
      seen.push(message.string());
      if (seen.length === 4) break;
    }
  })();
  await js.publish(`${base}.4`, "4");
  await soon(reading);
  same_json(seen, ["1", "2", "3", "4"]);
});

same("jetstream: consume by callback, and stop", async (c) => {
  const { consumer: one } = await consumer(c);
  const seen = [];
  const messages = await one.consume({
    callback: (message) => {
      message.ack();
      seen.push(message.string());
    },
  });
  await until(() => seen.length === 3);
  await soon(messages.close());
  same_json(seen, ["1", "2", "3"]);
});

same("jetstream: consume many in small batches", async (c) => {
  const { js, consumer: one, base } = await consumer(c);
  for (let i = 0; i < 200; i += 1) await js.publish(`${base}.x`, String(i));
  const messages = await one.consume({ max_messages: 20 });
  let count = 0;
  for await (const message of messages) {
    message.ack();
    count += 1;
    if (count === 203) break;
  }
  equal(count, 203);
});

same("jetstream: ackAck waits for the confirmation", async (c) => {
  const { jsm, name, consumer: one } = await consumer(c);
  equal(await soon((await one.next()).ackAck()), true);
  equal((await jsm.consumers.info(name, "d")).ack_floor.stream_seq, 1);
});

same("jetstream: nak has it come again", async (c) => {
  const { consumer: one } = await consumer(c);
  (await one.next()).nak();
  const [first, second, third] = [await one.next(), await one.next(), await one.next()];
  same_json([first, second, third].map((m) => m.seq).sort(), [1, 2, 3]);
  ok([first, second, third].some((m) => m.redelivered));
});

same("jetstream: term has it not come again", async (c) => {
  const { jsm, name, consumer: one } = await consumer(c);
  (await one.next()).term("bad");
  await until(async () => (await jsm.consumers.info(name, "d")).num_ack_pending === 0);
});

same("jetstream: working", async (c) => {
  const { consumer: one } = await consumer(c);
  const message = await one.next();
  message.working();
  message.ack();
  equal(message.didAck, true);
});

same("jetstream: an ordered consumer", async (c) => {
  const { js, name } = await stream(c);
  const ordered = await js.consumers.get(name);
  const messages = await ordered.consume();
  same_json(texts(await take(3, messages)), ["1", "2", "3"]);
});

same("jetstream: an ordered consumer makes itself anew when it was deleted", async (c) => {
  const { js, jsm, name, base } = await stream(c);
  const ordered = await js.consumers.get(name);
  const messages = await ordered.consume({ idle_heartbeat: 1000, expires: 3000 });
  const seen = [];
  const reading = (async () => {
    for await (const message of messages) {
      seen.push(message.string());
      if (seen.length === 4) break;
    }
  })();
  await until(() => seen.length === 3);
  for await (const info of jsm.consumers.list(name)) await jsm.consumers.delete(name, info.name);
  await js.publish(`${base}.4`, "4");
  await soon(reading);
  same_json(seen, ["1", "2", "3", "4"]);
});

same("jetstream: a consumer goes on after a reconnect", async (c) => {
  const { nc, js, consumer: one, base } = await consumer(c);
  const seen = [];
  const messages = await one.consume({
    idle_heartbeat: 1000,
    expires: 3000,
    callback: (message) => {
      message.ack();
      seen.push(message.string());
    },
  });
  await until(() => seen.length === 3);
  await reconnected(nc);
  await js.publish(`${base}.4`, "4");
  await until(() => seen.includes("4"));
  await soon(messages.close());
});

same("jetstream: consumers' info, list and deletion", async (c) => {
  const { jsm, name } = await consumer(c);
  equal((await jsm.consumers.info(name, "d")).num_pending, 3);
  const names = [];
  for await (const info of jsm.consumers.list(name)) names.push(info.name);
  same_json(names, ["d"]);
  equal(await jsm.consumers.delete(name, "d"), true);
});

same("jetstream: a pushed consumer", async (c) => {
  const { js, jsm, name } = await stream(c);
  await jsm.consumers.add(name, {
    durable_name: "p",
    ack_policy: AckPolicy.None,
    deliver_subject: `${c.subject.replace("case", "push")}.here`,
  });
  const pushed = await js.consumers.getPushConsumer(name, "p");
  same_json(texts(await take(3, await pushed.consume())), ["1", "2", "3"]);
});

same("jetstream: account info", async (c) => {
  const { jsm } = await stream(c);
  ok((await jsm.getAccountInfo()).streams > 0);
});
