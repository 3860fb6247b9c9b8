//! Messages that are got from a stream by number or subject, without a consumer.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;
use bytestring::ByteString;
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};

use super::response::{self, ResponseError};
use super::wire::is_default;
use super::{DateTime, headers};
use crate::header::{HeaderBlock, HeaderMap};
use crate::message::Message;
use crate::status::StatusCode;
use crate::subject::Subject;

/// Which messages of a stream are wanted. What is at its default says nothing.
///
/// Source: ADR-31.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct GetRequest {
    /// The message of this number, or, with a subject or a batch, the first of at least this.
    #[serde(rename = "seq", skip_serializing_if = "is_default")]
    pub sequence: u64,
    /// The last message of this subject.
    #[serde(rename = "last_by_subj", skip_serializing_if = "String::is_empty")]
    pub last_by_subject: String,
    /// The first message of this subject, which may be a pattern.
    #[serde(rename = "next_by_subj", skip_serializing_if = "String::is_empty")]
    pub next_by_subject: String,
    /// How many messages.
    #[serde(skip_serializing_if = "is_default")]
    pub batch: u32,
    /// After how many bytes the answer ends, though there be more.
    #[serde(skip_serializing_if = "is_default")]
    pub max_bytes: u32,
    /// The first message stored at this moment or later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_time: Option<DateTime>,
    /// The last message of each subject that one of these patterns matches.
    #[serde(rename = "multi_last", skip_serializing_if = "Vec::is_empty")]
    pub last_by_subjects: Vec<String>,
    /// Nothing after the message of this number.
    #[serde(rename = "up_to_seq", skip_serializing_if = "is_default")]
    pub up_to_sequence: u64,
    /// Nothing after this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub up_to_time: Option<DateTime>,
}

/// A message as a stream keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StreamMessage {
    /// The subject that it was published to.
    pub subject: Subject,
    /// Its number in the stream.
    pub sequence: u64,
    /// Its headers; after them, where it was got directly, those that describe it.
    pub headers: HeaderMap,
    /// The body.
    pub payload: Bytes,
    /// When it was stored.
    pub time: DateTime,
}

/// One answer to a request for messages that goes to whichever server has them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DirectAnswer {
    /// A message.
    Message(StreamMessage),
    /// There are no more of them in this answer.
    End {
        /// How many messages match beyond those of the answer.
        pending: u64,
        /// The number of the last message of the answer.
        last_sequence: u64,
        /// Up to which message the last of several subjects were looked for.
        up_to_sequence: Option<u64>,
    },
}

/// Why a request for messages has none as its answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DirectAnswerError {
    /// There is no such message.
    #[error("no such message")]
    NotFound,
    /// More messages match than one answer may have.
    #[error("too many messages match")]
    TooManyResults,
    /// The server does not take the request.
    #[error("the server refuses: {status} {description}")]
    Refused {
        /// The status, as HTTP has them.
        status: StatusCode,
        /// The server's words.
        description: ByteString,
    },
    /// The answer lacks a header that describes the message, or has one that can't be read; a
    /// stranger may have sent it.
    #[error("the answer's header {name} is missing or malformed")]
    Malformed {
        /// The header's name.
        name: &'static str,
    },
}

#[derive(Deserialize)]
struct GetAnswer {
    message: Stored,
}

#[derive(Deserialize)]
struct Stored {
    subject: String,
    seq: u64,
    #[serde(default)]
    hdrs: String,
    #[serde(default)]
    data: String,
    time: DateTime,
}

impl StreamMessage {
    /// Reads the answer of the stream's leader to a [`GetRequest`].
    ///
    /// # Errors
    /// Any [`ResponseError`].
    pub fn from_answer(payload: &[u8]) -> Result<Self, ResponseError> {
        let GetAnswer { message } = response::parse(payload)?;
        let headers = HeaderBlock::parse(&decode(&message.hdrs)?).headers;
        Ok(Self {
            subject: message.subject.into(),
            sequence: message.seq,
            headers,
            payload: decode(&message.data)?,
            time: message.time,
        })
    }
}

fn decode(base64: &str) -> Result<Bytes, ResponseError> {
    match BASE64.decode(base64.as_bytes()) {
        Ok(bytes) => Ok(bytes.into()),
        Err(error) => Err(ResponseError::Malformed { problem: error.to_string() }),
    }
}

