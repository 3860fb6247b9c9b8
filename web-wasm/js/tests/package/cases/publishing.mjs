// Publishing.
import { differs, equal, ok, ours, same, same_json, throws, until } from "../harness.mjs";

/** A connection, and what comes on the case's subject. */
async function listening({ self, subject }, options) {
  const nc = await self.connect(options);
  const seen = [];
  nc.subscribe(subject, { callback: (_, message) => seen.push(message) });
  return { nc, seen };
}

same("publish: a string", async (c) => {
  const { nc, seen } = await listening(c);
  nc.publish(c.subject, "grüße");
  await nc.flush();
  equal(seen[0].string(), "grüße");
});

same("publish: bytes", async (c) => {
  const { nc, seen } = await listening(c);
  nc.publish(c.subject, new Uint8Array([0, 255, 13, 10]));
  await nc.flush();
  same_json([...seen[0].data], [0, 255, 13, 10]);
});

same("publish: a part of a buffer", async (c) => {
  const { nc, seen } = await listening(c);
  nc.publish(c.subject, new Uint8Array([1, 2, 3, 4]).subarray(1, 3));
  await nc.flush();
  same_json([...seen[0].data], [2, 3]);
});

same("publish: nothing", async (c) => {
  const { nc, seen } = await listening(c);
  nc.publish(c.subject);
  nc.publish(c.subject, c.lib.Empty);
  nc.publish(c.subject, "");
  await nc.flush();
  same_json(seen.map((m) => m.data.length), [0, 0, 0]);
});

same("publish: what is published is what the buffer held then", async (c) => {
  const { nc, seen } = await listening(c);
  const buffer = new Uint8Array([1]);
  nc.publish(c.subject, buffer);
  await nc.flush();
  buffer[0] = 2;
  same_json([...seen[0].data], [1]);
});

same("publish: messages keep their order", async (c) => {
  const { nc, seen } = await listening(c);
  for (let i = 0; i < 1000; i += 1) nc.publish(c.subject, String(i));
  await nc.flush();
  same_json(seen.map((m) => Number(m.string())), [...seen.keys()]);
  equal(seen.length, 1000);
});

same("publish: a reply subject", async (c) => {
  const { nc, seen } = await listening(c);
  nc.publish(c.subject, "x", { reply: "some.where" });
  await nc.flush();
  equal(seen[0].reply, "some.where");
});

same("publish: headers", async (c) => {
  const { nc, seen } = await listening(c);
  const headers = c.lib.headers();
  headers.append("A", "1");
  headers.append("A", "é");
  headers.append("b", "2");
  nc.publish(c.subject, "x", { headers });
  await nc.flush();
  same_json([...seen[0].headers], [["A", ["1", "é"]], ["b", ["2"]]]);
  equal(seen[0].string(), "x");
});

same("publish: headers without a body", async (c) => {
  const { nc, seen } = await listening(c);
  const headers = c.lib.headers();
  headers.set("a", "1");
  nc.publish(c.subject, undefined, { headers });
  await nc.flush();
  same_json([seen[0].headers.get("a"), seen[0].data.length], ["1", 0]);
});

same("publish: a message on", async (c) => {
  const { nc, seen } = await listening(c);
  const headers = c.lib.headers();
  headers.set("a", "1");
  nc.subscribe(`${c.subject}.in`, {
    callback: (_, { data, headers, reply }) =>
      nc.publishMessage({ subject: c.subject, data, headers, reply }),
  });
  nc.publish(`${c.subject}.in`, "x", { headers, reply: "r" });
  await until(() => seen.length === 1);
  same_json([seen[0].string(), seen[0].headers.get("a"), seen[0].reply], ["x", "1", "r"]);
});

same("publish: an answer to a message", async (c) => {
  const { nc, seen } = await listening(c);
  const data = new Uint8Array([7]);
  equal(nc.respondMessage({ subject: "a", reply: c.subject, data }), true);
  equal(nc.respondMessage({ subject: "a", data }), false);
  await until(() => seen.length === 1);
  same_json([...seen[0].data], [7]);
});

differs(
  "respondMessage names no reply subject, where nats.js names the one it answers to",
  async (c) => {
    const { nc, seen } = await listening(c);
    nc.respondMessage({ subject: "a", reply: c.subject, data: c.lib.Empty });
    await until(() => seen.length === 1);
    equal(seen[0].reply, c.subject);
  },
  async (c) => {
    const { nc, seen } = await listening(c);
    nc.respondMessage({ subject: "a", reply: c.subject, data: c.lib.Empty });
    await until(() => seen.length === 1);
    equal(seen[0].reply, undefined);
  },
);

