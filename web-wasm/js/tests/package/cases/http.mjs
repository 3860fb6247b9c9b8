// Credentials that an API grants for a key of the page.
import { forgetKey, httpAuthenticator } from "web-wasm-js/http";
import { connectGuest, guest, listening, playground, underLoad } from "../credentials.mjs";
import { equal, ok, ours, own, rejects, same_json, soon, throws, until } from "../harness.mjs";
import { both, event, seen, subscribe } from "../sharing.mjs";
import { withTabs } from "../tabs.mjs";

/** A `fetch` that counts, and keeps what is asked. */
function counting(answer = globalThis.fetch) {
  const asked = [];
  const fetch = (endpoint, request) => {
    asked.push(request);
    return answer(endpoint, request);
  };
  return { asked, fetch };
}

own("http: a page outlives its credentials under load, and misses nothing", async (context) => {
  const authenticator = guest(context.servers);
  const nc = await connectGuest(context, authenticator);
  const events = listening(nc);
  const began = Date.now();
  const subject = `${playground(await authenticator.publicKey())}.load`;
  const { heard, sent } = await underLoad(nc, subject, { events, moves: 2 });
  ok(Date.now() - began > 6000, "the first credential has ended");
  ok(sent > 100, "there was a load");
  same_json(heard, Array.from({ length: sent }, (_, n) => n));
  same_json(events.types(), ["handedOver"]);
  equal(events.find(({ error }) => error !== undefined), undefined);
});

own("http: each connection has the credential that is held, and reconnect is what it was", async (context) => {
  const { asked, fetch } = counting();
  const authenticator = guest(context.servers, { fetch });
  const nc = await connectGuest(context, authenticator);
  const again = await connectGuest(context, authenticator);
  equal(asked.length, 1);
  await again.close();
  const events = listening(nc);
  await nc.reconnect();
  await until(() => events.count("reconnect") === 1);
  equal(events.count("disconnect"), 1);
});

own("http: renewCredentials has other channels asked for, and refused ones change nothing", async (context) => {
  let channels;
  const { asked, fetch } = counting();
  const authenticator = guest(context.servers, { fetch, channels: () => channels });
  const nc = await connectGuest(context, authenticator);
  const events = listening(nc);
  nc.renewCredentials();
  await until(() => events.count("handedOver") === 1);
  channels = ["room:7"];
  nc.renewCredentials();
  await until(() => events.count("handoverFailed") === 1);
  same_json(JSON.parse(asked.at(-1).body).channels, ["room:7"]);
  ok(!nc.isClosed());
  await nc.flush();
});

ours("http: questions at the same moment are one, and a grant is kept while it is fresh", async ({ servers }) => {
  const { asked, fetch } = counting();
  const authenticator = guest(servers, { fetch });
  const grants = await Promise.all(Array.from({ length: 20 }, () => authenticator.grant()));
  for (const grant of grants) same_json(grant, grants[0]);
  same_json(await authenticator.grant(), grants[0]);
  equal(asked.length, 1);
  equal(grants[0].ttl, 6);
  equal(grants[0].inbox_prefix, `_INBOX.${await authenticator.publicKey()}`);
  equal(grants[0].jwt, undefined);
});

ours("http: a grant that servers refuse is not offered again", async ({ servers }) => {
  const { asked, fetch } = counting();
  const authenticator = guest(servers, { fetch });
  const { jwt } = await authenticator("nonce");
  equal((await authenticator("nonce")).jwt, jwt);
  ok((await authenticator("nonce", "refused")).jwt !== jwt);
  equal(asked.length, 2);
  ok(/^[\w-]{86}$/.test((await authenticator("nonce")).sig));
  await rejects(authenticator(undefined), "AuthorizationError", "no_credentials");
});

