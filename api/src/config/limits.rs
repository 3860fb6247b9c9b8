//! How often a caller may call.

use std::num::NonZeroU32;

use serde::Deserialize;

use super::{Invalid, check_range};

/// Settings of the rate limits.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Whether there are any.
    pub enabled: bool,
    /// Most addresses, callers and sessions that are kept in mind, of each; one more, and the one
    /// that was silent for longest is forgotten. Each takes some 100 bytes.
    pub max_keys: u64,
    /// For each address that calls; IPv6 addresses count by their /64.
    pub address: Rate,
    /// For each user and each name of an API key.
    pub caller: Rate,
    /// For each public key that credentials are asked for.
    pub session: Rate,
}

/// A rate: a bucket that holds `burst` calls and is filled up by `per_minute` calls a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rate {
    /// Calls that may come at once.
    pub burst: NonZeroU32,
    /// Calls a minute in the long run.
    pub per_minute: NonZeroU32,
}

impl LimitsConfig {
    pub(super) fn check(&self, problems: &mut Vec<Invalid>) {
        check_range("limits.max_keys", self.max_keys, 1000..=10_000_000, "keys", problems);
        for (burst, per_minute, rate) in [
            ("limits.address.burst", "limits.address.per_minute", self.address),
            ("limits.caller.burst", "limits.caller.per_minute", self.caller),
            ("limits.session.burst", "limits.session.per_minute", self.session),
        ] {
            let calls = 1..=10_000_000;
            check_range(burst, rate.burst.get().into(), calls.clone(), "calls", problems);
            check_range(per_minute, rate.per_minute.get().into(), calls, "calls", problems);
        }
    }
}
