import { makeError } from "./errors.js";
import { signNonce } from "./nkeys.js";
import { usedFor } from "./renewal.js";

const decoder = new TextDecoder();

const given = (value) => (typeof value === "function" ? value() : value);
const text = (value) => (typeof value === "string" ? value : decoder.decode(value));

/** Names a user by name and password. Each may be a function, asked anew for each connection. */
export function usernamePasswordAuthenticator(user, pass) {
  return () => {
    const name = given(user);
    return { user: name, pass: given(pass) ?? "" };
  };
}

/** Names a user by token. */
export function tokenAuthenticator(token) {
  return () => ({ auth_token: given(token) });
}

/** Names a user by the key whose seed this is, and signs the server's nonce with it. */
export function nkeyAuthenticator(seed) {
  return async (nonce) => {
    const own = given(seed);
    // A server that sends nothing to sign knows no keys.
    if (own === undefined || nonce === undefined) return {};
    return signNonce(text(own).trim(), nonce);
  };
}

/** Names a user by JWT, and by the seed of its key, unless the JWT is a bearer's. */
export function jwtAuthenticator(jwt, seed) {
  const signer = nkeyAuthenticator(seed);
  return async (nonce) => {
    const token = await given(jwt);
    const { sig } = await signer(nonce);
    return sig === undefined ? { jwt: token } : { jwt: token, sig };
  };
}

/** Names a user by the contents of a `.creds` file. */
export function credsAuthenticator(creds) {
  return (nonce) => {
    const blocks = parse(text(given(creds)));
    return jwtAuthenticator(blocks.jwt, blocks.seed)(nonce);
  };
}

/** What stands between the lines of dashes. */
function parse(file) {
  const block = (name) => {
    const found = new RegExp(`-+BEGIN ${name}-+\\s+(\\S+)\\s+-+END ${name}-+`).exec(file);
    if (found) return found[1];
    // Without the contents, which are secret.
    throw makeError("no_credentials", `these are no credentials: there is no ${name}`);
  };
  return { jwt: block("NATS USER JWT"), seed: block("USER NKEY SEED") };
}

/** Several authenticators as one: what each says, put together. */
export function allOf(authenticators) {
  return async (nonce, why) => {
    const answers = await Promise.all(authenticators.map((one) => one(nonce, why)));
    return Object.assign({}, ...answers);
  };
}

/** After how much of a JWT's life the next is asked for, and by how much that is left to chance. */
const USED = 0.7;
const CHANCE = 0.2;

/** The least time, in milliseconds, that is worth another connection. */
const LEAST = 1000;

/** Says of a JWT that ends for how long it is to be used, where that is not said. */
export function renewing(authenticator) {
  let known;
  let since;
  return async (nonce, why) => {
    const answer = await authenticator(nonce, why);
    const { jwt, renewAfter } = answer ?? {};
    if (typeof jwt !== "string" || renewAfter !== undefined) return answer;
    if (jwt !== known) [known, since] = [jwt, Date.now()];
    // Each time, a part of what is left: one that is given again is not asked for for ever.
    const left = lifeOf(jwt) - Math.max(Date.now() - since, 0);
    const used = usedFor(left * (USED + CHANCE * Math.random()), left);
    return used >= LEAST ? { ...answer, renewAfter: used } : answer;
  };
}

/**
 * How long a JWT is good after it was made, by the clock of who made it: this machine's may be wrong. NaN
 * if it has no end, or is none.
 */
function lifeOf(jwt) {
  try {
    const { exp, iat } = JSON.parse(atob(jwt.split(".")[1].replace(/-/g, "+").replace(/_/g, "/")));
    return (exp - iat) * 1000;
  } catch {
    return NaN;
  }
}
