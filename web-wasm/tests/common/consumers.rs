//! Consumers: their messages asked for, read and acknowledged.

use std::time::Duration;

use futures_util::future::poll_immediate;
use futures_util::{StreamExt, TryStreamExt};
use web_wasm::jetstream::consumer::{
    self, AckPolicy, Consumer, DeliverPolicy, GetConsumerError, InboxError, PriorityPolicy, pull,
};
use web_wasm::jetstream::stream::{self, ConsumerError, Stream};
use web_wasm::jetstream::{AckError, AckKind, Context, ErrorCode, MessageInfoError};
use web_wasm::{Backoff, ConnectOptions};

use super::jetstream::{jetstream, own_stream};
use crate::env;

/// Publishes numbers to a stream of a test's own.
pub(super) async fn publish_numbers(stream: &Stream, numbers: core::ops::Range<u32>) {
    let context = stream.context();
    let subject = format!("{}.numbers", stream.name());
    let mut acks = Vec::new();
    for number in numbers {
        acks.push(context.publish(&*subject, number.to_string().into()).await.unwrap());
    }
    for ack in acks {
        ack.await.unwrap();
    }
}

pub(super) fn number(message: &web_wasm::Message) -> u32 {
    core::str::from_utf8(&message.payload).unwrap().parse().unwrap()
}

async fn numbers_of(batch: pull::Batch) -> Vec<u32> {
    let messages: Vec<_> = env::within(batch.try_collect()).await.unwrap();
    messages.iter().map(|message| number(message)).collect()
}

fn durable(name: &str) -> pull::Config {
    pull::Config { durable_name: Some(name.into()), ..Default::default() }
}

async fn stream_of(context: &Context, name: &str, messages: u32) -> Stream {
    let stream = own_stream(context, name).await;
    publish_numbers(&stream, 0..messages).await;
    stream
}

/// Consumers are made, found, changed and told apart.
pub(crate) async fn consumers() {
    let jetstream = jetstream("consumers").await;
    let stream = stream_of(&jetstream, "CONSUMERS", 3).await;
    let mut made = stream.create_consumer(durable("worker")).await.unwrap();
    assert_eq!(made.cached_info().num_pending, 3);
    assert_eq!(made.config().durable_name.as_deref(), Some("worker"));
    let got: Consumer<pull::Config> = stream.get_consumer("worker").await.unwrap();
    assert_eq!(got.cached_info().config, made.cached_info().config);
    assert_eq!(got.config().ack_policy, AckPolicy::Explicit);

    let stricter = pull::Config { max_ack_pending: 7, ..durable("worker") };
    let taken = stream.create_consumer_strict(stricter.clone()).await.unwrap_err();
    assert_eq!(taken.error_code(), Some(ErrorCode::CONSUMER_ALREADY_EXISTS));
    stream.update_consumer(stricter).await.unwrap();
    assert_eq!(made.info().await.unwrap().config.max_ack_pending, 7);
    let missing = stream.get_consumer::<pull::Config>("nobody").await.unwrap_err();
    assert!(matches!(missing, GetConsumerError::Info(ConsumerError::NotFound(_))), "{missing:?}");
    let config = pull::Config::default();
    let second = stream.get_or_create_consumer("second", config.clone()).await.unwrap();
    assert_eq!(second.cached_info().name, "second");
    let again = stream.get_or_create_consumer("second", config).await.unwrap();
    assert_eq!(again.cached_info().created, second.cached_info().created);

    let push = consumer::Config { deliver_subject: Some("to.me".into()), ..Default::default() };
    let push = stream.create_consumer(push).await.unwrap();
    let wrong = stream.get_consumer::<pull::Config>(&push.cached_info().name).await.unwrap_err();
    assert_eq!(wrong, GetConsumerError::WrongKind(consumer::WrongKind::PushBased));
    jetstream.delete_consumer_from_stream("second", stream.name()).await.unwrap();
    jetstream.client().close().await.unwrap();
}

