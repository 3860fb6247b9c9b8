import { createInbox, nkeyAuthenticator } from "web-wasm-js";

// The bytes from 0 to 31.
const SEED = "SUAAAAICAMCAKBQHBAEQUCYMBUHA6EARCIJRIFIWC4MBSGQ3DQOR4H776Y";

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
  // As in a browser that does not sign: with the module that is there for it.
  Object.defineProperty(crypto, "subtle", { value: undefined, configurable: true });
  const { nkey } = await nkeyAuthenticator(SEED)("nonce").finally(() => delete crypto.subtle);
  return { heard: value.string(), answer: answer.string(), nkey };
}
