// nats.js's own package for key-value stores, on a connection of each library.
import * as natsJs from "../built/nats-js.mjs";
import { equal, ok, reconnected, same, same_json, soon, take, until } from "../harness.mjs";

const { Kvm } = natsJs.kvs;

let number = 0;

async function bucket({ self, lib }, options = {}) {
  lib.adoptErrors?.(natsJs.errors);
  const nc = await self.connect();
  number += 1;
  return { nc, kv: await new Kvm(nc).create(`B${number}`, { history: 5, ...options }), name: `B${number}` };
}

same("kv: put and get", async (c) => {
  const { kv } = await bucket(c);
  equal(await kv.put("a", "1"), 1);
  const entry = await kv.get("a");
  same_json([entry.string(), entry.revision, entry.operation], ["1", 1, "PUT"]);
});

same("kv: a key that is not there", async (c) => {
  const { kv } = await bucket(c);
  equal(await kv.get("none"), null);
});

same("kv: create once", async (c) => {
  const { kv } = await bucket(c);
  await kv.create("a", "1");
  const error = await kv.create("a", "2").catch((thrown) => thrown);
  ok(error instanceof Error);
  equal((await kv.get("a")).string(), "1");
});

same("kv: update at a revision", async (c) => {
  const { kv } = await bucket(c);
  const revision = await kv.put("a", "1");
  await kv.update("a", "2", revision);
  ok((await kv.update("a", "3", revision).catch((thrown) => thrown)) instanceof Error);
  equal((await kv.get("a")).string(), "2");
});

same("kv: delete leaves a mark", async (c) => {
  const { kv } = await bucket(c);
  await kv.put("a", "1");
  await kv.delete("a");
  equal((await kv.get("a")).operation, "DEL");
});

same("kv: purge leaves nothing else", async (c) => {
  const { kv } = await bucket(c);
  await kv.put("a", "1");
  await kv.put("a", "2");
  await kv.purge("a");
  equal((await kv.get("a")).operation, "PURGE");
  const entries = [];
  for await (const entry of await kv.history({ key: "a" })) entries.push(entry.operation);
  same_json(entries, ["PURGE"]);
});

same("kv: history", async (c) => {
  const { kv } = await bucket(c);
  for (const n of ["1", "2", "3"]) await kv.put("a", n);
  await kv.delete("a");
  const entries = [];
  for await (const entry of await kv.history({ key: "a" })) entries.push(entry.operation + entry.string());
  same_json(entries, ["PUT1", "PUT2", "PUT3", "DEL"]);
});

same("kv: watch what is there and what comes", async (c) => {
  const { kv } = await bucket(c);
  await kv.put("a", "1");
  const watching = await kv.watch();
  const reading = take(3, watching);
  await kv.put("b", "2");
  await kv.delete("a");
  const seen = (await reading).map((entry) => `${entry.key} ${entry.operation}`);
  same_json(seen, ["a PUT", "b PUT", "a DEL"]);
});

same("kv: watch one key", async (c) => {
  const { kv } = await bucket(c);
  const watching = await kv.watch({ key: "x.*" });
  const reading = take(2, watching);
  for (const key of ["x.1", "y.1", "x.2"]) await kv.put(key, "");
  same_json((await reading).map((entry) => entry.key), ["x.1", "x.2"]);
});

same("kv: keys", async (c) => {
  const { kv } = await bucket(c);
  for (const key of ["a", "b", "c"]) await kv.put(key, "1");
  await kv.delete("b");
  const keys = [];
  for await (const key of await kv.keys()) keys.push(key);
  same_json(keys.sort(), ["a", "c"]);
});

same("kv: bytes", async (c) => {
  const { kv } = await bucket(c);
  await kv.put("a", new Uint8Array([0, 255]));
  same_json([...(await kv.get("a")).value], [0, 255]);
});

same("kv: an earlier revision", async (c) => {
  const { kv } = await bucket(c);
  const revision = await kv.put("a", "1");
  await kv.put("a", "2");
  equal((await kv.get("a", { revision })).string(), "1");
});

same("kv: status", async (c) => {
  const { kv, name } = await bucket(c);
  await kv.put("a", "1");
  const status = await kv.status();
  same_json([status.bucket, status.values, status.history], [name, 1, 5]);
});

same("kv: list and open", async (c) => {
  const { nc, kv, name } = await bucket(c);
  await kv.put("a", "1");
  equal((await (await new Kvm(nc).open(name)).get("a")).string(), "1");
  const names = [];
  for await (const status of new Kvm(nc).list()) names.push(status.bucket);
  ok(names.includes(name));
});

same("kv: a watcher goes on after a reconnect", async (c) => {
  const { nc, kv } = await bucket(c);
  const seen = [];
  const watching = await kv.watch();
  const reading = (async () => {
    for await (const entry of watching) {
      seen.push(entry.key);
      if (entry.key === "b") break;
    }
  })();
  await kv.put("a", "1");
  await until(() => seen.includes("a"));
  await reconnected(nc);
  await kv.put("b", "2");
  await soon(reading);
  same_json(seen, ["a", "b"]);
});

same("kv: destroy", async (c) => {
  const { kv } = await bucket(c);
  equal(await kv.destroy(), true);
});
