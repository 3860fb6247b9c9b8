//! What a browser test can't bring about with JetStream: servers that restart, or refuse.

use std::cell::Cell;
use std::collections::HashMap;
use std::time::Duration;

use futures_util::{StreamExt, TryStreamExt};
use web_wasm::jetstream::consumer::pull;
use web_wasm::jetstream::{
    self, Context, ContextBuilder, ErrorCode, PublishError, PublishMessage, stream,
};
use web_wasm::kv;

use crate::env::{self, NatsServer};
use crate::failure::impatient;

pub(super) const JETSTREAM: &str = include_str!("../common/jetstream.conf");

/// Publishes numbers while the server is killed and started again, each with an id or without, and
/// returns which numbers were confirmed.
async fn publish_over_restarts(
    server: &NatsServer,
    jetstream: &Context,
    with_ids: bool,
) -> Vec<u32> {
    const NUMBERS: u32 = 600;
    let publishing = async {
        let mut confirmed = Vec::new();
        let results = futures_util::stream::iter(0..NUMBERS).map(|number| async move {
            let message = PublishMessage::build().payload(number.to_string().into());
            let message = match with_ids {
                true => message.message_id(format!("id-{number}")),
                false => message,
            };
            // So that the restarts come in the midst of them.
            env::pause(1).await;
            let sent = jetstream.send_publish("numbers.x", message).await.unwrap();
            (number, sent.await)
        });
        let mut results = results.buffer_unordered(16);
        while let Some((number, result)) = results.next().await {
            match result {
                Ok(_) => confirmed.push(number),
                Err(PublishError::TimedOut { .. } | PublishError::StreamNotFound) => {}
                Err(error) => panic!("{error:?}"),
            }
        }
        confirmed
    };
    let restarting = async {
        for _ in 0..3 {
            env::pause(150).await;
            server.restart();
        }
    };
    let (mut confirmed, ()) = futures_util::future::join(publishing, restarting).await;
    confirmed.sort_unstable();
    if with_ids {
        assert!(confirmed.iter().copied().eq(0..NUMBERS), "{} of {NUMBERS}", confirmed.len());
    }
    confirmed
}

/// How often the stream has each number.
async fn stored(stream: &stream::Stream) -> HashMap<u32, usize> {
    let last = stream.get_info().await.unwrap().state.last_sequence;
    let mut stored = HashMap::new();
    for sequence in 1..=last {
        let message = stream.get_raw_message(sequence).await.unwrap();
        let number = core::str::from_utf8(&message.payload).unwrap().parse().unwrap();
        *stored.entry(number).or_default() += 1;
    }
    stored
}

async fn numbers_over_restarts(with_ids: bool) {
    let server = NatsServer::start(JETSTREAM);
    let client = env::connect_to(impatient(), &server.url()).await.unwrap();
    let jetstream = ContextBuilder::new()
        .ack_timeout(Duration::from_secs(2))
        .publish_retries(20, Duration::from_millis(100))
        .build(client.clone());
    let config = stream::Config { subjects: vec!["numbers.>".into()], .."NUMBERS".into() };
    let stream = jetstream.create_stream(config).await.unwrap();
    let confirmed = publish_over_restarts(&server, &jetstream, with_ids).await;
    // The last restart may still be news to the client.
    env::within(async { while client.flush().await.is_err() {} }).await;
    let stored = stored(&stream).await;
    for number in &confirmed {
        assert_eq!(stored.get(number), Some(&1), "{number} was confirmed");
    }
    assert!(stored.values().all(|times| *times == 1), "nothing is stored twice");
    client.close().await.unwrap();
}

#[tokio::test]
async fn messages_with_ids_are_stored_once_whatever_restarts() {
    env::local(numbers_over_restarts(true)).await;
}

#[tokio::test]
async fn messages_without_ids_are_confirmed_or_fail_whatever_restarts() {
    env::local(numbers_over_restarts(false)).await;
}

