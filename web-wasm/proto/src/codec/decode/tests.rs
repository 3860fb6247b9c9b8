use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::fuzzing::{assert_splits_agree, decode_all};

fn decode(bytes: &[u8]) -> (Vec<ServerOp>, Option<DecodeError>) {
    decode_all([bytes], Limits::default())
}

fn error(bytes: &[u8]) -> DecodeError {
    decode(bytes).1.unwrap()
}

fn message(subject: &'static str, payload: &'static str) -> Message {
    Message {
        subject: Subject::from_static(subject),
        payload: Bytes::from_static(payload.as_bytes()),
        length: payload.len(),
        ..Message::default()
    }
}

#[test]
fn a_message_that_is_whole_is_read_as_one_in_pieces() {
    let long = alloc::format!("MSG a {} 0\r\n\r\n", u64::MAX);
    for bytes in [
        &b"MSG a 1 0\r\n\r\n"[..],
        b"MSG a 1 12 3\r\nabc\r\n",
        b"MSG a 007 03\r\nabc\r\n",
        b"MSG\ta 1  3 \r\nabc\r\n",
        b"MSG a\xff 1 b\xff 3\r\nabc\r\n",
        b"MSG a 9999999999999999999 0\r\n\r\n",
        b"MSG a 99999999999999999999 0\r\n\r\n",
        b"MSG a 1 3\nabc\r\n",
        b"MSG a 1 3\r\nabcd\r\n",
        b"MSG a 1 -3\r\n",
        b"MSG a 1\r\n",
        b"HMSG a 1 12 15\r\nNATS/1.0\r\n\r\nabc\r\n",
        b"HMSG a 1 7 12 15\r\nNATS/1.0\r\n\r\nabc\r\n",
        b"HMSG a 1 0 0\r\n\r\n",
        b"HMSG a 1 16 15\r\nNATS/1.0\r\n\r\nabc\r\n",
        b"HMSG a 1 15\r\nNATS/1.0\r\n\r\nabc\r\n",
        long.as_bytes(),
    ] {
        let pieces = bytes.chunks(1);
        assert_eq!(decode(bytes), decode_all(pieces, Limits::default()), "{bytes:?}");
    }
    assert_eq!(decode(long.as_bytes()).0.len(), 1);
    let limits = Limits { payload: 2, headers: 2, control_line: 9 };
    for bytes in [&b"MSG a 1 3\r\nabc\r\n"[..], b"MSG abc 1 2\r\nab\r\n", b"MSG a 1 2\r\nab\r\n"] {
        assert_eq!(decode_all([bytes], limits), decode_all(bytes.chunks(1), limits), "{bytes:?}");
    }
}

#[test]
fn every_operation_is_read() {
    let (ops, error) = decode(
        b"INFO {\"server_name\":\"n1\",\"nonce\":\"abc\",\"ldm\":true,\"unknown\":[1]} \r\n\
          PING\r\nPONG\r\n+OK\r\n-ERR 'Authorization Violation'\r\n\
          MSG a.b 7 2\r\nhi\r\n\
          MSG a.b 8 re.ply 0\r\n\r\n\
          HMSG a 9 17 19\r\nNATS/1.0\r\nk:v\r\n\r\nhi\r\n",
    );
    assert_eq!(error, None);
    let [ServerOp::Info(info), ServerOp::Ping, ServerOp::Pong, ServerOp::Ok, rest @ ..] = &ops[..]
    else {
        panic!("{ops:?}")
    };
    assert_eq!(info.server_name, "n1");
    assert_eq!(info.nonce.as_deref(), Some("abc"));
    assert!(info.lame_duck_mode);
    let mut with_reply = message("a.b", "");
    with_reply.reply = Some(Subject::from_static("re.ply"));
    let mut with_headers = message("a", "hi");
    let mut headers = crate::HeaderMap::new();
    headers.insert("k", "v").unwrap();
    with_headers.headers = Some(headers);
    with_headers.length = 19;
    assert_eq!(
        rest,
        [
            ServerOp::Err("Authorization Violation".into()),
            ServerOp::Message { sid: 7, message: message("a.b", "hi") },
            ServerOp::Message { sid: 8, message: with_reply },
            ServerOp::Message { sid: 9, message: with_headers },
        ]
    );
}

#[test]
fn odd_but_lawful_spelling_is_read() {
    for bytes in [&b"ping\r\n"[..], b"PING\n", b"Ping \r\n", b"PING\t\r\n"] {
        assert_eq!(decode(bytes), (vec![ServerOp::Ping], None), "{bytes:?}");
    }
    let (ops, _) = decode(b"msg \t a.b\t7   2\r\nhi\r\n");
    assert_eq!(ops, [ServerOp::Message { sid: 7, message: message("a.b", "hi") }]);
    assert_eq!(decode(b"-ERR plain\r\n").0, [ServerOp::Err("plain".into())]);
}

