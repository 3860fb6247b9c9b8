//! How much a browser may hold unsent.

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
    /// Whether the last answer was no, so that the next question comes a while later.
    full: bool,
}

impl Default for HighWater {
    fn default() -> Self {
        Self { mark: LEAST, full: false }
    }
}

impl HighWater {
    /// Whether more may be handed over now that this many bytes are held.
    pub(super) fn admits(&mut self, held: u32) -> bool {
        let was_full = self.full;
        self.full = held >= self.mark;
        if was_full && self.full {
            self.mark = (self.mark / 2).max(LEAST);
        } else if was_full && held == 0 {
            self.mark = (self.mark * 2).min(MOST);
        }
        !self.full
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_that_is_found_empty_is_given_more() {
        let mut high_water = HighWater::default();
        let mut mark = LEAST;
        for _ in 0..10 {
            assert!(high_water.admits(mark - 1));
            assert!(!high_water.admits(mark));
            assert!(high_water.admits(0), "it was empty when asked again");
            mark = (2 * mark).min(MOST);
        }
        assert_eq!(mark, MOST);
        assert!(!high_water.admits(mark));
    }

    #[test]
    fn a_link_that_is_slow_or_unused_is_given_no_more() {
        let mut high_water = HighWater::default();
        assert!(!high_water.admits(LEAST));
        assert!(high_water.admits(LEAST - 1), "it took its time");
        for held in [0, LEAST - 1, 0] {
            assert!(high_water.admits(held), "there was nothing to send");
        }
        assert!(!high_water.admits(LEAST));
    }

    #[test]
    fn a_link_that_becomes_slow_is_given_less() {
        let mut high_water = HighWater::default();
        while high_water.mark < MOST {
            assert!(!high_water.admits(high_water.mark));
            assert!(high_water.admits(0));
        }
        assert!(!high_water.admits(MOST));
        for mark in [MOST / 2, MOST / 4, LEAST, LEAST] {
            assert!(!high_water.admits(MOST), "it was still full when asked again");
            assert_eq!(high_water.mark, mark);
        }
        assert!(high_water.admits(LEAST - 1));
    }
}
