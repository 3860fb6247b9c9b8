import { createInbox } from "web-wasm-js";

/** Says something, asks something, and returns what came back. The connection is left as it is. */
export async function talk(nc) {
  const subject = createInbox();
  const said = nc.subscribe(`${subject}.say`, { max: 1 });
  nc.subscribe(`${subject}.ask`, {
    callback: (_, question) => question.respond(`${question.string()}!`),
  });
  nc.publish(`${subject}.say`, "hello");
  const { value } = await said[Symbol.asyncIterator]().next();
  const answer = await nc.request(`${subject}.ask`, "hello", { timeout: 20_000 });
  return { heard: value.string(), answer: answer.string() };
}
