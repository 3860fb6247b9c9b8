//! A moment, as the caller's clock tells it.

use alloc::collections::VecDeque;
use core::ops::{Add, Sub};
use core::time::Duration;

/// A moment on a clock that never runs backwards, as the time since that clock's origin.
///
/// The origin is the caller's choice and has no meaning here; only differences count. In a
/// browser it is `performance.now()`, natively the time since the program began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(Duration);

impl Instant {
    /// The clock's origin.
    pub const ORIGIN: Self = Self(Duration::ZERO);

    /// The moment `elapsed` after the clock's origin.
    pub const fn from_origin(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long after `earlier` this moment is; zero if it is not after it.
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// The moment so long before this one; the clock's origin where that is later.
    pub const fn saturating_sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates at the end of time instead of panicking.
    fn add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(after))
    }
}

impl Sub for Instant {
    type Output = Duration;

    /// The same as [`Instant::saturating_duration_since`].
    fn sub(self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }
}

/// How far the two clocks may drift apart before that is noted.
const TOLERANCE: Duration = Duration::from_millis(50);

/// How many readings are kept.
const READINGS: usize = 64;

/// What the clock that tells the date said at moments of the one that never runs backwards.
///
/// The latter may stand still while a machine sleeps, so that a moment's date can't be told from how
/// long ago it was: it is what was read at the time.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::{Instant, WallClock};
///
/// let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
/// let mut clock = WallClock::default();
/// clock.note(Instant::ORIGIN, minutes(100));
/// // An hour's sleep, of which the steady clock knows nothing.
/// let awake = Instant::ORIGIN + minutes(1);
/// clock.note(awake, minutes(161));
/// assert_eq!(clock.at(Instant::ORIGIN + minutes(1) / 2), minutes(100) + minutes(1) / 2);
/// assert_eq!(clock.at(awake), minutes(161));
/// ```
#[derive(Clone, Debug, Default)]
pub struct WallClock {
    /// Moments at which the clocks were found to have drifted apart, and how long ago 1970 began then.
    readings: VecDeque<(Instant, Duration)>,
}

impl WallClock {
    /// At this moment 1970 began so long ago. Moments come in order.
    pub fn note(&mut self, now: Instant, unix_time: Duration) {
        let expected = self.at(now);
        if self.readings.is_empty() || expected.abs_diff(unix_time) > TOLERANCE {
            if self.readings.len() >= READINGS {
                self.readings.pop_front();
            }
            self.readings.push_back((now, unix_time));
        }
    }

    /// How long ago 1970 began at a moment, to within 50 milliseconds; for one before the oldest
    /// reading that is kept, as if the clocks had gone alike. Zero without any reading.
    pub fn at(&self, moment: Instant) -> Duration {
        let reading = self.readings.iter().rev().find(|(at, _)| *at <= moment);
        match reading.or_else(|| self.readings.front()) {
            Some(&(at, unix_time)) if at <= moment => unix_time.saturating_add(moment - at),
            Some(&(at, unix_time)) => unix_time.saturating_sub(at - moment),
            None => Duration::ZERO,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u32) -> Instant {
        Instant::ORIGIN + SECOND * seconds
    }

    #[test]
    fn a_moment_has_the_date_that_was_read_at_the_time() {
        let mut clock = WallClock::default();
        assert_eq!(clock.at(at(5)), Duration::ZERO);
        clock.note(at(10), SECOND * 1_000);
        assert_eq!((clock.at(at(12)), clock.at(at(8))), (SECOND * 1_002, SECOND * 998));
        clock.note(at(20), SECOND * 1_010);
        clock.note(at(30), SECOND * 5_000);
        assert_eq!(clock.at(at(29)), SECOND * 1_019, "before it slept");
        assert_eq!(clock.at(at(31)), SECOND * 5_001, "and after");
        clock.note(at(40), SECOND * 100);
        assert_eq!(clock.at(at(41)), SECOND * 101, "somebody set it back");
        assert_eq!(clock.at(at(39)), SECOND * 5_009);
    }

    #[test]
    fn clocks_that_go_alike_are_not_noted_and_wild_ones_bounded() {
        let mut clock = WallClock::default();
        for second in 0..1_000 {
            clock.note(at(second), SECOND * second);
        }
        assert_eq!(clock.readings.len(), 1);
        for second in 1_000..2_000 {
            clock.note(at(second), SECOND * 2 * second);
        }
        assert_eq!(clock.readings.len(), READINGS);
        assert_eq!(clock.at(at(1_999)), SECOND * 3_998);
    }
}
