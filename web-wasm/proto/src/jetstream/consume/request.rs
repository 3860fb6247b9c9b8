//! What a client asks of a pull consumer.

use alloc::string::String;
use core::time::Duration;

use bytes::Bytes;
use serde::Serialize;

use crate::jetstream::wire::{is_default, nanos};
use crate::message::Message;

/// One request for messages, published to `CONSUMER.MSG.NEXT.<stream>.<consumer>` with a reply
/// subject where they are to go. Sources: ADR-13, ADR-37 and ADR-42.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PullRequest {
    /// How many messages at most.
    pub batch: usize,
    /// How many bytes at most, counted as the server does; 0 for no limit.
    #[serde(skip_serializing_if = "is_default")]
    pub max_bytes: usize,
    /// How long the request may wait; zero for as long as it takes, or for not at all with
    /// `no_wait`.
    #[serde(with = "nanos", skip_serializing_if = "is_default")]
    pub expires: Duration,
    /// Whether it ends as soon as there is nothing more to deliver.
    #[serde(skip_serializing_if = "is_default")]
    pub no_wait: bool,
    /// How long the server may be silent before it sends a heartbeat; zero for none. At most half
    /// of `expires`.
    #[serde(with = "nanos", skip_serializing_if = "is_default")]
    pub idle_heartbeat: Duration,
    /// The consumer's priority group that the request belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// The `Nats-Pin-Id` that the client holds.
    #[serde(rename = "id", skip_serializing_if = "Option::is_none")]
    pub pin_id: Option<String>,
    /// How many messages must be undelivered for the request to get any, with the overflow policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_pending: Option<u64>,
    /// How many messages must be unacknowledged for the request to get any, with the overflow
    /// policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_ack_pending: Option<u64>,
    /// Where the request stands among others, 0 to 9 and the lowest first, with the prioritized
    /// policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<u8>,
}

impl PullRequest {
    /// The body of the request.
    pub fn to_json(&self) -> Bytes {
        // Numbers and text always make JSON; were it otherwise, an empty body asks for one message.
        serde_json::to_vec(self).map(Bytes::from).unwrap_or_default()
    }
}

/// What a machine wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action<E> {
    /// Give up the inbox that there is, and subscribe to another: a fresh one, with one token
    /// after it that is `*`. What was asked over the old one dies with it.
    Subscribe,
    /// Publish `request` to the consumer, with a reply subject that is the inbox and `token`.
    Request {
        /// Which request it is, as the last token of the reply subject.
        token: u64,
        /// The request.
        request: PullRequest,
    },
    /// Hand the message to the application.
    Deliver(Message),
    /// Tell the application of a trouble that does not end anything.
    Report(E),
    /// It is over: unsubscribe. Without an error it ended as it was meant to.
    End(Option<E>),
}

/// The name of the header that tells a client that it is pinned.
const PIN_ID: &str = "Nats-Pin-Id";

/// The pin's id that a delivered message brings, to the client that holds the pin.
pub(super) fn pin_of(message: &Message) -> Option<&str> {
    message.headers.as_ref()?.get(PIN_ID).map(|id| &**id)
}

/// How many bytes a delivered message counts for, as the server counts them: its subject, its
/// reply subject, its headers as they are stored, and its payload. Source: ADR-37.
pub(super) fn delivered_bytes(message: &Message) -> usize {
    let reply = message.reply.as_ref().map_or(0, |reply| reply.len());
    let headers = message.headers.as_ref();
    // The server counts before it puts the pin's id into the headers.
    let pin = pin_of(message).map_or(0, |id| {
        let line = PIN_ID.len() + id.len() + ": \r\n".len();
        let alone = headers.is_some_and(|headers| headers.len() == 1);
        line + if alone { "NATS/1.0\r\n\r\n".len() } else { 0 }
    });
    (message.subject.len() + reply + message.length).saturating_sub(pin)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::HeaderMap;
    use crate::subject::Subject;

    #[test]
    fn a_request_says_only_what_was_chosen() {
        let request = PullRequest { batch: 7, ..PullRequest::default() };
        assert_eq!(request.to_json(), r#"{"batch":7}"#);
        let request = PullRequest {
            batch: 1,
            max_bytes: 2,
            expires: Duration::from_secs(3),
            no_wait: true,
            idle_heartbeat: Duration::from_millis(4),
            group: Some("A".into()),
            pin_id: Some("xyz".into()),
            min_pending: Some(5),
            min_ack_pending: Some(6),
            priority: Some(7),
        };
        let expected = concat!(
            r#"{"batch":1,"max_bytes":2,"expires":3000000000,"no_wait":true,"#,
            r#""idle_heartbeat":4000000,"group":"A","id":"xyz","min_pending":5,"#,
            r#""min_ack_pending":6,"priority":7}"#,
        );
        assert_eq!(request.to_json(), expected);
    }

    #[test]
    fn a_message_counts_as_it_was_stored() {
        let mut headers = HeaderMap::new();
        headers.insert(PIN_ID, "abc").unwrap();
        let pin = "NATS/1.0\r\nNats-Pin-Id: abc\r\n\r\n".len();
        let mut message = Message {
            subject: Subject::from_static("a.b"),
            reply: Some(Subject::from_static("$JS.ACK.x")),
            length: pin + 10,
            headers: Some(headers),
            ..Message::default()
        };
        assert_eq!(delivered_bytes(&message), 3 + 9 + 10);
        message.headers.as_mut().unwrap().append("k", "v").unwrap();
        message.length += "k: v\r\n".len();
        assert_eq!(delivered_bytes(&message), 3 + 9 + 10 + "NATS/1.0\r\nk: v\r\n\r\n".len());
    }
}
