//! Token buckets, one for each key, in bounded memory.
//!
//! This is the generic cell rate algorithm: the whole bucket is one instant, the one at which it
//! will be full again. The crate `governor` does the same and keeps every key it ever saw until it
//! is told to look for old ones; the bound, which is what matters here, would have to be added.

use std::{
    collections::hash_map::RandomState,
    hash::{BuildHasher, Hash},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use lru::LruCache;

use crate::config::Rate;

/// A call came before there was room for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooSoon {
    wait: Duration,
}

impl TooSoon {
    /// Time until there is room for one call.
    #[must_use]
    pub const fn wait(self) -> Duration {
        self.wait
    }

    /// The same in whole seconds, rounded up, for the header `Retry-After` (RFC 9110 §10.2.3).
    #[must_use]
    pub const fn retry_after(self) -> u64 {
        let seconds = self.wait.as_secs() + if self.wait.subsec_nanos() > 0 { 1 } else { 0 };
        if seconds == 0 { 1 } else { seconds }
    }
}

/// Limits the rate of calls for each of many keys. Time is an argument.
#[derive(Debug)]
pub struct RateLimiter {
    /// Time in which room for one call comes back.
    interval: Duration,
    /// How far ahead of now the full bucket may lie for one more call to pass.
    tolerance: Duration,
    max_keys: u64,
    /// When each bucket will be full again, by a hash that strangers can't foresee. A hash takes
    /// eight bytes whatever a key is made of; two keys that share one share a bucket, which happens
    /// by chance alone, once among billions.
    full_at: Mutex<LruCache<u64, Instant>>,
    hasher: RandomState,
}

impl RateLimiter {
    /// A limiter that keeps at most `max_keys` in mind. One more, and the one that was silent for
    /// longest is forgotten, as if it had been silent for long enough.
    #[must_use]
    pub fn new(rate: Rate, max_keys: u64) -> Self {
        let interval = Duration::from_secs(60) / rate.per_minute.get();
        Self {
            interval,
            tolerance: interval * (rate.burst.get() - 1),
            max_keys,
            full_at: Mutex::new(LruCache::unbounded()),
            hasher: RandomState::new(),
        }
    }

    /// Counts a call.
    ///
    /// # Errors
    /// [`TooSoon`] if there is no room for it; then it does not count.
    pub fn check(&self, key: &impl Hash, now: Instant) -> Result<(), TooSoon> {
        let key = self.hasher.hash_one(key);
        // Each change of the table is complete in itself: a panic elsewhere leaves nothing half done.
        let mut table = self.full_at.lock().unwrap_or_else(PoisonError::into_inner);
        let full_at = table.get(&key).map_or(now, |full_at| (*full_at).max(now));
        let ahead = full_at - now;
        if ahead > self.tolerance {
            return Err(TooSoon { wait: ahead - self.tolerance });
        }
        table.put(key, full_at + self.interval);
        while table.len() as u64 > self.max_keys {
            table.pop_lru();
        }
        Ok(())
    }

    /// How many keys are kept in mind.
    #[must_use]
    pub fn len(&self) -> usize {
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    fn limiter(burst: u32, per_minute: u32, max_keys: u64) -> RateLimiter {
        let number = |n| NonZeroU32::new(n).unwrap();
        RateLimiter::new(Rate { burst: number(burst), per_minute: number(per_minute) }, max_keys)
    }

    const fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn a_burst_passes_and_then_one_call_an_interval() {
        let limiter = limiter(5, 30, 100);
        let mut now = Instant::now();
        for _ in 0..5 {
            assert_eq!(limiter.check(&"a", now), Ok(()));
        }
        for _ in 0..10 {
            let too_soon = limiter.check(&"a", now).unwrap_err();
            assert_eq!(too_soon.wait(), seconds(2));
            // Being refused costs nothing; another key does not notice.
            assert!(limiter.check(&"a", now + seconds(2) - Duration::from_nanos(1)).is_err());
            assert_eq!(limiter.check(&"b", now), Ok(()));
            now += seconds(2);
            assert_eq!(limiter.check(&"a", now), Ok(()));
        }
    }

    #[test]
    fn a_pause_fills_the_bucket_and_no_more() {
        let limiter = limiter(3, 60, 100);
        let mut now = Instant::now();
        for pause in [0, 3, 1_000_000] {
            now += seconds(pause);
            for _ in 0..3 {
                assert_eq!(limiter.check(&"a", now), Ok(()));
            }
            assert!(limiter.check(&"a", now).is_err());
        }
        now += seconds(2);
        assert_eq!(limiter.check(&"a", now), Ok(()));
        assert_eq!(limiter.check(&"a", now), Ok(()));
        assert!(limiter.check(&"a", now).is_err());
    }

    #[test]
    fn a_clock_that_stands_still_or_goes_back_lets_nobody_in() {
        let limiter = limiter(1, 60, 100);
        let now = Instant::now() + seconds(10);
        assert_eq!(limiter.check(&"a", now), Ok(()));
        assert!(limiter.check(&"a", now).is_err());
        assert_eq!(limiter.check(&"a", now - seconds(5)).unwrap_err().wait(), seconds(6));
    }

    #[test]
    fn retry_after_is_in_whole_seconds_and_never_zero() {
        for (wait, expected) in [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (59_001, 60)] {
            let too_soon = TooSoon { wait: Duration::from_millis(wait) };
            assert_eq!(too_soon.retry_after(), expected, "{wait} ms");
        }
        // Whoever waits as told gets in.
        let limiter = limiter(1, 7, 100);
        let now = Instant::now();
        assert_eq!(limiter.check(&"a", now), Ok(()));
        let wait = limiter.check(&"a", now).unwrap_err().retry_after();
        assert_eq!(limiter.check(&"a", now + seconds(wait)), Ok(()));
    }

    #[test]
    fn a_million_strangers_take_no_more_memory_than_is_allowed() {
        let limiter = limiter(1, 1, 1000);
        let now = Instant::now();
        for stranger in 0..1_000_000_u32 {
            assert_eq!(limiter.check(&stranger, now), Ok(()));
        }
        assert_eq!(limiter.len(), 1000);
        // Those who called last are remembered.
        assert!(limiter.check(&999_999_u32, now).is_err());
    }

    #[test]
    fn who_is_refused_is_not_forgotten_for_it() {
        let limiter = limiter(1, 1, 1000);
        let now = Instant::now();
        assert_eq!(limiter.check(&"busy", now), Ok(()));
        for stranger in 0..10_000_u32 {
            assert_eq!(limiter.check(&stranger, now), Ok(()));
            assert!(limiter.check(&"busy", now).is_err());
        }
    }
}
