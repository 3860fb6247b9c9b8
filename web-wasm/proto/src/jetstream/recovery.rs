//! Whether what was missed in an interruption was got from the stream.
//!
//! NATS numbers no messages, so that of a plain subscription nobody can say which was its last before
//! a connection broke: a message that comes by it can't be found in the stream again for certain,
//! where others say the same. Dates don't help, since clocks differ, nor does the number of the last
//! message at the time of subscribing, since all after that would have to be compared. So a
//! subscription that is to recover is read from the stream from its beginning, through an
//! [`Ordered`](super::consume::Ordered) consumer: each message carries its number, what comes twice is
//! known by that, and after an interruption another consumer begins with the next number. The server
//! says at how many that is behind, and where it had to begin later since the stream has dropped some.
//!
//! It does not say that the stream is another one of the same name, or has lost its last messages in a
//! crash: its numbers are lower then, and a consumer would wait for ever. So the stream itself is looked
//! at after each interruption, where the credential allows it.

use alloc::string::String;

use super::DateTime;

/// What came of the messages that were missed in an interruption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All were got from the stream, in order, before those that came after.
    Recovered {
        /// How many.
        missed: u64,
    },
    /// Some were missed, or may have been.
    NotRecovered(NotRecovered),
}

impl Verdict {
    /// Whether nothing was missed in the end.
    pub fn is_recovered(&self) -> bool {
        matches!(self, Self::Recovered { .. })
    }
}

/// Why messages that were missed were not got from the stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotRecovered {
    /// The stream has dropped messages, by its limits or because it was told so, some of which the
    /// subscription may have been meant to get. It has got the others.
    #[error("the stream no longer has its messages {first} to {last}")]
    Trimmed {
        /// The first number in the stream.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// More were missed than the caller wants to be got. The subscription goes on with what is new.
    #[error("{missed} messages were missed, and {limit} at most are to be got")]
    TooMany {
        /// How many were missed.
        missed: u64,
        /// How many the caller wants.
        limit: u64,
    },
    /// The stream is another one of the same name, or has lost its last messages. The subscription goes
    /// on with what is new.
    #[error("the stream begins anew")]
    StreamReset,
    /// There is no such stream any more.
    #[error("the stream is gone")]
    StreamGone,
    /// The credential does not allow a consumer of the stream, or its messages.
    #[error("not allowed: {0}")]
    NotAllowed(String),
    /// The server refuses for another reason.
    #[error("refused: {0}")]
    Refused(String),
    /// No consumer could be made in time.
    #[error("the stream did not answer in time")]
    TimedOut,
}

/// What is known of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamFacts {
    /// When it was made.
    pub created: DateTime,
    /// The number of its last message, be that there or not.
    pub last_sequence: u64,
}

/// A consumer that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// The number that it was to begin with; `None` if it was to begin with what is new.
    pub requested: Option<u64>,
    /// The number that it begins after.
    pub delivered: u64,
    /// How many messages it has to deliver.
    pub pending: u64,
}

/// How to go on with a consumer that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GoOn {
    /// Read it.
    With(Option<Verdict>),
    /// Give it up, and make one that begins with what is new.
    Anew(NotRecovered),
}

/// Judges the interruptions of one subscription.
///
/// ```
/// use nats_proto::jetstream::recovery::{Begun, GoOn, Recovery, Verdict};
///
/// let mut recovery = Recovery::new(None);
/// recovery.handle_begun(Begun { requested: None, delivered: 7, pending: 0 }, None);
/// // After an interruption the next consumer is two messages behind.
/// let go_on = recovery.handle_begun(Begun { requested: Some(8), delivered: 7, pending: 2 }, None);
/// assert_eq!(go_on, GoOn::With(None));
/// assert_eq!(recovery.handle_message(8, 1), None);
/// assert_eq!(recovery.handle_message(9, 0), Some(Verdict::Recovered { missed: 2 }));
/// ```
#[derive(Clone, Debug)]
pub struct Recovery {
    max_missed: Option<u64>,
    created: Option<DateTime>,
    behind: Option<Behind>,
}

/// What is still to be got.
#[derive(Clone, Copy, Debug)]
struct Behind {
    /// The number of the first message that it may be.
    first: u64,
    missed: u64,
    got: u64,
}

impl Recovery {
    /// A subscription that wants so many missed messages at most.
    pub fn new(max_missed: Option<u64>) -> Self {
        Self { max_missed, created: None, behind: None }
    }

    /// A consumer was made: the first, or another after an interruption.
    pub fn handle_begun(&mut self, begun: Begun, stream: Option<StreamFacts>) -> GoOn {
        let got = self.behind.take().map_or(0, |behind| behind.got);
        let created = stream.map(|stream| stream.created);
        let known = self.created;
        self.created = created.or(known);
        let Some(first) = begun.requested else { return GoOn::With(None) };
        let another = known.is_some() && created.is_some() && known != created;
        let shorter = stream.is_some_and(|stream| stream.last_sequence + 1 < first);
        if another || shorter {
            return GoOn::Anew(NotRecovered::StreamReset);
        }
        if let Some(limit) = self.max_missed.filter(|limit| begun.pending > *limit) {
            return GoOn::Anew(NotRecovered::TooMany { missed: begun.pending, limit });
        }
        if begun.delivered >= first {
            let trimmed = NotRecovered::Trimmed { first, last: begun.delivered };
            return GoOn::With(Some(Verdict::NotRecovered(trimmed)));
        }
        let missed = got + begun.pending;
        if begun.pending == 0 {
            return GoOn::With(Some(Verdict::Recovered { missed }));
        }
        self.behind = Some(Behind { first, missed, got });
        GoOn::With(None)
    }

