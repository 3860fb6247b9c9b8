//! Lines 5 to 7 once more, for what browsers have of JetStream: a part of a bucket to write, a part of
//! a stream to be sent, and nothing else.

use std::time::Duration;

use data_encoding::BASE64;
use e2e::{Setup, eventually};
use serde_json::{Value, json};

use crate::support::{Insider, Person, Site, TestResult, Wire};

/// On a busy machine.
const STORED_WITHIN: Duration = Duration::from_secs(60);

const DECLARED: &str = r#"[[bucket]]
name = "presence"
history = 1
ttl_seconds = 600
max_bytes = 1000000
max_value_bytes = 512
storage = "memory"

[[stream]]
name = "ROOMS"
subjects = ["rooms.>"]
ttl_seconds = 600
max_bytes = 1000000
max_message_bytes = 1024
duplicate_window_seconds = 10
storage = "memory"

[[role]]
name = "guest""#;

const CONSUMERS: &str = r#"[[role.consumer]]
stream = "ROOMS"
filter = ["rooms.{{tag(room)}}.>"]
deliver_policy = "all"
inactive_threshold_seconds = 600

[[role.consumer]]
bucket = "presence"
filter = ["$KV.presence.{{tag(room)}}.>"]
deliver_policy = "last_per_subject"
inactive_threshold_seconds = 600

[[role.channel]]
name = "room""#;

/// Members have a key of their own in the bucket, in each room, and are sent what is in their rooms.
async fn site() -> Result<Site, e2e::Error> {
    let setup = Setup::new()
        .roles("[[role]]\nname = \"guest\"", DECLARED)
        .roles(
            "\"rooms.{{tag(room)}}.chat.{{subject()}}\"",
            "\"rooms.{{tag(room)}}.chat.{{subject()}}\", \
             \"$KV.presence.{{tag(room)}}.{{subject()}}\"",
        )
        .roles(
            "[\"rooms.{{tag(room)}}.>\",",
            "[\"rooms.{{tag(room)}}.>\", \"$KV.presence.{{tag(room)}}.>\",",
        )
        // Last, since it repeats what is looked for above.
        .roles("[[role.channel]]\nname = \"room\"", CONSUMERS);
    Site::start(setup).await
}

impl Insider {
    /// The last message on a subject: its number and what it says.
    async fn last(&self, stream: &str, subject: &str) -> Option<(u64, String)> {
        let body = json!({ "last_by_subj": subject });
        let answer = self.ask(&format!("$JS.API.STREAM.MSG.GET.{stream}"), &body).await;
        let said = BASE64.decode(answer["message"]["data"].as_str()?.as_bytes()).unwrap();
        Some((answer["message"]["seq"].as_u64()?, String::from_utf8(said).unwrap()))
    }

    /// The number of the last message on a subject, once that says this. Streams store in order, so
    /// all that was published before has been dealt with.
    async fn until_last(&self, stream: &str, subject: &str, said: &str) -> Result<u64, e2e::Error> {
        eventually(STORED_WITHIN, "it is stored", async || {
            let last = self.last(stream, subject).await;
            Ok(last.filter(|(_, last)| last == said).map(|(sequence, _)| sequence))
        })
        .await
    }

    async fn messages(&self, stream: &str) -> u64 {
        let info = self.ask(&format!("$JS.API.STREAM.INFO.{stream}"), &json!({})).await;
        info["state"]["messages"].as_u64().unwrap()
    }
}

fn put(subject: &str, reply: &str, headers: &[(&str, &str)], said: &str) -> String {
    let lines: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let headers = format!("NATS/1.0\r\n{lines}\r\n");
    let (head, all) = (headers.len(), headers.len() + said.len());
    format!("HPUB {subject} {reply} {head} {all}\r\n{headers}{said}\r\n")
}

fn delivery(person: &Person, stream: &str) -> String {
    format!("_INBOX.{}.stream.{stream}", person.nkey())
}

