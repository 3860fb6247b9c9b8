// Requests with several answers.
import { differs, equal, isError, ok, ours, rejects, same, same_json, soon, texts } from "../harness.mjs";

async function answering({ self, subject }, answers) {
  const nc = await self.connect();
  nc.subscribe(subject, {
    callback: (_, message) => {
      for (const answer of answers) message.respond(answer);
    },
  });
  return nc;
}

const all = async (source) => {
  const messages = [];
  for await (const message of source) messages.push(message);
  return messages;
};

const ask = async (nc, subject, options) => texts(await soon(all(await nc.requestMany(subject, "", options))));

for (const noMux of [true, false]) {
  const mux = noMux ? "a subscription of its own" : "the shared one";

  same(`requestMany: timer, by ${mux}`, async (c) => {
    const nc = await answering(c, ["1", "2", "3"]);
    same_json(await ask(nc, c.subject, { strategy: "timer", maxWait: 300, noMux }), ["1", "2", "3"]);
  });

  const counted = async (c, answers) => {
    const nc = await answering(c, ["1", "2", "3"]);
    const options = { strategy: "count", maxMessages: 2, maxWait: 20_000, noMux };
    same_json(await ask(nc, c.subject, options), answers);
  };
  if (noMux) {
    differs(
      "requestMany counts to the message, where nats.js with noMux gives what else has come",
      (c) => counted(c, ["1", "2", "3"]),
      (c) => counted(c, ["1", "2"]),
    );
  } else {
    same(`requestMany: count, by ${mux}`, (c) => counted(c, ["1", "2"]));
  }

  same(`requestMany: stall, by ${mux}`, async (c) => {
    const nc = await answering(c, ["1", "2", "3"]);
    const options = { strategy: "stall", maxWait: 20_000, stall: 300, noMux };
    same_json(await ask(nc, c.subject, options), ["1", "2", "3"]);
  });

  same(`requestMany: sentinel, by ${mux}`, async (c) => {
    const nc = await answering(c, ["1", "2", ""]);
    const options = { strategy: "sentinel", maxWait: 20_000, noMux };
    same_json(await ask(nc, c.subject, options), ["1", "2", ""]);
  });
}

same("requestMany: timer is the usual way", async (c) => {
  const nc = await answering(c, ["1", "2"]);
  same_json(await ask(nc, c.subject, { maxWait: 300 }), ["1", "2"]);
});

same("requestMany: nobody listens", async ({ self, subject }) => {
  const nc = await self.connect();
  const asked = ask(nc, subject, { maxWait: 20_000 });
  let thrown;
  await asked.catch((error) => {
    thrown = error;
  });
  ok(/^NoResponders/.test(thrown.name), thrown.name);
});

same("requestMany: fewer than the count end with the wait", async (c) => {
  const nc = await answering(c, ["1"]);
  same_json(await ask(nc, c.subject, { strategy: "count", maxMessages: 5, maxWait: 200 }), ["1"]);
});

same("requestMany: break ends it", async (c) => {
  const nc = await answering(c, ["1", "2", "3"]);
  let count = 0;
  for await (const _ of await nc.requestMany(c.subject, "", { maxWait: 20_000 })) {
    count += 1;
    break;
  }
  equal(count, 1);
  await nc.flush();
});

same("requestMany: headers go along", async (c) => {
  const nc = await c.connect();
  nc.subscribe(c.subject, { callback: (_, m) => m.respond(m.headers.get("a")) });
  const headers = c.lib.headers();
  headers.set("a", "1");
  const options = { strategy: "count", maxMessages: 1, maxWait: 20_000, headers };
  same_json(await ask(nc, c.subject, options), ["1"]);
});

same("requestMany: not to a subject that is none", async ({ self }) => {
  const nc = await self.connect();
  await rejects(nc.requestMany("a b", "", { maxWait: 100 }), "InvalidSubjectError", "invalid_subject");
});

same("requestMany: not on a closed connection", async ({ self, subject }) => {
  const nc = await self.connect();
  await nc.close();
  await rejects(nc.requestMany(subject, "", { maxWait: 100 }), "ClosedConnectionError", "connection_closed");
});

same("requestMany: the wait must be a time", async ({ self, subject }) => {
  const nc = await self.connect();
  await rejects(nc.requestMany(subject, "", { maxWait: -1 }), "InvalidArgumentError", "invalid_option");
});

ours("requestMany: a strategy that is not known", async ({ self, subject }) => {
  const nc = await self.connect();
  const asked = nc.requestMany(subject, "", { strategy: "guess" });
  await rejects(asked, "InvalidArgumentError", "invalid_option");
});

ours("requestMany: nobody listens, by code", async ({ self, subject }) => {
  const nc = await self.connect();
  let thrown;
  await ask(nc, subject, { maxWait: 20_000 }).catch((error) => {
    thrown = error;
  });
  isError(thrown, "NoRespondersError", "no_responders");
  equal(thrown.subject, subject);
});