ours("http: a short grant is renewed while it is good for certain", async () => {
  const grant = { jwt: "a.b.c", inbox_prefix: "_INBOX", servers: [], ttl: 6, refresh_after: 5 };
  for (let times = 0; times < 30; times += 1) {
    const fetch = () => Response.json(grant);
    const { renewAfter } = await httpAuthenticator("/", { fetch })("nonce");
    // Its six seconds may be five, and a second is for the next one to get there.
    ok(renewAfter <= 4000, `it is used for ${renewAfter} ms`);
  }
});

own("http: an API that refuses is asked once, and that is final", async (context) => {
  const { asked, fetch } = counting();
  const authenticator = guest(context.servers, { fetch, role: "backend" });
  const refused = await rejects(authenticator.grant(), "AuthorizationError", "credentials_refused");
  same_json([refused.status, refused.reason], [403, "role_not_allowed"]);
  const { servers } = await guest(context.servers).grant();
  const options = { servers, authenticator, waitOnFirstConnect: true };
  const error = await rejects(context.connect(options), "AuthorizationError", "no_credentials");
  ok(error.message.includes("403"), error.message);
  ok(asked.length <= 2, `${asked.length} questions`);
});

own("http: a page that is refused later goes on until its credential ends", async (context) => {
  let refuse = false;
  const { asked, fetch } = counting((endpoint, request) =>
    globalThis.fetch(refuse ? "/answers/403" : endpoint, request));
  const authenticator = guest(context.servers, { fetch });
  const nc = await connectGuest(context, authenticator);
  const events = listening(nc);
  refuse = true;
  await until(() => events.count("handoverFailed") === 1);
  equal(events.count("disconnect"), 0);
  ok(!nc.isClosed());
  const error = await soon(nc.closed());
  equal(error.code, "no_credentials");
  equal(events.count("handoverFailed"), 1);
  equal(events.count("disconnect"), 1);
  // Once for a renewal, and once for a connection in its place.
  ok(asked.length <= 3, `${asked.length} questions`);
});

ours("http: an API that fails is left alone as long as it wants", async () => {
  const { asked, fetch } = counting();
  const authenticator = httpAuthenticator("/answers/503?retry-after=2", { fetch });
  const began = Date.now();
  const failed = await rejects(authenticator.grant(), "ConnectionError", "credentials_failed");
  same_json([failed.status, failed.reason, failed.retryAfter], [503, "a_code", 2000]);
  ok(failed.message.includes("In words."));
  equal(await rejects(authenticator.grant(), "ConnectionError"), failed);
  await until(() => authenticator.grant().then(() => false, () => asked.length === 2));
  ok(Date.now() - began >= 2000, "it was asked too early");
});

ours("http: what is no answer in time, or none at all, or another, is named", async ({ servers }) => {
  const named = (endpoint, name, code, options) =>
    rejects(httpAuthenticator(endpoint, options).grant(), name, code);
  await named("/answers/never", "ConnectionError", "credentials_unreachable", { timeout: 100 });
  const deaf = { timeout: 100, fetch: () => new Promise(() => {}) };
  await named("/answers/200", "ConnectionError", "credentials_unreachable", deaf);
  const nobody = `${servers.nobody.replace("ws:", "http:")}/v1/credentials`;
  await named(nobody, "ConnectionError", "credentials_unreachable");
  await named("/answers/200", "ProtocolError", "credentials_malformed");
  const answers = [
    "", "null", "[]", "7", '{"jwt":1}',
    '{"jwt":"a.b.c","inbox_prefix":"_INBOX","servers":[1],"ttl":4,"refresh_after":3}',
    '{"jwt":"a.b.c","inbox_prefix":"_INBOX","servers":[],"ttl":4,"refresh_after":"3"}',
    '{"jwt":"a.b.c","inbox_prefix":"_INBOX","servers":[],"ttl":1e300,"refresh_after":3}',
  ];
  for (const text of answers) {
    const fetch = async () => new Response(text);
    await named("/", "ProtocolError", "credentials_malformed", { fetch });
  }
  for (const status of [400, 404, 429, 500]) {
    const error = await named(`/answers/${status}`, "ConnectionError", "credentials_failed");
    equal(error.status, status);
  }
  await named("/answers/401", "AuthorizationError", "credentials_refused");
});

