//! What a message's reply subject tells of its delivery.

use core::str::Split;

use super::DateTime;

/// The place of a message in its stream and consumer, as its reply subject tells it.
///
/// The subject has 9 tokens or, from servers that name domain and account, 11 and more; what
/// follows the twelfth is for versions to come. Source: ADR-15.
///
/// ```
/// # fn main() -> Result<(), nats_proto::jetstream::MessageInfoError> {
/// use nats_proto::jetstream::MessageInfo;
///
/// let reply = "$JS.ACK.ORDERS.worker.1.27.9.1772359200500000000.4";
/// let info = MessageInfo::parse(reply)?;
/// assert_eq!((info.stream, info.consumer), ("ORDERS", "worker"));
/// assert_eq!((info.stream_sequence, info.consumer_sequence, info.pending), (27, 9, 4));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MessageInfo<'a> {
    /// The JetStream domain, where the server has one and says so.
    pub domain: Option<&'a str>,
    /// A hash of the account, where the server says so. It has no meaning to clients.
    pub acc_hash: Option<&'a str>,
    /// The stream's name.
    pub stream: &'a str,
    /// The consumer's name.
    pub consumer: &'a str,
    /// The message's number in the stream.
    pub stream_sequence: u64,
    /// The delivery's number in the consumer. Each delivery of a message has one of its own.
    pub consumer_sequence: u64,
    /// How often the message was delivered, this time included.
    pub delivered: u64,
    /// How many messages the consumer has still to deliver.
    pub pending: u64,
    /// When the server stored the message.
    pub published: DateTime,
    /// The twelfth token, where there is one. It has no meaning to clients.
    pub token: Option<&'a str>,
}

/// Why a reply subject tells nothing of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageInfoError {
    /// The subject does not begin with `$JS.ACK`: the message was not delivered by a consumer.
    #[error("the message was not delivered by a JetStream consumer")]
    NotJetStream,
    /// The subject has fewer tokens than either form, or one that is empty or no number.
    #[error("the reply subject is malformed")]
    Malformed,
}

impl<'a> MessageInfo<'a> {
    /// Reads the reply subject of a message.
    ///
    /// # Errors
    /// [`MessageInfoError::NotJetStream`] and [`MessageInfoError::Malformed`].
    pub fn parse(reply: &'a str) -> Result<Self, MessageInfoError> {
        let tokens = reply.strip_prefix("$JS.ACK.").ok_or(MessageInfoError::NotJetStream)?;
        let mut rest = tokens.split('.');
        let (domain, acc_hash) = match rest.clone().count() {
            7 => (None, None),
            9.. => {
                let domain = Some(text(&mut rest)?).filter(|domain| *domain != "_");
                (domain, Some(text(&mut rest)?))
            }
            _ => return Err(MessageInfoError::Malformed),
        };
        Ok(Self {
            domain,
            acc_hash,
            stream: text(&mut rest)?,
            consumer: text(&mut rest)?,
            delivered: number(&mut rest)?,
            stream_sequence: number(&mut rest)?,
            consumer_sequence: number(&mut rest)?,
            published: moment(&mut rest)?,
            pending: number(&mut rest)?,
            token: rest.next(),
        })
    }
}

fn text<'a>(tokens: &mut Split<'a, char>) -> Result<&'a str, MessageInfoError> {
    tokens.next().filter(|token| !token.is_empty()).ok_or(MessageInfoError::Malformed)
}

fn number(tokens: &mut Split<'_, char>) -> Result<u64, MessageInfoError> {
    text(tokens)?.parse().map_err(|_| MessageInfoError::Malformed)
}

fn moment(tokens: &mut Split<'_, char>) -> Result<DateTime, MessageInfoError> {
    let nanos: i64 = text(tokens)?.parse().map_err(|_| MessageInfoError::Malformed)?;
    DateTime::from_unix_timestamp_nanos(nanos.into()).map_err(|_| MessageInfoError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    #[test]
    fn both_forms_are_read() {
        let short = MessageInfo::parse("$JS.ACK.S.C.2.30.4.1795620291123456789.5").unwrap();
        assert_eq!((short.domain, short.acc_hash, short.token), (None, None, None));
        assert_eq!((short.stream, short.consumer, short.delivered), ("S", "C", 2));
        assert_eq!((short.stream_sequence, short.consumer_sequence, short.pending), (30, 4, 5));
        assert_eq!(short.published.to_string(), "2026-11-25T15:24:51.123456789Z");

        let long = MessageInfo::parse("$JS.ACK._.abc.S.C.2.30.4.1795620291123456789.5").unwrap();
        assert_eq!(long, MessageInfo { acc_hash: Some("abc"), ..short });
        let more = MessageInfo::parse("$JS.ACK.hub.abc.S.C.2.30.4.1795620291123456789.5.x.y");
        let told = MessageInfo { domain: Some("hub"), token: Some("x"), ..long };
        assert_eq!(more, Ok(told));
    }

    #[test]
    fn other_subjects_are_refused_by_name() {
        for reply in ["", "_INBOX.a.b", "$JS.ACK", "$JS.API.INFO"] {
            assert_eq!(MessageInfo::parse(reply), Err(MessageInfoError::NotJetStream), "{reply}");
        }
        for reply in [
            "$JS.ACK.",
            "$JS.ACK.S.C.1.2.3.4",
            "$JS.ACK.S.C.1.2.3.4.5.6",
            "$JS.ACK.S.C.x.2.3.4.5",
            "$JS.ACK..C.1.2.3.4.5",
            "$JS.ACK.S.C.1.2.3.4.-5",
            "$JS.ACK.S.C.1.99999999999999999999.3.4.5",
        ] {
            assert_eq!(MessageInfo::parse(reply), Err(MessageInfoError::Malformed), "{reply}");
        }
    }

    proptest! {
        #[test]
        fn no_subject_makes_it_panic(reply in ".*", near in "\\$JS\\.ACK(\\.[0-9a-z_-]{0,20}){0,14}") {
            let _ = MessageInfo::parse(&reply);
            let _ = MessageInfo::parse(&near);
        }
    }
}
