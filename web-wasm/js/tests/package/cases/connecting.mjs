// Connecting, and who one is.
import { differs, equal, ok, ours, rejects, same, same_json, unshared } from "../harness.mjs";

const encoder = new TextEncoder();
const BASE32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** Does something while the page has this WebCrypto, if any. */
async function withWebCrypto(subtle, work) {
  Object.defineProperty(crypto, "subtle", { value: subtle, configurable: true });
  try {
    return await work();
  } finally {
    // The browser's own is behind it.
    delete crypto.subtle;
  }
}

same("connect: the server says what it is", async ({ self }) => {
  const nc = await self.connect();
  equal(nc.info.server_name, "main");
  ok(nc.info.headers && nc.info.jetstream && nc.info.max_payload === 65536);
  ok(/^2\./.test(nc.info.version) && nc.info.client_id > 0);
});

same("connect: getServer is host and port", async ({ self, servers }) => {
  const nc = await self.connect();
  equal(nc.getServer(), servers.main.replace("ws://", ""));
});

same("connect: servers may be an array", async ({ self, servers }) => {
  const nc = await self.connect({ servers: [servers.main] });
  equal(nc.info.server_name, "main");
});

same("connect: the next server is tried where one does not answer", async ({ self, servers }) => {
  const nc = await self.connect({ servers: [servers.nobody, servers.main], noRandomize: true });
  equal(nc.getServer(), servers.main.replace("ws://", ""));
});

same("connect: it is refused where nobody answers", async ({ self, servers }) => {
  await rejects(self.connect({ servers: servers.nobody, reconnect: false }), "ConnectionError");
});

same("connect: a new connection is neither closed nor draining", async ({ self }) => {
  const nc = await self.connect();
  same_json([nc.isClosed(), nc.isDraining()], [false, false]);
});

same("connect: a user and its password", async ({ self }) => {
  await (await self.connect({ user: "limited", pass: "limited" })).flush();
});

same("connect: a wrong password", async ({ self }) => {
  await rejects(self.connect({ user: "limited", pass: "wrong" }), "AuthorizationError", "authorization_violation");
});

same("connect: a token", async ({ self, servers }) => {
  const nc = await self.connect({ servers: servers.token, token: "let-me-in" });
  equal(nc.info.server_name, "token");
});

same("connect: a wrong token", async ({ self, servers }) => {
  await rejects(self.connect({ servers: servers.token, token: "no" }), "AuthorizationError");
});

same("connect: no token where one is wanted", async ({ self, servers }) => {
  await rejects(self.connect({ servers: servers.token }), "AuthorizationError");
});

same("connect: tokenAuthenticator", async ({ self, lib, servers }) => {
  const authenticator = lib.tokenAuthenticator("let-me-in");
  await (await self.connect({ servers: servers.token, authenticator })).flush();
});

same("connect: tokenAuthenticator of a function", async ({ self, lib, servers }) => {
  const authenticator = lib.tokenAuthenticator(() => "let-me-in");
  await (await self.connect({ servers: servers.token, authenticator })).flush();
});

same("connect: usernamePasswordAuthenticator", async ({ self, lib }) => {
  const authenticator = lib.usernamePasswordAuthenticator("limited", () => "limited");
  await (await self.connect({ authenticator })).flush();
});

same("connect: nkeyAuthenticator", async ({ self, lib, servers }) => {
  const authenticator = lib.nkeyAuthenticator(encoder.encode(servers.seed));
  await (await self.connect({ authenticator })).flush();
});

same("connect: an authenticator of one's own", async ({ self, servers }) => {
  const authenticator = () => ({ auth_token: "let-me-in" });
  await (await self.connect({ servers: servers.token, authenticator })).flush();
});

same("connect: several authenticators are put together", async ({ self }) => {
  const authenticator = [() => ({ user: "limited" }), () => ({ pass: "limited" })];
  await (await self.connect({ authenticator })).flush();
});

ours("connect: an authenticator may take its time", async ({ self, servers }) => {
  const authenticator = async () => ({ auth_token: await Promise.resolve("let-me-in") });
  await (await self.connect({ servers: servers.token, authenticator })).flush();
});

ours("connect: nkeyAuthenticator takes the seed as text", async ({ self, lib, servers }) => {
  await (await self.connect({ authenticator: lib.nkeyAuthenticator(servers.seed) })).flush();
});