ours("http: the API is told who asks as the options say", async ({ servers }) => {
  const { asked, fetch } = counting();
  let token;
  const options = { fetch, bearer: async () => token, headers: { "x-tenant": "a" }, credentials: "include" };
  const authenticator = httpAuthenticator("/answers/401", options);
  await rejects(authenticator.grant(), "AuthorizationError");
  token = "t0k3n";
  await until(() => authenticator.grant().then(() => false, () => asked.length === 2));
  const [first, second] = asked;
  same_json([first.method, first.credentials, first.cache], ["POST", "include", "no-store"]);
  same_json([first.headers.get("x-tenant"), first.headers.get("authorization")], ["a", null]);
  equal(second.headers.get("authorization"), "Bearer t0k3n");
  const { asked: usual, fetch: other } = counting();
  await guest(servers, { fetch: other }).grant();
  equal(usual[0].credentials, "same-origin");
});

ours("http: a token that is none is not shown", async () => {
  const authenticator = httpAuthenticator("/answers/401", { bearer: "s3cret\nx" });
  const error = await rejects(authenticator.grant(), "ConnectionError", "credentials_unreachable");
  ok(!`${error.message} ${error.cause}`.includes("s3cret"));
});

ours("http: options that are not known, or not what they should be", () => {
  const wrong = [
    { token: "t" }, { toString: 1 }, { key: 7 }, { timeout: 0 }, { timeout: Infinity }, { fetch: "x" },
    { headers: { "a b": "c" } },
  ];
  for (const options of wrong) throws(() => httpAuthenticator("/", options), "InvalidArgumentError");
  httpAuthenticator("/", { key: undefined, role: null });
});

ours("http: the browser keeps a key by its name, and no script can read it", async ({ servers, subject }) => {
  const [key, again, other] = [subject, subject, `${subject}.other`].map((key) => guest(servers, { key }));
  const name = await key.publicKey();
  ok(/^U[A-Z2-7]{55}$/.test(name));
  equal(await again.publicKey(), name);
  ok((await other.publicKey()) !== name);
  ok((await guest(servers).publicKey()) !== (await guest(servers).publicKey()));
  const raced = await Promise.all(
    Array.from({ length: 8 }, () => guest(servers, { key: `${subject}.raced` }).publicKey()),
  );
  equal(new Set(raced).size, 1);
  same_json([await key.custody(), await guest(servers).custody()], ["kept", "session"]);
  // Where the client in Rust keeps its keys.
  const settled = (request) => new Promise((resolve) => {
    request.onsuccess = () => resolve(request.result);
  });
  const database = await settled(indexedDB.open("web-wasm"));
  const kept = await settled(database.transaction("keys").objectStore("keys").get(subject));
  database.close();
  equal(kept.privateKey.extractable, false);
  for (const format of ["jwk", "pkcs8", "raw"]) {
    const exported = await crypto.subtle.exportKey(format, kept.privateKey).catch(() => undefined);
    equal(exported, undefined);
  }
});

own("http: a key that is forgotten is another the next time, and goes on where it is", async (context) => {
  const { servers, subject } = context;
  const former = guest(servers, { key: subject });
  const name = await former.publicKey();
  equal(await forgetKey(subject), true);
  equal(await forgetKey(`${subject}.none`), true);
  const next = guest(servers, { key: subject });
  ok((await next.publicKey()) !== name);
  equal(await guest(servers, { key: subject }).publicKey(), await next.publicKey());
  await (await connectGuest(context, former)).flush();

  const { open } = IDBFactory.prototype;
  IDBFactory.prototype.open = () => {
    throw new DOMException("not here", "SecurityError");
  };
  try {
    equal(await forgetKey(subject), false);
    equal(await guest(servers, { key: subject }).custody(), "session");
  } finally {
    IDBFactory.prototype.open = open;
  }
});