for (const subject of ["", "a b", "a\tb", "a\r\nPUB b 0\r\n"]) {
  same(`publish: not to ${JSON.stringify(subject)}`, async ({ self }) => {
    const nc = await self.connect();
    throws(() => nc.publish(subject, "x"), "InvalidSubjectError", "invalid_subject");
  });
}

same("publish: not with a reply subject that is none", async ({ self, subject }) => {
  const nc = await self.connect();
  throws(() => nc.publish(subject, "", { reply: "a b" }), "InvalidSubjectError", "invalid_reply_subject");
});

for (const subject of ["a.*", "a.>", "a..b", ".a", "a."]) {
  ours(`publish: not to ${subject}, which nats.js leaves to the server`, async ({ self }) => {
    const nc = await self.connect();
    throws(() => nc.publish(subject, "x"), "InvalidSubjectError", "invalid_subject");
  });
}

same("publish: not more than the server takes", async ({ self, subject }) => {
  const nc = await self.connect();
  const large = new Uint8Array(nc.info.max_payload + 1);
  throws(() => nc.publish(subject, large), "InvalidArgumentError", "max_payload_exceeded");
});

same("publish: as much as the server takes", async (c) => {
  const { nc, seen } = await listening(c);
  nc.publish(c.subject, new Uint8Array(nc.info.max_payload));
  await nc.flush();
  equal(seen[0].data.length, nc.info.max_payload);
});

same("publish: not on a closed connection", async ({ self, subject }) => {
  const nc = await self.connect();
  await nc.close();
  throws(() => nc.publish(subject), "ClosedConnectionError", "connection_closed");
});

same("publish: a trace's headers", async (c) => {
  const { nc, seen } = await listening(c);
  nc.publish(c.subject, "x", { traceDestination: `${c.subject}.trace` });
  await nc.flush();
  equal(seen[0].headers.get("Nats-Trace-Dest"), `${c.subject}.trace`);
});

same("publish: a trace alone is not delivered", async (c) => {
  const { nc, seen } = await listening(c);
  const traces = [];
  nc.subscribe(`${c.subject}.trace`, { callback: (_, m) => traces.push(m.json()) });
  nc.publish(c.subject, "x", { traceDestination: `${c.subject}.trace`, traceOnly: true });
  await until(() => traces.length > 0);
  equal(seen.length, 0);
});

ours("publish: a trace leaves the caller's headers as they are", async (c) => {
  const { nc, seen } = await listening(c);
  const headers = c.lib.headers();
  headers.set("a", "1");
  nc.publish(c.subject, "x", { headers, traceDestination: `${c.subject}.trace` });
  await nc.flush();
  same_json([headers.keys(), seen[0].headers.get("a")], [["a"], "1"]);
});

ours("publish: headers of nats.js, an object or a map", async (c) => {
  const { nc, seen } = await listening(c);
  nc.publish(c.subject, "x", { headers: { a: "1", b: ["2", "3"] } });
  nc.publish(c.subject, "x", { headers: new Map([["a", "1"]]) });
  await nc.flush();
  same_json([...seen[0].headers], [["a", ["1"]], ["b", ["2", "3"]]]);
  same_json([...seen[1].headers], [["a", ["1"]]]);
});

ours("publish: an option that is not known", async ({ self, subject }) => {
  const nc = await self.connect();
  throws(() => nc.publish(subject, "", { replyTo: "a" }), "InvalidArgumentError", "unknown_option");
});

ours("publish: a body that is neither bytes nor text", async ({ self, subject }) => {
  const nc = await self.connect();
  for (const payload of [5, {}, [1], true]) {
    throws(() => nc.publish(subject, payload), "InvalidArgumentError", "invalid_argument");
  }
});

differs(
  "what waits to be sent is bounded, where nats.js takes whatever comes",
  async ({ self, subject }) => {
    const nc = await self.connect();
    const large = new Uint8Array(60_000);
    for (let i = 0; i < 400; i += 1) nc.publish(subject, large);
    await nc.flush();
  },
  async ({ self, subject }) => {
    const nc = await self.connect();
    const large = new Uint8Array(60_000);
    throws(
      () => {
        for (let i = 0; i < 4_000; i += 1) nc.publish(subject, large);
      },
      "InvalidOperationError",
      "buffer_full",
    );
    await nc.flush();
    nc.publish(subject, large);
    ok(nc.stats().outMsgs > 1);
  },
);