/// A holder writes its own key and is sent the values and messages of its rooms, those from before it
/// came among them; nothing of it is a request that anybody answers.
#[tokio::test]
async fn c05_of_buckets_and_streams_a_holder_has_its_own_part() -> TestResult {
    let site = site().await?;
    let (alice, bob) = (
        Person::member(&site, "alice", &["7"]).await?,
        Person::member(&site, "bob", &["7", "8"]).await?,
    );
    let mut of_bob = bob.connect(&site.nats).await;
    let key = |person: &Person, room: &str| format!("$KV.presence.{room}.{}", person.nkey());
    let said = |person: &Person, room: &str| format!("rooms.{room}.chat.{}", person.nkey());
    for room in ["7", "8"] {
        of_bob.may(&format!("PUB {} 2\r\nhi\r\n", said(&bob, room))).await;
        of_bob.may(&format!("PUB {} 2\r\non\r\n", key(&bob, room))).await;
    }

    // What the API says of them, and only that, is delivered once somebody listens.
    let listed = alice.credential["consumers"].as_array().unwrap();
    let of = |stream: &str| listed.iter().find(|listed| listed["stream"] == stream).unwrap();
    assert_eq!(of("ROOMS")["deliver_subject"], delivery(&alice, "ROOMS"));
    assert_eq!(of("KV_presence")["filter"], json!(["$KV.presence.7.>"]));
    let mut of_alice = alice.connect(&site.nats).await;
    of_alice.send(&format!("SUB {} 1\r\n", delivery(&alice, "ROOMS"))).await;
    let first = of_alice.next().await.unwrap();
    assert!(first.starts_with(&format!("MSG {} 1 $JS.ACK.ROOMS.", said(&bob, "7"))), "{first}");
    of_alice.send(&format!("SUB {} 2\r\n", delivery(&alice, "KV_presence"))).await;
    let value = of_alice.next().await.unwrap();
    assert!(value.starts_with(&format!("MSG {} 2 ", key(&bob, "7"))), "{value}");
    assert!(value.ends_with("\non"), "{value}");
    // The other room is none of hers: what comes next is the next of hers.
    of_bob.may(&format!("PUB {} 3\r\noff\r\n", key(&bob, "8"))).await;
    of_bob.may(&format!("PUB {} 3\r\noff\r\n", key(&bob, "7"))).await;
    assert!(of_alice.next().await.unwrap().ends_with("\noff"));
    of_alice.may("").await;

    // Keys of others, and of herself in other rooms, are not hers to write.
    of_alice
        .may_not_publish(&[
            key(&bob, "7"),
            key(&alice, "8"),
            "$KV.presence.7".to_owned(),
            format!("{}.x", key(&alice, "7")),
            "$KV.other.7".to_owned(),
            "$O.presence.M.x".to_owned(),
            said(&bob, "7"),
        ])
        .await;
    of_alice
        .may_not_subscribe(&[
            "$KV.presence.>".to_owned(),
            "$KV.presence.8.>".to_owned(),
            "$KV.>".to_owned(),
            delivery(&bob, "ROOMS"),
            format!("_INBOX.{}.>", bob.nkey()),
        ])
        .await;
    Ok(())
}

