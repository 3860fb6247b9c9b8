//! What is logged and how.

use serde::Deserialize;
use tracing_subscriber::EnvFilter;

use super::Invalid;

/// Settings of the log.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// For people or for machines.
    pub format: LogFormat,
    /// Directives of `tracing-subscriber`'s filter, such as `info,api=debug`. The environment
    /// variable `RUST_LOG` wins over it.
    pub filter: String,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// One short line an event.
    Compact,
    /// One JSON object an event.
    Json,
}

impl LogConfig {
    pub(super) fn check(&self, problems: &mut Vec<Invalid>) {
        if let Err(error) = EnvFilter::try_new(&self.filter) {
            problems.push(Invalid { field: "log.filter", problem: error.to_string() });
        }
    }
}
