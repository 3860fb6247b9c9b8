//! How long to wait before something is tried again.

use core::time::Duration;

use crate::time::Instant;

/// The first pause; each further one is twice as long.
const FIRST: Duration = Duration::from_millis(100);
/// The longest pause.
const LONGEST: Duration = Duration::from_secs(10);
/// How long something may fail before the application is told.
const PATIENCE: Duration = Duration::from_secs(10);

/// Failures in a row, and what they mean for the next attempt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Retry {
    failures: u32,
    /// Since when it fails, or the application was told so.
    since: Option<Instant>,
    /// Before when nothing is tried.
    until: Option<Instant>,
}

impl Retry {
    /// It failed once more. Says whether the application should hear of it.
    pub(super) fn failed(&mut self, now: Instant) -> bool {
        let pause = FIRST.saturating_mul(1 << self.failures.min(16)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.until = Some(now + pause);
        let since = *self.since.get_or_insert(now);
        let tell = now - since >= PATIENCE;
        if tell {
            self.since = Some(now);
        }
        tell
    }

    /// How often it has failed in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// It works.
    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }

    /// The circumstances have changed: the next attempt does not wait.
    pub(super) fn hurry(&mut self) {
        *self = Self { until: None, since: None, ..*self };
    }

    /// Whether it may be tried now.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        self.until = self.until.filter(|until| *until > now);
        self.until.is_none()
    }

    /// When it may be tried, if that is not yet.
    pub(super) fn until(&self) -> Option<Instant> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_a_limit_and_the_application_hears_now_and_then() {
        let mut retry = Retry::default();
        let mut now = Instant::ORIGIN;
        let mut pauses = [0; 9];
        let mut told = 0;
        for pause in &mut pauses {
            assert!(retry.is_due(now));
            told += u32::from(retry.failed(now));
            assert!(!retry.is_due(now));
            let until = retry.until().unwrap();
            *pause = (until - now).as_millis();
            now = until;
        }
        assert_eq!(pauses, [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000]);
        assert_eq!(told, 2, "after 12.7 s and after 22.7 s");
        retry.hurry();
        assert!(retry.is_due(now));
        retry.succeeded();
        assert_eq!(retry, Retry::default());
    }
}
