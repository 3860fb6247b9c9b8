//! The routes, each: extract, ask the domain, respond.

pub mod credentials;
pub mod health;
pub mod metrics;
pub mod page;
pub mod ping;
pub mod revoke;