/// When the channels change, so does what is sent; without any, nothing is.
#[tokio::test]
async fn c05_what_is_sent_follows_the_channels() -> TestResult {
    let site = site().await?;
    let insider = Insider::connect(&site).await;
    let token = site.issuer.token(&site.issuer.claims("alice", &["7", "8"]));
    let alice = Person::member(&site, "alice", &["7"]).await?;
    let filter = async || {
        let subject = format!("$JS.API.CONSUMER.INFO.ROOMS.{}", alice.nkey());
        insider.ask(&subject, &json!({})).await["config"].clone()
    };
    let config = filter().await;
    assert_eq!(config["filter_subjects"], json!(["rooms.7.>"]));
    assert_eq!(config["deliver_subject"], delivery(&alice, "ROOMS"));
    assert_eq!(config["ack_policy"], "none");
    for (channels, filters) in [
        (json!(["room:7", "room:8"]), json!(["rooms.7.>", "rooms.8.>"])),
        (json!(["room:8"]), json!(["rooms.8.>"])),
        (json!([]), Value::Null),
        (json!(["room:7"]), json!(["rooms.7.>"])),
    ] {
        let body = json!({ "nkey": alice.nkey(), "channels": channels });
        let answer = site.call("/v1/credentials", Some(&token), &body).await?;
        assert_eq!(answer.status(), 200, "{channels}");
        assert_eq!(filter().await["filter_subjects"], filters, "{channels}");
    }
    // A ban takes it away.
    let body = json!({ "nkey": alice.nkey() });
    assert_eq!(site.call("/v1/revoke", Some(&site.admin), &body).await?.status(), 200);
    assert_eq!(filter().await, Value::Null);
    Ok(())
}

/// Nothing of JetStream can be asked by a browser: not about its own consumer, nor anything else.
#[tokio::test]
async fn c06_no_browser_asks_jetstream_anything() -> TestResult {
    let site = site().await?;
    let alice = Person::member(&site, "alice", &["7"]).await?;
    let bob = Person::member(&site, "bob", &["7"]).await?;
    let mut wire = alice.connect(&site.nats).await;
    let mut tries: Vec<String> = [
        "INFO",
        "STREAM.NAMES",
        "STREAM.LIST",
        "STREAM.INFO.ROOMS",
        "STREAM.CREATE.ROOMS",
        "STREAM.UPDATE.ROOMS",
        "STREAM.PURGE.ROOMS",
        "STREAM.DELETE.ROOMS",
        "STREAM.MSG.GET.ROOMS",
        "STREAM.MSG.DELETE.ROOMS",
        "DIRECT.GET.ROOMS",
        "DIRECT.GET.KV_presence",
        "DIRECT.GET.KV_presence.$KV.presence.7.x",
        "CONSUMER.NAMES.ROOMS",
        "CONSUMER.CREATE.ROOMS",
        "CONSUMER.CREATE.ROOMS.x",
        "CONSUMER.DURABLE.CREATE.ROOMS.x",
    ]
    .map(|what| format!("$JS.API.{what}"))
    .to_vec();
    for person in [&alice, &bob] {
        let key = person.nkey();
        tries.extend([
            format!("$JS.API.CONSUMER.INFO.ROOMS.{key}"),
            format!("$JS.API.CONSUMER.CREATE.ROOMS.{key}"),
            format!("$JS.API.CONSUMER.CREATE.ROOMS.{key}.rooms.7.chat"),
            format!("$JS.API.CONSUMER.DELETE.ROOMS.{key}"),
            format!("$JS.API.CONSUMER.MSG.NEXT.ROOMS.{key}"),
            format!("$JS.API.CONSUMER.PAUSE.ROOMS.{key}"),
            format!("$JS.API.CONSUMER.UNPIN.ROOMS.{key}"),
            format!("$JS.API.CONSUMER.RESET.ROOMS.{key}"),
            format!("$JS.ACK.ROOMS.{key}.1.1.1.1.0"),
            format!("$JS.FC.ROOMS.{key}.x"),
        ]);
    }
    wire.may_not_publish(&tries).await;
    wire.may_not_subscribe(&["$JS.>", "$JS.API.>", "$JS.EVENT.>", "$JS.ACK.>"]).await;
    Ok(())
}

