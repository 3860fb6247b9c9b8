// Bundled by esbuild: what a page would ship of nats.js if it uses streams and buckets, too.
export { errors, wsconnect } from "@nats-io/nats-core";
export { AckPolicy, jetstream, jetstreamManager } from "@nats-io/jetstream";
export { Kvm } from "@nats-io/kv";