#[test]
fn what_is_not_the_protocol_is_named() {
    use DecodeError::*;
    let malformed = |reason| MalformedMessage { reason };
    for (bytes, expected) in [
        (
            &b"HTTP/1.1 400 Bad Request\r\n"[..],
            UnknownOperation { start: "HTTP/1.1 400 Bad".into() },
        ),
        (b"\xff\x00\r\n", UnknownOperation { start: "\\xff\\x00".into() }),
        (b"\r\n", UnknownOperation { start: "".into() }),
        (b"MSG\r\n", malformed("no subject")),
        (b"MSG a\r\n", malformed("no subscription id")),
        (b"MSG a x 1\r\n", malformed("no subscription id")),
        (b"MSG a 1\r\n", malformed("wrong number of parts")),
        (b"MSG a 1 r 2 3\r\n", malformed("wrong number of parts")),
        (b"MSG a 1 r 2 3 4\r\n", malformed("too many parts")),
        (b"MSG a 1 -1\r\n", malformed("a size is not a number")),
        (b"HMSG a 1 1\r\n", malformed("wrong number of parts")),
        (b"HMSG a 1 5 4\r\n", malformed("the headers are larger than the message")),
        (b"MSG a 1 99999999999999999999999\r\n", malformed("a size is not a number")),
        (b"MSG a 1 2\r\nhi!\r\n", MissingTerminator),
        (b"MSG a 1 2\r\nhi\n\n", MissingTerminator),
    ] {
        assert_eq!(error(bytes), expected, "{:?}", bytes.escape_ascii().to_string());
    }
    assert!(matches!(error(b"INFO {\r\n"), MalformedInfo { .. }));
    assert!(matches!(error(b"INFO\r\n"), MalformedInfo { .. }));
    assert!(matches!(error(b"INFO {\"port\":\"x\"}\r\n"), MalformedInfo { .. }));
}

#[test]
fn limits_hold_to_the_byte() {
    let limits = Limits { control_line: 20, payload: 30, headers: 20 };
    let decode = |bytes: &[u8]| decode_all([bytes], limits);
    let line = |len: usize| format!("-ERR {}\r\n", "x".repeat(len - 5));
    assert_eq!(decode(line(20).as_bytes()).1, None);
    let too_long = Some(DecodeError::ControlLineTooLong { limit: 20 });
    assert_eq!(decode(line(21).as_bytes()).1, too_long);
    assert_eq!(decode(line(200).as_bytes()).1, too_long);
    assert_eq!(decode(&[b'x'; 21]).1, None);
    assert_eq!(decode(&[b'x'; 22]).1, too_long);
    assert_eq!(decode(b"MSG a 1 30\r\n").1, None);
    let too_large = DecodeError::PayloadTooLarge { size: 31, limit: 30 };
    assert_eq!(decode(b"MSG a 1 31\r\n").1, Some(too_large));
    let too_large = DecodeError::HeadersTooLarge { size: 21, limit: 20 };
    assert_eq!(decode(b"HMSG a 1 21 30\r\n").1, Some(too_large));
}

#[test]
fn an_error_is_final() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.feed(Bytes::from_static(b"rubbish\r\nPING\r\n"));
    let first = decoder.next_op();
    assert!(first.is_err());
    decoder.feed(Bytes::from_static(b"PING\r\n"));
    assert_eq!(decoder.next_op(), first);
}

#[test]
fn a_message_within_one_portion_is_not_copied() {
    let portion = Bytes::from(b"MSG subject 1 7\r\npayload\r\n".to_vec());
    let range = portion.as_ptr_range();
    let mut decoder = Decoder::new(Limits::default());
    decoder.feed(portion.clone());
    let Ok(Some(ServerOp::Message { message, .. })) = decoder.next_op() else { panic!() };
    assert!(range.contains(&message.payload.as_ptr()));
    assert!(range.contains(&message.subject.as_ptr()));
}

#[test]
fn an_announced_size_alone_takes_no_memory() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.feed(Bytes::from_static(b"MSG a 1 60000000\r\nx"));
    assert_eq!(decoder.next_op(), Ok(None));
    assert!(decoder.carry.capacity() <= 2 * RESERVE);
}

/// Bytes that are, or nearly are, the protocol: whole operations, cut and mixed with rubbish.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let text = |pattern| proptest::string::string_regex(pattern).unwrap();
    let op = prop_oneof![
        Just(b"PING\r\n".to_vec()),
        Just(b"PONG\r\n".to_vec()),
        Just(b"+OK\r\n".to_vec()),
        Just(b"INFO {\"max_payload\":100}\r\n".to_vec()),
        text("-ERR '[ -~]{0,40}'\r\n").prop_map(String::into_bytes),
        (text("[a-z.]{1,9}"), 0..9u64, prop::collection::vec(any::<u8>(), 0..200)).prop_map(
            |(subject, sid, payload)| {
                let mut op = format!("MSG {subject} {sid} {}\r\n", payload.len()).into_bytes();
                op.extend(payload);
                op.extend(b"\r\n");
                op
            }
        ),
        (text("[a-z.]{1,9}"), text("[ -~\r\n]{0,60}"), text("[a-z]{0,20}")).prop_map(
            |(subject, headers, payload)| {
                let block = format!("NATS/1.0\r\n{headers}\r\n\r\n");
                let total = block.len() + payload.len();
                format!("HMSG {subject} 3 {} {total}\r\n{block}{payload}\r\n", block.len())
                    .into_bytes()
            }
        ),
        prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(op, 0..12).prop_map(|ops| ops.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_operations(
        bytes in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..24),
    ) {
        assert_splits_agree(&bytes, cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect());
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..2_000)) {
        assert_splits_agree(&bytes, (0..bytes.len()).step_by(3).collect());
    }
}
