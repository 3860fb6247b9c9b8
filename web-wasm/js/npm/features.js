/** Since which server versions nats.js's packages may ask for what. */
const SINCE = {
  js_kv: "2.6.2",
  js_objectstore: "2.6.3",
  js_pull_max_bytes: "2.8.3",
  js_new_consumer_create: "2.9.0",
  js_allow_direct: "2.9.0",
  js_simplification: "2.9.4",
  js_multiple_consumer_filter: "2.10.0",
  js_stream_consumer_metadata: "2.10.0",
  js_consumer_filter_subjects: "2.10.0",
  js_stream_first_seq: "2.10.0",
  js_stream_subject_transform: "2.10.0",
  js_stream_source_subject_transform: "2.10.0",
  js_stream_compression: "2.10.0",
  js_default_consumer_limits: "2.10.0",
  js_batch_direct_get: "2.11.0",
  js_priority_groups: "2.11.0",
  js_consumer_reset: "2.14.0",
};

/** What the server can do, told by its version. */
export class Features {
  #version;

  /** `version` says which one the server has at the moment. */
  constructor(version) {
    this.#version = version;
  }

  /** The server's version by its numbers, if it is known. */
  version() {
    const [major, minor, micro] = numbers(this.#version());
    return major === undefined ? undefined : { major, minor, micro };
  }

  get(feature) {
    const min = SINCE[feature];
    return min === undefined ? { min: "unknown", ok: false } : { min, ok: this.require(min) };
  }

  supports(feature) {
    return this.get(feature).ok;
  }

  require(version) {
    return atLeast(numbers(this.#version()), numbers(version));
  }
}

/** The three numbers of a version, or none. */
function numbers(version) {
  if (typeof version === "object") return [version.major, version.minor, version.micro];
  return /(\d+)\.(\d+)\.(\d+)/.exec(version ?? "")?.slice(1).map(Number) ?? [];
}

function atLeast(have, wanted) {
  for (let i = 0; i < 3; i += 1) {
    const [a, b] = [have[i] ?? -1, wanted[i]];
    if (a !== b) return a > b;
  }
  return true;
}
