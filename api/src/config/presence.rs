//! Presence.

use std::time::Duration;

use serde::Deserialize;

use super::{Invalid, check_range};

/// Settings of presence.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PresenceConfig {
    /// Whether this service listens to who is on which channel, and tells it.
    pub enabled: bool,
    /// How long a tab counts as present that is not heard, in seconds, 2 to 3600. A hidden page may say
    /// no more than once a minute that it is there.
    pub ttl_seconds: u64,
    /// Whether the servers' word of ended connections is listened to, by which a tab that crashed is
    /// gone in a second. Takes `system.creds`, a user of the system account.
    pub disconnects: bool,
}

impl PresenceConfig {
    /// The ttl.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        Duration::from_secs(self.ttl_seconds)
    }

    /// Whether a user of the system account is needed.
    #[must_use]
    pub fn needs_system(&self) -> bool {
        self.enabled && self.disconnects
    }

    pub(super) fn check(&self, problems: &mut Vec<Invalid>) {
        check_range("presence.ttl_seconds", self.ttl_seconds, 2..=3600, "seconds", problems);
    }
}
