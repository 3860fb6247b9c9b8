//! Streams and buckets shared with async-nats: what one client writes the other reads.

use std::time::Duration;

use async_nats::jetstream as theirs;
use futures_util::StreamExt;
use web_wasm::jetstream::{self as ours, PublishMessage, consumer, stream};
use web_wasm::kv;

use crate::env::{self, NatsServer};
use crate::failure::impatient;
use crate::jetstream::JETSTREAM;

/// Both clients on a server of their own.
async fn both(server: &NatsServer) -> (ours::Context, theirs::Context) {
    let client = env::connect_to(impatient(), &server.url()).await.unwrap();
    let other = async_nats::connect(server.tcp_url()).await.unwrap();
    (ours::new(client), theirs::new(other))
}

#[tokio::test]
async fn configurations_mean_the_same_to_async_nats() {
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let (ours, theirs) = both(&server).await;
        let config = stream::Config {
            description: Some("ours".into()),
            subjects: vec!["o.>".into()],
            retention: stream::RetentionPolicy::Limits,
            max_messages: 1_000,
            max_messages_per_subject: 7,
            max_age: Duration::from_secs(3_600),
            duplicate_window: Duration::from_secs(60),
            compression: Some(stream::Compression::S2),
            republish: Some(stream::Republish {
                source: "o.>".into(),
                destination: "again.>".into(),
                headers_only: true,
            }),
            allow_direct: true,
            allow_rollup: true,
            allow_message_ttl: true,
            subject_delete_marker_ttl: Some(Duration::from_secs(9)),
            allow_atomic_publish: true,
            allow_message_schedules: true,
            consumer_limits: Some(stream::ConsumerLimits {
                inactive_threshold: Duration::from_secs(50),
                max_ack_pending: 5,
            }),
            metadata: [("k".to_owned(), "v".to_owned())].into(),
            .."OURS".into()
        };
        let mut made = ours.create_stream(config).await.unwrap();
        let mut seen = theirs.get_stream("OURS").await.unwrap();
        let read = seen.info().await.unwrap().config.clone();
        assert_eq!(read.description.as_deref(), Some("ours"));
        assert_eq!((read.max_messages, read.max_messages_per_subject), (1_000, 7));
        assert_eq!(read.subject_delete_marker_ttl, Some(Duration::from_secs(9)));
        assert_eq!(read.consumer_limits.as_ref().unwrap().max_ack_pending, 5);
        assert!(read.allow_message_ttl && read.allow_atomic_publish);
        let before = made.info().await.unwrap().config.clone();
        // What they write back is what we wrote, and the other way round.
        theirs.update_stream(&read).await.unwrap();
        assert_eq!(made.info().await.unwrap().config, before);
        ours.update_stream(&before).await.unwrap();
        assert_eq!(seen.info().await.unwrap().config, read);

        let config = theirs::consumer::pull::Config {
            durable_name: Some("worker".into()),
            deliver_policy: theirs::consumer::DeliverPolicy::ByStartSequence { start_sequence: 3 },
            filter_subjects: vec!["o.a".into(), "o.b".into()],
            backoff: vec![Duration::from_secs(1), Duration::from_secs(2)],
            max_deliver: 5,
            max_ack_pending: 5,
            inactive_threshold: Duration::from_secs(40),
            metadata: [("k".to_owned(), "v".to_owned())].into(),
            ..Default::default()
        };
        seen.create_consumer(config).await.unwrap();
        let read = made.consumer_info("worker").await.unwrap().config;
        let policy = consumer::DeliverPolicy::ByStartSequence { start_sequence: 3 };
        assert_eq!(read.deliver_policy, policy);
        assert_eq!(read.filter_subjects, ["o.a", "o.b"]);
        assert_eq!(read.backoff, [Duration::from_secs(1), Duration::from_secs(2)]);
        let action = stream::ConsumerAction::Update;
        assert_eq!(made.add_consumer(read.clone(), action).await.unwrap().config, read);
        ours.client().close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn messages_mean_the_same_to_async_nats() {
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let (ours, theirs) = both(&server).await;
        let config =
            stream::Config { subjects: vec!["m.>".into()], allow_direct: true, .."M".into() };
        let stream = ours.create_stream(config).await.unwrap();
        let same = theirs.get_stream("M").await.unwrap();
        let message =
            PublishMessage::build().payload("ours".into()).message_id("1").header("A", "b");
        let ack = ours.send_publish("m.x", message).await.unwrap().await.unwrap();
        let read = same.get_raw_message(ack.sequence).await.unwrap();
        assert_eq!((&*read.subject, &read.payload[..]), ("m.x", &b"ours"[..]));
        assert_eq!(read.headers.get("A").unwrap().as_str(), "b");

        let again = theirs::message::PublishMessage::build().message_id("1");
        let ack = theirs.send_publish("m.x", again).await.unwrap().await.unwrap();
        assert!(ack.duplicate, "an id is an id, whoever sends it");
        let mut headers = async_nats::HeaderMap::new();
        headers.append("A", "b");
        headers.append("A", "c");
        let ack = theirs.publish_with_headers("m.y", headers, "theirs".into()).await.unwrap();
        let sequence = ack.await.unwrap().sequence;
        for read in [
            stream.get_raw_message(sequence).await.unwrap(),
            stream.direct_get(sequence).await.unwrap(),
        ] {
            assert_eq!((&*read.subject, &read.payload[..]), ("m.y", &b"theirs"[..]));
            let values: Vec<_> =
                read.headers.get_all("A").map(web_wasm::HeaderValue::as_str).collect();
            assert_eq!(values, ["b", "c"]);
        }
        ours.client().close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn values_mean_the_same_to_async_nats() {
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let (ours, theirs) = both(&server).await;
        let config = kv::Config {
            bucket: "ours".into(),
            description: "d".into(),
            history: 5,
            max_age: Duration::from_secs(3_600),
            limit_markers: Some(Duration::from_secs(60)),
            compression: true,
            ..Default::default()
        };
        let made = ours.create_key_value(config.clone()).await.unwrap();
        let same = theirs.get_key_value("ours").await.unwrap();
        let status = same.status().await.unwrap();
        assert_eq!((status.history(), status.max_age()), (5, Duration::from_secs(3_600)));
        let config = async_nats::jetstream::kv::Config {
            bucket: "ours".into(),
            description: "d".into(),
            history: 5,
            max_age: Duration::from_secs(3_600),
            limit_markers: Some(Duration::from_secs(60)),
            compression: true,
            ..Default::default()
        };
        theirs.create_key_value(config.clone()).await.unwrap();
        let bucket = "theirs".to_owned();
        theirs.create_key_value(theirs::kv::Config { bucket, ..config }).await.unwrap();
        let found = ours.get_key_value("theirs").await.unwrap();
        let expected = kv::Config { bucket: "theirs".into(), ..made.config() };
        assert_eq!(found.config(), expected);
        ours.create_key_value(expected).await.unwrap();

        let revision = made.put("a.b", "1".into()).await.unwrap();
        assert_eq!(same.get("a.b").await.unwrap().unwrap(), "1");
        let revision = same.update("a.b", "2".into(), revision).await.unwrap();
        assert_eq!(made.get("a.b").await.unwrap().unwrap(), "2");
        made.update("a.b", "3".into(), revision).await.unwrap();
        let mut watch = made.watch_with_history(">").await.unwrap();
        let mut other = same.watch_with_history(">").await.unwrap();
        same.delete("a.b").await.unwrap();
        for operation in ["Put", "Delete"] {
            let ours = env::within(watch.next()).await.unwrap().unwrap();
            let theirs = env::within(other.next()).await.unwrap().unwrap();
            assert_eq!((&*ours.key, ours.revision), (&*theirs.key, theirs.revision));
            assert_eq!(ours.created.unix_timestamp_nanos(), theirs.created.unix_timestamp_nanos());
            assert_eq!(format!("{:?}", ours.operation), operation);
            assert_eq!(format!("{:?}", theirs.operation), operation);
        }
        let entry = made.entry("a.b").await.unwrap().unwrap();
        assert_eq!(entry.operation, kv::Operation::Delete);
        made.create("a.b", "4".into()).await.unwrap();
        made.purge("a.b").await.unwrap();
        let entry = same.entry("a.b").await.unwrap().unwrap();
        assert_eq!(entry.operation, theirs::kv::Operation::Purge);
        same.create("a.b", "5".into()).await.unwrap();
        assert_eq!(made.get("a.b").await.unwrap().unwrap(), "5");
        made.delete("a.b").await.unwrap();
        let entry = same.entry("a.b").await.unwrap().unwrap();
        assert_eq!(entry.operation, theirs::kv::Operation::Delete);
        ours.client().close().await.unwrap();
    })
    .await;
}
