import { makeError } from "../errors.js";
import { usedFor } from "../renewal.js";
import { openKey } from "./page_key.js";

/** How long the API is left alone after its first failure, and at most. */
const FIRST_REST = 500;
const LONGEST_REST = 30_000;

/** How old a grant may be that connections which want a new one share. */
const JUST_NOW = 1000;

/** How long the API may take to answer. */
const TIMEOUT = 4000;

const given = (value) => (typeof value === "function" ? value() : value);

/** How long ago a moment was: longer than any time, when the clock was set back. */
const age = (moment) => {
  const passed = Date.now() - moment;
  return passed < 0 ? Infinity : passed;
};

/** What an API grants, kept while it is fresh: as `HttpCredentials` in Rust, which says why. */
export class Grants {
  #endpoint;
  #options;
  #key;
  /** The grant, since when there is it, for how long it is fresh, and what was asked for. */
  #held;
  /** Since when and for how long the API is left alone, after how many failures, and its last word. */
  #outage;
  /** The question on its way, which all share who ask for the same. */
  #asking;

  constructor(endpoint, options) {
    this.#endpoint = endpoint;
    this.#options = options;
  }

  key() {
    this.#key ??= openKey(this.#options.key).catch((error) => {
      this.#key = undefined;
      throw error;
    });
    return this.#key;
  }

  async authenticate(nonce, why) {
    if (nonce === undefined) throw makeError("no_credentials", "the server knows no keys");
    if (why === "refused") this.#held = undefined;
    const { grant, since, fresh } = await (why === "renewal" ? this.#new() : this.usual());
    const sig = await (await this.key()).sign(nonce);
    return { jwt: grant.jwt, sig, renewAfter: Math.max(fresh - age(since), 1000) };
  }

  /** The grant if it is fresh, else a new one; while the API is away, the old as long as it is good. */
  async usual() {
    const body = await this.#body();
    if (this.#holds(body, this.#held?.fresh)) return this.#held;
    try {
      return await this.#ask(body);
    } catch (error) {
      // With a second to get to the server.
      const good = (this.#held?.grant.ttl - 1) * 1000;
      if (this.#held !== undefined && age(this.#held.since) < good) return this.#held;
      throw error;
    }
  }

  /** A grant that was made just now. */
  async #new() {
    const body = await this.#body();
    return this.#holds(body, JUST_NOW) ? this.#held : this.#ask(body);
  }

  #holds(body, millis) {
    return this.#held?.body === body && age(this.#held.since) < millis;
  }

  /** What is asked for. */
  async #body() {
    const { role, channels } = this.#options;
    const { name } = await this.key();
    return JSON.stringify({ nkey: name, role: given(role), channels: given(channels) });
  }

  #ask(body) {
    const outage = this.#outage;
    if (outage?.body === body && age(outage.since) < outage.rest) throw outage.error;
    if (this.#asking?.body !== body) {
      this.#asking = { body };
      this.#asking.answer = this.#question(this.#asking, Date.now());
    }
    return this.#asking.answer;
  }

  async #question(own, since) {
    const { body } = own;
    try {
      const grant = await this.#post(body);
      const ttl = grant.ttl * 1000;
      const wanted = grant.refresh_after * 1000 + (Math.random() - 0.5) * 0.2 * ttl;
      const held = { grant, since, fresh: usedFor(wanted, ttl), body };
      // What is asked for may have changed meanwhile.
      if (this.#asking === own) [this.#held, this.#outage] = [held, undefined];
      return held;
    } catch (error) {
      if (this.#asking === own) {
        if (error.code === "credentials_refused") this.#held = undefined;
        const failures = (this.#outage?.failures ?? 0) + 1;
        const full = Math.min(FIRST_REST * 2 ** (failures - 1), LONGEST_REST);
        const rest = Math.max((full * (1 + Math.random())) / 2, error.retryAfter ?? 0);
        this.#outage = { body, failures, rest, error, since: Date.now() };
      }
      throw error;
    } finally {
      if (this.#asking === own) this.#asking = undefined;
    }
  }

  async #post(body) {
    const signal = AbortSignal.timeout(this.#options.timeout ?? TIMEOUT);
    // The page's own functions may heed it or not.
    const late = new Promise((_, reject) => {
      signal.onabort = () => reject(signal.reason);
    });
    const answered = this.#send(body, signal);
    const { ok, status, retryAfter, text } = await Promise.race([answered, late]).catch((cause) => {
      const words = `the API was not reached: ${cause?.message ?? cause}`;
      throw makeError("credentials_unreachable", words, { cause });
    });
    const answer = parsed(text);
    if (ok && isGrant(answer)) return answer;
    if (ok) throw makeError("credentials_malformed", "the API's answer is malformed");
    const { code: reason = "", detail = "" } = answer ?? {};
    const did = status === 401 || status === 403 ? "refused" : "failed";
    const error = makeError(`credentials_${did}`, `the API ${did} (${status}): ${detail}`);
    throw Object.assign(error, { status, reason, retryAfter });
  }

  async #send(body, signal) {
    const { bearer, fetch = globalThis.fetch, credentials = "same-origin" } = this.#options;
    const headers = new Headers(this.#options.headers);
    headers.set("Content-Type", "application/json");
    const token = (await given(bearer)) ?? "";
    // Not left to the browser, whose words may have it in them.
    if (!/^[!-~]*$/.test(token)) throw new Error("the bearer token is none");
    if (token !== "") headers.set("Authorization", `Bearer ${token}`);
    const request = { method: "POST", headers, body, credentials, cache: "no-store", signal };
    const response = await fetch(this.#endpoint, request);
    const { ok, status } = response;
    const retryAfter = Number(response.headers.get("Retry-After")) * 1000 || 0;
    return { ok, status, retryAfter, text: await response.text() };
  }
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Whether this is what is needed of a grant. */
function isGrant(answer) {
  const { jwt, inbox_prefix, servers, ttl, refresh_after } = answer ?? {};
  if (!Array.isArray(servers) || ![ttl, refresh_after].every(Number.isSafeInteger)) return false;
  return [jwt, inbox_prefix, ...servers].every((text) => typeof text === "string");
}
