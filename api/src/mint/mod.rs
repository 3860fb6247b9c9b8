//! Minting credentials for browsers: pure decisions, no I/O.
//!
//! In: a role's policy, who asks, the time and some randomness. Out: a signed token and what its
//! holder should know about it. The token itself carries no rights at all: it is *scoped*, which
//! means that nats-server takes the rights from the template that the account's JWT holds for the
//! signing key. Whoever steals that key can mint guests, and nothing else.

mod error;
mod policy;
mod role;
mod token;

pub use error::MintError;
pub use policy::{Caller, RolePolicy};
pub use role::{RoleName, template, updates_subject};
pub use token::{MAX_JWT_BYTES, Minted, NAME_ENTROPY, mint};
