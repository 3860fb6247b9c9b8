// One connection for many tabs, held by a shared worker and by one of the tabs.
import { equal, ours, same_json } from "../harness.mjs";
import { connections, withTabs } from "../tabs.mjs";

/** The same case for each place where a connection can be held. */
const both = (name, run) => {
  for (const holder of ["worker", "tab"]) {
    ours(`shared: ${name}, held by a ${holder}`, (context) => run(context, holder));
  }
};

/** Tabs that share a connection, in the order in which they came to it. */
async function sharing(count, { servers, subject }, holder, use) {
  return withTabs(count, async (...tabs) => {
    const connect = async (tab, options, holder) => {
      tab.nc = await tab.shared.sharedConnect(options, { holder });
    };
    const options = { servers: servers.main, name: subject };
    for (const tab of tabs) await tab.run(connect, options, holder);
    return use(...tabs);
  });
}

/** Runs in a tab: subscribes, and keeps what comes. */
const subscribe = async (tab, subject, options = {}) => {
  tab.seen ??= [];
  const callback = (error, message) => tab.seen.push(error?.code ?? message.string());
  tab.sub = tab.nc.subscribe(subject, { ...options, callback });
  await tab.nc.flush();
};

both("tabs have one connection, and all receive", (context, holder) =>
  sharing(3, context, holder, async (a, b, c) => {
    const { subject } = context;
    for (const tab of [a, b, c]) await tab.run(subscribe, `${subject}.>`);
    await b.run((tab, subject) => {
      for (const n of ["1", "2", "3"]) tab.nc.publish(`${subject}.${n}`, n);
    }, subject);
    for (const tab of [a, b, c]) {
      const seen = await tab.run(async (tab) => {
        await tab.until(() => tab.seen.length >= 3);
        return tab.seen;
      });
      same_json(seen, ["1", "2", "3"]);
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
