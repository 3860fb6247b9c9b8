//! NATS JWT claims, version 2: operator, account, user, and what passes between nats-server and an
//! authorization service.
//!
//! The shapes are those of the `nats-io/jwt` v2 library that nats-server decodes with. Reading
//! refuses fields that are not modelled, except in what nats-server asks: a claim that was dropped
//! unseen is a claim that would be lost at the next signing.
//!
//! Two rules keep the dangerous defaults of the format out:
//!
//! * Permissions are always written, publish and subscribe both. An absent or empty list means
//!   *everything*; "nothing" is spelled `deny [">"]`, as [`Permission::nothing`] does.
//! * A key carries its role in its type ([`key::PublicKey`]), so an account key cannot stand where
//!   an operator key belongs.

pub mod account;
pub mod authorization;
pub mod curve;
pub mod exports;
pub mod jwt;
pub mod key;
pub mod operator;
pub mod permission;
pub mod scope;
pub mod subject;
pub mod user;

pub use account::{
    AccountClaims, AccountLimits, AllowedAccounts, ExternalAuthorization, JetStreamLimits,
};
pub use authorization::{AuthorizationRequest, AuthorizationResponse};
pub use curve::{CurvePair, OpenError, SealError};
pub use jwt::{Claims, DecodeError, Jwt, Kind, SignError};
pub use key::{
    Account, AccountKey, AccountPair, CurveKey, KeyError, KeyPair, Operator, OperatorKey,
    OperatorPair, PublicKey, ServerKey, ServerPair, User, UserKey, UserPair,
};
pub use operator::OperatorClaims;
pub use permission::{
    ConnectionType, Permission, ResponsePermission, SubscriptionVerdict, Verdict,
};
pub use scope::{SigningKey, UserScope, UserTemplate};
pub use user::UserClaims;

/// The value that NATS reads as "no limit".
pub const NO_LIMIT: i64 = -1;

/// The only version of the claims this crate writes or reads.
pub const VERSION: u8 = 2;

#[cfg(test)]
mod tests;