/// No header gives whoever writes a key, or in a room, more than one message on its own subject; and
/// since nothing is confirmed, no reply subject makes nats-server publish anything.
#[tokio::test]
async fn c07_no_header_and_no_reply_reaches_beyond_ones_own_subject() -> TestResult {
    let site = site().await?;
    let insider = Insider::connect(&site).await;
    let (alice, bob) = (
        Person::member(&site, "alice", &["7"]).await?,
        Person::member(&site, "bob", &["7"]).await?,
    );
    let (mut of_alice, mut of_bob) =
        (alice.connect(&site.nats).await, bob.connect(&site.nats).await);
    for (stream, own, other) in [
        (
            "KV_presence",
            format!("$KV.presence.7.{}", alice.nkey()),
            format!("$KV.presence.7.{}", bob.nkey()),
        ),
        ("ROOMS", format!("rooms.7.chat.{}", alice.nkey()), format!("rooms.7.chat.{}", bob.nkey())),
    ] {
        of_bob.may(&put(&other, "", &[], "bob's")).await;
        let theirs = insider.until_last(stream, &other, "bob's").await?;
        let before = insider.messages(stream).await;
        let refused: [&[(&str, &str)]; 10] = [
            &[("Nats-Rollup", "all")],
            &[("Nats-Rollup", "sub")],
            &[("Nats-Schedule", "@every 1s"), ("Nats-Schedule-Target", &other)],
            &[("Nats-Schedule", "@at 2020-01-01T00:00:00Z"), ("Nats-Schedule-Target", &other)],
            &[("Nats-Schedule-Next", "purge"), ("Nats-Scheduler", &other)],
            &[("Nats-Incr", "+1")],
            &[("Nats-Batch-Id", "x"), ("Nats-Batch-Sequence", "1"), ("Nats-Batch-Commit", "1")],
            &[("Nats-TTL", "never")],
            &[("Nats-Expected-Stream", "OTHER")],
            &[("Nats-Expected-Last-Sequence", "999999")],
        ];
        for headers in refused {
            of_alice.may(&put(&own, "", headers, "refused")).await;
        }
        let marks = [("KV-Operation", "PURGE"), ("Nats-Marker-Reason", "Purge")];
        of_alice.may(&put(&own, "", &marks, "alice's")).await;
        let last = insider.until_last(stream, &own, "alice's").await?;
        assert_eq!(last, theirs + 1, "{stream}: nothing else was stored");
        assert_eq!(insider.messages(stream).await, before + 1, "{stream}");

        for reply in [
            other.as_str(),
            "rooms.7.announce",
            "com.scaling-ws.updates",
            "$JS.API.STREAM.DELETE.ROOMS",
            "$JS.API.STREAM.PURGE.KV_presence",
        ] {
            of_alice.may(&put(&own, reply, &[], "stored")).await;
            of_alice.may(&put(&own, reply, &[("Nats-Rollup", "all")], "refused")).await;
        }
        of_alice.may(&put(&own, "", &[], "the end")).await;
        let last = insider.until_last(stream, &own, "the end").await?;
        assert_eq!(last, theirs + 7, "{stream}: each once, and no confirmation");
        assert_eq!(insider.last(stream, &other).await, Some((theirs, "bob's".to_owned())));
    }
    assert_eq!(insider.last("ROOMS", "rooms.7.announce").await, None);
    Ok(())
}

/// The API's own user makes what the roles file declares, and empties, deletes and reads nothing.
#[tokio::test]
async fn c06_the_apis_own_user_has_no_more_of_jetstream_than_that() -> TestResult {
    let site = site().await?;
    let (jwt, key) = site.service_user();
    let mut wire = Wire::tcp(&site.nats).await;
    assert_eq!(wire.login(&jwt, &key).await, "PONG");
    wire.may_not_publish(&[
        "$JS.API.STREAM.DELETE.ROOMS",
        "$JS.API.STREAM.PURGE.ROOMS",
        "$JS.API.STREAM.MSG.DELETE.ROOMS",
        "$JS.API.STREAM.MSG.GET.ROOMS",
        "$JS.API.STREAM.CREATE.OTHER",
        "$JS.API.STREAM.NAMES",
        "$JS.API.DIRECT.GET.KV_presence",
        "$JS.API.CONSUMER.CREATE.OTHER.x",
        "$JS.API.CONSUMER.MSG.NEXT.ROOMS.x",
        "$KV.presence.7.x",
    ])
    .await;
    Ok(())
}
