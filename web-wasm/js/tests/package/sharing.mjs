// What cases of shared connections have in common.
import { ours, until } from "./harness.mjs";
import { connections, withTabs } from "./tabs.mjs";

/** The same case for each place where a connection can be held. */
export const both = (name, run) => {
  for (const holder of ["worker", "tab"]) {
    ours(`shared: ${name}, held by a ${holder}`, (context) => run(context, holder));
  }
};

/** Tabs that share a connection, in the order in which they came to it. The first may hold it. */
export async function sharing(count, { servers, subject }, holder, use) {
  return withTabs(count, async (...tabs) => {
    const connect = async (tab, options, holder) => {
      tab.nc = await tab.shared.sharedConnect(options, { holder });
      tab.events = [];
      (async () => {
        for await (const { error, sub, ...event } of tab.nc.status()) {
          tab.events.push({ ...event, code: error?.code, sub: sub?.getSubject() });
        }
      })();
    };
    const options = { servers: servers.main, name: subject };
    for (const tab of tabs) await tab.run(connect, options, holder);
    return use(...tabs);
  });
}

/** Waits until nats-server has so many subscriptions to a subject, over all connections of a name. */
export const subscribed = (name, subject, count) =>
  until(async () => {
    const all = (await connections(name)).flatMap((one) => one.subscriptions_list ?? []);
    return all.filter((one) => one === subject).length === count;
  });

// What follows runs in a tab, and is given it.

/** Waits until so many messages have come, and returns all that have. */
export const seen = async (tab, count) => {
  await tab.until(() => tab.seen.length >= count);
  return tab.seen;
};

/** Subscribes, and keeps what comes. */
export const subscribe = async (tab, subject, options = {}) => {
  tab.seen ??= [];
  const callback = (error, message) => tab.seen.push(error?.code ?? message.string());
  tab.sub = tab.nc.subscribe(subject, { ...options, callback });
  await tab.nc.flush();
};

/** Waits for an event of a type, and returns it. */
export const event = async (tab, type) => {
  const found = () => tab.events.find((event) => event.type === type);
  await tab.until(() => found() !== undefined);
  return found();
};
