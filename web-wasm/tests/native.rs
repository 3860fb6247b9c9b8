//! The client over a tokio websocket, against a real nats-server.

#![cfg(not(target_arch = "wasm32"))]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking, in its helpers too"
)]

#[path = "native/chaos.rs"]
mod chaos;
#[path = "native/cluster.rs"]
mod cluster;
mod common;
#[path = "native/delivered.rs"]
mod delivered;
#[path = "native/differential.rs"]
mod differential;
#[path = "native/env.rs"]
mod env;
#[path = "native/failure.rs"]
mod failure;
#[path = "native/interop.rs"]
mod interop;
#[path = "native/jetstream.rs"]
mod jetstream;
#[path = "native/jetstream_interop.rs"]
mod jetstream_interop;
#[path = "native/ledger.rs"]
mod ledger;
#[path = "native/misbehaving.rs"]
mod misbehaving;
#[path = "native/outbox.rs"]
mod outbox;
#[path = "native/partition.rs"]
mod partition;
#[path = "native/recovering.rs"]
mod recovering;
#[path = "native/rolling.rs"]
mod rolling;
#[path = "native/services.rs"]
mod services;
#[path = "native/simulation.rs"]
mod simulation;
#[path = "native/trio.rs"]
mod trio;
#[path = "native/wire_cutter.rs"]
mod wire_cutter;

scenarios!(tokio::test, env::local);
