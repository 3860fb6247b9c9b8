//! What is known of the stream, to tell another one of its name.

use core::time::Duration;

use crate::jetstream::DateTime;
use crate::jetstream::recovery::StreamFacts;

/// How much later than a moment at which the stream was there another must have been made: the dates
/// are of servers, whose clocks differ a little.
const CAUTION: Duration = Duration::from_secs(10);

/// What is known of the stream that is read.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Known {
    /// When it was made, once it was looked at.
    created: Option<DateTime>,
    /// A moment at which it was there.
    there: Option<DateTime>,
    /// The highest number that it is known to have given.
    last_sequence: u64,
}

impl Known {
    pub(super) fn there_at(&mut self, moment: DateTime) {
        self.there = Some(moment);
    }

    pub(super) fn reached(&mut self, stream_sequence: u64) {
        self.last_sequence = self.last_sequence.max(stream_sequence);
    }

    /// Takes over what the stream is now; says whether it is another one, or the same without its last
    /// messages.
    pub(super) fn is_other(&mut self, stream: StreamFacts) -> bool {
        let made_later = match (self.created, self.there) {
            (Some(created), _) => created != stream.created,
            (None, Some(there)) => there.saturating_add(CAUTION) < stream.created,
            (None, None) => false,
        };
        let other = made_later || stream.last_sequence < self.last_sequence;
        if other {
            self.last_sequence = 0;
        }
        self.created = Some(stream.created);
        other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> DateTime {
        DateTime::from_unix_time(Duration::from_secs(seconds))
    }

    fn facts(created: u64, last_sequence: u64) -> StreamFacts {
        StreamFacts { created: at(created), last_sequence }
    }

    #[test]
    fn a_stream_that_was_made_again_is_another() {
        let mut known = Known::default();
        assert!(!known.is_other(facts(5, 3)), "nothing is known that it could differ from");
        assert!(!known.is_other(facts(5, 9)));
        assert!(known.is_other(facts(6, 9)));
        assert!(!known.is_other(facts(6, 9)), "that is told once");
    }

    #[test]
    fn a_stream_that_was_made_after_its_first_consumer_is_another() {
        let known = |there| {
            let mut known = Known::default();
            known.there_at(at(there));
            known
        };
        assert!(known(100).is_other(facts(111, 0)));
        assert!(!known(100).is_other(facts(110, 0)), "clocks may differ so much");
        assert!(!known(100).is_other(facts(5, 0)));
    }

    #[test]
    fn numbers_that_were_given_are_not_given_again() {
        let mut known = Known::default();
        known.reached(7);
        known.reached(3);
        assert!(!known.is_other(facts(5, 7)));
        assert!(known.is_other(facts(5, 6)));
        assert!(!known.is_other(facts(5, 6)), "from now on these are its numbers");
        known.reached(8);
        assert!(known.is_other(facts(5, 7)));
    }
}
