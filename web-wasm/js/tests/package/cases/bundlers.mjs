// The package in an app that a bundler has built: `tests/bundlers` says how.
import { equal, ours, same_json, soon } from "../harness.mjs";
import { connections, withPages } from "../tabs.mjs";

const APPS = {
  "Vite": "/built/bundlers/dist/vite/index.html",
  "Vite for development": "/development/index.html",
  "webpack": "/built/bundlers/dist/webpack-production/index.html",
  "webpack for development": "/built/bundlers/dist/webpack-development/index.html",
};
/** Whose the seed is that the app signs with. */
const NKEY = "UAB2CB576PHBBPQ5ODORRZ2LYCMWPZGWGCN2KDK7DXOIMZASKUY3RLKK";
/** Where the app connects, and how many tabs do. */
const PLACES = { window: 1, worker: 1, shared: 2 };

/** The app's address in each of so many tabs. */
function addresses(app, count, query) {
  return Array.from({ length: count }, (_, n) => `${app}?${new URLSearchParams({ ...query, tab: n })}`);
}

/** What so many tabs of the app tell, in their order. */
function told(name, count) {
  const channel = new BroadcastChannel(name);
  const reports = Array(count).fill(undefined);
  const all = new Promise((resolve) => {
    channel.onmessage = ({ data: { tab, ...report } }) => {
      reports[tab] = report;
      if (!reports.includes(undefined)) resolve(reports);
    };
  });
  return soon(all).finally(() => channel.close());
}

for (const [bundler, app] of Object.entries(APPS)) {
  for (const [place, count] of Object.entries(PLACES)) {
    ours(`bundlers: ${bundler}, ${place}`, async ({ subject, servers }) => {
      const reports = told(subject, count);
      const query = { servers: servers.main, name: subject, place };
      await withPages(addresses(app, count, query), async () => {
        for (const report of await reports) {
          same_json(report, { heard: "hello", answer: "hello!", nkey: NKEY });
        }
        equal((await connections(subject)).length, 1);
      });
    });
  }
}
