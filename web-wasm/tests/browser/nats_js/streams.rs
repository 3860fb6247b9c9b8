//! Streams and consumers.

use std::time::Duration;

use futures_util::TryStreamExt;
use serde_json::json;
use wasm_bindgen_test::wasm_bindgen_test;
use web_wasm::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use web_wasm::jetstream::stream::{self, ConsumerAction, StorageType};
use web_wasm::jetstream::{AckKind, Context, ErrorCode, PublishMessage};

use super::{NatsJs, both, finish, unique};
use crate::env;

/// Both clients, and a stream's name that is also what its subjects begin with.
async fn both_and_name(what: &str) -> (Context, NatsJs, String) {
    let (ours, theirs) = both(what).await;
    let name = unique(&ours.client(), what);
    (ours, theirs, name)
}

fn config(name: &str) -> stream::Config {
    stream::Config {
        subjects: vec![format!("{name}.>")],
        storage: StorageType::Memory,
        allow_direct: true,
        ..name.into()
    }
}

#[wasm_bindgen_test]
async fn configurations_mean_the_same_to_nats_js() {
    let (ours, theirs, name) = both_and_name("configurations").await;
    let rich = stream::Config {
        description: Some("ours".into()),
        max_messages: 1_000,
        max_messages_per_subject: 7,
        max_age: Duration::from_secs(3_600),
        duplicate_window: Duration::from_secs(60),
        compression: Some(stream::Compression::S2),
        allow_rollup: true,
        allow_message_ttl: true,
        subject_delete_marker_ttl: Some(Duration::from_secs(9)),
        republish: Some(stream::Republish {
            source: format!("{name}.>"),
            destination: format!("again-{name}.>"),
            headers_only: true,
        }),
        consumer_limits: Some(stream::ConsumerLimits {
            inactive_threshold: Duration::from_secs(50),
            max_ack_pending: 5,
        }),
        metadata: [("k".to_owned(), "v".to_owned())].into(),
        ..config(&name)
    };
    let mut made = ours.create_stream(rich).await.unwrap();
    let before = made.info().await.unwrap().config.clone();
    let update = r#"
        const { config } = await $.jsm.streams.info(args.name);
        await $.jsm.streams.update(args.name, config);
        const { description, max_msgs, max_age, subject_delete_marker_ttl, republish } = config;
        const limits = config.consumer_limits;
        return { description, max_msgs, max_age, subject_delete_marker_ttl, republish, limits };
    "#;
    let told = json!({
        "description": "ours",
        "max_msgs": 1_000,
        "max_age": 3_600_000_000_000_u64,
        "subject_delete_marker_ttl": 9_000_000_000_u64,
        "republish":
            { "src": format!("{name}.>"), "dest": format!("again-{name}.>"), "headers_only": true },
        "limits": { "inactive_threshold": 50_000_000_000_u64, "max_ack_pending": 5 },
    });
    assert_eq!(theirs.run(update, json!({ "name": name })).await, told);
    let after = made.info().await.unwrap().config.clone();
    assert_eq!(after, before, "what nats.js writes back is what the client wrote");

    let add = r#"
        await $.jsm.consumers.add(args.name, {
            durable_name: "theirs",
            ack_policy: $.jetstream.AckPolicy.Explicit,
            deliver_policy: $.jetstream.DeliverPolicy.StartSequence,
            opt_start_seq: 3,
            filter_subjects: [args.name + ".a", args.name + ".b"],
            max_deliver: 5,
            max_ack_pending: 5,
            backoff: [$.core.nanos(1_000), $.core.nanos(2_000)],
            inactive_threshold: $.core.nanos(40_000),
            metadata: { k: "v" },
        });
    "#;
    theirs.run(add, json!({ "name": name })).await;
    let read = made.consumer_info("theirs").await.unwrap().config;
    assert_eq!(read.deliver_policy, DeliverPolicy::ByStartSequence { start_sequence: 3 });
    assert_eq!(read.filter_subjects, [format!("{name}.a"), format!("{name}.b")]);
    assert_eq!(read.backoff, [Duration::from_secs(1), Duration::from_secs(2)]);
    assert_eq!((read.max_deliver, read.inactive_threshold), (5, Duration::from_secs(40)));
    let again = made.add_consumer(read.clone(), ConsumerAction::Update).await.unwrap().config;
    assert_eq!(again, read);
    ours.delete_stream(&name).await.unwrap();
    finish(ours, theirs).await;
}

