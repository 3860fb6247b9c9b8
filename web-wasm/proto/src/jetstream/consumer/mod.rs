//! The configuration and state of consumers.

mod config;
mod info;
mod policy;

pub use config::Config;
pub use info::{Info, PriorityGroupState, SequenceInfo};
pub use policy::{AckPolicy, DeliverPolicy, PriorityPolicy, ReplayPolicy};
