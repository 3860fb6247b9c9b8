// Bundled by esbuild: what the tests in a browser use of nats.js.
export * as core from "@nats-io/nats-core";
export * as jetstream from "@nats-io/jetstream";
export * as kv from "@nats-io/kv";
export * as obj from "@nats-io/obj";
export * as services from "@nats-io/services";
