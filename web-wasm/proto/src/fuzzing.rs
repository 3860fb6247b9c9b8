//! The bodies of the fuzz targets, which the property tests run too.

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use bytes::{Bytes, BytesMut};
use bytestring::ByteString;

use crate::codec::{DecodeError, Decoder, Limits, encode};
use crate::connection::{
    Auth, Config, Connection, Event, FlushId, RequestId, RequestPlan, TransportClosed, Via,
};
use crate::header::HeaderMap;
use crate::op::ServerOp;
use crate::server_addr::ServerAddr;
use crate::server_error::ServerError;
use crate::subject::{self, Subject};
use crate::time::Instant;

/// Everything that a decoder reads from `portions`: the operations and the error that ended them.
pub fn decode_all<'a>(
    portions: impl IntoIterator<Item = &'a [u8]>,
    limits: Limits,
) -> (Vec<ServerOp>, Option<DecodeError>) {
    let mut decoder = Decoder::new(limits);
    let mut ops = Vec::new();
    for portion in portions {
        decoder.feed(Bytes::copy_from_slice(portion));
        loop {
            match decoder.next_op() {
                Ok(Some(op)) => ops.push(op),
                Ok(None) => break,
                Err(error) => return (ops, Some(error)),
            }
        }
    }
    (ops, None)
}

/// Decodes `bytes` in one piece, byte by byte, and cut at `cuts`: all must agree.
///
/// # Panics
/// When they do not agree.
pub fn assert_splits_agree(bytes: &[u8], mut cuts: Vec<usize>) {
    let limits = Limits { control_line: 256, payload: 4_096, headers: 1_024 };
    let whole = decode_all([bytes], limits);
    assert_eq!(decode_all(bytes.chunks(1), limits), whole, "byte by byte");
    cuts.sort_unstable();
    let mut start = 0;
    let portions = cuts.into_iter().chain([bytes.len()]).map(|cut| {
        let end = cut.clamp(start, bytes.len());
        let portion = &bytes[start..end];
        start = end;
        portion
    });
    assert_eq!(decode_all(portions.collect::<Vec<_>>(), limits), whole, "cut");
}

/// Reads `text` in every way in which a server's or a caller's words are read: nothing panics, and
/// what is written back reads the same.
///
/// # Panics
/// When it does not.
pub fn read_text(text: &str) {
    if let Ok(addr) = text.parse::<ServerAddr>() {
        let written = addr.to_string();
        assert_eq!(written.parse().as_ref(), Ok(&addr), "{written}");
        let authority = [addr.host(), ":", &addr.port().to_string()].concat();
        assert_eq!(addr.with_authority(&authority), Ok(addr));
    }
    let violation = ServerError::parse(&ByteString::from(text));
    if let ServerError::Other(other) = violation {
        assert_eq!(other, text);
    }
    let (left, right) = text.split_once('\n').unwrap_or((text, text));
    if subject::validate_pattern(left).is_ok() && subject::validate_publish(right).is_ok() {
        assert_eq!(subject::matches(left, right), matches_naively(left, right), "{left} {right}");
    }
    let mut headers = HeaderMap::new();
    for line in text.lines() {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        // White space around a value is not kept on the wire.
        headers.append(name, value.trim_matches([' ', '\t'])).ok();
    }
    assert_headers_survive(&headers);
}

fn matches_naively(pattern: &str, subject: &str) -> bool {
    match (pattern.split_once('.'), subject.split_once('.')) {
        _ if pattern == ">" => true,
        (Some((p, pattern)), Some((s, subject))) => {
            (p == "*" || p == s) && matches_naively(pattern, subject)
        }
        (None, None) => pattern == "*" || pattern == subject,
        _ => false,
    }
}

/// What an HPUB carries, an HMSG brings back.
fn assert_headers_survive(headers: &HeaderMap) {
    if headers.is_empty() {
        return;
    }
    let mut wire = BytesMut::new();
    encode::publish(&mut wire, "s", None, Some(headers), b"payload");
    let wire = [b"HMSG s 1", &wire[b"HPUB s".len()..]].concat();
    let (ops, error) = decode_all([&wire[..]], Limits::default());
    let survived = matches!(&ops[..], [ServerOp::Message { sid: 1, message }]
        if message.headers.as_ref() == Some(headers) && &message.payload[..] == b"payload");
    assert!(survived, "{headers:?} became {ops:?} {error:?}");
}

/// Drives a connection by a script: each byte chooses a call, and the bytes after it are its
/// arguments.
///
/// # Panics
/// When a message is sent twice, a flush or request is decided twice, or something is said
/// after the connection was closed.
pub fn drive_connection(script: &[u8]) {
    let mut driver = Driver::new();
    let mut rest = script;
    while let Some((&call, arguments)) = rest.split_first() {
        let len = arguments.first().map_or(0, |&len| usize::from(len) % 24);
        let (arguments, left) = arguments.split_at(arguments.len().min(len + 1));
        driver.step(call, arguments.get(1..).unwrap_or_default());
        rest = left;
    }
    driver.finish();
}

struct Driver {
    connection: Connection,
    now: Instant,
    published: u64,
    transmitted: u64,
    requests: BTreeSet<RequestId>,
    /// Requests for many answers, which only an error ends.
    many: BTreeSet<RequestId>,
    flushes: BTreeSet<FlushId>,
}

impl Driver {
    fn new() -> Self {
        let config = Config { outbound_limit: 512, ..Config::default() };
        Self {
            connection: Connection::new(config, [3; 32]),
            now: Instant::ORIGIN,
            published: 0,
            transmitted: 0,
            requests: BTreeSet::new(),
            many: BTreeSet::new(),
            flushes: BTreeSet::new(),
        }
    }

