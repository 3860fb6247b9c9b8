//! The HTTP listener.

use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;

use super::{Invalid, check_range};

/// Settings of the HTTP listener.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Largest request body in bytes; a larger one is answered with 413.
    pub body_limit_bytes: u64,
    /// Milliseconds from the end of the request's head to the response's; then 408.
    pub request_timeout_ms: u64,
    /// Milliseconds that requests in flight get to finish after a signal to stop.
    pub shutdown_deadline_ms: u64,
}

impl HttpConfig {
    /// [`HttpConfig::request_timeout_ms`] as a duration.
    #[must_use]
    pub const fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// [`HttpConfig::shutdown_deadline_ms`] as a duration.
    #[must_use]
    pub const fn shutdown_deadline(&self) -> Duration {
        Duration::from_millis(self.shutdown_deadline_ms)
    }

    pub(super) fn check(&self, problems: &mut Vec<Invalid>) {
        check_range(
            "http.body_limit_bytes",
            self.body_limit_bytes,
            1024..=1_048_576,
            "bytes",
            problems,
        );
        check_range(
            "http.request_timeout_ms",
            self.request_timeout_ms,
            100..=60_000,
            "milliseconds",
            problems,
        );
        check_range(
            "http.shutdown_deadline_ms",
            self.shutdown_deadline_ms,
            100..=60_000,
            "milliseconds",
            problems,
        );
    }
}