#[tokio::test]
async fn a_watch_is_told_each_change_whatever_restarts() {
    const CHANGES: u64 = 300;
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let client = env::connect_to(impatient(), &server.url()).await.unwrap();
        let jetstream = ContextBuilder::new()
            .publish_retries(20, Duration::from_millis(100))
            .build(client.clone());
        let config = kv::Config { bucket: "restarted".into(), history: 64, ..Default::default() };
        let store = jetstream.create_key_value(config).await.unwrap();
        let mut watch = store.watch_with_history(">").await.unwrap();
        let changing = async {
            for number in 0..CHANGES {
                if number % 100 == 50 {
                    server.restart();
                }
                let key = format!("k.{}", number % 9);
                // Put once, though the connection breaks: revisions have no gaps.
                assert_eq!(store.put(key, number.to_string().into()).await, Ok(number + 1));
            }
        };
        let watching = async {
            let mut expected = 1;
            while expected <= CHANGES {
                match env::within(watch.next()).await.expect("the watch goes on") {
                    Ok(entry) => {
                        assert_eq!(entry.revision, expected);
                        assert_eq!(entry.value, (expected - 1).to_string());
                        expected += 1;
                    }
                    Err(error) => assert!(!error.is_fatal(), "{error}"),
                }
            }
        };
        futures_util::future::join(changing, watching).await;
        client.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn an_update_that_fails_was_not_made_whatever_restarts() {
    const UPDATES: u64 = 400;
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let client = env::connect_to(impatient(), &server.url()).await.unwrap();
        let jetstream = ContextBuilder::new()
            .ack_timeout(Duration::from_millis(500))
            .timeout(Duration::from_millis(500))
            .publish_retries(20, Duration::from_millis(100))
            .build(client.clone());
        let config = kv::Config { bucket: "restarted".into(), ..Default::default() };
        let store = jetstream.create_key_value(config).await.unwrap();
        let done = Cell::new(false);
        let updating = async {
            let mut revision = 0;
            while revision < UPDATES {
                match store.update("k", revision.to_string().into(), revision).await {
                    Ok(next) => assert_eq!(core::mem::replace(&mut revision, next) + 1, next),
                    Err(kv::UpdateError::Publish(PublishError::TimedOut { .. })) => {}
                    Err(error) => panic!("{error:?} after {revision}"),
                }
            }
            done.set(true);
        };
        let restarting = async {
            while !done.get() {
                env::pause(150).await;
                server.restart();
            }
        };
        env::within(futures_util::future::join(updating, restarting)).await;
    })
    .await;
}

