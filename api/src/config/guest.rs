//! Access without an account.

use std::time::Duration;

use serde::Deserialize;

use super::{Invalid, check_range};

/// Longest life of a browser's credential: a day. Nothing but the end of its life takes a
/// credential away from a browser that was let in by mistake.
pub const MAX_TTL_SECONDS: u64 = 24 * 60 * 60;
/// Shortest life that still leaves a client time to refresh.
pub const MIN_TTL_SECONDS: u64 = 2;

/// Settings of guest access.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestConfig {
    /// Whether anyone may have a credential of the role `guest`.
    pub enabled: bool,
    /// How long such a credential lives, in seconds.
    pub ttl_seconds: u64,
}

impl GuestConfig {
    /// [`GuestConfig::ttl_seconds`] as a duration.
    #[must_use]
    pub const fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_seconds)
    }

    pub(super) fn check(&self, problems: &mut Vec<Invalid>) {
        check_range(
            "guest.ttl_seconds",
            self.ttl_seconds,
            MIN_TTL_SECONDS..=MAX_TTL_SECONDS,
            "seconds",
            problems,
        );
    }
}
