//! What a consumer says of a message it was given.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use bytes::Bytes;

use super::wire::nanos;

/// An answer to a message of a consumer, published to the message's reply subject.
///
/// Source: the NATS documentation on [acknowledgements] and ADR-15.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::{Bytes, jetstream::AckKind};
///
/// assert_eq!(Bytes::from(AckKind::Ack), "+ACK");
/// let later = AckKind::Nak(Some(Duration::from_secs(2)));
/// assert_eq!(Bytes::from(later), r#"-NAK {"delay":2000000000}"#);
/// ```
///
/// [acknowledgements]: https://docs.nats.io/using-nats/developer/develop_jetstream/consumers
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AckKind {
    /// The message was dealt with.
    Ack,
    /// The message was not dealt with: deliver it again, at once or after a time.
    Nak(Option<Duration>),
    /// The message is being dealt with: wait as long as `ack_wait` from now before delivering it
    /// again.
    Progress,
    /// The message was dealt with, and the next one of a pull consumer is wanted at the reply
    /// subject.
    Next,
    /// The message can't be dealt with and is not to be delivered again.
    Term,
    /// As [`AckKind::Term`], with the reason why, which the server repeats in its advisory.
    /// White space around it is not kept.
    TermWithReason(String),
}

impl From<AckKind> for Bytes {
    /// The message's payload.
    fn from(kind: AckKind) -> Self {
        match kind {
            AckKind::Ack => Self::from_static(b"+ACK"),
            AckKind::Nak(None) => Self::from_static(b"-NAK"),
            AckKind::Nak(Some(delay)) => {
                format!("-NAK {{\"delay\":{}}}", nanos::to_i64(delay)).into()
            }
            AckKind::Progress => Self::from_static(b"+WPI"),
            AckKind::Next => Self::from_static(b"+NXT"),
            AckKind::Term => Self::from_static(b"+TERM"),
            AckKind::TermWithReason(reason) => match reason.trim() {
                "" => Self::from_static(b"+TERM"),
                reason => format!("+TERM {reason}").into(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_are_written_as_the_server_reads_them() {
        for (kind, payload) in [
            (AckKind::Ack, "+ACK"),
            (AckKind::Nak(None), "-NAK"),
            (AckKind::Nak(Some(Duration::from_millis(5))), "-NAK {\"delay\":5000000}"),
            (AckKind::Nak(Some(Duration::MAX)), "-NAK {\"delay\":9223372036854775807}"),
            (AckKind::Progress, "+WPI"),
            (AckKind::Next, "+NXT"),
            (AckKind::Term, "+TERM"),
            (AckKind::TermWithReason("no such order ".into()), "+TERM no such order"),
            (AckKind::TermWithReason(" ".into()), "+TERM"),
        ] {
            assert_eq!(Bytes::from(kind), payload);
        }
    }
}
