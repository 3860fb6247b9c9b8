//! A message on its way to NATS, checked.

use async_nats::{
    HeaderMap, Subject,
    header::{HeaderName, HeaderValue},
};
use bytes::Bytes;

use crate::claims::subject;

/// Longest subject in bytes; a line of the protocol has 4,096 for it and all else.
const MAX_SUBJECT_BYTES: usize = 512;
/// Longest name of a header in bytes.
const MAX_HEADER_NAME_BYTES: usize = 128;
/// Longest id of a message in bytes. A stream keeps each for the length of its window.
const MAX_MSG_ID_BYTES: usize = 256;
/// The header that holds it.
const MSG_ID: &str = "Nats-Msg-Id";
/// What every header begins with that tells nats-server to do something: `Nats-Rollup` empties a
/// stream, `Nats-TTL` has a message vanish, `Nats-Trace-Dest` sends a trace anywhere.
const SERVERS_HEADERS: &str = "nats-";
/// First tokens under which answers travel, to this service's own user too.
const ANSWERS: [&str; 3] = ["_INBOX", "_R_", "_GR_"];
/// The version line before the headers and the empty line behind them.
const HEADER_FRAME_BYTES: usize = "NATS/1.0\r\n\r\n".len();
/// What stands around a header's name and value.
const HEADER_BYTES: usize = ": \r\n".len();

/// A message that may not be sent as it is; nothing of it is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The subject is not a plain one.
    #[error("the subject is empty, too long, has wildcards, or is one of the server's own")]
    Subject,
    /// The name of a header is not a token (RFC 9110 §5.6.2), or too long.
    #[error("the name of a header is not a token")]
    HeaderName,
    /// A header is for nats-server to act on.
    #[error("a header is for the server")]
    ServersHeader,
    /// The value of a header has a control character in it.
    #[error("the value of a header has a control character in it")]
    HeaderValue,
    /// The id is empty, too long, or not printable ASCII without spaces.
    #[error("the id of the message is empty, too long or not printable")]
    MsgId,
}

/// A message on its way to NATS. What a caller said is in it only after a check.
#[derive(Debug, Clone)]
pub struct Message {
    subject: Subject,
    headers: HeaderMap,
    header_bytes: usize,
    payload: Bytes,
}

impl Message {
    /// A message on one of this service's own subjects.
    #[must_use]
    pub fn own(subject: &'static str, payload: Bytes) -> Self {
        Self::unchecked(Subject::from_static(subject), payload)
    }

    /// A message on a subject that a caller named.
    ///
    /// # Errors
    /// [`MessageError::Subject`] for anything but 1 to 512 bytes of printable ASCII tokens without
    /// wildcards, and for subjects of the server and of answers: `$…`, `_INBOX`, `_R_`, `_GR_`.
    pub fn new(subject: String, payload: Bytes) -> Result<Self, MessageError> {
        if is_plain(&subject) {
            Ok(Self::unchecked(subject.into(), payload))
        } else {
            Err(MessageError::Subject)
        }
    }

    fn unchecked(subject: Subject, payload: Bytes) -> Self {
        Self { subject, headers: HeaderMap::new(), header_bytes: 0, payload }
    }

    /// Adds a header, beside others of the same name.
    ///
    /// # Errors
    /// * [`MessageError::HeaderName`], [`MessageError::HeaderValue`]: it has no form on the wire.
    /// * [`MessageError::ServersHeader`]: its name begins with `Nats-`, in any case.
    pub fn add_header(&mut self, name: &str, value: &str) -> Result<(), MessageError> {
        if name.len() > MAX_HEADER_NAME_BYTES || !is_header_token(name) {
            return Err(MessageError::HeaderName);
        }
        let begins = name.get(..SERVERS_HEADERS.len());
        if begins.is_some_and(|begins| begins.eq_ignore_ascii_case(SERVERS_HEADERS)) {
            return Err(MessageError::ServersHeader);
        }
        if value.chars().any(char::is_control) {
            return Err(MessageError::HeaderValue);
        }
        let key: HeaderName = name.parse().map_err(|_| MessageError::HeaderName)?;
        let content: HeaderValue = value.parse().map_err(|_| MessageError::HeaderValue)?;
        self.headers.append(key, content);
        self.header_bytes += name.len() + value.len() + HEADER_BYTES;
        Ok(())
    }

