// What is this package's own: its loader and its errors.
import * as natsJs from "../built/nats-js.mjs";
import { equal, isError, ok, ours, rejects, same_json, soon, throws } from "../harness.mjs";

/** Has a worker connect, and say what server it found. */
function inWorker(post, listen, url) {
  const answered = new Promise((resolve, reject) => {
    listen((event) => (event.data.error ? reject(new Error(event.data.error)) : resolve(event.data)));
  });
  post({ url });
  return soon(answered);
}

ours("package: init may be called many times", async ({ lib }) => {
  equal(lib.init(), lib.init());
  await lib.init();
  equal(lib.default, lib.init);
});

ours("package: in a worker", async ({ servers }) => {
  const worker = new Worker("/worker.mjs", { type: "module" });
  try {
    const post = (message) => worker.postMessage(message);
    const listen = (listener) => {
      worker.onmessage = listener;
    };
    const answer = await inWorker(post, listen, servers.main);
    same_json(answer, { server: "main", echo: "hello" });
  } finally {
    worker.terminate();
  }
});

ours("package: in a shared worker", async ({ servers }) => {
  const { port } = new SharedWorker("/worker.mjs", { type: "module" });
  const post = (message) => port.postMessage(message);
  const listen = (listener) => {
    port.onmessage = listener;
  };
  same_json(await inWorker(post, listen, servers.main), { server: "main", echo: "hello" });
});

ours("package: a module that can't be had can be tried again", async () => {
  const worker = new Worker("/worker.mjs", { type: "module" });
  try {
    const answered = new Promise((resolve) => {
      worker.onmessage = ({ data }) => resolve(data);
    });
    worker.postMessage({ missing: "/no-such.wasm" });
    same_json(await soon(answered), { failed: true, again: true });
  } finally {
    worker.terminate();
  }
});

ours("package: each class has a code", ({ lib }) => {
  const codes = {
    AuthorizationError: "authorization_violation",
    ClosedConnectionError: "connection_closed",
    ConnectionError: "disconnected",
    DrainingConnectionError: "connection_draining",
    InvalidArgumentError: "invalid_argument",
    InvalidOperationError: "invalid_operation",
    InvalidSubjectError: "invalid_subject",
    NoRespondersError: "no_responders",
    PermissionViolationError: "permissions_violation",
    ProtocolError: "protocol_violation",
    RequestError: "request_failed",
    TimeoutError: "timeout",
    UserAuthenticationExpiredError: "user_authentication_expired",
  };
  same_json(Object.keys(lib.errors).sort(), Object.keys(codes));
  for (const [name, code] of Object.entries(codes)) {
    const error = new lib.errors[name]();
    same_json([error.name, error.code], [name, code]);
    ok(error instanceof lib.NatsError && error instanceof Error);
    equal(lib.errors[name], lib[name]);
  }
});

ours("package: the classes are nats.js's", ({ lib }) => {
  same_json(Object.keys(lib.errors).sort(), Object.keys(natsJs.errors).sort());
});

ours("package: errors can be of nats.js's classes", async ({ self, lib, subject }) => {
  lib.adoptErrors(natsJs.errors);
  try {
    const nc = await self.connect();
    const error = throws(() => nc.publish("a b"), "InvalidSubjectError", "invalid_subject");
    ok(error instanceof natsJs.errors.InvalidSubjectError);
    const nobody = await rejects(nc.request(subject), "RequestError", "no_responders");
    ok(nobody instanceof natsJs.errors.RequestError && nobody.isNoResponders());
    await nc.close();
    const closed = throws(() => nc.publish("a"), "ClosedConnectionError", "connection_closed");
    ok(closed instanceof natsJs.errors.ClosedConnectionError);
  } finally {
    lib.adoptErrors({});
  }
  isError(throws(() => lib.createInbox("*"), "InvalidArgumentError"), "InvalidArgumentError");
  ok(throws(() => lib.createInbox("*"), "InvalidArgumentError") instanceof lib.NatsError);
});