    /// A message was read. `pending` are those that the consumer then had to deliver. Says what came of
    /// the interruption, if this was the last that was missed.
    pub fn handle_message(&mut self, stream_sequence: u64, pending: u64) -> Option<Verdict> {
        let behind = self.behind.as_mut()?;
        behind.got += 1;
        let Behind { first, missed, got } = *behind;
        if got < missed && pending > 0 {
            return None;
        }
        self.behind = None;
        Some(match got < missed {
            // They were dropped after they were counted.
            true => Verdict::NotRecovered(NotRecovered::Trimmed {
                first,
                last: stream_sequence.saturating_sub(1),
            }),
            false => Verdict::Recovered { missed },
        })
    }

    /// Whether messages that were missed are still to come.
    pub fn is_behind(&self) -> bool {
        self.behind.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    fn facts(created: u64, last_sequence: u64) -> Option<StreamFacts> {
        let created = DateTime::from_unix_time(Duration::from_secs(created));
        Some(StreamFacts { created, last_sequence })
    }

    fn begun(requested: impl Into<Option<u64>>, delivered: u64, pending: u64) -> Begun {
        Begun { requested: requested.into(), delivered, pending }
    }

    /// One that began after the tenth message of a stream.
    fn recovery(max_missed: Option<u64>) -> Recovery {
        let mut recovery = Recovery::new(max_missed);
        assert_eq!(recovery.handle_begun(begun(None, 10, 0), facts(1, 10)), GoOn::With(None));
        assert_eq!(recovery.handle_message(11, 0), None, "what is new was not missed");
        recovery
    }

    fn recovered(missed: u64) -> Verdict {
        Verdict::Recovered { missed }
    }

    #[test]
    fn what_was_missed_is_counted_until_the_last_of_it_has_come() {
        let mut recovery = recovery(None);
        let nothing = recovery.handle_begun(begun(12, 11, 0), facts(1, 11));
        assert_eq!(nothing, GoOn::With(Some(recovered(0))));
        assert_eq!(recovery.handle_begun(begun(12, 11, 3), facts(1, 15)), GoOn::With(None));
        assert!(recovery.is_behind());
        // Others are published meanwhile.
        assert_eq!(recovery.handle_message(12, 5), None);
        assert_eq!(recovery.handle_message(14, 5), None);
        assert_eq!(recovery.handle_message(15, 4), Some(recovered(3)));
        assert_eq!(recovery.handle_message(16, 3), None);
        assert!(!recovery.is_behind());
    }

    #[test]
    fn an_interruption_in_the_middle_of_another_is_one_with_it() {
        let mut recovery = recovery(None);
        recovery.handle_begun(begun(12, 11, 3), facts(1, 14));
        assert_eq!(recovery.handle_message(12, 2), None);
        assert_eq!(recovery.handle_begun(begun(13, 12, 3), facts(1, 15)), GoOn::With(None));
        assert_eq!(recovery.handle_message(13, 2), None);
        assert_eq!(recovery.handle_message(14, 1), None);
        assert_eq!(recovery.handle_message(15, 0), Some(recovered(4)));
        recovery.handle_begun(begun(16, 15, 1), facts(1, 16));
        let nothing_more = recovery.handle_begun(begun(17, 16, 0), facts(1, 16));
        assert_eq!(nothing_more, GoOn::With(Some(recovered(0))));
    }

    #[test]
    fn what_the_stream_has_dropped_is_told() {
        let mut recovery = recovery(None);
        let trimmed = |first, last| Verdict::NotRecovered(NotRecovered::Trimmed { first, last });
        let go_on = recovery.handle_begun(begun(12, 19, 5), facts(1, 24));
        assert_eq!(go_on, GoOn::With(Some(trimmed(12, 19))));
        assert_eq!(recovery.handle_message(20, 4), None, "it was told");
        // Some go after they were counted.
        recovery.handle_begun(begun(25, 24, 5), facts(1, 29));
        assert_eq!(recovery.handle_message(28, 1), None);
        assert_eq!(recovery.handle_message(29, 0), Some(trimmed(25, 28)));
    }

    #[test]
    fn more_than_is_wanted_is_not_got() {
        let mut recovery = recovery(Some(2));
        assert_eq!(recovery.handle_begun(begun(12, 11, 2), facts(1, 13)), GoOn::With(None));
        let too_many = NotRecovered::TooMany { missed: 3, limit: 2 };
        assert_eq!(recovery.handle_begun(begun(12, 11, 3), facts(1, 14)), GoOn::Anew(too_many));
        assert_eq!(recovery.handle_begun(begun(None, 14, 0), facts(1, 14)), GoOn::With(None));
    }

    #[test]
    fn another_stream_of_the_same_name_is_known() {
        for stream in [facts(2, 0), facts(2, 99), facts(1, 10)] {
            let mut recovery = recovery(None);
            let go_on = recovery.handle_begun(begun(12, 11, 0), stream);
            assert_eq!(go_on, GoOn::Anew(NotRecovered::StreamReset), "{stream:?}");
            assert_eq!(recovery.handle_begun(begun(None, 3, 0), stream), GoOn::With(None));
        }
        // Where the stream may not be looked at it is believed to be the same.
        let mut recovery = recovery(None);
        let unseen = recovery.handle_begun(begun(12, 11, 0), None);
        assert_eq!(unseen, GoOn::With(Some(recovered(0))));
    }
}