/// A fetch gets what there is and no more, a batch what comes in time.
pub(crate) async fn fetching() {
    let jetstream = jetstream("fetching").await;
    let stream = stream_of(&jetstream, "FETCHING", 10).await;
    let config = pull::Config { ack_policy: AckPolicy::None, ..durable("fetch") };
    let consumer = stream.create_consumer(config).await.unwrap();
    let fetch = |messages| consumer.fetch().max_messages(messages).messages();
    assert_eq!(numbers_of(fetch(4).await.unwrap()).await, [0, 1, 2, 3]);
    assert_eq!(numbers_of(fetch(100).await.unwrap()).await, [4, 5, 6, 7, 8, 9]);
    assert!(numbers_of(fetch(100).await.unwrap()).await.is_empty());

    let batch = consumer.batch().max_messages(2).expires(Duration::from_secs(10));
    let batch = batch.heartbeat(Duration::from_secs(1)).messages().await.unwrap();
    let publish = async {
        // Longer than a batch waits for a sign of its consumer: the heartbeats have kept it.
        env::pause(2_500).await;
        publish_numbers(&stream, 10..13).await;
    };
    let (numbers, ()) = futures_util::future::join(numbers_of(batch), publish).await;
    assert_eq!(numbers, [10, 11]);
    let batch = consumer.batch().expires(Duration::from_millis(300)).messages().await.unwrap();
    assert_eq!(numbers_of(batch).await, [12], "what came until the time was up");

    publish_numbers(&stream, 13..100).await;
    let size = |number: u32| format!("{}.numbers", stream.name()).len() + number.to_string().len();
    let batch = consumer.batch().max_bytes(3 * (size(13) + 60)).expires(Duration::from_secs(5));
    let numbers = numbers_of(batch.messages().await.unwrap()).await;
    assert!((1..=3).contains(&numbers.len()), "{numbers:?}");
    let small = consumer.batch().max_bytes(10).messages().await.unwrap();
    let error = env::within(small.collect::<Vec<_>>()).await.pop().unwrap().unwrap_err();
    let too_large = pull::PullError::MessageTooLarge { max_bytes: 10 };
    assert_eq!(error, pull::BatchMessagesError::Batch(too_large.into()));

    let mut sequence = consumer.sequence(5);
    for _ in 0..3 {
        let batch = sequence.next().await.unwrap().unwrap();
        assert_eq!(numbers_of(batch).await.len(), 5);
    }
    jetstream.client().close().await.unwrap();
}

