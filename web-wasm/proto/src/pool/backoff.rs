//! How long a server rests before it is dialled again.

use core::time::Duration;

/// How long to wait before a server is dialled again.
///
/// After its n-th failure in a row a server rests for a random time between half of and all of
/// `base · 2^(n-1)`, but no more than `max`. A connection that breaks before it has lasted for
/// `max` counts as a failure too; a server whose connection lasted longer rests for up to `base`.
/// The randomness keeps a crowd of clients from coming back in step.
///
/// After the first failure another server is tried at once. From the second in a row on the client
/// rests as well, as if all servers were one: a crowd that is more than they can let in at once would
/// else ask them the more often the more they are. An attempt that took
/// [long](Backoff::SLOW) before it failed tells of such a crowd: then the rest is `2^(n-1)` times as long
/// as it took, between half of it and all, up to [`Backoff::LONGEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first delay.
    pub base: Duration,
    /// The longest delay.
    pub max: Duration,
}

impl Default for Backoff {
    /// From 250 milliseconds to 8 seconds.
    fn default() -> Self {
        Self { base: Duration::from_millis(250), max: Duration::from_secs(8) }
    }
}

impl Backoff {
    /// How long an attempt takes at least to be one that took long.
    pub const SLOW: Duration = Duration::from_secs(2);

    /// The longest rest after attempts that took long. Who waits for somebody in particular need not
    /// wait for it: a client dials at once when the machine comes online or the page is shown again.
    pub const LONGEST: Duration = Duration::from_secs(30);

    pub(super) fn after_failures(&self, failures: u32, rng: &mut fastrand::Rng) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        jittered(self.base.saturating_mul(1 << doublings).min(self.max), rng)
    }
}

/// A random time between half of and all of `limit`.
pub(super) fn jittered(limit: Duration, rng: &mut fastrand::Rng) -> Duration {
    limit / 2 + random_up_to(limit / 2, rng)
}

pub(super) fn random_up_to(limit: Duration, rng: &mut fastrand::Rng) -> Duration {
    let limit = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(rng.u64(0..=limit))
}
