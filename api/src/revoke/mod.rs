//! Bans: who is kept from NATS, and how.
//!
//! A ban is three things. The mint gives nothing to whoever is on the [`BanList`], which is kept in a
//! file. The [`Kicker`] ends the connections there are, and the [`warden`] those that come back with a
//! token that has not ended yet. And the account's JWT names the key as revoked, so that the servers
//! refuse it by themselves: that takes the operator's signing key, so it is the part of `api revoke`,
//! or of the [`Signer`] where the configuration says that this service may hold that key.

pub mod ban_list;
mod issued;
pub mod kicker;
pub mod revoker;
pub mod signer;
mod store;
pub mod target;
pub mod warden;

pub use ban_list::{AdmitError, Ban, BanList};
pub use kicker::{KickError, Kicker};
pub use revoker::{RevokeError, Revoked, Revoker};
pub use signer::Signer;
pub use store::BanFileError;
pub use target::{Target, UserId};
