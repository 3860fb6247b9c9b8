//! NATS JWT claims, version 2, for what is provisioned once: operator, accounts, service users.
//!
//! The shapes are those of the `nats-io/jwt` v2 library that nats-server decodes with. Only the
//! fields this project sets are modelled, and reading refuses any other: a claim that was dropped
//! unseen is a claim that would be lost at the next signing.
//!
//! Two rules keep the dangerous defaults of the format out:
//!
//! * Permissions are always written, publish and subscribe both. An absent or empty list means
//!   *everything*; "nothing" is spelled `deny [">"]`, as [`Permission::nothing`] does.
//! * A key carries its role in its type ([`key::PublicKey`]), so an account key cannot stand where
//!   an operator key belongs.

pub mod account;
pub mod jwt;
pub mod key;
pub mod operator;
pub mod permission;
pub mod user;

pub use account::{AccountClaims, AccountLimits, SigningKey, UserScope, UserTemplate};
pub use jwt::{Claims, DecodeError, Jwt, SignError};
pub use key::{
    Account, AccountKey, AccountPair, KeyError, KeyPair, Operator, OperatorPair, PublicKey, User,
    UserKey, UserPair,
};
pub use operator::OperatorClaims;
pub use permission::{ConnectionType, Permission};
pub use user::UserClaims;

/// The value that NATS reads as "no limit".
pub const NO_LIMIT: i64 = -1;

/// The only version of the claims this crate writes or reads.
pub const VERSION: u8 = 2;
