//! Messages on their way out and in.

use web_wasm::{
    ConnectError, ConnectOptions, HeaderMap, PublishError, SubjectError, SubscribeError,
};

use super::{client, next, unique};
use crate::env;

/// Messages arrive whole and in order, with any payload, headers and reply.
pub(crate) async fn publish_and_subscribe() {
    let client = client("publish_and_subscribe").await;
    let subject = unique(&client, "echo");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    assert_eq!(subscriber.subject().as_str(), subject);
    assert!(client.server().is_some());

    client.publish(&*subject, "plain".into()).await.unwrap();
    client.publish(&*subject, vec![0, 255, b'\r', b'\n'].into()).await.unwrap();
    client.publish(&*subject, web_wasm::Bytes::new()).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.append("Key", "first").unwrap();
    headers.append("Key", "sécond: with a colon").unwrap();
    headers.append("Empty", "").unwrap();
    client
        .publish_with_reply_and_headers(&*subject, "re.ply", headers.clone(), "x".into())
        .await
        .unwrap();

    assert_eq!(&next(&mut subscriber).await.payload[..], b"plain");
    assert_eq!(&next(&mut subscriber).await.payload[..], [0, 255, b'\r', b'\n']);
    let empty = next(&mut subscriber).await;
    assert!(empty.payload.is_empty() && empty.headers.is_none() && empty.reply.is_none());
    let rich = next(&mut subscriber).await;
    assert_eq!(rich.subject, *subject);
    assert_eq!(rich.reply.as_deref(), Some("re.ply"));
    assert_eq!(rich.headers, Some(headers));
    assert_eq!(&rich.payload[..], b"x");
    client.close().await.unwrap();
}

/// Ten thousand messages of growing size arrive in order, each as it was sent.
pub(crate) async fn many_messages() {
    const COUNT: usize = 10_000;
    let client = client("many_messages").await;
    let subject = unique(&client, "many");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    for number in 0..COUNT {
        let payload = format!("{number:>width$}", width = 1 + number % 700);
        client.publish(&*subject, payload.into()).await.unwrap();
    }
    for number in 0..COUNT {
        let message = next(&mut subscriber).await;
        assert_eq!(message.payload.len(), (1 + number % 700).max(number.to_string().len()));
        let text = core::str::from_utf8(&message.payload).unwrap();
        assert_eq!(text.trim_start(), number.to_string());
    }
    assert_eq!(subscriber.dropped(), 0);
    assert_eq!(client.statistics().in_messages, COUNT as u64);
    assert_eq!(client.statistics().out_messages, COUNT as u64);
    client.close().await.unwrap();
}

/// The largest message that the server takes goes through, one byte more is refused here.
pub(crate) async fn large_payloads() {
    let client = client("large_payloads").await;
    let limit = client.max_payload();
    assert_eq!(limit, 1 << 20);
    let subject = unique(&client, "large");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    let payload: Vec<u8> = (0..limit).map(|index| (index % 251) as u8).collect();
    client.publish(&*subject, payload.clone().into()).await.unwrap();
    assert!(next(&mut subscriber).await.payload == payload, "every byte is as it was sent");
    let refused = client.publish(&*subject, vec![0; limit + 1].into()).await;
    assert_eq!(refused, Err(PublishError::MaxPayloadExceeded { size: limit + 1, limit }));
    client.flush().await.unwrap();
    client.close().await.unwrap();
}

/// A publisher that is faster than the connection is made to wait, and loses nothing.
pub(crate) async fn backpressure() {
    const COUNT: u32 = 512;
    const SIZE: usize = 64 * 1024;
    let options = ConnectOptions::new().name("backpressure").outbound_limit(1 << 20);
    let client = env::connect(options).await.unwrap();
    let subject = unique(&client, "flood");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    let full = (0..COUNT).any(|_| {
        let published = client.try_publish(&subject, None, None, &[0; SIZE]);
        matches!(published, Err(PublishError::BufferFull { limit }) if limit == 1 << 20)
    });
    assert!(full, "the buffer is bounded");
    let tried = client.statistics().out_messages;
    for number in 0..COUNT {
        let mut payload = vec![0; SIZE];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        client.publish(&*subject, payload.into()).await.unwrap();
    }
    for _ in 0..tried {
        next(&mut subscriber).await;
    }
    for number in 0..COUNT {
        let message = next(&mut subscriber).await;
        assert_eq!(message.payload.len(), SIZE);
        assert_eq!(message.payload[..4], number.to_be_bytes());
    }
    assert_eq!(subscriber.dropped(), 0);
    client.close().await.unwrap();
}

/// Names that are none are refused on the call that uses them.
pub(crate) async fn names_are_checked() {
    let client = client("names_are_checked").await;
    let forbidden = SubjectError::ForbiddenCharacter { at: 1 };
    let published = client.publish("a b", "x".into()).await;
    assert_eq!(published, Err(PublishError::InvalidSubject(forbidden)));
    let published = client.publish_with_reply("a", "r\r\nPUB evil 0", "x".into()).await;
    assert_eq!(published, Err(PublishError::InvalidReplySubject(forbidden)));
    let subscribed = client.subscribe("a..b").await.err();
    let empty = SubjectError::EmptyToken { at: 2 };
    assert_eq!(subscribed, Some(SubscribeError::InvalidSubject(empty)));
    let subscribed = client.queue_subscribe("a", "q q").await.err();
    assert_eq!(subscribed, Some(SubscribeError::InvalidQueueGroup(forbidden)));
    let prefix = ConnectOptions::new().custom_inbox_prefix("_INBOX.>");
    let connected = env::connect(prefix).await.err();
    let wildcard = SubjectError::Wildcard { at: 7 };
    assert_eq!(connected, Some(ConnectError::InvalidInboxPrefix(wildcard)));
    client.flush().await.unwrap();
    client.close().await.unwrap();
}
