//! How much a browser may hold unsent.

use nats_proto::Instant;

use super::ASK_AGAIN_AFTER;

/// What it may hold on any link, in bytes. Whatever it holds, a PING is behind, and is in doubt when
/// the connection breaks.
const LEAST: u32 = 1 << 20;

/// What it may hold on the fastest, in bytes.
const MOST: u32 = 8 << 20;

/// How many bytes the browser may hold before no more are handed to it: as many as a link takes
/// between two questions, for it does not tell when it has room, and a browser's shortest timer is
/// long for a fast link.
#[derive(Clone, Copy, Debug)]
pub(super) struct HighWater {
    mark: u32,
    /// When the answer was no, if it was the last time, or when the mark was then taken down.
    full_since: Option<Instant>,
}

impl Default for HighWater {
    fn default() -> Self {
        Self { mark: LEAST, full_since: None }
    }
}

impl HighWater {
    /// Whether more may be handed over now that this many bytes are held.
    pub(super) fn admits(&mut self, held: u32, now: Instant) -> bool {
        let full = held >= self.mark;
        match self.full_since {
            // Whoever publishes asks, too, at once: that says nothing of the link.
            Some(since) if full && now < since + ASK_AGAIN_AFTER => return false,
            Some(_) if full => self.mark = (self.mark / 2).max(LEAST),
            Some(_) if held == 0 => self.mark = (self.mark * 2).min(MOST),
            _ => {}
        }
        self.full_since = full.then_some(now);
        !full
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    /// A mark, and a clock on which each question comes when it should.
    #[derive(Default)]
    struct Asking {
        high_water: HighWater,
        elapsed: Duration,
    }

    impl Asking {
        fn admits(&mut self, held: u32) -> bool {
            self.elapsed += ASK_AGAIN_AFTER;
            self.admits_at_once(held)
        }

        fn admits_at_once(&mut self, held: u32) -> bool {
            self.high_water.admits(held, Instant::from_origin(self.elapsed))
        }
    }

    #[test]
    fn a_link_that_is_found_empty_is_given_more() {
        let mut asking = Asking::default();
        let mut mark = LEAST;
        for _ in 0..10 {
            assert!(asking.admits(mark - 1));
            assert!(!asking.admits(mark));
            assert!(asking.admits(0), "it was empty when asked again");
            mark = (2 * mark).min(MOST);
        }
        assert_eq!(mark, MOST);
        assert!(!asking.admits(mark));
    }

    #[test]
    fn a_link_that_is_slow_or_unused_is_given_no_more() {
        let mut asking = Asking::default();
        assert!(!asking.admits(LEAST));
        assert!(asking.admits(LEAST - 1), "it took its time");
        for held in [0, LEAST - 1, 0] {
            assert!(asking.admits(held), "there was nothing to send");
        }
        assert!(!asking.admits(LEAST));
    }

    #[test]
    fn a_link_that_becomes_slow_is_given_less() {
        let mut asking = fast();
        assert!(!asking.admits(MOST));
        for mark in [MOST / 2, MOST / 4, LEAST, LEAST] {
            assert!(!asking.admits(MOST), "it was still full when asked again");
            assert_eq!(asking.high_water.mark, mark);
        }
        assert!(asking.admits(LEAST - 1));
    }

    #[test]
    fn a_link_that_is_asked_before_its_time_is_given_no_less() {
        let mut asking = fast();
        assert!(!asking.admits(MOST));
        for _ in 0..10 {
            assert!(!asking.admits_at_once(MOST), "somebody has published");
            assert_eq!(asking.high_water.mark, MOST);
        }
        assert!(asking.admits_at_once(MOST - 1), "room is room");
        assert!(!asking.admits_at_once(MOST));
        assert!(!asking.admits(MOST));
        assert_eq!(asking.high_water.mark, MOST / 2, "it had its time");
        assert!(!asking.admits_at_once(MOST));
        assert_eq!(asking.high_water.mark, MOST / 2);
    }

    /// One that has been found empty until it was given the most.
    fn fast() -> Asking {
        let mut asking = Asking::default();
        while asking.high_water.mark < MOST {
            let mark = asking.high_water.mark;
            assert!(!asking.admits(mark));
            assert!(asking.admits(0));
        }
        asking
    }
}
