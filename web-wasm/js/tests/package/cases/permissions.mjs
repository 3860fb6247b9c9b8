// What the server refuses.
import { equal, isError, ok, ours, same, same_json, soon, take, until } from "../harness.mjs";

const LIMITED = { user: "limited", pass: "limited" };

same("permissions: a subscription that is refused tells its callback", async ({ self }) => {
  const nc = await self.connect(LIMITED);
  const errors = [];
  nc.subscribe("secret.x", { callback: (error) => errors.push(error) });
  await until(() => errors.length === 1);
  isError(errors[0], "PermissionViolationError", "permissions_violation");
  same_json([errors[0].operation, errors[0].subject], ["subscription", "secret.x"]);
});

same("permissions: a subscription that is refused throws to its reader", async ({ self }) => {
  const nc = await self.connect(LIMITED);
  const sub = nc.subscribe("secret.x");
  let thrown;
  try {
    await take(1, sub);
  } catch (error) {
    thrown = error;
  }
  isError(thrown, "PermissionViolationError", "permissions_violation");
});

same("permissions: a subscription that is refused closes with the error", async ({ self }) => {
  const nc = await self.connect(LIMITED);
  const sub = nc.subscribe("secret.x", { callback: () => {} });
  isError(await soon(sub.closed), "PermissionViolationError", "permissions_violation");
  equal(sub.isClosed(), true);
});

same("permissions: the queue group is named", async ({ self }) => {
  const nc = await self.connect(LIMITED);
  const sub = nc.subscribe("secret.x", { callback: () => {}, queue: "q" });
  equal((await soon(sub.closed)).queue, "q");
});

same("permissions: others go on", async ({ self, subject }) => {
  const nc = await self.connect(LIMITED);
  const seen = [];
  nc.subscribe(subject, { callback: (_, m) => seen.push(m.string()) });
  await soon(nc.subscribe("secret.x", { callback: () => {} }).closed);
  nc.publish(subject, "x");
  await nc.flush();
  same_json([seen, nc.isClosed()], [["x"], false]);
});

same("permissions: what may not be published is told by the status", async ({ self }) => {
  const nc = await self.connect(LIMITED);
  const status = nc.status();
  nc.publish("secret.x");
  const [event] = await take(1, status);
  equal(event.type, "error");
  isError(event.error, "PermissionViolationError", "permissions_violation");
  same_json([event.error.operation, event.error.subject], ["publish", "secret.x"]);
});

ours("permissions: a callback is called once more, with an error and no message", async ({ self }) => {
  const nc = await self.connect(LIMITED);
  const calls = [];
  const sub = nc.subscribe("secret.x", { callback: (...args) => calls.push(args) });
  await soon(sub.closed);
  await nc.flush();
  equal(calls.length, 1);
  ok(Object.keys(calls[0][1]).length === 0);
});
