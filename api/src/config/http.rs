//! The HTTP listener.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use ipnet::IpNet;
use serde::{Deserialize, Deserializer, de};

use super::{Invalid, check_range};

/// Settings of the HTTP listener.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// Address to listen on; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Largest request body in bytes; a larger one is answered with 413.
    pub body_limit_bytes: u64,
    /// Milliseconds for the head of a request to arrive whole, counted from when the connection is
    /// opened or the answer before was sent; then the connection is closed.
    pub header_read_timeout_ms: u64,
    /// Largest head of a request in bytes; a larger one is answered with 431.
    pub max_header_bytes: u64,
    /// Connections at once; more wait to be accepted.
    pub max_connections: u64,
    /// Milliseconds from the end of the request's head to the response's; then 408.
    pub request_timeout_ms: u64,
    /// Milliseconds that requests in flight get to finish after a signal to stop.
    pub shutdown_deadline_ms: u64,
    /// Proxies, by address or network such as `10.0.0.0/8`, that are believed about whom they
    /// forward for. Empty means none: the address of a caller is the one it connects from.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// The header in which these proxies say so. The other is not looked at: a proxy that writes one
    /// passes on what a caller wrote into the other.
    pub forwarded_header: ForwardedHeader,
}

/// A header that says for whom a proxy forwards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, which most proxies write.
    XForwardedFor,
    /// `Forwarded` (RFC 7239).
    Forwarded,
}

/// Networks, where a plain address stands for itself.
fn networks<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    Vec::<String>::deserialize(deserializer)?
        .into_iter()
        .map(|text| {
            text.parse()
                .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
                .map_err(|_| de::Error::custom(format!("{text:?} is no address and no network")))
        })
        .collect()
}

impl HttpConfig {
    /// [`HttpConfig::request_timeout_ms`] as a duration.
    #[must_use]
    pub const fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// [`HttpConfig::header_read_timeout_ms`] as a duration.
    #[must_use]
    pub const fn header_read_timeout(&self) -> Duration {
        Duration::from_millis(self.header_read_timeout_ms)
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
            "http.header_read_timeout_ms",
            self.header_read_timeout_ms,
            100..=600_000,
            "milliseconds",
            problems,
        );
        check_range(
            "http.max_header_bytes",
            self.max_header_bytes,
            1024..=65_536,
            "bytes",
            problems,
        );
        check_range(
            "http.max_connections",
            self.max_connections,
            1..=1_000_000,
            "connections",
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