ours("http: where the browser makes no such keys there is one in memory", async (context) => {
  crypto.subtle.generateKey = () => Promise.reject(new Error("no such algorithm"));
  try {
    const authenticator = guest(context.servers, { key: context.subject });
    const nc = await connectGuest(context, authenticator);
    ok(/^U[A-Z2-7]{55}$/.test(await authenticator.publicKey()));
    equal(await authenticator.custody(), "memory");
    await nc.flush();
  } finally {
    delete crypto.subtle.generateKey;
  }
});

own("http: what is secret is in no storage, address or log", async (context) => {
  const { subject } = context;
  const logged = [];
  const methods = ["debug", "error", "info", "log", "warn"].map((name) => [name, console[name]]);
  for (const [name] of methods) console[name] = (...words) => logged.push(...words.map(String));
  const secrets = ["s3cret-token"];
  try {
    const fetch = async (endpoint, request) => {
      const response = await globalThis.fetch(endpoint, request);
      secrets.push((await response.clone().json()).jwt);
      return response;
    };
    const authenticator = guest(context.servers, { fetch, key: subject });
    const nc = await connectGuest(context, authenticator);
    const events = listening(nc);
    await until(() => events.count("handedOver") === 1);
    const refused = guest(context.servers, { role: "backend", bearer: "s3cret-token" });
    const error = await refused.grant().catch((thrown) => thrown);
    logged.push(error.message, error.stack, JSON.stringify(events), JSON.stringify(nc.options));
  } finally {
    for (const [name, method] of methods) console[name] = method;
  }
  ok(secrets.length >= 3 && secrets.every((secret) => secret.length > 8), "there are secrets");
  const stored = [localStorage, sessionStorage].map((storage) => JSON.stringify({ ...storage }));
  const addresses = performance.getEntriesByType("resource").map(({ name }) => name);
  const answer = await globalThis.fetch("/api/log", { method: "POST" });
  const texts = [...logged, ...stored, ...addresses, location.href, document.cookie, await answer.text()];
  for (const secret of secrets) {
    // The last part is the signature, without which a JWT is of no use; the first is in every one.
    const part = secret.split(".").at(-1);
    ok(!texts.some((text) => text.includes(part)), "a secret is to be seen");
  }
});

both("http: tabs with the same key are one user, whose credential is renewed by any", async (context, holder) => {
  const { servers, subject } = context;
  await withTabs(2, async (...tabs) => {
    const connect = async (tab, endpoint, holder, key) => {
      const role = holder === "tab" ? "brief" : "guest";
      const authenticator = tab.http.httpAuthenticator(endpoint, { key, role });
      const { servers, inbox_prefix: inboxPrefix } = await authenticator.grant();
      tab.nc = await tab.shared.sharedConnect({ servers, inboxPrefix, authenticator, name: key }, { holder });
      tab.events = [];
      (async () => {
        for await (const { type } of tab.nc.status()) tab.events.push({ type });
      })();
      return authenticator.publicKey();
    };
    const keys = [];
    for (const tab of tabs) {
      keys.push(await tab.run(connect, `${servers.api}/v1/credentials`, holder, subject));
    }
    equal(keys[0], keys[1]);
    const [holding, asked] = tabs;
    const said = `${playground(keys[0])}.said`;
    for (const tab of tabs) await tab.run(subscribe, said);
    await asked.run(event, "handedOver");
    const types = await asked.run((tab) => [...new Set(tab.events.map(({ type }) => type))]);
    same_json(types, ["handedOver"]);
    // In a worker the connection outlives the tab that has named it, and goes on being renewed.
    if (holder === "worker") {
      await holding.run((tab) => tab.nc.close());
      const moves = (tab) => tab.events.filter(({ type }) => type === "handedOver").length;
      const before = await asked.run(moves);
      await until(async () => (await asked.run(moves)) > before);
    }
    await asked.run((tab, said) => tab.nc.publish(said, "still here"), said);
    same_json(await asked.run(seen, 1), ["still here"]);
    equal(await asked.run((tab) => tab.events.some(({ type }) => type === "disconnect")), false);
  });
});
