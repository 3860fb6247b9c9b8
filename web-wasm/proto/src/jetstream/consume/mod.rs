//! What clients of consumers do: ask, count, notice what is missing, ask again.
//!
//! | unit | what it is for |
//! |---|---|
//! | [`Batch`] | one request, for so many messages and so long |
//! | [`Pull`] | requests without end, so that some messages always wait to be read |
//! | [`Ordered`] | a consumer that is made anew wherever messages went missing |
//! | [`Push`] | reads what a consumer delivers by itself |
//! | [`PullRequest`], [`Status`] | what such a client says, and what a server answers besides messages |
//!
//! All these machines are driven alike. Tell them what happens: a message arrived, the connection
//! broke or is there again, the moment of `poll_timeout` has come. After each of these, and before
//! the next, call `poll_action` until it has no more and do what it says in that order; then set
//! one timer to `poll_timeout`. Hand over messages that have arrived before a late timer, so that
//! it does not judge a server whose word is already here.
//!
//! Sources: ADR-37 (simplified API), ADR-42 (priority groups), ADR-17 (ordered consumers), and
//! nats-server's `processNextMsgRequest`.

mod batch;
mod error;
mod ordered;
mod pull;
mod push;
mod request;
mod retry;
mod status;

#[cfg(test)]
mod model;

pub use batch::{Batch, BatchOptions};
pub use error::{BatchError, OrderedError, PullError, PushError};
pub use ordered::{Ordered, OrderedAction, OrderedOptions, Recreation};
pub use pull::{Pull, PullOptions};
pub use push::{Push, PushAction, PushOptions};
pub use request::{Action, PullRequest};
pub use status::{Condition, Status};
