// One connection for many tabs, held by a shared worker and by one of the tabs.
import { sharedConnect } from "web-wasm-js/shared";
import { equal, ok, ours, rejects, same_json, until } from "../harness.mjs";
import { both, event, seen, sharing, subscribe, subscribed } from "../sharing.mjs";
import { connections, withTabs } from "../tabs.mjs";

both("tabs have one connection, and all receive", (context, holder) =>
  sharing(3, context, holder, async (a, b, c) => {
    const { subject } = context;
    for (const tab of [a, b, c]) await tab.run(subscribe, `${subject}.>`);
    await b.run((tab, subject) => {
      for (const n of ["1", "2", "3"]) tab.nc.publish(`${subject}.${n}`, n);
    }, subject);
    for (const tab of [a, b, c]) {
      same_json(await tab.run(seen, 3), ["1", "2", "3"]);
    }
    const [only, ...others] = await connections(subject);
    equal(others.length, 0);
    equal(only.subscriptions_list.filter((one) => one === `${subject}.>`).length, 1);
  }));

both("a request of one tab is answered by another", (context, holder) =>
  sharing(2, context, holder, async (a, b) => {
    const { subject } = context;
    await a.run(async (tab, subject) => {
      const callback = (_, message) => message.respond(`${message.string()}!`, { headers: { a: "b" } });
      tab.nc.subscribe(subject, { callback });
      await tab.nc.flush();
    }, subject);
    const answer = await b.run(async (tab, subject) => {
      const message = await tab.nc.request(subject, "hello");
      return [message.string(), message.headers.get("a")];
    }, subject);
    same_json(answer, ["hello!", "b"]);
    const nobody = await b.run(
      (tab, subject) => tab.nc.request(`${subject}.nobody`).catch(({ code, name }) => [code, name]),
      subject,
    );
    same_json(nobody, ["no_responders", "RequestError"]);
  }));

both("a tab that comes later has what is published from then on", (context, holder) =>
  sharing(2, context, holder, async (a, b) => {
    const { subject } = context;
    const publish = async (tab, subject, text) => {
      tab.nc.publish(subject, text);
      await tab.nc.flush();
    };
    await a.run(subscribe, subject);
    await a.run(publish, subject, "before");
    same_json(await a.run(seen, 1), ["before"]);
    await b.run(subscribe, subject);
    await a.run(publish, subject, "after");
    same_json(await a.run(seen, 2), ["before", "after"]);
    same_json(await b.run(seen, 1), ["after"]);
  }));

both("a queue group of tabs has each message once", (context, holder) =>
  sharing(3, context, holder, async (a, b, c) => {
    const { subject } = context;
    for (const tab of [a, b, c]) await tab.run(subscribe, subject, { queue: "q" });
    await a.run(async (tab, subject) => {
      for (let n = 0; n < 300; n += 1) tab.nc.publish(subject, String(n));
      await tab.nc.flush();
    }, subject);
    const all = async () => {
      const each = await Promise.all([a, b, c].map((tab) => tab.run((tab) => tab.seen)));
      return each;
    };
    await until(async () => (await all()).flat().length >= 300);
    const each = await all();
    same_json(each.flat().map(Number).sort((x, y) => x - y), Array.from({ length: 300 }, (_, n) => n));
    ok(each.every((some) => some.length > 0), "each tab has a part of the work");
    await subscribed(subject, subject, 1);
  }));

both("unsubscribing and a max are a tab's own", (context, holder) =>
  sharing(2, context, holder, async (a, b) => {
    const { subject } = context;
    await a.run(subscribe, subject, { max: 2 });
    await b.run(subscribe, subject);
    const publish = async (tab, subject, texts) => {
      for (const text of texts) tab.nc.publish(subject, text);
      await tab.nc.flush();
    };
    await b.run(publish, subject, ["1", "2", "3"]);
    same_json(await b.run(seen, 3), ["1", "2", "3"]);
    await a.run((tab) => tab.sub.closed);
    same_json(await a.run(seen, 2), ["1", "2"]);
    await subscribed(subject, subject, 1);
    await b.run((tab) => tab.sub.unsubscribe());
    await subscribed(subject, subject, 0);
  }));

