//! Consumers that deliver by themselves.

use std::collections::BTreeSet;
use std::time::Duration;

use futures_util::StreamExt;
use web_wasm::jetstream::consumer::{
    AckPolicy, Consumer, GetConsumerError, InboxError, WrongKind, pull, push,
};
use web_wasm::jetstream::stream::Stream;

use super::consumers::{number, publish_numbers};
use super::jetstream::{client, jetstream, own_stream};
use crate::env;

/// One that delivers to an inbox, and says at least once a second that it is there: often enough for a
/// test, and seldom enough for a machine that has no time for seconds.
fn to_inbox(stream: &Stream) -> push::Config {
    push::Config {
        deliver_subject: stream.context().client().new_inbox(),
        idle_heartbeat: Duration::from_secs(1),
        ack_policy: AckPolicy::None,
        ..Default::default()
    }
}

/// With flow control all arrives however slowly it is read, though it is more than the server sends
/// without an answer.
pub(crate) async fn flow_control() {
    let jetstream = jetstream("flow_control").await;
    let stream = own_stream(&jetstream, "FLOWING").await;
    let subject = format!("{}.large", stream.name());
    let payload = bytes::Bytes::from(vec![7; 16_000]);
    let acks = (0..600).map(|_| jetstream.publish(&*subject, payload.clone()));
    for ack in futures_util::future::try_join_all(acks).await.unwrap() {
        ack.await.unwrap();
    }
    let config = push::Config { flow_control: true, ..to_inbox(&stream) };
    let consumer = stream.create_consumer(config).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    for expected in 1..=600 {
        let message = env::within(messages.next()).await.unwrap().unwrap();
        assert_eq!(message.info().unwrap().stream_sequence, expected);
        if expected % 100 == 0 {
            env::pause(30).await;
        }
    }
    jetstream.client().close().await.unwrap();
    let closed = env::within(messages.next()).await.unwrap().unwrap_err();
    assert_eq!(closed, push::MessagesError::Inbox(InboxError::Closed));
    assert!(env::within(messages.next()).await.is_none());
}

/// Over broken connections what must be acknowledged comes again, and of the rest it is told how much
/// did not arrive.
pub(crate) async fn pushing_over_broken_connections() {
    const COUNT: u32 = 1_000;
    let jetstream = jetstream("pushing_over_broken_connections").await;
    let stream = own_stream(&jetstream, "PUSHED").await;
    publish_numbers(&stream, 0..COUNT).await;
    let acked = push::Config {
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_millis(500),
        durable_name: Some("acked".into()),
        ..to_inbox(&stream)
    };
    let plain = push::Config { durable_name: Some("plain".into()), ..to_inbox(&stream) };

    let mut messages = stream.create_consumer(acked).await.unwrap().messages().await.unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < COUNT as usize {
        match env::within(messages.next()).await.unwrap() {
            Ok(message) => {
                if seen.insert(number(&message)) && seen.len() % 300 == 0 {
                    jetstream.client().force_reconnect();
                }
                message.ack().await.unwrap();
            }
            Err(error) => assert!(!error.is_fatal(), "{error}"),
        }
    }
    drop(messages);

    let mut messages = stream.create_consumer(plain).await.unwrap().messages().await.unwrap();
    let (mut arrived, mut missed, mut last) = (0, 0, None);
    while arrived + missed < u64::from(COUNT) {
        match env::within(messages.next()).await.unwrap() {
            Ok(message) => {
                assert!(last < Some(number(&message)), "in order");
                last = Some(number(&message));
                arrived += 1;
                if arrived == 200 {
                    jetstream.client().force_reconnect();
                }
            }
            Err(push::MessagesError::Push(push::PushError::Missed { deliveries })) => {
                missed += deliveries;
            }
            Err(error) => assert!(!error.is_fatal(), "{error}"),
        }
    }
    assert_eq!(arrived + missed, u64::from(COUNT), "each is delivered or told of");
    jetstream.client().close().await.unwrap();
}

