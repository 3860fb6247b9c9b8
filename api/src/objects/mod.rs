//! Objects, for callers who must not reach the bucket itself.
//!
//! Whoever may publish to `$O.BUCKET.>` may replace everything there by one message with a
//! `Nats-Rollup` header, and whoever may ask JetStream to read may have the answer sent anywhere. No
//! permission of nats-server's tells one object from another's, either: names are Base64 in subjects.
//! So browsers come here, where each name is compared with what the caller's role says.
//!
//! | unit | what it is for |
//! |---|---|
//! | [`ObjectName`], [`ObjectPattern`] | names, and which of them |
//! | [`Owner`] | what stands for a caller in names |
//! | [`ObjectRights`], [`ObjectGrant`] | what a role may have, and what one caller |
//! | [`Objects`], [`Store`] | the declared buckets, and one of them over one connection |
//! | [`Meta`], [`Page`], [`NewObject`], [`Put`] | what is known, listed, put and stored |
//! | [`Place`] | room for one caller to do one thing |
//! | [`Preconditions`] | what must be so |
//!
//! The form of a bucket is ADR-20's, by the machines of `nats_proto::object_store`. async-nats's own
//! store is not used: what it is cut short in it leaves behind, of two who put at once it leaves the
//! pieces of one, and it follows links into other buckets.

mod delete;
mod download;
mod error;
mod list;
mod meta;
mod name;
mod owner;
mod pattern;
mod places;
mod preconditions;
mod rights;
mod store;
mod upload;

pub use error::{DeleteError, OpenError, PutError, ReadError};
pub use list::Page;
pub use meta::Meta;
pub use name::{ObjectName, ObjectNameError};
pub use owner::Owner;
pub use pattern::{ObjectPattern, PatternError};
pub use places::Place;
pub use preconditions::{Preconditions, Tags};
pub use rights::{Action, ObjectGrant, ObjectRights};
pub use store::{Objects, Store, Work};
pub use upload::{NewObject, Put};
