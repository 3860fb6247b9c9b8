use super::block::HeaderBlock;
use super::*;
use crate::status::StatusCode;
use alloc::vec;
use bytes::Bytes;

fn parse(block: &str) -> HeaderBlock {
    HeaderBlock::parse(&Bytes::copy_from_slice(block.as_bytes()))
}

fn pairs(headers: &HeaderMap) -> Vec<(&str, &str)> {
    headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

#[test]
fn what_is_written_is_read_back() {
    let mut headers = HeaderMap::new();
    headers.append("Nats-Msg-Id", "1").unwrap();
    headers.append("a", "").unwrap();
    headers.append("A", "é: with a colon").unwrap();
    headers.append("a", "twice").unwrap();
    let mut block = Vec::new();
    headers.write(&mut block);
    assert_eq!(block.len(), headers.wire_len());
    let parsed = HeaderBlock::parse(&Bytes::from(block));
    assert_eq!(parsed, HeaderBlock { headers, status: None, description: None });
}

#[test]
fn every_block_that_servers_send_is_read() {
    for (block, status, description, headers) in [
        ("NATS/1.0 503\r\n\r\n", Some(503), None, vec![]),
        ("NATS/1.0 503 No Responders\r\n\r\n", Some(503), Some("No Responders"), vec![]),
        ("NATS/1.0 404 No Messages\r\n\r\n", Some(404), Some("No Messages"), vec![]),
        (
            "NATS/1.0  100  Idle Heartbeat \r\nNats-Last-Stream: 4\r\n\r\n",
            Some(100),
            Some("Idle Heartbeat"),
            vec![("Nats-Last-Stream", "4")],
        ),
        ("NATS/1.0\r\n\r\n", None, None, vec![]),
        ("NATS/1.0\r\na:b\r\n\r\n", None, None, vec![("a", "b")]),
        ("NATS/1.0\r\na:  \t b c \t\r\n\r\n", None, None, vec![("a", "b c")]),
        ("NATS/1.0\r\na:\r\n\r\n", None, None, vec![("a", "")]),
        ("NATS/1.0\r\na: b\r\n  folded\r\n\r\n", None, None, vec![("a", "b folded")]),
        ("NATS/1.0\r\nurl: nats://x:4222\r\n\r\n", None, None, vec![("url", "nats://x:4222")]),
        ("NATS/1.0\na: b\n\n", None, None, vec![("a", "b")]),
        ("NATS/1.0 odd words\r\n\r\n", None, Some("odd words"), vec![]),
    ] {
        let parsed = parse(block);
        assert_eq!(parsed.status.map(StatusCode::as_u16), status, "{block:?}");
        assert_eq!(parsed.description.as_deref(), description, "{block:?}");
        assert_eq!(pairs(&parsed.headers), headers, "{block:?}");
        assert_eq!(parsed.headers.malformed_lines(), 0, "{block:?}");
    }
}

#[test]
fn lines_that_are_no_headers_are_counted_and_the_rest_is_read() {
    for block in [
        "NATS/1.0\r\nno colon\r\na: b\r\n\r\n",
        "NATS/1.0\r\n: no name\r\na: b\r\n\r\n",
        "NATS/1.0\r\nspaced name: x\r\na: b\r\n\r\n",
        "NATS/1.0\r\n continued nothing\r\na: b\r\n\r\n",
        "HTTP/1.1 200\r\na: b\r\n\r\n",
    ] {
        let parsed = parse(block);
        assert_eq!(pairs(&parsed.headers), [("a", "b")], "{block:?}");
        assert_eq!(parsed.headers.malformed_lines(), 1, "{block:?}");
    }
}

#[test]
fn nothing_can_be_injected() {
    let mut headers = HeaderMap::new();
    for (name, value, error) in [
        ("", "v", HeaderError::EmptyName),
        ("a b", "v", HeaderError::NameCharacter { at: 1 }),
        ("a:", "v", HeaderError::NameCharacter { at: 1 }),
        ("a\r\nb", "v", HeaderError::NameCharacter { at: 1 }),
        ("é", "v", HeaderError::NameCharacter { at: 0 }),
        ("a", "v\r\nb: c", HeaderError::ValueCharacter { at: 1 }),
        ("a", "v\n", HeaderError::ValueCharacter { at: 1 }),
        ("a", "\0", HeaderError::ValueCharacter { at: 0 }),
    ] {
        assert_eq!(headers.insert(name, value), Err(error));
        assert_eq!(headers.append(name, value), Err(error));
    }
    assert!(headers.is_empty());
}

#[test]
fn names_are_kept_and_compared_to_the_letter() {
    let mut headers = HeaderMap::new();
    headers.append("Key", "1").unwrap();
    headers.append("key", "2").unwrap();
    headers.append("Key", "3").unwrap();
    assert_eq!(headers.get("Key").unwrap(), "1");
    assert_eq!(headers.get_last("Key").unwrap(), "3");
    assert_eq!(headers.get("KEY"), None);
    assert_eq!(headers.get_ignore_case("KEY").unwrap(), "1");
    for (name, canonical) in [("kEY", "Key"), ("x-y--z", "X-Y--Z"), ("-1a", "-1a")] {
        assert_eq!(HeaderName::canonical(name).unwrap(), canonical);
    }
    assert_eq!(HeaderName::canonical(""), Err(HeaderError::EmptyName));
    assert_eq!(HeaderName::canonical("a b"), Err(HeaderError::NameCharacter { at: 1 }));
    headers.insert("Key", "4").unwrap();
    assert_eq!(pairs(&headers), [("key", "2"), ("Key", "4")]);
    assert!(headers.remove("key"));
    assert!(!headers.remove("key"));
}
