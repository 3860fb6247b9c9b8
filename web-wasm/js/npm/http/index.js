import { makeError } from "../errors.js";
import { Grants } from "./grants.js";

export { forgetKey } from "./page_key.js";

/** The options, and of which types each may be. */
const KNOWN = new Map([
  ["key", ["string"]],
  ["role", ["string", "function"]],
  ["channels", ["object", "function"]],
  ["bearer", ["string", "function"]],
  ["headers", ["object"]],
  ["credentials", ["string"]],
  ["timeout", ["number"]],
  ["fetch", ["function"]],
]);

/** Names a user by a key of the page, and a JWT that an API grants for it and renews. */
export function httpAuthenticator(endpoint, options = {}) {
  const grants = new Grants(endpoint, checked(options ?? {}));
  const authenticator = (nonce, why) => grants.authenticate(nonce, why);
  return Object.assign(authenticator, {
    grant: async () => {
      const { jwt, ...grant } = (await grants.usual()).grant;
      return grant;
    },
    publicKey: async () => (await grants.key()).name,
    custody: async () => (await grants.key()).custody,
  });
}

function checked(given) {
  const options = {};
  for (const [name, value] of Object.entries(given)) {
    const types = KNOWN.get(name);
    if (types === undefined) {
      throw makeError("unknown_option", `there is no option ${JSON.stringify(name)}`);
    }
    if (value === undefined || value === null) continue;
    if (!types.includes(typeof value) || (name === "timeout" && !(value >= 1 && value < 2 ** 31))) {
      throw makeError("invalid_option", `the option ${name} must be a good ${types.join(" or ")}`);
    }
    options[name] = value;
  }
  try {
    options.headers = new Headers(options.headers);
  } catch {
    // Without the browser's words, which may have a secret in them.
    throw makeError("invalid_option", "the option headers must be headers");
  }
  return options;
}