/// What a consumer admits is heeded, and refusals have names.
pub(crate) async fn limits_of_consumers() {
    let jetstream = jetstream("limits_of_consumers").await;
    let stream = stream_of(&jetstream, "LIMITED", 30).await;
    let config = pull::Config {
        max_batch: 3,
        max_expires: Duration::from_secs(2),
        ack_policy: AckPolicy::None,
        ..durable("limited")
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    let too_many = consumer.fetch().max_messages(4).messages().await.unwrap();
    let error = env::within(too_many.collect::<Vec<_>>()).await.pop().unwrap().unwrap_err();
    let limit = pull::PullError::LimitExceeded("Exceeded MaxRequestBatch of 3".into());
    assert_eq!(error, pull::BatchMessagesError::Batch(limit.into()));
    // A stream of messages keeps within the limits by itself.
    let messages = consumer.messages().await.unwrap().take(30).try_collect::<Vec<_>>();
    let messages = env::within(messages).await.unwrap();
    assert!(messages.iter().map(|message| number(message)).eq(0..30));

    let narrow =
        pull::Config { max_waiting: 1, deliver_policy: DeliverPolicy::New, ..durable("narrow") };
    let narrow = stream.create_consumer(narrow).await.unwrap();
    let first = narrow.batch().max_messages(1).expires(Duration::from_secs(2));
    let first = first.messages().await.unwrap();
    let second = narrow.batch().max_messages(1).expires(Duration::from_secs(2));
    let mut second = second.messages().await.unwrap();
    let mut first = Box::pin(first.collect::<Vec<_>>());
    assert!(poll_immediate(&mut first).await.is_none(), "it has asked");
    let refused = env::within(second.next()).await.unwrap().unwrap_err();
    let too_many = pull::PullError::TooManyRequests;
    assert_eq!(refused, pull::BatchMessagesError::Batch(too_many.into()));
    assert!(env::within(first).await.is_empty());

    let group = consumer.stream().group("nobody").min_pending(3).messages().await.unwrap();
    let refused = env::within(group.collect::<Vec<_>>()).await.pop().unwrap().unwrap_err();
    let pull::MessagesError::Pull(pull::PullError::BadRequest(reason)) = &refused else {
        panic!("{refused:?}")
    };
    assert!(refused.is_fatal() && reason.contains("Overflow"), "{reason}");
    jetstream.client().close().await.unwrap();
}

/// Acknowledgements of each kind do what they say.
pub(crate) async fn acknowledging() {
    let jetstream = jetstream("acknowledging").await;
    let stream = stream_of(&jetstream, "ACKED", 5).await;
    let config = pull::Config { ack_wait: Duration::from_secs(60), ..durable("acks") };
    let mut consumer = stream.create_consumer(config).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    let mut next = async || env::within(messages.next()).await.unwrap().unwrap();
    let first = next().await;
    let info = first.info().unwrap();
    assert_eq!((info.stream_sequence, info.consumer_sequence, info.delivered), (1, 1, 1));
    assert_eq!((info.pending, info.consumer), (4, "acks"));
    first.double_ack().await.unwrap();
    let second = next().await;
    second.ack_with(AckKind::Nak(None)).await.unwrap();
    next().await.ack_with(AckKind::Term).await.unwrap();
    let fourth = next().await;
    fourth.ack_with(AckKind::Progress).await.unwrap();
    let (plain, acker) = fourth.split();
    assert_eq!(number(&plain), 3);
    acker.double_ack().await.unwrap();
    let again = loop {
        let message = next().await;
        match number(&message) {
            1 => break message,
            4 => message.double_ack_with(AckKind::Ack).await.unwrap(),
            other => panic!("{other}"),
        }
    };
    assert_eq!(again.info().unwrap().delivered, 2);
    again.double_ack().await.unwrap();
    let last = match consumer.info().await.unwrap().num_ack_pending {
        0 => None,
        _ => Some(next().await),
    };
    if let Some(last) = last {
        last.double_ack().await.unwrap();
    }
    let info = consumer.info().await.unwrap();
    assert_eq!((info.num_ack_pending, info.ack_floor.stream_sequence), (0, 5));

    let plain = web_wasm::jetstream::Message {
        message: web_wasm::Message::default(),
        context: jetstream.clone(),
    };
    assert_eq!(plain.ack().await, Err(AckError::NoReply));
    assert_eq!(plain.info(), Err(MessageInfoError::NotJetStream));
    jetstream.client().close().await.unwrap();
}

/// A stream of messages goes on while connections come and go, and ends when it is drained or its
/// consumer is deleted.
pub(crate) async fn consuming() {
    let jetstream = jetstream("consuming").await;
    let stream = stream_of(&jetstream, "CONSUMED", 0).await;
    let config = pull::Config { ack_policy: AckPolicy::None, ..durable("all") };
    let consumer = stream.create_consumer(config).await.unwrap();
    let mut messages = consumer.stream().max_messages_per_batch(7).messages().await.unwrap();
    for round in 0..5 {
        let numbers = round * 100..(round + 1) * 100;
        publish_numbers(&stream, numbers.clone()).await;
        for expected in numbers {
            let message = env::within(messages.next()).await.unwrap().unwrap();
            assert_eq!(number(&message), expected);
        }
        jetstream.client().force_reconnect();
    }
    publish_numbers(&stream, 500..520).await;
    assert_eq!(number(&env::within(messages.next()).await.unwrap().unwrap()), 500);
    messages.drain();
    let rest = env::within(messages.try_collect::<Vec<_>>()).await.unwrap();
    assert!(rest.len() <= 13, "no more than what was asked for: {}", rest.len());

    let mut messages = consumer.messages().await.unwrap();
    publish_numbers(&stream, 520..521).await;
    env::within(messages.next()).await.unwrap().unwrap();
    let deleted = async { stream.delete_consumer("all").await.unwrap() };
    let rest = messages.by_ref().skip_while(|item| core::future::ready(item.is_ok()));
    let (last, ()) = futures_util::future::join(env::within(Box::pin(rest).next()), deleted).await;
    let error = last.unwrap().unwrap_err();
    assert_eq!(error, pull::PullError::ConsumerDeleted.into());
    assert!(env::within(messages.next()).await.is_none());

    let consumer = stream.create_consumer(durable("all")).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    jetstream.client().close().await.unwrap();
    let closed = env::within(messages.next()).await.unwrap().unwrap_err();
    assert_eq!(closed, pull::MessagesError::Inbox(InboxError::Closed));
}

/// What a dropped stream had asked for is given up.
pub(crate) async fn dropping_consumers() {
    let jetstream = jetstream("dropping_consumers").await;
    let stream = stream_of(&jetstream, "DROPPED", 1).await;
    let mut consumer = stream.create_consumer(durable("dropped")).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    env::within(messages.next()).await.unwrap().unwrap().double_ack().await.unwrap();
    drop(messages);
    publish_numbers(&stream, 1..2).await;
    // The server confirms a message before it counts what consumers have of it.
    let info = env::within(async {
        loop {
            let info = consumer.info().await.unwrap().clone();
            if (info.num_pending, info.num_ack_pending) != (0, 0) {
                return info;
            }
        }
    });
    let info = info.await;
    assert_eq!((info.num_pending, info.num_ack_pending), (1, 0), "nobody was given it");

    let ordered = stream.create_consumer(pull::OrderedConfig::default()).await.unwrap();
    let name = ordered.cached_info().name.clone();
    let mut messages = ordered.messages().await.unwrap();
    env::within(messages.next()).await.unwrap().unwrap();
    drop(messages);
    env::within(async { while stream.consumer_info(&name).await.is_ok() {} }).await;
    jetstream.client().close().await.unwrap();
}

/// Of a group's clients one gets all, until it is unpinned.
pub(crate) async fn pinned_clients() {
    let jetstream = jetstream("pinned_clients").await;
    let stream = stream_of(&jetstream, "PINNED", 10).await;
    let config = pull::Config {
        priority_policy: PriorityPolicy::PinnedClient,
        priority_groups: vec!["jobs".into()],
        priority_timeout: Duration::from_secs(60),
        ..durable("pinned")
    };
    let consumer = stream.create_consumer(config).await.unwrap();
    let client = || consumer.stream().group("jobs").max_messages_per_batch(4).messages();
    let (mut first, mut second) = (client().await.unwrap(), client().await.unwrap());
    for expected in 0..10 {
        let message = env::within(first.next()).await.unwrap().unwrap();
        assert_eq!(number(&message), expected);
        message.ack().await.unwrap();
        assert!(poll_immediate(second.next()).await.is_none());
    }
    assert!(first.pin_id().is_some() && second.pin_id().is_none());
    stream.unpin_consumer("pinned", "jobs").await.unwrap();
    publish_numbers(&stream, 10..30).await;
    let mut took_over = Vec::new();
    let mut both = futures_util::stream::select(
        first.map_ok(|message| (1, message)),
        second.map_ok(|message| (2, message)),
    );
    while took_over.len() < 20 {
        let (client, message) = env::within(both.next()).await.unwrap().unwrap();
        took_over.push((client, number(&message)));
        message.ack().await.unwrap();
    }
    assert!(took_over.iter().map(|(_, number)| *number).eq(10..30), "{took_over:?}");
    assert!(took_over.iter().all(|(client, _)| *client == took_over[0].0), "{took_over:?}");
    jetstream.client().close().await.unwrap();
}

/// Each message once and in order, whatever happens to connections and consumers, from where one
/// wants.
pub(crate) async fn ordered_consumers() {
    let jetstream = jetstream("ordered_consumers").await;
    let stream = stream_of(&jetstream, "ORDERED", 100).await;
    let ordered = async |deliver_policy| {
        let config = pull::OrderedConfig { deliver_policy, max_batch: 10, ..Default::default() };
        stream.create_consumer(config).await.unwrap().messages().await.unwrap()
    };
    let mut all = ordered(DeliverPolicy::All).await;
    let mut new = ordered(DeliverPolicy::New).await;
    let mut some = ordered(DeliverPolicy::ByStartSequence { start_sequence: 91 }).await;
    // What is made before the first message is no reason to miss one.
    jetstream.client().force_reconnect();
    publish_numbers(&stream, 100..200).await;
    let names = async || stream.consumer_names().try_collect::<Vec<_>>().await.unwrap();
    for expected in 0..200 {
        let message = env::within(all.next()).await.unwrap().unwrap();
        assert_eq!(number(&message), expected);
        match expected {
            50 => jetstream.client().force_reconnect(),
            80 => jetstream.client().renew_credentials(),
            120 => {
                for name in names().await {
                    stream.delete_consumer(name).await.unwrap();
                }
            }
            _ => {}
        }
    }
    for (messages, first) in [(&mut new, 100), (&mut some, 90)] {
        for expected in first..200 {
            let message = env::within(messages.next()).await.unwrap().unwrap();
            assert_eq!(number(&message), expected);
        }
    }
    // What the stream has dropped while there was no consumer is told.
    for name in names().await {
        stream.delete_consumer(name).await.unwrap();
    }
    publish_numbers(&stream, 200..210).await;
    stream.purge().sequence(206).await.unwrap();
    let gap = env::within(all.next()).await.unwrap().unwrap_err();
    let told = pull::OrderedError::Gap { first: 201, last: 205 };
    assert_eq!(gap, pull::OrderedMessagesError::Ordered(told));
    assert_eq!(number(&env::within(all.next()).await.unwrap().unwrap()), 205);
    drop((new, some));
    jetstream.delete_stream(stream.name()).await.unwrap();
    let mut last = all.skip_while(|item| core::future::ready(item.is_ok()));
    let last = env::within(last.next()).await.unwrap().unwrap_err();
    assert!(last.is_fatal(), "{last:?}");
    let other = jetstream.create_stream(stream::Config::from(&**stream.name())).await.unwrap();
    drop(other);
    jetstream.client().close().await.unwrap();
}

/// Twenty thousand messages, each once and in order, while the connection is made anew fifty times.
pub(crate) async fn many_messages_in_order() {
    const COUNT: u32 = 20_000;
    let jetstream = jetstream("many_messages_in_order").await;
    let stream = stream_of(&jetstream, "MANY", 0).await;
    // As many as may wait for their confirmation at a time.
    for first in (0..COUNT).step_by(4_000) {
        publish_numbers(&stream, first..first + 4_000).await;
    }
    // Connections that don't last are made anew ever more slowly otherwise.
    let backoff = Backoff { base: Duration::from_millis(5), max: Duration::from_millis(50) };
    let reader = env::connect_jetstream(ConnectOptions::new().backoff(backoff)).await.unwrap();
    let reader = web_wasm::jetstream::new(reader);
    let config = pull::OrderedConfig::default();
    let consumer = reader.create_consumer_on_stream(config, stream.name()).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    for expected in 0..COUNT {
        let message = env::within(messages.next()).await.unwrap().unwrap();
        assert_eq!(number(&message), expected);
        if expected % 400 == 200 {
            reader.client().force_reconnect();
        }
    }
    reader.client().close().await.unwrap();
    jetstream.client().close().await.unwrap();
}
