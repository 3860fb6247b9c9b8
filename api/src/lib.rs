//! The HTTP service beside a NATS server that browsers speak to themselves.
//!
//! It does what a browser cannot do for itself: it mints the scoped, expiring credential that a
//! browser logs in to NATS with ([`mint`]), and it publishes on behalf of callers who have none
//! ([`publish`]). Beside that it makes the keys and the nats-server configuration of a machine
//! ([`provision`]) and serves the page.
//!
//! A request comes in through [`server`], finds its handler in [`router`], and each handler in
//! [`routes`] extracts, asks the domain and responds. The domain knows nothing of HTTP; errors
//! become responses in [`error`] alone.

pub mod app;
pub mod auth;
pub mod callout;
pub mod causes;
pub mod claims;
pub mod cli;
mod clock;
pub mod config;
pub mod error;
pub mod extract;
pub mod keys;
pub mod limits;
pub mod middleware;
pub mod mint;
pub mod objects;
pub mod presence;
pub mod provision;
pub mod publish;
pub mod revoke;
pub mod router;
pub mod routes;
pub mod server;
pub mod session;
pub mod streams;
pub mod telemetry;
