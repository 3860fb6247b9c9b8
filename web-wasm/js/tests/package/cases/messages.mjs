// Messages that were received.
import { equal, ok, ours, same, same_json, soon, take } from "../harness.mjs";

async function one({ self, subject }, payload, options) {
  const nc = await self.connect();
  const sub = nc.subscribe(subject, { max: 1 });
  nc.publish(subject, payload, options);
  const [message] = await take(1, sub);
  return { nc, sub, message };
}

same("message: json", async (c) => {
  const { message } = await one(c, JSON.stringify({ a: [1, "é"] }));
  same_json(message.json(), { a: [1, "é"] });
});

same("message: json with a reviver", async (c) => {
  const { message } = await one(c, '{"a":1}');
  equal(message.json((_, value) => (value === 1 ? 2 : value)).a, 2);
});

same("message: json of what is none throws a SyntaxError", async (c) => {
  const { message } = await one(c, "{");
  let thrown;
  try {
    message.json();
  } catch (error) {
    thrown = error;
  }
  ok(thrown instanceof SyntaxError);
});

same("message: string", async (c) => {
  const { message } = await one(c, "日本");
  equal(message.string(), "日本");
});

same("message: string of bytes that are no UTF-8", async (c) => {
  const { message } = await one(c, new Uint8Array([97, 255]));
  equal(message.string(), "a\ufffd");
});

same("message: data are bytes", async (c) => {
  const { message } = await one(c, "ab");
  ok(message.data instanceof Uint8Array);
  same_json([...message.data], [97, 98]);
});

same("message: without headers", async (c) => {
  const { message } = await one(c, "x");
  equal(message.headers, undefined);
});

same("message: the subject is the one published to", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(`${subject}.*`, { max: 2 });
  nc.publish(`${subject}.a`);
  nc.publish(`${subject}.b`);
  same_json((await take(2, sub)).map((m) => m.subject), [`${subject}.a`, `${subject}.b`]);
});

same("message: sid is the subscription's id", async (c) => {
  const { message, sub } = await one(c, "x");
  equal(message.sid, sub.getID());
});

same("message: no two subscriptions have one id", async ({ self, subject }) => {
  const nc = await self.connect();
  const ids = [1, 2, 3].map(() => nc.subscribe(subject, { callback: () => {} }).getID());
  equal(new Set(ids).size, 3);
});

same("message: respond says whether an answer is wanted", async (c) => {
  const { message } = await one(c, "x");
  equal(message.respond("y"), false);
});

same("message: respond publishes to the reply subject", async ({ self, subject }) => {
  const nc = await self.connect();
  const answers = nc.subscribe(`${subject}.answers`, { max: 1 });
  nc.subscribe(subject, {
    callback: (_, m) => {
      equal(m.respond("yes"), true);
    },
  });
  nc.publish(subject, "?", { reply: `${subject}.answers` });
  equal((await take(1, answers))[0].string(), "yes");
});

same("message: respond with headers", async ({ self, subject, lib }) => {
  const nc = await self.connect();
  nc.subscribe(subject, {
    callback: (_, m) => {
      const headers = lib.headers();
      headers.set("a", "1");
      m.respond("", { headers });
    },
  });
  const answer = await nc.request(subject, "", { timeout: 5000 });
  equal(answer.headers.get("a"), "1");
});

same("message: it can be kept", async ({ self, subject }) => {
  const nc = await self.connect();
  const kept = [];
  nc.subscribe(subject, { callback: (_, m) => kept.push(m) });
  for (let i = 0; i < 200; i += 1) nc.publish(subject, `body ${i}`, { reply: `r.${i}` });
  await nc.flush();
  for (let i = 0; i < 200; i += 1) nc.publish(`${subject}.else`, "noise");
  await nc.flush();
  same_json([kept[150].string(), kept[150].reply], ["body 150", "r.150"]);
});

same("message: large ones arrive whole", async (c) => {
  const body = new Uint8Array(60_000).map((_, i) => i % 251);
  const { message } = await one(c, body);
  ok(message.data.every((byte, i) => byte === i % 251) && message.data.length === 60_000);
});

