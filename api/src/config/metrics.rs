//! The listener for Prometheus.

use std::net::SocketAddr;

use serde::Deserialize;

/// Settings of the metrics' listener.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsConfig {
    /// Whether there is one.
    pub enabled: bool,
    /// Address to listen on; port 0 takes a free one. Whoever reaches it may read: metrics hold no
    /// secrets, but they tell how busy the service is.
    pub listen: SocketAddr,
}
