// Credentials of the page's own that end, or that it says when to replace.
import { listening, playground, underLoad } from "../credentials.mjs";
import { equal, ok, own, rejects, same_json, soon, until } from "../harness.mjs";

/** What the API grants for the key of the tests. */
async function granted(lib, { api, seed }) {
  const { nkey } = await lib.nkeyAuthenticator(seed)("nonce");
  const headers = { "content-type": "application/json" };
  const request = { method: "POST", headers, body: JSON.stringify({ nkey }) };
  const response = await fetch(`${api}/v1/credentials`, request);
  return { nkey, ...(await response.json()) };
}

own("renewing: a JWT that ends is replaced under load before it does, and nothing is missed", async (context) => {
  const { lib, servers } = context;
  const { servers: urls, nkey } = await granted(lib, servers);
  let asked = 0;
  const authenticator = lib.jwtAuthenticator(async () => {
    asked += 1;
    return (await granted(lib, servers)).jwt;
  }, servers.seed);
  const nc = await context.connect({ servers: urls, inboxPrefix: `_INBOX.${nkey}`, authenticator });
  const events = listening(nc);
  const began = Date.now();
  const { heard, sent } = await underLoad(nc, `${playground(nkey)}.own`, { events, moves: 2 });
  ok(Date.now() - began > 6000, "the first JWT has ended");
  same_json(heard, Array.from({ length: sent }, (_, n) => n));
  same_json(events.types(), ["handedOver"]);
  ok(asked >= 3);
});

own("renewing: a JWT that is given again and again is not asked for for ever", async (context) => {
  const { lib, servers } = context;
  const { servers: urls, nkey, jwt } = await granted(lib, servers);
  const authenticator = lib.jwtAuthenticator(jwt, servers.seed);
  const nc = await context.connect({ servers: urls, inboxPrefix: `_INBOX.${nkey}`, authenticator });
  const events = listening(nc);
  const error = await soon(nc.closed());
  equal(error.code, "authorization_violation");
  ok(events.count("handedOver") <= 2, `it moved ${events.count("handedOver")} times`);
});

own("renewing: the page says when it wants to be asked, and is told why it is", async (context) => {
  const asked = [];
  const authenticator = (nonce, why) => {
    asked.push(why);
    return { auth_token: "let-me-in", renewAfter: 1000 };
  };
  const began = Date.now();
  const nc = await context.connect({ servers: context.servers.token, authenticator });
  const events = listening(nc);
  await until(() => events.count("handedOver") === 2);
  ok(Date.now() - began >= 2000, "it was asked too early");
  same_json(asked.slice(0, 3), [undefined, "renewal", "renewal"]);
  same_json(events.types(), ["handedOver"]);
});

own("renewing: renewCredentials asks at once, and a failure leaves the connection as it is", async (context) => {
  const asked = [];
  let token = "let-me-in";
  const authenticator = (nonce, why) => {
    asked.push(why);
    return { auth_token: token };
  };
  const nc = await context.connect({ servers: context.servers.token, authenticator });
  const events = listening(nc);
  nc.renewCredentials();
  await until(() => events.count("handedOver") === 1);
  token = "wrong";
  nc.renewCredentials();
  await until(() => events.count("handoverFailed") === 1);
  await nc.flush();
  token = "let-me-in";
  nc.renewCredentials();
  await until(() => events.count("handedOver") === 2);
  equal(events.count("disconnect"), 0);
  same_json(asked.slice(0, 2), [undefined, "renewal"]);
  ok(asked.includes("refused"), "that the server refused is told");
});

own("renewing: an error that is final ends the attempts", async (context) => {
  let asked = 0;
  const authenticator = () => {
    asked += 1;
    throw Object.assign(new Error("who are you?"), { code: "credentials_refused" });
  };
  const options = { servers: context.servers.token, authenticator, waitOnFirstConnect: true };
  const error = await rejects(context.connect(options), "AuthorizationError", "no_credentials");
  ok(error.message.includes("who are you?"));
  equal(asked, 1);
});
