//! The routes, each: extract, ask the domain, respond.

pub mod credentials;
pub mod health;
pub mod metrics;
mod object_headers;
pub mod objects;
pub mod openapi;
pub mod page;
pub mod permissions;
pub mod ping;
pub mod presence;
pub mod publish;
mod query;
pub mod revoke;
pub mod session;
