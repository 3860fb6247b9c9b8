// Uses of the package that the compiler has to accept, and, where it is told to expect an error, refuse.
import init, {
  type Authenticator,
  type ConnectionOptions,
  Empty,
  Match,
  type Msg,
  type MsgHdrs,
  NatsError,
  type NatsConnection,
  PermissionViolationError,
  RequestError,
  type Status,
  type Subscription,
  adoptErrors,
  createInbox,
  credsAuthenticator,
  errors,
  headers,
  jwtAuthenticator,
  nkeyAuthenticator,
  nuid,
  syncIterator,
  tokenAuthenticator,
  usernamePasswordAuthenticator,
  wsconnect,
} from "web-wasm-js";
import {
  type Grant,
  type HttpAuthenticatorOptions,
  type HttpCredentialsError,
  forgetKey,
  httpAuthenticator,
} from "web-wasm-js/http";
import { sharedConnect } from "web-wasm-js/shared";

async function starting(): Promise<void> {
  await init();
  await init(new URL("https://cdn.example.com/web_wasm_js_bg.wasm"));
  await init(fetch("/web_wasm_js_bg.wasm"));
  await init(new Uint8Array());
  // @ts-expect-error nothing is no place
  await init(null);
}

async function connecting(): Promise<NatsConnection> {
  const options: ConnectionOptions = {
    servers: ["wss://a.example.com", "wss://b.example.com"],
    authenticator: [tokenAuthenticator("t"), usernamePasswordAuthenticator("u", () => "p")],
    reconnectTimeWait: 500,
    maxReconnectAttempts: -1,
  };
  await wsconnect({ servers: "wss://a", authenticator: async () => ({ auth_token: "t" }) });
  await wsconnect({ servers: "wss://a", authenticator: nkeyAuthenticator(new Uint8Array()) });
  await wsconnect({ servers: "wss://a", authenticator: jwtAuthenticator(() => "jwt", "SU…") });
  await wsconnect({ servers: "wss://a", authenticator: credsAuthenticator(new Uint8Array()) });
  // @ts-expect-error there is no such option
  await wsconnect({ server: "wss://a" });
  return wsconnect(options);
}

async function renewing(): Promise<NatsConnection> {
  const options: HttpAuthenticatorOptions = {
    key: "visitor",
    channels: () => ["room:7"],
    bearer: async () => "token",
    headers: { "x-tenant": "a" },
    credentials: "include",
    timeout: 1_000,
    fetch: (endpoint, request) => fetch(endpoint, { ...request, mode: "cors" }),
  };
  const authenticator = httpAuthenticator("/v1/credentials", options);
  const custody: "kept" | "session" | "memory" = await authenticator.custody();
  const forgotten: boolean = await forgetKey("visitor");
  console.log(custody, forgotten);
  const grant: Grant = await authenticator.grant();
  await httpAuthenticator(new URL("https://api.example.com/v1/credentials")).grant().catch((error) => {
    const { code, status, reason, retryAfter }: HttpCredentialsError = error;
    console.log(code, status, reason, retryAfter);
  });
  const own: Authenticator = (nonce, why) => {
    console.log(nonce, why === "renewal");
    return { jwt: "jwt", renewAfter: 60_000 };
  };
  await wsconnect({ servers: "wss://a", authenticator: own });
  await wsconnect({ servers: "wss://a", authenticator: jwtAuthenticator(async () => "jwt") });
  // @ts-expect-error there is no such option
  httpAuthenticator("/v1/credentials", { token: "t" });
  const { servers, inbox_prefix: inboxPrefix } = grant;
  const nc = await wsconnect({ servers, inboxPrefix, authenticator });
  console.log(await authenticator.publicKey());
  nc.renewCredentials();
  return nc;
}

async function sharing(): Promise<NatsConnection> {
  await sharedConnect({ servers: "wss://a", authenticator: tokenAuthenticator("t") });
  await sharedConnect({ servers: "wss://a" }, { group: "b", holder: "tab" });
  // @ts-expect-error a function can't go to another tab
  await sharedConnect({ servers: "wss://a", reconnectDelayHandler: () => 1 });
  // @ts-expect-error there is no such place
  await sharedConnect({ servers: "wss://a" }, { holder: "window" });
  return sharedConnect({ servers: "wss://a" });
}

async function subscribing(nc: NatsConnection): Promise<void> {
  const called: Subscription = nc.subscribe("a.>", {
    queue: "q",
    callback: (error, message) => {
      if (error instanceof PermissionViolationError) {
        const operation: "publish" | "subscription" = error.operation;
        console.log(operation, error.subject, error.queue);
      }
      message.respond("x", { headers: { a: "1" } });
    },
  });
  const ended: void | Error = await called.closed;
  console.log(ended);
  for await (const message of nc.subscribe("a", { max: 5, timeout: 100 })) {
    const text: string = message.string();
    const body: { id: number } = message.json<{ id: number }>();
    const data: Uint8Array = message.data;
    const reply: string | undefined = message.reply;
    const value: string | undefined = message.headers?.get("a", Match.IgnoreCase);
    console.log(text, body.id, data, reply, value, message.sid);
  }
  const one: Msg | null = await syncIterator(nc.subscribe("a")).next();
  console.log(one);
  // @ts-expect-error the most is a number
  nc.subscribe("a", { max: "5" });
}

async function publishing(nc: NatsConnection): Promise<void> {
  const sent: MsgHdrs = headers();
  sent.append("a", "1");
  nc.publish("a");
  nc.publish("a", Empty, { headers: sent, reply: createInbox() });
  nc.publish("a", "x", { headers: new Map([["a", ["1", "2"]]]), traceOnly: true });
  nc.publishMessage({ subject: "a", data: Empty, headers: sent });
  const answer: Msg = await nc.request("a", "x", { timeout: 500 });
  nc.respondMessage(answer);
  for await (const each of await nc.requestMany("a", "", { strategy: "count", maxMessages: 2 })) {
    console.log(each.subject);
  }
  // @ts-expect-error there is no such strategy
  await nc.requestMany("a", "", { strategy: "guess" });
  // @ts-expect-error a number is no body
  nc.publish("a", 5);
}

async function watching(nc: NatsConnection): Promise<void> {
  const statuses = nc.status();
  for await (const status of statuses) {
    switch (status.type) {
      case "disconnect":
        console.log(status.server, status.unconfirmed);
        break;
      case "gap":
        console.log(new Date(status.from), status.subjects);
        break;
      case "slowConsumer":
        console.log(status.sub?.getSubject(), status.pending);
        break;
      default:
        statuses.stop();
    }
  }
  const last: Status = { type: "forceReconnect" };
  console.log(last, nc.stats().inMsgs, nc.info?.version, nc.getServers()[0]?.listen);
}

async function ending(nc: NatsConnection): Promise<void> {
  try {
    await nc.flush();
    await nc.drain();
  } catch (thrown) {
    if (thrown instanceof RequestError && thrown.isNoResponders()) return;
    if (thrown instanceof NatsError) console.log(thrown.code);
    if (thrown instanceof errors.TimeoutError) console.log(nuid.next());
  }
  const reason: void | Error = await nc.closed();
  console.log(reason);
}

async function onTopOfNatsJs(nc: NatsConnection): Promise<void> {
  adoptErrors(errors);
  await using disposed = nc;
  console.log(disposed.isClosed());
}

export { connecting, ending, onTopOfNatsJs, publishing, renewing, sharing, starting, subscribing, watching };
