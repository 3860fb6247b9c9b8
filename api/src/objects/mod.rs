//! Objects, for callers who must not reach the bucket itself.
//!
//! Whoever may publish to `$O.BUCKET.>` may replace everything there by one message with a
//! `Nats-Rollup` header, and whoever may ask JetStream to read may have the answer sent anywhere. No
//! permission of nats-server's tells one object from another's, either: names are Base64 in subjects.
//! So browsers come here, where each name is compared with what the caller's role says.

mod name;
mod owner;
mod pattern;
mod rights;

pub use name::{ObjectName, ObjectNameError};
pub use owner::Owner;
pub use pattern::{ObjectPattern, PatternError};
pub use rights::{Action, ObjectGrant, ObjectRights};