/// A queue group shares a consumer; a consumer that is gone is noticed, and one of the other kind told
/// apart.
pub(crate) async fn sharing_and_losing_push_consumers() {
    let jetstream = jetstream("sharing_and_losing_push_consumers").await;
    let stream = own_stream(&jetstream, "SHARED").await;
    let shared = push::Config {
        deliver_group: Some("workers".into()),
        durable_name: Some("shared".into()),
        ..to_inbox(&stream)
    };
    let made = stream.create_consumer(shared.clone()).await.unwrap();
    let got: Consumer<push::Config> = stream.get_consumer("shared").await.unwrap();
    assert_eq!(got.config().deliver_subject, shared.deliver_subject);
    let (first, second) = (made.messages().await.unwrap(), got.messages().await.unwrap());
    publish_numbers(&stream, 0..100).await;
    let mut both =
        futures_util::stream::select(first.map(|item| (1, item)), second.map(|item| (2, item)));
    let mut seen = BTreeSet::new();
    let mut readers = BTreeSet::new();
    while seen.len() < 100 {
        let (reader, message) = env::within(both.next()).await.unwrap();
        readers.insert(reader);
        assert!(seen.insert(number(&message.unwrap())), "each goes to one of them");
    }
    assert_eq!(readers.len(), 2, "which of them is chosen at random for each");
    drop(both);

    let pulled = pull::Config { durable_name: Some("pulled".into()), ..Default::default() };
    stream.create_consumer(pulled).await.unwrap();
    let wrong = stream.get_consumer::<push::Config>("pulled").await.unwrap_err();
    assert_eq!(wrong, GetConsumerError::WrongKind(WrongKind::PullBased));

    let consumer = stream.create_consumer(to_inbox(&stream)).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    publish_numbers(&stream, 100..101).await;
    let mut last = None;
    while last != Some(100) {
        last = Some(number(&env::within(messages.next()).await.unwrap().unwrap()));
    }
    stream.delete_consumer(&consumer.cached_info().name).await.unwrap();
    let gone = env::within(messages.next()).await.unwrap().unwrap_err();
    assert_eq!(gone, push::MessagesError::Push(push::PushError::MissingHeartbeat));
    jetstream.client().close().await.unwrap();
}

/// What a consumer delivers that another made is read by who knows where, with no right to ask for it:
/// over a broken connection it goes on, and when it was made anew it begins anew.
pub(crate) async fn reading_what_anothers_consumer_delivers() {
    let jetstream = jetstream("reading_what_anothers_consumer_delivers").await;
    let stream = own_stream(&jetstream, "DELIVERED").await;
    publish_numbers(&stream, 0..2).await;
    let reader = client("reading_what_anothers_consumer_delivers").await;
    let config = push::Config {
        durable_name: Some("anothers".into()),
        deliver_subject: reader.new_inbox(),
        idle_heartbeat: Duration::ZERO,
        ..to_inbox(&stream)
    };
    let delivery = push::Delivery::new(stream.name().as_str(), config.deliver_subject.clone());
    stream.create_consumer(config.clone()).await.unwrap();

    let mut messages = reader.subscribe_delivery(&delivery).await.unwrap();
    let mut next = async || {
        let message = env::within(messages.next()).await.unwrap().unwrap();
        let info = message.info().unwrap();
        (number(&message), info.stream_sequence, info.pending)
    };
    assert_eq!((next().await, next().await), ((0, 1, 1), (1, 2, 0)));
    reader.force_reconnect();
    reader.flush().await.unwrap();
    publish_numbers(&stream, 2..3).await;
    assert_eq!(next().await, (2, 3, 0));

    stream.delete_consumer("anothers").await.unwrap();
    publish_numbers(&stream, 3..4).await;
    stream.create_consumer(config).await.unwrap();
    for expected in 0..4 {
        assert_eq!(next().await.0, expected, "from the beginning, and nothing said to be missed");
    }

    let nowhere = push::Delivery::new("no.stream", "x");
    let refused = reader.subscribe_delivery(&nowhere).await.unwrap_err();
    assert!(matches!(refused, push::DeliveryError::Stream(_)), "{refused}");
    reader.close().await.unwrap();
    jetstream.client().close().await.unwrap();
}