#[tokio::test]
async fn a_domain_has_streams_and_buckets() {
    env::local(async {
        let conf = JETSTREAM.replace("jetstream {", "jetstream {\n  domain: hub");
        let server = NatsServer::start(&conf);
        let client = env::connect_to(impatient(), &server.url()).await.unwrap();
        let hub = jetstream::with_domain(client.clone(), "hub").unwrap();
        let account = hub.query_account().await.unwrap();
        assert_eq!(account.domain.as_deref(), Some("hub"));
        let config = stream::Config { subjects: vec!["s.>".into()], .."S".into() };
        let stream = hub.create_stream(config).await.unwrap();
        let ack = hub.publish("s.a", "x".into()).await.unwrap().await.unwrap();
        assert_eq!((&*ack.domain, ack.sequence), ("hub", 1));
        assert_eq!(stream.get_raw_message(1).await.unwrap().payload, "x");

        let config = kv::Config { bucket: "b".into(), ..Default::default() };
        let store = hub.create_key_value(config).await.unwrap();
        let mut watch = store.watch_all().await.unwrap();
        store.put("k", "v".into()).await.unwrap();
        assert_eq!(store.get("k").await.unwrap().unwrap(), "v");
        assert_eq!(env::within(watch.next()).await.unwrap().unwrap().key, "k");
        let here = jetstream::new(client.clone()).get_key_value("b").await.unwrap();
        assert_eq!(here.get("k").await.unwrap().unwrap(), "v", "it is the same bucket");

        // A mirror is written to by way of its origin. A server fills none from its own domain.
        let mirror =
            stream::Source { name: "b".into(), domain: Some("hub".into()), ..Default::default() };
        let config = kv::Config { bucket: "m".into(), mirror: Some(mirror), ..Default::default() };
        let mirror = hub.create_key_value(config).await.unwrap();
        mirror.put("k", "through the mirror".into()).await.unwrap();
        assert_eq!(store.get("k").await.unwrap().unwrap(), "through the mirror");
        client.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn buckets_that_copy_others_have_their_keys() {
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let client = env::connect_to(impatient(), &server.url()).await.unwrap();
        let jetstream = jetstream::new(client.clone());
        let bucket = |bucket: &str| kv::Config { bucket: bucket.into(), ..Default::default() };
        let first = jetstream.create_key_value(bucket("first")).await.unwrap();
        let second = jetstream.create_key_value(bucket("second")).await.unwrap();
        let source = |name: &str| stream::Source { name: name.into(), ..Default::default() };
        let config = kv::Config {
            sources: Some(vec![source("first"), source("KV_second")]),
            ..bucket("all")
        };
        let all = jetstream.create_key_value(config).await.unwrap();
        first.put("a", "1".into()).await.unwrap();
        second.put("b", "2".into()).await.unwrap();
        all.put("c", "3".into()).await.unwrap();
        for (key, value) in [("a", "1"), ("b", "2"), ("c", "3")] {
            env::within(async {
                while all.get(key).await.unwrap().is_none() {
                    env::pause(20).await;
                }
            })
            .await;
            assert_eq!(all.get(key).await.unwrap().unwrap(), value);
        }
        let config = kv::Config { mirror: Some(source("first")), ..bucket("mirror") };
        let mirror = jetstream.create_key_value(config).await.unwrap();
        env::within(async {
            while mirror.get("a").await.unwrap().is_none() {
                env::pause(20).await;
            }
        })
        .await;
        let mut watch = mirror.watch_with_history(">").await.unwrap();
        let entry = env::within(watch.next()).await.unwrap().unwrap();
        assert_eq!((&*entry.bucket, &*entry.key), ("mirror", "a"));
        client.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_credential_can_be_for_some_keys_of_a_bucket() {
    env::local(async {
        let users = r#"authorization { users: [
            { user: all, password: p },
            { user: some, password: p, permissions: { subscribe: "_INBOX.>", publish: [
                "$JS.API.STREAM.INFO.KV_b",
                "$JS.API.DIRECT.GET.KV_b.$KV.b.mine.>",
                "$JS.API.CONSUMER.CREATE.KV_b.*.$KV.b.mine.>",
                "$JS.API.CONSUMER.MSG.NEXT.KV_b.*", "$JS.API.CONSUMER.DELETE.KV_b.*",
                "$KV.b.mine.>" ] } } ] }"#;
        let server = NatsServer::start(&format!("{JETSTREAM}{users}"));
        let connect = async |user| {
            let options = impatient().user_and_password(user, "p");
            jetstream::new(env::connect_to(options, &server.url()).await.unwrap())
        };
        let (all, some) = (connect("all").await, connect("some").await);
        let config = kv::Config { bucket: "b".into(), ..Default::default() };
        let owner = all.create_key_value(config).await.unwrap();
        owner.put("other.a", "secret".into()).await.unwrap();

        let store = some.get_key_value("b").await.unwrap();
        let mut watch = store.watch_with_history("mine.>").await.unwrap();
        let revision = store.create("mine.a", "1".into()).await.unwrap();
        store.update("mine.a", "2".into(), revision).await.unwrap();
        assert_eq!(store.get("mine.a").await.unwrap().unwrap(), "2");
        let keys = store.keys_with_filters(["mine.>"]).await.unwrap();
        let keys: Vec<String> = env::within(keys.try_collect()).await.unwrap();
        assert_eq!(keys, ["mine.a"]);
        let entry = env::within(watch.next()).await.unwrap().unwrap();
        assert_eq!(entry.key, "mine.a");
        store.delete("mine.a").await.unwrap();

        for pattern in ["other.>", ">", "*.a"] {
            let denied = store.watch(pattern).await.unwrap_err();
            assert!(format!("{denied:?}").contains("Denied"), "{pattern}: {denied:?}");
        }
        let denied = store.watch_many(["mine.a", "other.a"]).await.unwrap_err();
        assert!(format!("{denied:?}").contains("Denied"), "{denied:?}");
        let denied = store.get("other.a").await.unwrap_err();
        assert!(format!("{denied:?}").contains("Denied"), "{denied:?}");
        let denied = store.put("other.a", "x".into()).await.unwrap_err();
        assert!(format!("{denied:?}").contains("Denied"), "{denied:?}");
        // The subject says one filter and the request another.
        let config = r#"{"stream_name":"KV_b","config":{"name":"c","filter_subject":"$KV.b.other.>",
            "ack_policy":"none","deliver_policy":"all","replay_policy":"instant"}}"#;
        let subject = "$JS.API.CONSUMER.CREATE.KV_b.c.$KV.b.mine.a";
        let answer = some.client().request(subject, config.into()).await.unwrap();
        let answer = core::str::from_utf8(&answer.payload).unwrap();
        let mismatch = ErrorCode::CONSUMER_CREATE_FILTER_SUBJECT_MISMATCH;
        assert!(answer.contains(&mismatch.to_string()), "{answer}");
        some.client().close().await.unwrap();
        all.client().close().await.unwrap();
    })
    .await;
}

