//! What the service tells of itself: a log for people, metrics for machines.

mod answers;
mod log;
pub mod metrics;

pub use log::{TelemetryError, start};
pub use metrics::{CalloutOutcome, Metrics};
