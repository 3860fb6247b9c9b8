// Bundled by esbuild: nats.js's own packages.
import * as core from "@nats-io/nats-core";
import * as jetstreams from "@nats-io/jetstream";
import * as kvs from "@nats-io/kv";

export const { errors } = core;
export { core, jetstreams, kvs };