#[wasm_bindgen_test]
async fn stored_messages_mean_the_same_to_nats_js() {
    let (ours, theirs, name) = both_and_name("stored").await;
    let subject = format!("{name}.x");
    let stream = ours.create_stream(config(&name)).await.unwrap();
    let message = PublishMessage::build().payload("ours".into()).message_id("1").header("A", "b");
    let ack = ours.send_publish(&*subject, message).await.unwrap().await.unwrap();
    assert_eq!((ack.sequence, ack.duplicate), (1, false));
    let publish = r#"
        const again = await $.js.publish(args.subject, "?", { msgID: "1" });
        const headers = $.core.headers();
        headers.append("A", "b");
        headers.append("A", "c");
        const second = await $.js.publish(args.subject, "theirs", { msgID: "2", headers });
        const stale = { expect: { lastSequence: 1 } };
        const refused = await $.js.publish(args.subject, "?", stale).catch((error) => error.code);
        const read = await $.jsm.streams.getMessage(args.name, { seq: 1 });
        const direct = await $.jsm.direct.getMessage(args.name, { last_by_subj: args.subject });
        return {
            again: [again.seq, again.duplicate], second: [second.seq, second.duplicate], refused,
            read: [read.seq, read.string(), Array.from(read.header), read.subject],
            direct: [direct.seq, direct.string(), direct.header.values("A")],
        };
    "#;
    let args = json!({ "name": name, "subject": subject });
    let told = json!({
        "again": [1, true],
        "second": [2, false],
        "refused": ErrorCode::STREAM_WRONG_LAST_SEQUENCE.0,
        "read": [1, "ours", [["Nats-Msg-Id", ["1"]], ["A", ["b"]]], subject],
        "direct": [2, "theirs", ["b", "c"]],
    });
    assert_eq!(theirs.run(publish, args).await, told);
    let again = PublishMessage::build().message_id("2");
    let ack = ours.send_publish(&*subject, again).await.unwrap().await.unwrap();
    assert_eq!((ack.sequence, ack.duplicate), (2, true));
    for read in [stream.get_raw_message(2).await.unwrap(), stream.direct_get(2).await.unwrap()] {
        assert_eq!((&*read.subject, &read.payload[..]), (&*subject, &b"theirs"[..]));
        let values: Vec<_> = read.headers.get_all("A").map(web_wasm::HeaderValue::as_str).collect();
        assert_eq!(values, ["b", "c"]);
    }
    ours.delete_stream(&name).await.unwrap();
    finish(ours, theirs).await;
}

#[wasm_bindgen_test]
async fn a_consumer_is_shared_with_nats_js() {
    let (ours, theirs, name) = both_and_name("shared").await;
    let stream = ours.create_stream(config(&name)).await.unwrap();
    let args = json!({ "name": name });
    let publish = r#"
        for (let number = 0; number < 40; number += 1) {
            await $.js.publish(args.name + ".theirs", `${number}`);
        }
    "#;
    theirs.run(publish, args.clone()).await;
    for number in 0..40 {
        let sent = ours.publish(format!("{name}.ours"), number.to_string().into()).await;
        sent.unwrap().await.unwrap();
    }
    let durable = pull::Config {
        durable_name: Some("shared".into()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: Duration::from_secs(60),
        ..Default::default()
    };
    let consumer: Consumer<pull::Config> = stream.create_consumer(durable).await.unwrap();
    // Every acknowledgement there is, by either of them: what one gives back the other gets.
    let fetch = r#"
        const consumer = await $.js.consumers.get(args.name, "shared");
        const taken = [];
        for await (const message of await consumer.fetch({ max_messages: 10, expires: 15_000 })) {
            taken.push([message.seq, message.info.deliveryCount]);
            if (message.seq === args.nak) message.nak();
            else if (message.seq === args.term) message.term("of no use");
            else if (!await message.ackAck()) throw new Error("not acknowledged");
        }
        await $.nc.flush();
        return taken;
    "#;
    let mut taken = Vec::new();
    for (nak, term) in [(15, 16), (0, 0), (0, 0), (0, 0)] {
        let mut batch = consumer.fetch().max_messages(10).messages().await.unwrap();
        while let Some(message) = env::within(batch.try_next()).await.unwrap() {
            let info = message.info().unwrap();
            let (sequence, delivered) = (info.stream_sequence, info.delivered);
            taken.push((sequence, delivered));
            match sequence {
                5 if delivered == 1 => message.ack_with(AckKind::Nak(None)).await.unwrap(),
                6 => message.ack_with(AckKind::Term).await.unwrap(),
                _ => message.double_ack().await.unwrap(),
            }
        }
        ours.client().flush().await.unwrap();
        let args = json!({ "name": name, "nak": nak, "term": term });
        let theirs: Vec<(u64, u64)> =
            serde_json::from_value(theirs.run(fetch, args).await).unwrap();
        taken.extend(theirs);
    }
    let rest = consumer.fetch().max_messages(10).messages().await.unwrap();
    let rest: Vec<_> = env::within(rest.try_collect()).await.unwrap();
    for message in &rest {
        message.double_ack().await.unwrap();
        let info = message.info().unwrap();
        taken.push((info.stream_sequence, info.delivered));
    }
    taken.sort_unstable();
    let expected = (1..=80).flat_map(|sequence| match sequence {
        5 | 15 => vec![(sequence, 1), (sequence, 2)],
        _ => vec![(sequence, 1)],
    });
    assert_eq!(taken, expected.collect::<Vec<_>>());
    let info = consumer.get_info().await.unwrap();
    assert_eq!(
        (info.num_pending, info.num_ack_pending, info.ack_floor.stream_sequence),
        (0, 0, 80)
    );

    let ordered =
        pull::OrderedConfig { filter_subject: format!("{name}.theirs"), ..Default::default() };
    let messages = stream.create_consumer(ordered).await.unwrap().messages().await.unwrap();
    let messages = futures_util::StreamExt::take(messages, 40).try_collect::<Vec<_>>();
    let numbers = env::within(messages).await.unwrap();
    let numbers = numbers.iter().map(|message| message.payload.clone());
    assert!(numbers.eq((0..40).map(|number| number.to_string())), "each once and in order");
    let ordered = r#"
        const consumer = await $.js.consumers.get(args.name, { filter_subjects: args.name + ".ours" });
        const messages = await consumer.consume();
        return (await $.take(messages, 40)).map((message) => message.string());
    "#;
    let numbers: Vec<_> = (0..40).map(|number| number.to_string()).collect();
    assert_eq!(theirs.run(ordered, args).await, json!(numbers));
    ours.delete_stream(&name).await.unwrap();
    finish(ours, theirs).await;
}
