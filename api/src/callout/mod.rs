//! Auth callout (ADR-26): nats-server asks this service about clients that bring no token of their
//! own, and gets one for them.
//!
//! It is another door to the same house. A [`question`] is opened and checked, the [`door`] finds out
//! who the client is as for a call to the API, and what it gets is what `POST /v1/credentials` would
//! give it: by the same roles, the same mint and the same bans, signed by the role's scoped key. The
//! [`service`] keeps the connection to nats-server, and bounds how much is worked on at once.
//!
//! nats-server holds the client to the role's subjects, yet not to its largest message and its number
//! of subscriptions, nor to its kinds of connection. The last are checked here.

mod denied;
pub mod door;
pub mod question;
mod seen;
pub mod service;

pub use denied::Denied;
pub use door::Door;
pub use question::{Question, QuestionError};
pub use seen::Seen;

/// What nats-server asks on.
pub(crate) const QUESTIONS: &str = "$SYS.REQ.USER.AUTH";
