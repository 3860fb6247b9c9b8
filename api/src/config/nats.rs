//! The connection to NATS.

use std::{path::PathBuf, time::Duration};

use serde::Deserialize;
use url::Url;

use super::{Invalid, check_range};

/// Settings of the connection to NATS.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NatsConfig {
    /// Servers of one cluster: `nats://host:port`, or `tls://` for TLS.
    pub urls: Vec<Url>,
    /// The authority that must have signed the servers' certificates, in PEM; no other counts then.
    /// Without it, those that this machine trusts count.
    pub ca_file: Option<PathBuf>,
    /// Milliseconds one attempt to connect may take.
    pub connect_timeout_ms: u64,
    /// Milliseconds for a publish to be confirmed by the server.
    pub publish_deadline_ms: u64,
}

impl NatsConfig {
    /// [`NatsConfig::connect_timeout_ms`] as a duration.
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    /// [`NatsConfig::publish_deadline_ms`] as a duration.
    #[must_use]
    pub const fn publish_deadline(&self) -> Duration {
        Duration::from_millis(self.publish_deadline_ms)
    }

    pub(super) fn check(&self, problems: &mut Vec<Invalid>) {
        let mut refuse = |problem: String| problems.push(Invalid { field: "nats.urls", problem });
        if self.urls.is_empty() {
            refuse("at least one server is needed".to_owned());
        }
        for url in &self.urls {
            if !matches!(url.scheme(), "nats" | "tls") {
                refuse(format!("scheme {:?} is neither nats nor tls", url.scheme()));
            } else if url.host().is_none() {
                refuse("a URL has no host".to_owned());
            } else if url.scheme() != "tls" && self.ca_file.is_some() {
                // Whoever stands in the way could take TLS out of the server's greeting.
                refuse("with nats.ca_file, every URL begins with tls://".to_owned());
            } else if !url.username().is_empty() || url.password().is_some() {
                // URLs end up in logs.
                refuse("a URL holds a user or password; the keys directory is for that".to_owned());
            }
        }
        check_range(
            "nats.connect_timeout_ms",
            self.connect_timeout_ms,
            100..=30_000,
            "milliseconds",
            problems,
        );
        check_range(
            "nats.publish_deadline_ms",
            self.publish_deadline_ms,
            50..=30_000,
            "milliseconds",
            problems,
        );
    }
}
