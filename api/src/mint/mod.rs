//! Minting credentials for browsers: pure decisions, no I/O.
//!
//! In: the roles, who asks and for what, the time and some randomness. Out: a signed token and what
//! its holder should know about it. The token itself carries no rights at all: it is *scoped*, which
//! means that nats-server takes the rights from the template that the account's JWT holds for the
//! signing key. Whoever steals that key can mint tokens of that role, and nothing else.

mod channel;
mod consumer;
mod error;
mod policy;
mod resolve;
mod role;
mod roles;
mod token;

pub use channel::{AllowedValues, Channel, ChannelError, ChannelKind};
pub(crate) use channel::{MAX_KIND_BYTES, MAX_VALUE_BYTES};
pub use consumer::{Consumer, ConsumerTemplate, DeliverPolicy};
pub use error::MintError;
pub use policy::{Grant, Rights, RolePolicy};
pub(crate) use resolve::with_wildcards;
pub(crate) use role::is_token;
pub use role::{CallerRule, ClaimPath, ClaimRule, ClaimTest, Role, RoleName, RoleNameError};
pub use roles::{RoleDenied, Roles};
pub use token::{MAX_JWT_BYTES, Minted, NAME_ENTROPY, mint, mint_for_login};