impl DirectAnswer {
    /// Reads one answer of whichever server has the messages.
    ///
    /// A publisher may have used the names of the headers that describe a message: the server's
    /// are the last of each name.
    ///
    /// # Errors
    /// Any [`DirectAnswerError`].
    pub fn from_message(message: Message) -> Result<Self, DirectAnswerError> {
        const NO_CONTENT: u16 = 204;
        const TOO_LARGE: u16 = 413;
        let headers = message.headers.unwrap_or_default();
        match message.status {
            None => {}
            Some(status) if status == NO_CONTENT => {
                return Ok(Self::End {
                    pending: number(&headers, headers::NUM_PENDING)?,
                    last_sequence: number(&headers, headers::LAST_SEQUENCE)?,
                    up_to_sequence: number(&headers, headers::UP_TO_SEQUENCE).ok(),
                });
            }
            Some(StatusCode::NOT_FOUND) => return Err(DirectAnswerError::NotFound),
            Some(status) if status == TOO_LARGE => return Err(DirectAnswerError::TooManyResults),
            Some(status) => {
                let description = message.description.unwrap_or_default();
                return Err(DirectAnswerError::Refused { status, description });
            }
        }
        let time = text(&headers, headers::TIME_STAMP)?.parse();
        let malformed = |_| DirectAnswerError::Malformed { name: headers::TIME_STAMP };
        Ok(Self::Message(StreamMessage {
            subject: text(&headers, headers::SUBJECT)?.into(),
            sequence: number(&headers, headers::SEQUENCE)?,
            time: time.map_err(malformed)?,
            payload: message.payload,
            headers,
        }))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, DirectAnswerError> {
    let value = headers.get_last(name).ok_or(DirectAnswerError::Malformed { name })?;
    Ok(value.as_str())
}

fn number(headers: &HeaderMap, name: &'static str) -> Result<u64, DirectAnswerError> {
    text(headers, name)?.parse().map_err(|_| DirectAnswerError::Malformed { name })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;
    use proptest::prelude::*;

    fn headers(entries: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in entries {
            headers.append(name, value).unwrap();
        }
        headers
    }

    #[test]
    fn a_request_says_only_what_is_wanted() {
        let request = GetRequest {
            sequence: 7,
            next_by_subject: "a.>".into(),
            batch: 3,
            ..GetRequest::default()
        };
        let text = serde_json::to_string(&request).unwrap();
        assert_eq!(text, r#"{"seq":7,"next_by_subj":"a.>","batch":3}"#);
        let request = GetRequest {
            last_by_subject: "a".into(),
            max_bytes: 9,
            start_time: Some(DateTime::UNIX_EPOCH),
            last_by_subjects: alloc::vec!["a".into()],
            up_to_sequence: 8,
            up_to_time: Some(DateTime::UNIX_EPOCH),
            ..GetRequest::default()
        };
        let text = serde_json::to_string(&request).unwrap();
        let epoch = "1970-01-01T00:00:00Z";
        let expected = format!(
            r#"{{"last_by_subj":"a","max_bytes":9,"start_time":"{epoch}","multi_last":["a"],"up_to_seq":8,"up_to_time":"{epoch}"}}"#
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_leader_answers_in_json() {
        let block = BASE64.encode(b"NATS/1.0\r\nA: b\r\n\r\n");
        let answer = format!(
            r#"{{"type":"t","message":{{"subject":"a.b","seq":7,"hdrs":"{block}","data":"aGk=","time":"2026-11-25T15:24:51.5Z"}}}}"#
        );
        let message = StreamMessage::from_answer(answer.as_bytes()).unwrap();
        assert_eq!((&*message.subject, message.sequence), ("a.b", 7));
        assert_eq!((&message.payload[..], message.headers), (&b"hi"[..], headers(&[("A", "b")])));
        let broken = answer.replace("aGk=", "???");
        let read = StreamMessage::from_answer(broken.as_bytes());
        assert!(matches!(read, Err(ResponseError::Malformed { .. })));
    }

    #[test]
    fn the_headers_of_a_direct_answer_are_the_servers() {
        let described = headers(&[
            ("Nats-Sequence", "666"),
            ("Nats-Stream", "S"),
            ("Nats-Subject", "a.b"),
            ("Nats-Sequence", "7"),
            ("Nats-Time-Stamp", "2026-11-25T15:24:51.5Z"),
        ]);
        let message = Message {
            payload: "hi".into(),
            headers: Some(described.clone()),
            ..Message::default()
        };
        let Ok(DirectAnswer::Message(read)) = DirectAnswer::from_message(message) else { panic!() };
        assert_eq!((&*read.subject, read.sequence, &read.payload[..]), ("a.b", 7, &b"hi"[..]));
        assert_eq!(read.headers, described);

        let bare = DirectAnswer::from_message(Message::default());
        assert_eq!(bare, Err(DirectAnswerError::Malformed { name: headers::TIME_STAMP }));
    }

    #[test]
    fn the_end_and_refusals_are_told_apart() {
        let with_status = |digits, headers| {
            let status = StatusCode::from_digits(digits);
            let description = Some("words".into());
            let message = Message { status, description, headers, ..Message::default() };
            DirectAnswer::from_message(message)
        };
        let end = headers(&[("Nats-Num-Pending", "4"), ("Nats-Last-Sequence", "9")]);
        let expected = DirectAnswer::End { pending: 4, last_sequence: 9, up_to_sequence: None };
        assert_eq!(with_status("204", Some(end)), Ok(expected));
        assert_eq!(with_status("404", None), Err(DirectAnswerError::NotFound));
        assert_eq!(with_status("413", None), Err(DirectAnswerError::TooManyResults));
        let refused = with_status("408", None);
        assert!(matches!(refused, Err(DirectAnswerError::Refused { status, .. }) if status == 408));
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(bytes: Vec<u8>, values: [String; 4]) {
            let _ = StreamMessage::from_answer(&bytes);
            let mut map = HeaderMap::new();
            let names = [headers::SUBJECT, headers::SEQUENCE, headers::TIME_STAMP, headers::STREAM];
            for (name, value) in names.iter().zip(&values) {
                map.append(name, value).ok();
            }
            let message = Message { headers: Some(map), ..Message::default() };
            let _ = DirectAnswer::from_message(message);
        }
    }
}