ours("connect: a seed that is none is named without being shown", async ({ lib }) => {
  const error = await rejects(lib.nkeyAuthenticator("SUNONE")("nonce"), "InvalidArgumentError", "invalid_seed");
  ok(!error.message.includes("SUNONE"));
});

ours("connect: a seed that is another's, or not written as nkeys are, is none", async ({ lib, servers }) => {
  const { seed } = servers;
  const seeds = [
    "",
    seed.toLowerCase(),
    `${seed}A`,
    seed.slice(0, -1),
    // Of an account, and a user's public key.
    "SAAACAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAKM5I",
    "UADQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQOBYHA4DQPL3S",
    // The checksum is another one.
    seed.slice(0, 20) + (seed[20] === "A" ? "B" : "A") + seed.slice(21),
    // The two bits that mean nothing are set.
    seed.slice(0, -1) + BASE32[BASE32.indexOf(seed.at(-1)) | 1],
  ];
  for (const bad of seeds) {
    await rejects(lib.nkeyAuthenticator(bad)("nonce"), "InvalidArgumentError", "invalid_seed");
  }
});

ours("connect: what the browser does not sign is signed all the same", async ({ self, lib, servers }) => {
  const sign = lib.nkeyAuthenticator(servers.seed);
  const byBrowser = await sign("nonce");
  const noEd25519 = { importKey: () => Promise.reject(new DOMException("no", "NotSupportedError")) };
  for (const subtle of [undefined, noEd25519]) {
    await withWebCrypto(subtle, async () => {
      same_json(await sign("nonce"), byBrowser);
      await (await self.connect({ authenticator: sign })).flush();
    });
  }
});

ours("connect: the browser signs where it can", async ({ lib, servers }) => {
  const { subtle } = crypto;
  const signed = [];
  const watched = new Proxy(subtle, {
    get: (target, name) => (...given) => {
      signed.push(name);
      return target[name](...given);
    },
  });
  await withWebCrypto(watched, () => lib.nkeyAuthenticator(servers.seed)("nonce"));
  ok(signed.includes("sign"));
});

ours("connect: credsAuthenticator signs with what is in the file", async ({ lib, servers }) => {
  const creds = [
    "-----BEGIN NATS USER JWT-----", "a.b.c", "------END NATS USER JWT------", "",
    "-----BEGIN USER NKEY SEED-----", servers.seed, "------END USER NKEY SEED------", "",
  ].join("\n");
  const { jwt, sig } = await lib.credsAuthenticator(encoder.encode(creds))("nonce");
  equal(jwt, "a.b.c");
  equal(sig, (await lib.nkeyAuthenticator(servers.seed)("nonce")).sig);
  ok(/^[\w-]{86}$/.test(sig));
});

same("connect: a file that holds no credentials", async ({ lib }) => {
  const authenticator = lib.credsAuthenticator(encoder.encode("rubbish"));
  let thrown;
  try {
    await authenticator("nonce");
  } catch (error) {
    thrown = error;
  }
  ok(thrown instanceof Error);
});

same("connect: jwtAuthenticator without a seed is a bearer's", async ({ lib }) => {
  const { jwt, sig = "" } = await lib.jwtAuthenticator("a.b.c")("nonce");
  same_json([jwt, sig], ["a.b.c", ""]);
});

same("connect: an authenticator that throws", async ({ self, servers }) => {
  const authenticator = () => {
    throw new Error("no idea");
  };
  let thrown;
  try {
    await self.connect({ servers: servers.token, authenticator, reconnect: false });
  } catch (error) {
    thrown = error;
  }
  ok(thrown instanceof Error);
});

unshared("connect: noEcho keeps one's own messages away", async ({ self, subject }) => {
  const [quiet, other] = [await self.connect({ noEcho: true }), await self.connect()];
  const seen = [];
  quiet.subscribe(subject, { callback: (_, m) => seen.push(m.string()) });
  await quiet.flush();
  quiet.publish(subject, "own");
  await quiet.flush();
  other.publish(subject, "other's");
  await other.flush();
  await quiet.flush();
  same_json(seen, ["other's"]);
});

same("connect: inboxes begin with inboxPrefix", async ({ self, subject }) => {
  const nc = await self.connect({ inboxPrefix: "mine" });
  let reply;
  nc.subscribe(subject, {
    callback: (_, m) => {
      reply = m.reply;
      m.respond("x");
    },
  });
  await nc.request(subject, "", { timeout: 5000 });
  ok(reply.startsWith("mine."), reply);
});