    /// Sets the id by which a stream knows a message that it has already (`Nats-Msg-Id`).
    ///
    /// # Errors
    /// [`MessageError::MsgId`] for anything but 1 to 256 bytes of printable ASCII without spaces.
    pub fn set_msg_id(&mut self, id: &str) -> Result<(), MessageError> {
        let fits = (1..=MAX_MSG_ID_BYTES).contains(&id.len());
        if !fits || !id.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(MessageError::MsgId);
        }
        self.headers.insert(MSG_ID, id);
        self.header_bytes += MSG_ID.len() + id.len() + HEADER_BYTES;
        Ok(())
    }

    /// Where it goes.
    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Its size as nats-server counts it against the limit of payloads: headers included.
    #[must_use]
    pub fn size(&self) -> usize {
        let frame = if self.headers.is_empty() { 0 } else { HEADER_FRAME_BYTES };
        frame + self.header_bytes + self.payload.len()
    }

    /// Subject, headers (none if there are none) and payload.
    pub(super) fn into_parts(self) -> (Subject, Option<HeaderMap>, Bytes) {
        let headers = (!self.headers.is_empty()).then_some(self.headers);
        (self.subject, headers, self.payload)
    }
}

fn is_plain(subject: &str) -> bool {
    let first = subject.split('.').next().unwrap_or_default();
    subject.len() <= MAX_SUBJECT_BYTES
        && subject::is_literal(subject)
        && !subject.contains(['*', '>'])
        && !first.starts_with('$')
        && !ANSWERS.contains(&first)
}

fn is_header_token(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message() -> Message {
        Message::new("rooms.7.announce".to_owned(), Bytes::from_static(b"hi")).unwrap()
    }

    #[test]
    fn only_plain_subjects_are_taken() {
        for good in ["a", "rooms.7.announce", "a-b._c.D", "a.$b", "_INBOXES.a", &"x".repeat(512)] {
            assert_eq!(Message::new(good.to_owned(), Bytes::new()).unwrap().subject(), good);
        }
        for bad in [
            "",
            ".",
            "a.",
            ".a",
            "a..b",
            "*",
            ">",
            "a.*",
            "a.>",
            "a.b*",
            "a.>.b",
            "a>b",
            "a b",
            "a\tb",
            "a\r\nPUB b 0\r\n",
            "a\0",
            "a\u{7f}",
            "é",
            "$SYS.REQ.SERVER.PING",
            "$JS.API.STREAM.PURGE.S",
            "$KV.b.k",
            "$",
            "_INBOX",
            "_INBOX.a",
            "_R_.a",
            "_GR_.a",
            &"x".repeat(513),
        ] {
            let error = Message::new(bad.to_owned(), Bytes::new()).unwrap_err();
            assert_eq!(error, MessageError::Subject, "{bad:?}");
        }
    }

    #[test]
    fn headers_cannot_inject_and_cannot_command_the_server() {
        for (name, value, expected) in [
            ("", "v", MessageError::HeaderName),
            ("a b", "v", MessageError::HeaderName),
            ("a:b", "v", MessageError::HeaderName),
            ("a\r\nNats-Rollup", "all", MessageError::HeaderName),
            ("é", "v", MessageError::HeaderName),
            (&"n".repeat(129), "v", MessageError::HeaderName),
            ("a", "v\r\nNats-Rollup: all", MessageError::HeaderValue),
            ("a", "v\n", MessageError::HeaderValue),
            ("a", "v\r", MessageError::HeaderValue),
            ("a", "\0", MessageError::HeaderValue),
            ("a", "\u{85}", MessageError::HeaderValue),
            ("Nats-Rollup", "all", MessageError::ServersHeader),
            ("nats-rollup", "all", MessageError::ServersHeader),
            ("NATS-Msg-Id", "1", MessageError::ServersHeader),
            ("Nats-", "1", MessageError::ServersHeader),
            ("Nats-Trace-Dest", "a", MessageError::ServersHeader),
        ] {
            assert_eq!(message().add_header(name, value), Err(expected), "{name:?}: {value:?}");
        }
        for (name, value) in [("a", ""), ("Nats", "x"), ("X-Nats-A", "é, \"x\"; y"), ("A", "b:c")]
        {
            message().add_header(name, value).unwrap();
        }
    }

    #[test]
    fn an_id_is_one_printable_word() {
        for good in ["1", "order/7:a", &"x".repeat(256)] {
            message().set_msg_id(good).unwrap();
        }
        for bad in ["", " ", "a b", "a\r\n", "é", "\0", &"x".repeat(257)] {
            assert_eq!(message().set_msg_id(bad), Err(MessageError::MsgId), "{bad:?}");
        }
    }

    #[test]
    fn the_size_is_that_on_the_wire() {
        let mut message = message();
        assert_eq!(message.size(), 2);
        message.add_header("A", "1").unwrap();
        message.add_header("A", "").unwrap();
        message.set_msg_id("7").unwrap();
        let wire = "NATS/1.0\r\nA: 1\r\nA: \r\nNats-Msg-Id: 7\r\n\r\nhi";
        assert_eq!(message.size(), wire.len());
        let (_, headers, _) = message.into_parts();
        assert_eq!(headers.unwrap().get_all("A").count(), 2);
    }
}