// They lie in frames, over the ends of frames, and follow ones with headers or another subject.
for (const how of ["callback", "iterator"]) {
  same(`message: ${how}: thousands of all kinds are whole, and stay so`, async ({ self, subject, lib }) => {
    const nc = await self.connect();
    const kinds = Array.from({ length: 4000 }, (_, i) => ({
      subject: `${subject}.${i % 7 < 4 ? "a" : i % 7}`,
      text: `${i}:`.padEnd(3 + ((i * 37) % 400), String.fromCharCode(97 + (i % 26))),
      reply: i % 11 === 0 ? `r.${i}` : undefined,
      header: i % 13 === 0 ? `h${i}` : undefined,
    }));
    kinds[500].text = kinds[501].text = "";
    const messages = [];
    const callback = (_, m) => messages.push(m);
    const options = { max: kinds.length, ...(how === "callback" ? { callback } : {}) };
    const sub = nc.subscribe(`${subject}.*`, options);
    for (const { subject, text, reply, header } of kinds) {
      const headers = header && lib.headers();
      headers?.set("a", header);
      nc.publish(subject, text, { reply, headers });
    }
    if (how === "callback") await soon(sub.closed);
    else messages.push(...(await take(kinds.length, sub)));
    // What comes after them is written elsewhere.
    const after = nc.subscribe(`${subject}.after`, { max: 500 });
    for (let i = 0; i < 500; i += 1) nc.publish(`${subject}.after`, "noise".repeat(50));
    await take(500, after);
    const seen = messages.map((m) => ({
      subject: m.subject,
      text: m.string(),
      reply: m.reply || undefined,
      header: m.headers?.get("a"),
    }));
    same_json(seen, kinds);
  });
}

ours("message: who gives the memory of one away takes it from no other frame", async ({ self, subject }) => {
  const nc = await self.connect();
  const texts = [];
  nc.subscribe(subject, {
    callback: (_, m) => {
      texts.push(m.string());
      structuredClone(m.data, { transfer: [m.data.buffer] });
    },
  });
  for (let i = 0; i < 20; i += 1) {
    nc.publish(subject, `${i}`);
    await nc.flush();
  }
  same_json(texts, Array.from({ length: 20 }, (_, i) => `${i}`));
});

same("message: size", async (c) => {
  const { message } = await one(c, "12345");
  equal(message.size(), c.subject.length + 5);
});

same("message: what is written to data is read by string, and no other message's", async ({ self, subject }) => {
  const nc = await self.connect();
  const sub = nc.subscribe(subject, { max: 3 });
  for (const text of ["ab", "cd", "ef"]) nc.publish(subject, text);
  const messages = await take(3, sub);
  const { data } = messages[1];
  data.fill(120);
  ok(messages[1].data === data);
  same_json(messages.map((m) => m.string()), ["ab", "xx", "ef"]);
});

same("message: data outlive the messages that come after them", async ({ self, subject }) => {
  const nc = await self.connect();
  const data = [];
  const sub = nc.subscribe(subject, { max: 101, callback: (_, m) => data.push(m.data) });
  nc.publish(subject, "first");
  await soon(nc.flush());
  const large = new Uint8Array(10_000).fill(46);
  for (let i = 0; i < 100; i += 1) nc.publish(subject, large);
  await soon(sub.closed);
  equal(data.length, 101);
  equal(new TextDecoder().decode(data[0]), "first");
});

same("message: each tells its own subject, whenever it is asked and however many have the same", async (c) => {
  const nc = await c.self.connect();
  const sub = nc.subscribe(`${c.subject}.>`);
  // In turns, and in a row; more than come at once.
  const name = (n) => `${c.subject}.${n % 3 === 0 ? "row" : `é${Math.floor(n / 50)}`}.${n % 7 < 4}`;
  const names = Array.from({ length: 3000 }, (_, n) => name(n));
  const messages = take(names.length, sub);
  for (const subject of names) nc.publish(subject, "x");
  // From the last to the first.
  const told = (await messages).reverse().map(({ subject }) => subject);
  same_json(told.reverse(), names);
});

ours("message: it is no object of WASM's", async (c) => {
  const { message } = await one(c, "ab", { headers: { a: "1" } });
  ok(message.free === undefined && message.headers.free === undefined);
  await soon(c.connect());
  equal(message.headers.get("a"), "1");
});
