// Requests.
import { differs, equal, isError, ok, ours, rejects, same, same_json, soon, until } from "../harness.mjs";

const TIMEOUT = { timeout: 10_000 };

async function service({ self, subject }, answer = (m) => m.respond(m.data)) {
  const nc = await self.connect();
  nc.subscribe(subject, { callback: (_, message) => answer(message) });
  return nc;
}

same("request: an answer", async (c) => {
  const nc = await service(c);
  equal((await nc.request(c.subject, "x", { timeout: 10_000 })).string(), "x");
});

same("request: without a body", async (c) => {
  const nc = await service(c);
  equal((await nc.request(c.subject)).data.length, 0);
});

same("request: bytes", async (c) => {
  const nc = await service(c);
  same_json([...(await nc.request(c.subject, new Uint8Array([1, 2]), { ...TIMEOUT })).data], [1, 2]);
});

same("request: many at once", async (c) => {
  const nc = await service(c);
  const asked = Array.from({ length: 100 }, (_, i) => nc.request(c.subject, String(i), { ...TIMEOUT }));
  same_json((await Promise.all(asked)).map((m) => Number(m.string())), [...asked.keys()]);
});

same("request: headers go along", async (c) => {
  const nc = await service(c, (m) => m.respond(m.headers.get("a")));
  const headers = c.lib.headers();
  headers.set("a", "1");
  equal((await nc.request(c.subject, "", { ...TIMEOUT, headers })).string(), "1");
});

same("request: only the first answer counts", async (c) => {
  const nc = await service(c, (m) => {
    m.respond("1");
    m.respond("2");
  });
  equal((await nc.request(c.subject, "", { ...TIMEOUT })).string(), "1");
  await nc.flush();
});

same("request: each has a reply subject of its own", async (c) => {
  const replies = new Set();
  const nc = await service(c, (m) => {
    replies.add(m.reply);
    m.respond();
  });
  await nc.request(c.subject, "", { ...TIMEOUT });
  await nc.request(c.subject, "", { ...TIMEOUT });
  equal(replies.size, 2);
});

same("request: nobody listens", async ({ self, subject }) => {
  const nc = await self.connect();
  const error = await rejects(nc.request(subject, "", { ...TIMEOUT }), "RequestError", "no_responders");
  equal(error.isNoResponders(), true);
  equal(error.cause.subject, subject);
});

same("request: nobody listens, with noMux", async ({ self, subject }) => {
  const nc = await self.connect();
  const asked = nc.request(subject, "", { ...TIMEOUT, noMux: true });
  equal((await rejects(asked, "RequestError", "no_responders")).isNoResponders(), true);
});

same("request: nobody answers", async (c) => {
  const nc = await service(c, () => {});
  await rejects(nc.request(c.subject, "", { timeout: 30 }), "TimeoutError", "timeout");
});

same("request: nobody answers, with noMux", async (c) => {
  const nc = await service(c, () => {});
  await rejects(nc.request(c.subject, "", { timeout: 30, noMux: true }), "TimeoutError", "timeout");
});

same("request: a late answer does no harm", async (c) => {
  const waiting = [];
  const nc = await service(c, (m) => waiting.push(m));
  await rejects(nc.request(c.subject, "", { timeout: 30 }), "TimeoutError", "timeout");
  await until(() => waiting.length === 1);
  waiting[0].respond("late");
  await nc.flush();
  equal(nc.isClosed(), false);
});

same("request: with noMux", async (c) => {
  const nc = await service(c);
  equal((await nc.request(c.subject, "x", { ...TIMEOUT, noMux: true })).string(), "x");
});

same("request: with noMux and a reply subject", async (c) => {
  let reply;
  const nc = await service(c, (m) => {
    ({ reply } = m);
    m.respond("x");
  });
  const options = { ...TIMEOUT, noMux: true, reply: `${c.subject}.mine` };
  equal((await nc.request(c.subject, "", options)).string(), "x");
  equal(reply, `${c.subject}.mine`);
});

same("request: a reply subject needs noMux", async (c) => {
  const nc = await service(c);
  await rejects(nc.request(c.subject, "", { ...TIMEOUT, reply: "a" }), "InvalidArgumentError", "invalid_option");
});

same("request: a timeout must be a time", async (c) => {
  const nc = await service(c);
  await rejects(nc.request(c.subject, "", { timeout: -1 }), "InvalidArgumentError", "invalid_option");
});

for (const subject of ["", "a b"]) {
  same(`request: not to ${JSON.stringify(subject)}`, async ({ self }) => {
    const nc = await self.connect();
    await rejects(nc.request(subject, "", { ...TIMEOUT }), "InvalidSubjectError", "invalid_subject");
  });
}

same("request: not on a closed connection", async (c) => {
  const nc = await service(c);
  await nc.close();
  await rejects(nc.request(c.subject, "", { ...TIMEOUT }), "ClosedConnectionError", "connection_closed");
});

same("request: a close ends those that wait", async (c) => {
  const nc = await service(c, () => {});
  const asked = nc.request(c.subject, "", { ...TIMEOUT });
  const ended = asked.catch((error) => error);
  await nc.flush();
  await nc.close();
  ok((await soon(ended)) instanceof Error);
});

same("request: the answer can be answered", async (c) => {
  const nc = await service(c, (m) => nc.publish(m.reply, "x", { reply: `${c.subject}.more` }));
  const seen = [];
  nc.subscribe(`${c.subject}.more`, { callback: (_, m) => seen.push(m.string()) });
  const answer = await nc.request(c.subject, "", { ...TIMEOUT });
  equal(answer.respond("y"), true);
  await until(() => seen.length === 1);
});

same("request: the largest that the server takes", async (c) => {
  const nc = await service(c, (m) => m.respond(String(m.data.length)));
  const { max_payload } = nc.info;
  const answer = await nc.request(c.subject, new Uint8Array(max_payload), { ...TIMEOUT });
  equal(Number(answer.string()), max_payload);
});

same("request: an option that is not known is passed over, since other packages add theirs", async (c) => {
  const nc = await service(c);
  await nc.request(c.subject, "", { ...TIMEOUT, action: "x" });
});

ours("request: options are left as they are", async (c) => {
  const nc = await service(c);
  const options = Object.freeze({ timeout: 10_000 });
  await nc.request(c.subject, "", options);
});

differs(
  "what the credential forbids is told by the error's cause, where nats.js waits for the timeout",
  async ({ self }) => {
    const nc = await self.connect({ user: "limited", pass: "limited" });
    const error = await rejects(nc.request("secret.x", "", { timeout: 300 }), "RequestError");
    equal(error.cause.name, "PermissionViolationError");
  },
  async ({ self }) => {
    const nc = await self.connect({ user: "limited", pass: "limited" });
    const asked = nc.request("secret.x", "", { ...TIMEOUT });
    const error = await rejects(asked, "RequestError", "permissions_violation");
    isError(error.cause, "PermissionViolationError", "permissions_violation");
    same_json([error.cause.operation, error.cause.subject], ["publish", "secret.x"]);
  },
);
