//! What time it is to JetStream.

use core::time::Duration;

use crate::jetstream::DateTime;
use crate::time::Instant;

/// The moment, and the wall's clock at the beginning of the world.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    pub(super) now: Instant,
    beginning: Duration,
}

impl Clock {
    pub(super) fn new(beginning: Duration) -> Self {
        Self { now: Instant::ORIGIN, beginning }
    }

    /// Time does not go back.
    pub(super) fn advance(&mut self, now: Instant) {
        self.now = self.now.max(now);
    }

    pub(super) fn date(&self) -> DateTime {
        DateTime::from_unix_time(self.beginning + (self.now - Instant::ORIGIN))
    }
}
