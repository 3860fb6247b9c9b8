//! Streams and buckets of the roles file: made, checked, and refused when they are otherwise.

use std::fs;

use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::{
    client::Client,
    insider::Insider,
    nats::Nats,
    service::{Api, Options, problem},
    user::User,
    wait::until,
};

const BUCKET: &str = r#"[[bucket]]
name = "presence"
history = 1
ttl_seconds = 60
max_bytes = 1000000
max_value_bytes = 512
storage = "memory"

[[role]]
name = "guest""#;

/// What guests may publish beside the rest.
const OWN_KEY: &str = "\"$KV.presence.{{subject()}}.>\", \"_INBOX.{{subject()}}.>\"], deny = [] }";

/// A server whose roles file declares a bucket that guests write.
fn with_bucket() -> Nats {
    let nats = Nats::unprovisioned();
    nats.edit_roles("[[role]]\nname = \"guest\"", BUCKET);
    nats.edit_roles("\"_INBOX.{{subject()}}.>\"], deny = [] }", OWN_KEY);
    assert!(nats.init().status.success());
    nats
}

#[tokio::test]
async fn a_declared_bucket_is_made_and_its_limits_follow_the_file() {
    let mut nats = with_bucket();
    nats.start().await;
    let insider = Insider::connect(&nats).await;
    let api = Api::ready(&nats).await;
    let config = insider.config("KV_presence").await;
    for (field, value) in [
        ("subjects", json!(["$KV.presence.>"])),
        ("no_ack", json!(true)),
        ("deny_delete", json!(true)),
        ("deny_purge", json!(true)),
        ("allow_rollup_hdrs", json!(false)),
        ("max_bytes", json!(1_000_000)),
        ("max_age", json!(60_000_000_000_u64)),
        ("max_msg_size", json!(512)),
        ("max_msgs_per_subject", json!(1)),
        ("discard", json!("new")),
    ] {
        assert_eq!(config[field], value, "{field}");
    }
    drop(api);

    nats.edit_roles("max_bytes = 1000000", "max_bytes = 500000");
    nats.edit_roles("ttl_seconds = 60", "ttl_seconds = 30");
    let api = Api::ready(&nats).await;
    let config = insider.config("KV_presence").await;
    assert_eq!(
        (&config["max_bytes"], &config["max_age"]),
        (&json!(500_000), &json!(30_000_000_000_u64))
    );
    assert!(api.log().contains("changed a stream"), "{}", api.log());
}

#[tokio::test]
async fn a_stream_that_is_laxer_than_declared_stops_the_service_by_name() {
    for (field, settings) in [
        ("allow_rollup_hdrs", json!({ "allow_rollup_hdrs": true, "deny_purge": false })),
        ("allow_msg_schedules", json!({ "allow_msg_schedules": true, "deny_purge": false })),
        ("allow_msg_counter", json!({ "allow_msg_counter": true })),
        ("allow_atomic", json!({ "allow_atomic": true })),
        ("allow_msg_ttl", json!({ "allow_msg_ttl": true })),
        ("deny_purge", json!({ "deny_purge": false })),
        ("deny_delete", json!({ "deny_delete": false })),
        ("republish", json!({ "republish": { "src": ">", "dest": "elsewhere.>" } })),
    ] {
        let mut nats = with_bucket();
        nats.start().await;
        let mut strict =
            json!({ "max_msgs_per_subject": 1, "deny_delete": true, "deny_purge": true });
        strict.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
        Insider::connect(&nats).await.add_stream("KV_presence", "$KV.presence.>", &strict).await;
        let mut api = Api::start(&nats).await;
        assert_eq!(api.ended().await.code(), Some(1), "{field}");
        let log = api.log();
        let error = log.lines().find(|line| line.starts_with("error: ")).unwrap();
        assert!(
            error.contains("stream KV_presence is not as the roles file declares it"),
            "{error}"
        );
        assert!(error.contains(&format!("{field} is ")), "{error}");
    }
}

