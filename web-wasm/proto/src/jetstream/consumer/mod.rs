//! The configuration and state of consumers.

mod config;
mod info;
mod policy;
mod request;

pub use config::Config;
pub use info::{Info, PriorityGroupState, SequenceInfo};
pub use policy::{AckPolicy, DeliverPolicy, PriorityPolicy, ReplayPolicy};
pub use request::{Action, CreateRequest, PauseRequest, ResetRequest, ResetResponse, UnpinRequest};