    fn step(&mut self, call: u8, arguments: &[u8]) {
        const INFO: &[u8] = b"INFO {\"server_id\":\"S\",\"headers\":true,\"max_payload\":64}\r\n";
        // What servers say that would be long to come upon by chance.
        const SAYINGS: [&[u8]; 8] = [
            b"INFO {\"server_id\":\"S\",\"ldm\":true,\"connect_urls\":[\"a:1\",\"b:2\"]}\r\n",
            b"INFO {\"server_id\":\"T\",\"nonce\":\"n\",\"max_payload\":0}\r\n",
            b"-ERR 'Authorization Violation'\r\n",
            b"-ERR 'Permissions Violation for Publish to \"q\"'\r\n",
            b"-ERR 'Permissions Violation for Subscription to \"a\"'\r\n",
            b"-ERR 'Stale Connection'\r\n",
            b"HMSG a 1 r 19 21\r\nNATS/1.0\r\nk: vv\r\n\r\nhi\r\n",
            b"HMSG a 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n",
        ];
        let text = String::from_utf8_lossy(arguments);
        let second = Duration::from_secs(1);
        let via = if arguments.len() % 4 == 3 { Via::Next } else { Via::Present };
        match call % 16 {
            0 => self.connection.dialing(self.now),
            1 => self.connection.handle_input(self.now, via, Bytes::from_static(INFO)),
            2 => self.connection.authenticate(self.now, via, Auth::default()),
            3 => self.connection.handle_input(self.now, via, Bytes::from_static(b"PONG\r\n")),
            4 => self.connection.handle_input(self.now, via, Bytes::copy_from_slice(arguments)),
            5 if call > 127 => {
                let saying = SAYINGS[usize::from(call / 16) % SAYINGS.len()];
                self.connection.handle_input(self.now, via, Bytes::from_static(saying));
            }
            5 => self.connection.handle_input(
                self.now,
                via,
                Bytes::from_static(b"MSG a 1 1\r\nx\r\n"),
            ),
            6 => {
                let closed = TransportClosed { code: 1006, reason: ByteString::new() };
                self.connection.handle_closed(self.now, via, closed);
            }
            7 => {
                self.now = self.now + second * u32::from(call);
                self.connection.handle_timeout(self.now);
            }
            8 | 9 => {
                let payload = &[b'x'; 255][..usize::from(call)];
                let published = self.connection.publish("a.b", None, None, payload);
                self.published += u64::from(published.is_ok());
            }
            10 => drop(self.connection.subscribe(&Subject::from(&*text), None)),
            11 => self
                .connection
                .unsubscribe(u64::from(call / 16), arguments.first().map(|&m| m.into())),
            12 => {
                let subject = Subject::from_static("q");
                if let Ok(id) =
                    self.connection.request(self.now, &subject, None, b"", RequestPlan::one(second))
                {
                    self.published += 1;
                    self.requests.insert(id);
                }
            }
            13 if call > 127 => {
                let subject = Subject::from_static("q");
                let plan = RequestPlan { inbox: Some("own.inbox"), ..RequestPlan::many(second) };
                let id = self.connection.request(self.now, &subject, None, b"", plan);
                self.published += u64::from(id.is_ok());
                self.many.extend(id);
            }
            13 => self.flushes.extend(self.connection.flush(self.now, second)),
            14 if call > 127 => self.connection.drain(self.now, u64::from(call / 16 - 7)),
            14 => self.connection.authentication_failed(self.now, via, &text),
            _ if arguments.len() > 20 => drop(self.connection.close(self.now)),
            _ if call > 200 => self.connection.doubt(self.now),
            _ if call > 100 => drop(self.connection.handover(self.now)),
            _ => self.connection.reconnect(self.now),
        }
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(event) = self.connection.poll_event() {
            match event {
                Event::Response { request, result: Ok(_) } if self.many.contains(&request) => {}
                Event::Response { request, .. } => {
                    assert!(self.requests.remove(&request) || self.many.remove(&request));
                }
                Event::Flushed { flush, .. } => assert!(self.flushes.remove(&flush)),
                _ => {}
            }
        }
        for via in [Via::Present, Via::Next] {
            while let Some(bytes) = self.connection.poll_transmit(via, 64) {
                assert!(!bytes.is_empty() && bytes.ends_with(b"\r\n"));
                let lines = bytes.split(|&byte| byte == b'\n');
                let messages = lines.filter(|line| line.starts_with(b"PUB "));
                self.transmitted += messages.count() as u64;
            }
            assert!(!self.connection.has_outbound(via), "it says that there is more");
        }
        assert!(self.transmitted <= self.published, "a message was sent twice");
    }

    fn finish(mut self) {
        self.connection.close(self.now);
        self.drain();
        assert!(self.requests.is_empty() && self.many.is_empty(), "each is decided");
        assert!(self.flushes.is_empty(), "each is decided");
        assert_eq!(self.published, self.connection.statistics().out_messages);
        self.connection.dialing(self.now);
        for via in [Via::Present, Via::Next] {
            self.connection.handle_input(self.now, via, Bytes::from_static(b"PING\r\n"));
            assert_eq!(self.connection.poll_event(), None);
            assert_eq!(self.connection.poll_transmit(via, 64), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_text_is_read(text in any::<String>()) {
            read_text(&text);
        }

        #[test]
        fn text_that_nearly_means_something_is_read(
            text in "(wss?://)?[a-z0-9.*>:@/?#\\[\\] -]{0,24}\n?[a-z.*>: \t]{0,16}",
        ) {
            read_text(&text);
        }
    }
}