#[tokio::test]
async fn while_jetstream_is_away_nobody_is_given_rights_that_rest_on_it() {
    let mut nats = with_bucket();
    nats.edit_conf("jetstream {", "jetstream {\n  enabled: false");
    nats.start().await;
    let options = Options::default();
    let api = Api::start_with(&nats, &options).await;
    until("NATS is there", || async { (api.ping().await.status() == 200).then_some(()) }).await;
    let body = json!({ "nkey": KeyPair::new_user().public_key() });
    let answer = api.post("/v1/credentials", body.to_string()).await;
    assert_eq!(answer.headers()["retry-after"], "1");
    problem(answer, 503, "jetstream_unavailable").await;
    problem(api.get("/readyz").await, 503, "jetstream_unavailable").await;
    // A role that writes to no stream needs none.
    let other = json!({ "nkey": KeyPair::new_user().public_key(), "role": "brief" });
    assert_eq!(api.post("/v1/credentials", other.to_string()).await.status(), 200);

    nats.kill();
    nats.edit_conf("jetstream {\n  enabled: false", "jetstream {");
    nats.start().await;
    api.until_status("/readyz", 200).await;
    assert_eq!(api.post("/v1/credentials", body.to_string()).await.status(), 200);
}

#[tokio::test]
async fn the_service_user_makes_the_declared_streams_and_no_others() {
    let mut nats = with_bucket();
    nats.start().await;
    let creds = fs::read_to_string(nats.keys_dir().join("service.creds")).unwrap();
    let line = |prefix| creds.lines().find(|line| line.starts_with(prefix)).unwrap();
    let (jwt, key) = (line("eyJ"), KeyPair::from_seed(line("SU")).unwrap());
    let mut client = Client::tcp(&nats).await;
    assert_eq!(client.log_in(jwt, &key).await, "PONG");
    for what in ["INFO", "CREATE", "UPDATE"] {
        let ask = format!("PUB $JS.API.STREAM.{what}.KV_presence 0\r\n\r\n");
        assert!(client.round_trip(&ask).await.is_empty(), "{what}");
    }
    for subject in [
        "$JS.API.STREAM.DELETE.KV_presence",
        "$JS.API.STREAM.PURGE.KV_presence",
        "$JS.API.STREAM.MSG.DELETE.KV_presence",
        "$JS.API.STREAM.INFO.KV_other",
        "$JS.API.STREAM.CREATE.KV_other",
        "$JS.API.STREAM.NAMES",
        "$JS.API.CONSUMER.CREATE.KV_presence",
        "$KV.presence.a",
    ] {
        let said = client.round_trip(&format!("PUB {subject} 0\r\n\r\n")).await;
        assert_eq!(said, [format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'")]);
    }
}

/// Why no browser may ask JetStream for anything, or be confirmed what it writes: the answer goes
/// wherever the asker says, and whatever is asked there is done. When this fails, nats-server has got
/// better, and roles can be given more.
#[tokio::test]
async fn nats_server_answers_wherever_the_asker_says() {
    let nats = Nats::running().await;
    let insider = Insider::connect(&nats).await;
    insider.add_stream("MINE", "mine.>", &json!({ "allow_direct": true })).await;
    let consumer = json!({
        "stream_name": "MINE", "config": { "durable_name": "c", "ack_policy": "explicit" },
    });
    insider.ask("$JS.API.CONSUMER.CREATE.MINE.c", &consumer).await;
    let rights = [
        "mine.own",
        "$JS.API.DIRECT.GET.MINE.mine.own",
        "$JS.API.CONSUMER.MSG.NEXT.MINE.c",
        "$JS.API.CONSUMER.INFO.MINE.c",
    ];
    let mut holder = User::limited_to(&nats, &rights).await;
    let is_there = async || insider.config("THEIRS").await.is_object();
    let theirs = json!({ "max_msgs_per_subject": 1, "allow_direct": true });
    let last = async || {
        let body = json!({ "last_by_subj": "theirs.a" });
        insider.ask("$JS.API.STREAM.MSG.GET.THEIRS", &body).await["message"]["seq"]
            .as_u64()
            .unwrap()
    };

    for (what, ask) in [
        // There is nothing to be had yet, which is said on the subject of the asker's choice.
        (
            "nothing to pull",
            "PUB $JS.API.CONSUMER.MSG.NEXT.MINE.c $JS.API.STREAM.DELETE.THEIRS 28\r\n{\"batch\":1,\"no_wait\":true}  \r\n",
        ),
        (
            "nothing to get",
            "PUB $JS.API.DIRECT.GET.MINE.mine.own $JS.API.STREAM.DELETE.THEIRS 0\r\n\r\n",
        ),
        (
            "an empty value",
            "PUB mine.own 0\r\n\r\nPUB $JS.API.DIRECT.GET.MINE.mine.own $JS.API.STREAM.DELETE.THEIRS 0\r\n\r\n",
        ),
    ] {
        insider.add_stream("THEIRS", "theirs.>", &theirs).await;
        assert!(holder.round_trip(ask).await.is_empty(), "{what}");
        until(what, || async { (!is_there().await).then_some(()) }).await;
    }

    insider.add_stream("THEIRS", "theirs.>", &theirs).await;
    insider.0.request("theirs.a", "true".into()).await.unwrap();
    for (what, ask) in [
        ("a confirmation", "PUB mine.own theirs.a 2\r\nhi\r\n"),
        ("a value", "PUB $JS.API.DIRECT.GET.MINE.mine.own theirs.a 0\r\n\r\n"),
        ("a description", "PUB $JS.API.CONSUMER.INFO.MINE.c theirs.a 0\r\n\r\n"),
    ] {
        let before = last().await;
        assert!(holder.round_trip(ask).await.is_empty(), "{what}");
        until(what, || async { (last().await > before).then_some(()) }).await;
    }
    assert_eq!(
        holder.round_trip("PUB theirs.a 2\r\nhi\r\n").await,
        ["-ERR 'Permissions Violation for Publish to \"theirs.a\"'"]
    );

    // Where a stream confirms nothing, there is nothing to be aimed.
    insider.add_stream("QUIET", "quiet.>", &json!({ "no_ack": true })).await;
    let mut holder = User::limited_to(&nats, &["quiet.own"]).await;
    let before = last().await;
    assert!(holder.round_trip("PUB quiet.own theirs.a 2\r\nhi\r\n").await.is_empty());
    until("it is stored", || async {
        let info = insider.ask("$JS.API.STREAM.INFO.QUIET", &Value::Null).await;
        (info["state"]["messages"] == 1).then_some(())
    })
    .await;
    assert_eq!(last().await, before);
}

/// Consumers of strangers use up what is there for strangers, and nothing else.
#[tokio::test]
async fn who_comes_when_all_consumers_are_taken_waits_and_others_do_not() {
    let mut nats = Nats::unprovisioned();
    nats.edit_roles("max_consumers = 128", "max_consumers = 1");
    assert!(nats.init().status.success());
    nats.start().await;
    let api = Api::ready(&nats).await;
    let ask = |role: &str, key: &KeyPair| {
        let body = json!({ "nkey": key.public_key(), "role": role });
        api.post("/v1/credentials", body.to_string())
    };
    let (first, second) = (KeyPair::new_user(), KeyPair::new_user());
    assert_eq!(ask("demo", &first).await.status(), 200);
    let full = problem(ask("demo", &second).await, 503, "jetstream_unavailable").await;
    assert!(full["detail"].as_str().unwrap().contains("as may"), "{full}");
    // Who has one keeps it, and who needs none is let in.
    assert_eq!(ask("demo", &first).await.status(), 200);
    assert_eq!(ask("guest", &second).await.status(), 200);
}