both("a slow tab holds nobody back, and is told what it missed", (context, holder) =>
  sharing(2, context, holder, async (slow, fast) => {
    const { subject } = context;
    const COUNT = 100_000;
    await slow.run(async (tab, subject) => {
      tab.reader = tab.nc.subscribe(subject)[Symbol.asyncIterator]();
      await tab.nc.flush();
    }, subject);
    await fast.run(async (tab, subject) => {
      tab.count = 0;
      tab.nc.subscribe(subject, {
        callback: () => {
          tab.count += 1;
        },
      });
      await tab.nc.flush();
    }, subject);
    await fast.run(async (tab, subject, count) => {
      for (let n = 0; n < count; n += 1000) {
        for (let m = n; m < n + 1000; m += 1) tab.nc.publish(subject, String(m));
        // So that the tab is not the slow one itself.
        await tab.until(() => tab.count >= n - 10_000);
      }
      await tab.until(() => tab.count === count);
    }, subject, COUNT);
    const told = await slow.run(event, "slowConsumer");
    ok(told.dropped > 0);
    equal(told.sub, subject);
    same_json(await fast.run((tab) => tab.events), []);
    // What was kept is the beginning, in order; afterwards there is room again.
    const kept = await slow.run(async (tab, subject) => {
      let [n, message] = [0, undefined];
      const next = async () => {
        message = (await tab.soon(tab.reader.next())).value.string();
      };
      await next();
      while (message === String(n)) {
        n += 1;
        if (n % 1000 === 0) tab.nc.publish(subject, "end");
        await next();
      }
      return { n, message };
    }, subject);
    ok(kept.n >= 60_000 && kept.n < COUNT, `${kept.n} were kept`);
  }));

both("what a tab had is let go of when it crashes", (context, holder) =>
  sharing(3, context, holder, async (a, b, c) => {
    const { subject } = context;
    await a.run(subscribe, `${subject}.a`);
    await c.run(subscribe, `${subject}.c`);
    await subscribed(subject, `${subject}.c`, 1);
    await c.crash();
    await subscribed(subject, `${subject}.c`, 0);
    await b.run((tab, subject) => tab.nc.publish(subject, "still here"), `${subject}.a`);
    same_json(await a.run(seen, 1), ["still here"]);
  }));

both("the last tab to leave closes the connection", (context, holder) =>
  sharing(2, context, holder, async (a, b) => {
    const { subject } = context;
    await a.run((tab) => tab.nc.close());
    equal((await connections(subject)).length, 1);
    await b.run((tab, subject) => tab.nc.publish(subject, "the last word"), subject);
    await b.run((tab) => tab.nc.drain());
    await until(async () => (await connections(subject)).length === 0);
    equal(await a.run((tab) => tab.nc.isClosed()), true);
  }));

both("tabs that are closed close the connection", (context, holder) =>
  sharing(2, context, holder, async (a, b) => {
    const { subject } = context;
    equal((await connections(subject)).length, 1);
    await Promise.all([a.close(), b.close()]);
    await until(async () => (await connections(subject)).length === 0);
  }));

both("tabs with other options, or of another group, have a connection of their own", (context, holder) =>
  sharing(1, context, holder, async (a) => {
    const { subject, servers } = context;
    const connect = async (tab, servers, name, holder) => {
      const { sharedConnect } = tab.shared;
      const all = [
        sharedConnect({ servers, name }, { holder }),
        sharedConnect({ servers: [servers], name }, { holder, group: "b" }),
        sharedConnect({ servers, name, pingInterval: 5000 }, { holder }),
      ];
      for (const nc of all) await nc;
    };
    await a.run(connect, servers.main, subject, holder);
    equal((await connections(subject)).length, 3);
  }));

both("a tab says who the client is, and another when that is gone", (context, holder) =>
  withTabs(2, async (a, b) => {
    const { subject, servers } = context;
    const connect = async (tab, servers, seed, name, holder) => {
      tab.asked = 0;
      const own = tab.lib.nkeyAuthenticator(seed);
      const authenticator = (nonce) => {
        tab.asked += 1;
        return own(nonce);
      };
      tab.nc = await tab.shared.sharedConnect({ servers, name, authenticator }, { holder });
      return tab.asked;
    };
    const args = [servers.main, servers.seed, subject, holder];
    equal(await a.run(connect, ...args), 1);
    equal(await b.run(connect, ...args), 0);
    const [{ authorized_user }] = await connections(subject);
    ok(authorized_user.startsWith("U"), `${authorized_user} is a user's key`);
    await a.run((tab) => tab.nc.close());
    await b.run(async (tab) => {
      await tab.nc.reconnect();
      await tab.until(() => tab.asked === 1 && tab.nc.info.client_id > 0);
      await tab.nc.flush();
    });
  }));

ours("shared: what can't go to another tab is refused by its name", async ({ servers }) => {
  const refused = async (code, word, options, sharing) => {
    const connecting = sharedConnect({ servers: servers.main, ...options }, sharing);
    const error = await rejects(connecting, "InvalidArgumentError", code);
    ok(error.message.includes(word), error.message);
  };
  await refused("invalid_option", "reconnectDelayHandler", { reconnectDelayHandler: () => 1 });
  await refused("invalid_option", "noEcho", { noEcho: true });
  await refused("invalid_option", "authenticator", { authenticator: "me" });
  await refused("invalid_option", "user", { user: "a", pass: "b", authenticator: () => ({}) });
  await refused("invalid_option", "holder", {}, { holder: "window" });
  await refused("unknown_option", "name", {}, { name: "x" });
  await refused("unknown_option", "nonsense", { nonsense: 1 });
});
