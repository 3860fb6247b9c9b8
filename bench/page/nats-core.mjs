// Bundled by esbuild: what a page would ship of nats.js.
export { wsconnect } from "@nats-io/nats-core";
