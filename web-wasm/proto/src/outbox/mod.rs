//! What is to be published later: an outbox's entries, and which of them is sent when.
//!
//! [`Record`] is an entry as it is stored, [`Queue`] decides. Neither reads a clock nor stores
//! anything: times are arguments, and what is to be done is returned.

mod outcome;
mod queue;
mod record;
mod set_aside;

pub use outcome::{Outcome, Verdict};
pub use queue::{Action, Config, OnRefusal, Queue};
pub use record::{Record, RecordError};
pub use set_aside::SetAside;

#[cfg(test)]
mod tests;
