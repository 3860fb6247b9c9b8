//! `api init`: makes the keys and the machine's part of the nats-server configuration.
//!
//! First a [`plan()`], which is pure: it decides every file and its contents from the request, the
//! time and fresh keys. Then [`write()`], which puts all of it in place in one step or not at all.

mod account;
mod conf;
pub mod keys;
pub mod plan;
pub mod request;
mod service_user;
pub mod write;

pub use keys::FreshKeys;
pub use plan::{Plan, PlanError, PlannedFile, plan};
pub use request::InitRequest;
pub use write::{WriteError, write};
