//! What a page has of streams without a right to ask JetStream for anything, as `api/roles.toml` gives
//! it out: keys of its own to write, and what a consumer delivers to its inbox.

use std::time::Duration;

use futures_util::StreamExt;
use serde_json::{Value, json};
use web_wasm::jetstream::{self, ContextBuilder, ErrorCode, MessageInfo, PublishError};
use web_wasm::kv::PurgeError;
use web_wasm::{Client, Event};

use crate::env::{self, NatsServer};
use crate::failure::impatient;
use crate::jetstream::JETSTREAM;

const USERS: &str = r#"authorization { users: [
    { user: all, password: p },
    { user: some, password: p, permissions: {
        publish: "$KV.b.mine.>", subscribe: ["_INBOX.some.>", "$KV.b.>"] } } ] }"#;

async fn connect(server: &NatsServer, user: &str) -> Client {
    let options = impatient().user_and_password(user, "p");
    env::connect_to(options, &server.url()).await.unwrap()
}

async fn ask(client: &Client, subject: &str, body: Value) -> Value {
    let answer = client.request(subject, body.to_string().into()).await.unwrap();
    let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
    assert!(answer.get("error").is_none(), "{answer}");
    answer
}

fn bucket(no_ack: bool) -> Value {
    json!({
        "name": "KV_b", "subjects": ["$KV.b.>"], "storage": "memory", "max_msgs_per_subject": 1,
        "allow_direct": true, "deny_delete": true, "deny_purge": true, "no_ack": no_ack,
    })
}

#[tokio::test]
async fn what_is_delivered_to_an_inbox_is_read_without_any_right_of_jetstream() {
    env::local(async {
        let server = NatsServer::start(&format!("{JETSTREAM}{USERS}"));
        let (all, some) = (connect(&server, "all").await, connect(&server, "some").await);
        ask(&all, "$JS.API.STREAM.CREATE.KV_b", bucket(true)).await;
        let consumer = json!({ "stream_name": "KV_b", "config": {
            "durable_name": "some", "deliver_subject": "_INBOX.some.stream.KV_b",
            "deliver_policy": "last_per_subject", "ack_policy": "none", "filter_subject": "$KV.b.>",
        } });
        ask(&all, "$JS.API.CONSUMER.CREATE.KV_b.some", consumer).await;

        some.publish("$KV.b.mine.a", "1".into()).await.unwrap();
        some.publish("$KV.b.mine.a", "2".into()).await.unwrap();
        some.flush().await.unwrap();
        let stored = async || ask(&all, "$JS.API.STREAM.INFO.KV_b", json!({})).await;
        while stored().await["state"]["last_seq"] != 2 {}

        // What the bucket has, then what changes; each with its place in the stream.
        let mut delivered = some.subscribe("_INBOX.some.stream.KV_b").await.unwrap();
        let first = env::within(delivered.next()).await.unwrap();
        assert_eq!((first.subject.as_str(), &*first.payload), ("$KV.b.mine.a", &b"2"[..]));
        let message = jetstream::Message { message: first, context: jetstream::new(some.clone()) };
        let MessageInfo { stream, consumer, stream_sequence, consumer_sequence, .. } =
            message.info().unwrap();
        assert_eq!((stream, consumer), ("KV_b", "some"));
        assert_eq!((stream_sequence, consumer_sequence), (2, 1));
        some.publish("$KV.b.mine.b", "3".into()).await.unwrap();
        let second = env::within(delivered.next()).await.unwrap();
        assert_eq!((second.subject.as_str(), &*second.payload), ("$KV.b.mine.b", &b"3"[..]));

        // Acknowledging it, or asking for anything, is refused, and the page is told.
        let mut events = some.events();
        message.ack().await.unwrap();
        let refused = env::within(async {
            loop {
                if let Event::ServerError(error) = events.next().await.unwrap() {
                    return error.to_string();
                }
            }
        });
        let refused = refused.await;
        assert!(refused.contains("$JS.ACK.KV_b.some."), "{refused}");
        some.close().await.unwrap();
        all.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_bucket_without_rollups_refuses_a_purge_by_name() {
    env::local(async {
        let server = NatsServer::start(&format!("{JETSTREAM}{USERS}"));
        let all = connect(&server, "all").await;
        let ack_timeout = Duration::from_millis(200);
        let jetstream = ContextBuilder::new().ack_timeout(ack_timeout).build(all.clone());
        ask(&all, "$JS.API.STREAM.CREATE.KV_b", bucket(true)).await;
        let store = jetstream.get_key_value("b").await.unwrap();
        // Nothing confirms, so it is looked whether the value is there, and what replaced nothing.
        assert_eq!(store.put("mine.a", "1".into()).await, Ok(1));
        let unconfirmed = store.purge("mine.a").await.unwrap_err();
        let expected = PublishError::TimedOut { timeout: ack_timeout };
        assert_eq!(unconfirmed, PurgeError::Publish(expected));

        ask(&all, "$JS.API.STREAM.UPDATE.KV_b", bucket(false)).await;
        let patient = jetstream::new(all.clone()).get_key_value("b").await.unwrap();
        patient.put("mine.a", "2".into()).await.unwrap();
        let refused = patient.purge("mine.a").await.unwrap_err();
        assert!(matches!(&refused, PurgeError::Publish(PublishError::Api(_))), "{refused:?}");
        assert_eq!(refused.error_code(), Some(ErrorCode::STREAM_ROLLUP_FAILED));
        assert_eq!(patient.get("mine.a").await.unwrap().unwrap(), "2");
        all.close().await.unwrap();
    })
    .await;
}
