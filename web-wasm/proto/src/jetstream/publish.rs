//! Messages for a stream, and its confirmation.

use alloc::string::{String, ToString};
use core::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::headers;
use crate::header::{HeaderError, HeaderMap};

/// A stream's word that it has stored a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PublishAck {
    /// The stream.
    pub stream: String,
    /// The message's number in it; for a duplicate, the number of the one it has.
    #[serde(rename = "seq")]
    pub sequence: u64,
    /// The stream's domain, if it has one.
    #[serde(default)]
    pub domain: String,
    /// Whether the stream had a message of this id already, so that it did not store this one.
    #[serde(default)]
    pub duplicate: bool,
    /// What the counter amounts to now, where the stream counts.
    #[serde(default, rename = "val")]
    pub value: Option<String>,
}

/// A message to publish to a stream, with what the stream is to check.
///
/// ```
/// # fn main() -> Result<(), nats_proto::HeaderError> {
/// use nats_proto::jetstream::PublishMessage;
///
/// let message = PublishMessage::build().payload("hello".into()).message_id("order-7");
/// let (payload, headers) = message.into_parts()?;
/// assert_eq!(headers.unwrap().get("Nats-Msg-Id").unwrap(), "order-7");
/// # let _ = payload;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PublishMessage {
    payload: Bytes,
    headers: Option<HeaderMap>,
    /// The first header that could not be set.
    problem: Option<HeaderError>,
}

impl PublishMessage {
    /// An empty message.
    pub fn build() -> Self {
        Self::default()
    }

    /// The body.
    #[must_use]
    pub fn payload(mut self, payload: Bytes) -> Self {
        self.payload = payload;
        self
    }

    /// The headers, in the place of all that were set before.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers = Some(headers);
        self
    }

    /// One header. A name or value that can't be one is told when the message is published.
    #[must_use]
    pub fn header(mut self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        let headers = self.headers.get_or_insert_default();
        if let Err(problem) = headers.insert(name.as_ref(), value.as_ref()) {
            self.problem.get_or_insert(problem);
        }
        self
    }

    /// The message's id. A stream stores one of several messages that have the same, within its
    /// `duplicate_window`.
    #[must_use]
    pub fn message_id(self, id: impl AsRef<str>) -> Self {
        self.header(headers::MESSAGE_ID, id)
    }

    /// The id that the stream's last message must have.
    #[must_use]
    pub fn expected_last_message_id(self, id: impl AsRef<str>) -> Self {
        self.header(headers::EXPECTED_LAST_MESSAGE_ID, id)
    }

    /// The number that the stream's last message must have.
    #[must_use]
    pub fn expected_last_sequence(self, sequence: u64) -> Self {
        self.header(headers::EXPECTED_LAST_SEQUENCE, sequence.to_string())
    }

    /// The number that the last message of the same subject must have; 0 where there must be none.
    #[must_use]
    pub fn expected_last_subject_sequence(self, sequence: u64) -> Self {
        self.header(headers::EXPECTED_LAST_SUBJECT_SEQUENCE, sequence.to_string())
    }

    /// The stream that is to store the message.
    #[must_use]
    pub fn expected_stream(self, stream: impl AsRef<str>) -> Self {
        self.header(headers::EXPECTED_STREAM, stream)
    }

    /// How long the stream keeps the message, in whole seconds, rounded up; a second at least. The
    /// stream must allow it, with `allow_message_ttl`.
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        self.header(headers::MESSAGE_TTL, ttl_seconds(ttl).to_string())
    }

    /// Whether sending it twice stores it once: it has an id and expects no number of the last
    /// message, which the first of both would change. The server looks at that before the id.
    pub fn is_repeatable(&self) -> bool {
        let has = |name| self.headers.as_ref().is_some_and(|headers| headers.get(name).is_some());
        has(headers::MESSAGE_ID)
            && !has(headers::EXPECTED_LAST_SEQUENCE)
            && !has(headers::EXPECTED_LAST_SUBJECT_SEQUENCE)
    }

    /// The body and the headers.
    ///
    /// # Errors
    /// [`HeaderError`], of the first header that could not be set.
    pub fn into_parts(self) -> Result<(Bytes, Option<HeaderMap>), HeaderError> {
        match self.problem {
            Some(problem) => Err(problem),
            None => Ok((self.payload, self.headers)),
        }
    }
}

/// Whole seconds, at least one: none would mean that the message stays.
pub(crate) fn ttl_seconds(ttl: Duration) -> u64 {
    ttl.as_secs().saturating_add(u64::from(ttl.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jetstream::response;

    #[test]
    fn what_a_stream_is_to_check_stands_in_headers() {
        let message = PublishMessage::build()
            .payload("p".into())
            .header("Own", "x")
            .message_id("id")
            .expected_last_message_id("before")
            .expected_last_sequence(6)
            .expected_last_subject_sequence(0)
            .expected_stream("S")
            .ttl(Duration::from_millis(1_001));
        assert!(!message.is_repeatable());
        let (payload, headers) = message.into_parts().unwrap();
        assert_eq!(payload, "p");
        let headers = headers.unwrap();
        for (name, value) in [
            ("Own", "x"),
            ("Nats-Msg-Id", "id"),
            ("Nats-Expected-Last-Msg-Id", "before"),
            ("Nats-Expected-Last-Sequence", "6"),
            ("Nats-Expected-Last-Subject-Sequence", "0"),
            ("Nats-Expected-Stream", "S"),
            ("Nats-TTL", "2"),
        ] {
            assert_eq!(headers.get(name).unwrap(), value, "{name}");
        }
        assert_eq!((ttl_seconds(Duration::ZERO), ttl_seconds(Duration::MAX)), (1, u64::MAX));
    }

    #[test]
    fn only_what_is_stored_once_is_repeatable() {
        let message = || PublishMessage::build().message_id("id");
        assert!(message().is_repeatable());
        assert!(message().expected_last_message_id("before").is_repeatable());
        assert!(!message().expected_last_sequence(6).is_repeatable());
        assert!(!message().expected_last_subject_sequence(6).is_repeatable());
        assert!(!PublishMessage::build().is_repeatable());
    }

    #[test]
    fn a_header_that_is_none_is_told_in_the_end() {
        let forged = PublishMessage::build().message_id("x\r\nNats-Rollup: all").header("a:b", "");
        assert_eq!(forged.into_parts(), Err(HeaderError::ValueCharacter { at: 1 }));
    }

    #[test]
    fn only_what_has_the_form_of_a_confirmation_is_one() {
        let ack: PublishAck =
            response::parse(br#"{"stream":"S","seq":7,"duplicate":true}"#).unwrap();
        assert_eq!((&*ack.stream, ack.sequence, ack.duplicate), ("S", 7, true));
        for other in
            ["{}", r#"{"stream":"S"}"#, r#"{"seq":7}"#, "+OK", r#"{"stream":"","seq":"7"}"#]
        {
            assert!(response::parse::<PublishAck>(other.as_bytes()).is_err(), "{other}");
        }
    }
}
