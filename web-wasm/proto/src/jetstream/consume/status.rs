//! What a server says of a pull request besides messages.

use bytestring::ByteString;

use crate::message::Message;

/// A message from the server itself, which has a status instead of a payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// What it means.
    pub condition: Condition,
    /// The request that it is about: the last token of the inbox that it came for.
    pub token: Option<u64>,
    /// What the request had still to get when it ended: so many messages, so many bytes.
    pub pending: Option<(usize, usize)>,
}

/// What a status means.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// The server has nothing to deliver and is there (100).
    Heartbeat {
        /// How many messages the consumer has delivered, where the server says so.
        last_consumer: Option<u64>,
    },
    /// There are no messages now (404), or more requests than messages (408 Requests Pending).
    NoMessages,
    /// The request's time is up (408).
    Expired,
    /// The request got its last message before its last byte (409 Batch Completed).
    Completed,
    /// The next message has more bytes than the request has left (409).
    MessageTooLarge,
    /// The consumer was deleted (409).
    ConsumerDeleted,
    /// The consumer delivers by itself and takes no requests (409).
    PushBased,
    /// Another server leads the consumer now, or the one that did is stopping; every request is
    /// forgotten (409).
    LeadershipChange,
    /// As many requests wait as the consumer admits (409).
    TooManyRequests,
    /// The request asks for more than the consumer admits (409).
    LimitExceeded(ByteString),
    /// The request named a pin that is not, or no longer, the consumer's (423).
    WrongPin,
    /// The request makes no sense to the server (400).
    BadRequest(ByteString),
    /// Nobody answers for the consumer: it is not there, or has no leader now (503).
    NoResponders,
    /// Something that this version does not know.
    Other {
        /// The code.
        code: u16,
        /// The words after it.
        description: ByteString,
    },
}

impl Status {
    /// Reads a status; `None` if the message is one for the application.
    pub fn read(message: &Message) -> Option<Self> {
        let code = message.status?.as_u16();
        let description = message.description.clone().unwrap_or_default();
        let header = |name| message.headers.as_ref()?.get(name)?.parse().ok();
        let pending = header("Nats-Pending-Messages")
            .map(|messages| (messages, header("Nats-Pending-Bytes").unwrap_or_default()));
        let token = message.subject.rsplit('.').next().and_then(|token| token.parse().ok());
        let is = |words: &str| contains_ignore_case(&description, words);
        let condition = match code {
            100 => {
                let last_consumer = message.headers.as_ref();
                let last_consumer = last_consumer.and_then(|map| map.get("Nats-Last-Consumer"));
                let last_consumer = last_consumer.and_then(|value| value.parse().ok());
                Condition::Heartbeat { last_consumer }
            }
            400 => Condition::BadRequest(description),
            404 => Condition::NoMessages,
            408 if is("requests pending") => Condition::NoMessages,
            408 => Condition::Expired,
            409 if is("batch completed") => Condition::Completed,
            409 if is("message size exceeds") => Condition::MessageTooLarge,
            409 if is("consumer deleted") => Condition::ConsumerDeleted,
            409 if is("push based") => Condition::PushBased,
            409 if is("leadership change") || is("server shutdown") => Condition::LeadershipChange,
            409 if is("exceeded maxwaiting") => Condition::TooManyRequests,
            409 if is("exceeded maxrequest") => Condition::LimitExceeded(description),
            423 => Condition::WrongPin,
            503 => Condition::NoResponders,
            _ => Condition::Other { code, description },
        };
        Some(Self { condition, token, pending })
    }
}

fn contains_ignore_case(text: &str, words: &str) -> bool {
    text.as_bytes().windows(words.len()).any(|part| part.eq_ignore_ascii_case(words.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Decoder, Limits};
    use crate::op::ServerOp;
    use alloc::format;
    use bytes::Bytes;

    fn read(block: &str) -> Option<Status> {
        let block = format!("NATS/1.0 {block}\r\n\r\n");
        let wire = format!("HMSG _INBOX.x.7 1 {0} {0}\r\n{block}\r\n", block.len());
        let mut decoder = Decoder::new(Limits::default());
        decoder.feed(Bytes::from(wire));
        let Ok(Some(ServerOp::Message { message, .. })) = decoder.next_op() else { panic!() };
        Status::read(&message)
    }

    #[test]
    fn what_a_server_says_is_understood() {
        let limit = "Exceeded MaxRequestBatch of 10";
        for (block, condition) in [
            ("404 No Messages", Condition::NoMessages),
            ("408 Requests Pending", Condition::NoMessages),
            ("408 Request Timeout", Condition::Expired),
            ("408 Interest Expired", Condition::Expired),
            ("409 Batch Completed", Condition::Completed),
            ("409 Message Size Exceeds MaxBytes", Condition::MessageTooLarge),
            ("409 Consumer Deleted", Condition::ConsumerDeleted),
            ("409 Consumer is push based", Condition::PushBased),
            ("409 Leadership Change", Condition::LeadershipChange),
            ("409 Server Shutdown", Condition::LeadershipChange),
            ("409 Exceeded MaxWaiting", Condition::TooManyRequests),
            (&format!("409 {limit}"), Condition::LimitExceeded(limit.into())),
            ("423 Nats-Wrong-Pin-Id", Condition::WrongPin),
            ("423 Nats-Pin-Id mismatch", Condition::WrongPin),
            ("400 Bad Request - x", Condition::BadRequest("Bad Request - x".into())),
            ("503", Condition::NoResponders),
            ("412 New", Condition::Other { code: 412, description: "New".into() }),
            ("100 Idle Heartbeat", Condition::Heartbeat { last_consumer: None }),
        ] {
            let status = read(block).unwrap();
            assert_eq!(status, Status { condition, token: Some(7), pending: None }, "{block}");
        }
        let heartbeat = "100 Idle Heartbeat\r\nNats-Last-Consumer: 4\r\nNats-Last-Stream: 9";
        let last_consumer = Some(4);
        assert_eq!(read(heartbeat).unwrap().condition, Condition::Heartbeat { last_consumer });
        let timeout = "408 Request Timeout\r\nNats-Pending-Messages: 3\r\nNats-Pending-Bytes: 12";
        assert_eq!(read(timeout).unwrap().pending, Some((3, 12)));
        assert_eq!(Status::read(&Message::default()), None);
    }
}
