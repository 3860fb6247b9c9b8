//! The service against a real nats-server on the configuration we ship.
//!
//! Each test has its own directory, ports, nats-server and `api` process, so all run in parallel.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod asking;
mod callers;
mod callout;
mod callout_refusals;
mod claims;
mod client;
mod cluster;
mod confirmation;
mod credentials;
mod held;
mod http;
mod insider;
mod issuer;
mod issuer_keys;
mod metrics;
mod nats;
mod objects;
mod objects_break_out;
mod objects_interop;
mod objects_large;
mod objects_share;
mod openapi;
mod outage;
mod page;
mod page_of_rotation;
mod permissions;
mod presence;
mod publish;
mod rate_limits;
mod redaction;
mod relay;
mod revoke;
mod revoke_command;
mod roles;
mod rotate;
mod rotation;
mod service;
mod session;
mod startup;
mod stop;
mod streams;
mod tap;
mod templates;
mod user;
mod wait;
