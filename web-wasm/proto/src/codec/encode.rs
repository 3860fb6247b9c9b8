//! The encoder: each function appends one operation, whole, and grows the buffer exactly once.
//!
//! Names must have been checked (see [`crate::subject`]): nothing here looks at them again.
//! Source: the [protocol page].
//!
//! [protocol page]: https://docs.nats.io/reference/reference-protocols/nats-protocol

use bytes::{BufMut, BytesMut};
use itoa::Buffer;

use crate::header::HeaderMap;
use crate::info::ConnectInfo;

/// Appends `CONNECT`. Its length is that of the JSON and 10 bytes more.
pub fn connect(out: &mut BytesMut, info: &ConnectInfo) {
    append(out, &[b"CONNECT ", &info.to_json(), b"\r\n"]);
}

/// Appends `PING`.
pub fn ping(out: &mut BytesMut) {
    append(out, &[b"PING\r\n"]);
}

/// Appends `PONG`.
pub fn pong(out: &mut BytesMut) {
    append(out, &[b"PONG\r\n"]);
}

/// Appends `SUB`.
pub fn subscribe(out: &mut BytesMut, subject: &str, queue_group: Option<&str>, sid: u64) {
    let mut sid_digits = Buffer::new();
    let sid = sid_digits.format(sid).as_bytes();
    let (group, space) = queue_group.map_or((&b""[..], &b""[..]), |g| (g.as_bytes(), b" "));
    append(out, &[b"SUB ", subject.as_bytes(), b" ", group, space, sid, b"\r\n"]);
}

/// Appends `UNSUB`: at once, or after `max` messages counted from the subscription's start.
pub fn unsubscribe(out: &mut BytesMut, sid: u64, max: Option<u64>) {
    let (mut sid_digits, mut max_digits) = (Buffer::new(), Buffer::new());
    let sid = sid_digits.format(sid).as_bytes();
    match max {
        Some(max) => {
            append(out, &[b"UNSUB ", sid, b" ", max_digits.format(max).as_bytes(), b"\r\n"]);
        }
        None => append(out, &[b"UNSUB ", sid, b"\r\n"]),
    }
}

/// Appends `PUB`, or `HPUB` when there are headers, and says how many bytes that took.
pub fn publish(
    out: &mut BytesMut,
    subject: &str,
    reply: Option<&str>,
    headers: Option<&HeaderMap>,
    payload: &[u8],
) -> usize {
    let before = out.len();
    let headers = headers.filter(|headers| !headers.is_empty());
    let headers_len = headers.map(HeaderMap::wire_len);
    let (mut headers_digits, mut total_digits) = (Buffer::new(), Buffer::new());
    let total = total_digits.format(headers_len.unwrap_or(0) + payload.len()).as_bytes();
    let verb: &[u8] = if headers.is_some() { b"HPUB " } else { b"PUB " };
    let (reply, reply_space) = reply.map_or((&b""[..], &b""[..]), |r| (r.as_bytes(), b" "));
    let (headers_size, headers_space) = match headers_len {
        Some(len) => (headers_digits.format(len).as_bytes(), &b" "[..]),
        None => (&b""[..], &b""[..]),
    };
    let line = [
        verb,
        subject.as_bytes(),
        b" ",
        reply,
        reply_space,
        headers_size,
        headers_space,
        total,
        b"\r\n",
    ];
    let line_len: usize = line.iter().map(|part| part.len()).sum();
    out.reserve(line_len + headers_len.unwrap_or(0) + payload.len() + 2);
    for part in line {
        out.put_slice(part);
    }
    if let Some(headers) = headers {
        headers.write(out);
    }
    out.put_slice(payload);
    out.put_slice(b"\r\n");
    out.len() - before
}

fn append(out: &mut BytesMut, parts: &[&[u8]]) {
    out.reserve(parts.iter().map(|part| part.len()).sum());
    for part in parts {
        out.put_slice(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn encoded(write: impl FnOnce(&mut BytesMut)) -> String {
        let mut out = BytesMut::new();
        write(&mut out);
        String::from_utf8(out.to_vec()).unwrap()
    }

    #[test]
    fn operations_are_written_as_the_protocol_page_has_them() {
        assert_eq!(encoded(ping), "PING\r\n");
        assert_eq!(encoded(pong), "PONG\r\n");
        assert_eq!(encoded(|out| subscribe(out, "a.>", None, 1)), "SUB a.> 1\r\n");
        assert_eq!(encoded(|out| subscribe(out, "a", Some("q"), 44)), "SUB a q 44\r\n");
        assert_eq!(encoded(|out| unsubscribe(out, 1, None)), "UNSUB 1\r\n");
        assert_eq!(encoded(|out| unsubscribe(out, 1, Some(5))), "UNSUB 1 5\r\n");
    }

    #[test]
    fn messages_are_written_with_their_exact_length() {
        let mut headers = HeaderMap::new();
        headers.insert("Bar", "Baz").unwrap();
        for (reply, headers, payload, expected) in [
            (None, None, &b"Hello NATS!"[..], "PUB FOO 11\r\nHello NATS!\r\n"),
            (Some("R.1"), None, b"Knock", "PUB FOO R.1 5\r\nKnock\r\n"),
            (None, None, b"", "PUB FOO 0\r\n\r\n"),
            (None, Some(&HeaderMap::new()), b"x", "PUB FOO 1\r\nx\r\n"),
            (
                None,
                Some(&headers),
                b"Hello",
                "HPUB FOO 22 27\r\nNATS/1.0\r\nBar: Baz\r\n\r\nHello\r\n",
            ),
            (
                Some("R.1"),
                Some(&headers),
                b"",
                "HPUB FOO R.1 22 22\r\nNATS/1.0\r\nBar: Baz\r\n\r\n\r\n",
            ),
        ] {
            let mut out = BytesMut::new();
            let len = publish(&mut out, "FOO", reply, headers, payload);
            assert_eq!(core::str::from_utf8(&out).unwrap(), expected);
            assert_eq!(len, expected.len());
        }
    }

    #[test]
    fn connect_leaves_out_what_is_not_set() {
        let connect = encoded(|out| connect(out, &ConnectInfo::default()));
        assert!(connect.starts_with("CONNECT {\"verbose\":false,"));
        assert!(connect.ends_with("}\r\n"));
        for absent in ["jwt", "nkey", "sig", "pass", "user", "auth_token", "name"] {
            assert!(!connect.contains(&alloc::format!("\"{absent}\"")), "{absent} in {connect}");
        }
    }
}
