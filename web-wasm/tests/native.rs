//! The client over a tokio websocket, against a real nats-server.

#![cfg(not(target_arch = "wasm32"))]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking, in its helpers too"
)]

#[path = "native/cluster.rs"]
mod cluster;
mod common;
#[path = "native/differential.rs"]
mod differential;
#[path = "native/env.rs"]
mod env;
#[path = "native/failure.rs"]
mod failure;
#[path = "native/misbehaving.rs"]
mod misbehaving;
#[path = "native/services.rs"]
mod services;
#[path = "native/simulation.rs"]
mod simulation;

scenarios!(tokio::test, env::local);