same("connect: port is one of this machine", async ({ self, servers, lib }) => {
  const port = Number(new URL(servers.main).port);
  if (lib.init === undefined) return; // nats.js dials that port with TLS from a page
  equal((await self.connect({ servers: undefined, port })).info.server_name, "main");
});

same("connect: stats begin at nothing", async ({ self }) => {
  const { inMsgs, outMsgs, inBytes, outBytes } = (await self.connect()).stats();
  same_json([inMsgs, outMsgs, inBytes >= 0, outBytes >= 0], [0, 0, true, true]);
});

same("connect: stats count", async ({ self, subject }) => {
  const nc = await self.connect();
  nc.subscribe(subject, { callback: () => {} });
  nc.publish(subject, "12345");
  await nc.flush();
  const { inMsgs, outMsgs, inBytes, outBytes } = nc.stats();
  same_json([inMsgs, outMsgs], [1, 1]);
  ok(inBytes >= 5 && outBytes >= 5);
});

same("connect: rtt is a time in milliseconds", async ({ self }) => {
  const rtt = await (await self.connect()).rtt();
  ok(rtt >= 0 && rtt < 30_000);
});

same("connect: flush twice at once", async ({ self }) => {
  const nc = await self.connect();
  await Promise.all([nc.flush(), nc.flush()]);
});

same("connect: getServers lists the pool", async ({ self, servers }) => {
  const nc = await self.connect();
  const [server] = nc.getServers();
  equal(server.listen, servers.main.replace("ws://", ""));
  equal(server.port, Number(new URL(servers.main).port));
  same_json([server.hostname, server.gossiped, server.didConnect], ["127.0.0.1", false, true]);
});

unshared("connect: setServers of none is refused", async ({ self }) => {
  const nc = await self.connect();
  let thrown;
  try {
    nc.setServers([]);
  } catch (error) {
    thrown = error;
  }
  ok(thrown instanceof Error);
});

unshared("connect: setServers names where to go next", async ({ self, servers }) => {
  const nc = await self.connect({ servers: servers.fragile, reconnectTimeWait: 10 });
  nc.setServers([servers.main]);
  ok(nc.getServers().some((one) => one.listen === servers.main.replace("ws://", "")));
  equal(nc.info.server_name, "fragile");
});

differs(
  "an option that is not known is an error, where nats.js passes over it",
  async ({ self }) => {
    await self.connect({ noSuchOption: true });
  },
  async ({ self }) => {
    await rejects(self.connect({ noSuchOption: true }), "InvalidArgumentError", "unknown_option");
  },
);

differs(
  "an option of the wrong type is an error, where nats.js takes it",
  async ({ self }) => {
    await self.connect({ noRandomize: "yes" });
  },
  async ({ self }) => {
    await rejects(self.connect({ noRandomize: "yes" }), "InvalidArgumentError", "invalid_option");
  },
);

ours("connect: servers are needed", async ({ self }) => {
  await rejects(self.connect({ servers: undefined }), "InvalidArgumentError", "no_servers");
  await rejects(self.connect({ servers: "wss://" }), "InvalidArgumentError", "invalid_server_address");
});

ours("connect: servers and port exclude each other", async ({ self }) => {
  await rejects(self.connect({ port: 5000 }), "InvalidArgumentError", "invalid_option");
});

ours("connect: options show no secrets", async ({ self }) => {
  const nc = await self.connect({ user: "limited", pass: "limited" });
  ok(!JSON.stringify(nc.options).includes("limited"));
});

ours("connect: features are told by the server's version", async ({ self }) => {
  const { features } = await self.connect();
  same_json(features.get("js_kv"), { min: "2.6.2", ok: true });
  same_json(features.get("no such"), { min: "unknown", ok: false });
  same_json([features.require("99.0.0"), features.require("2.0.0")], [false, true]);
  ok(features.supports("js_batch_direct_get"));
});

ours("connect: waits between attempts must be times", async ({ self }) => {
  for (const option of ["reconnectTimeWait", "reconnectJitter", "reconnectJitterTLS"]) {
    await rejects(self.connect({ [option]: -1 }), "InvalidArgumentError", "invalid_option");
  }
});

ours("connect: options must be an object", async ({ lib }) => {
  await rejects(lib.wsconnect(null), "InvalidArgumentError", "invalid_argument");
  await rejects(lib.wsconnect("ws://x"), "InvalidArgumentError", "invalid_argument");
});