/// A stream in memory is lost with its server; made again, it counts from one.
#[tokio::test]
async fn a_stream_that_was_lost_with_its_server_is_read_from_its_beginning() {
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let client = env::connect_to(impatient(), &server.url()).await.unwrap();
        let context = jetstream::new(client.clone());
        let config = stream::Config {
            subjects: vec!["numbers.>".into()],
            storage: stream::StorageType::Memory,
            ..stream::Config::from("NUMBERS")
        };
        let stream = context.create_stream(config.clone()).await.unwrap();
        let publish = async |number: u32| {
            let sent = context.publish("numbers.x", number.to_string().into()).await;
            sent.unwrap().await.unwrap().sequence
        };
        let consumer = stream.create_consumer(pull::OrderedConfig::default()).await.unwrap();
        let mut messages = consumer.messages().await.unwrap();
        for number in 0..9 {
            publish(number).await;
            let message = env::within(messages.next()).await.unwrap().unwrap();
            assert_eq!(message.payload, number.to_string());
        }
        server.restart();
        env::within(async {
            while context.create_stream(config.clone()).await.is_err() {
                env::pause(10).await;
            }
        })
        .await;
        let read = async {
            let mut items = Vec::new();
            while items.len() < 3 {
                match env::within(messages.next()).await.unwrap() {
                    Ok(message) => items.push(Ok(message.payload.clone())),
                    // That nothing could be made for a while may be told, too.
                    Err(error) if error == pull::OrderedError::StreamReset.into() => {
                        items.push(Err(error));
                    }
                    Err(error) => assert!(!error.is_fatal(), "{error:?}"),
                }
            }
            items
        };
        let publish = async {
            assert_eq!(env::within(publish(9)).await, 1);
            publish(10).await;
        };
        let (items, ()) = futures_util::future::join(read, publish).await;
        let reset = pull::OrderedError::StreamReset.into();
        assert_eq!(items, [Err(reset), Ok("9".into()), Ok("10".into())]);
        client.close().await.unwrap();
    })
    .await;
}
