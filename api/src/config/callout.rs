//! Auth callout: nats-server asks this service about clients that bring no token of their own.

use std::{net::SocketAddr, time::Duration};

use serde::Deserialize;

use super::{Invalid, check_range};
use crate::claims::ConnectionType;

/// Milliseconds that nats-server waits for a login (`authorization.timeout` in
/// `nats-conf/parts/limits.conf`), less what the way there and back may take.
const LONGEST_DEADLINE_MS: u64 = 4_500;

/// Settings of auth callout, and of the sessions that browsers come with.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CalloutConfig {
    /// Whether nats-server is answered, and sessions are given out.
    pub enabled: bool,
    /// Kinds of connection that clients may come over; their role must allow the kind, too.
    pub connection_types: Vec<ConnectionType>,
    /// Questions that are worked on at once; what is over that is refused at once.
    pub max_concurrent: u32,
    /// Milliseconds for one answer. nats-server's own time-out for logins must be longer.
    pub deadline_ms: u64,
    /// Name of the session cookie: `token_cookie` of nats-server's websocket block.
    pub cookie_name: String,
    /// Whether browsers send the cookie over TLS only. It may be off only where this service is
    /// reached from its own machine alone.
    pub secure_cookie: bool,
    /// Seconds that a session lasts.
    pub session_seconds: u32,
}

impl CalloutConfig {
    /// [`CalloutConfig::deadline_ms`] as a duration.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        Duration::from_millis(self.deadline_ms)
    }

    pub(super) fn check(&self, listen: SocketAddr, problems: &mut Vec<Invalid>) {
        check_range(
            "callout.max_concurrent",
            self.max_concurrent.into(),
            1..=4_096,
            "questions",
            problems,
        );
        check_range(
            "callout.deadline_ms",
            self.deadline_ms,
            50..=LONGEST_DEADLINE_MS,
            "milliseconds",
            problems,
        );
        check_range(
            "callout.session_seconds",
            self.session_seconds.into(),
            2..=86_400,
            "seconds",
            problems,
        );
        let mut refuse =
            |field, problem: &str| problems.push(Invalid { field, problem: problem.to_owned() });
        let is_asked_about = |kind: &ConnectionType| {
            matches!(kind, ConnectionType::Websocket | ConnectionType::Standard)
        };
        if self.connection_types.is_empty() || !self.connection_types.iter().all(is_asked_about) {
            refuse("callout.connection_types", "it is one or both of WEBSOCKET and STANDARD");
        }
        if !is_cookie_name(&self.cookie_name) {
            refuse("callout.cookie_name", "it has 1 to 64 letters, digits, - and _");
        }
        // RFC 6265bis §4.1.3: browsers drop a cookie that does not keep what its name promises.
        let promises = self.cookie_name.to_ascii_lowercase();
        if !self.secure_cookie
            && (promises.starts_with("__host-") || promises.starts_with("__secure-"))
        {
            refuse("callout.cookie_name", "a cookie of this name must be secure");
        }
        if !self.secure_cookie && !listen.ip().is_loopback() {
            refuse("callout.secure_cookie", "it may be off only where http.listen is on loopback");
        }
    }
}

/// Narrower than RFC 6265's token: nats-server's configuration takes it as it is.
fn is_cookie_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
