//! `POST /v1/publish`: what it sends, for whom, and what it never does.

use std::time::Duration;

use reqwest::Response;
use serde_json::{Value, json};

use crate::{
    callers::new_api_key,
    insider::Insider,
    issuer::{Issuer, Key, with},
    nats::Nats,
    service::{Api, Options, problem},
};

const PUBLISH: &str = "/v1/publish";

/// A service that knows the back end `backend`.
struct ForBackEnd {
    api: Api,
    key: String,
}

impl ForBackEnd {
    async fn start(nats: &Nats) -> Self {
        Self::start_with(nats, Options::default()).await
    }

    async fn start_with(nats: &Nats, options: Options) -> Self {
        let (key, element) = new_api_key("backend");
        let options = options.edit("api_keys = []", format!("api_keys = [{element}]"));
        let api = Api::start_with(nats, &options).await;
        api.until_status("/readyz", 200).await;
        Self { api, key }
    }

    async fn publish(&self, body: &Value) -> Response {
        self.api.post_as(PUBLISH, &self.key, body).await
    }

    async fn publish_well(&self, body: &Value) -> Value {
        let response = self.publish(body).await;
        assert_eq!(response.headers()["cache-control"], "no-store");
        assert_eq!(response.status(), 200, "{body}");
        response.json().await.unwrap()
    }
}

#[tokio::test]
async fn a_back_end_publishes_text_bytes_and_json_with_headers() {
    let nats = Nats::running().await;
    let back_end = ForBackEnd::start(&nats).await;
    let mut watch = Insider::connect(&nats).await.watch().await;
    let subject = "rooms.7.announce";

    for (payload, expected) in [
        (json!({ "payload": "hé\r\n\0" }), "hé\r\n\0".as_bytes()),
        (json!({ "payload": "" }), b""),
        (json!({ "payload_base64": "AP8Q" }), b"\x00\xff\x10"),
        (json!({ "json": { "b": [1, null], "a": 2 } }), br#"{"a":2,"b":[1,null]}"#),
        (json!({ "json": null }), b"null"),
    ] {
        let mut body = payload;
        body["subject"] = subject.into();
        assert_eq!(back_end.publish_well(&body).await, json!({ "subject": subject }));
        let message = watch.next().await;
        assert_eq!(message.subject.as_str(), subject);
        assert_eq!(message.payload, expected, "{body}");
        assert_eq!(message.headers, None);
        assert_eq!(message.reply, None);
    }

    let body = json!({
        "subject": "com.scaling-ws.updates", "payload": "x", "msg_id": "order:7",
        "headers": { "Trace": "é, 1", "X-Many": ["a", "b"], "X-None": [] },
    });
    back_end.publish_well(&body).await;
    let message = watch.next().await;
    let headers = message.headers.unwrap();
    let values = |name: &str| -> Vec<String> {
        headers.get_all(name).map(|value| value.as_str().to_owned()).collect()
    };
    assert_eq!(values("Trace"), ["é, 1"]);
    assert_eq!(values("X-Many"), ["a", "b"]);
    assert_eq!(values("Nats-Msg-Id"), ["order:7"]);
    assert_eq!(headers.len(), 3);
    assert!(back_end.api.log().contains("published for a caller"));
}

#[tokio::test]
async fn what_the_role_does_not_allow_is_refused_and_leaves_no_trace() {
    let mut nats = Nats::unprovisioned();
    nats.edit_roles(
        "publish = { allow = [\"com.scaling-ws.updates\", \"rooms.*.announce\"], deny = [] }",
        "publish = { allow = [\"com.scaling-ws.updates\", \"rooms.*.announce\", \
         \"from.{{subject()}}\"], deny = [\"rooms.closed.*\"] }",
    );
    assert!(nats.init().status.success());
    nats.start().await;
    let back_end = ForBackEnd::start(&nats).await;
    let mut watch = Insider::connect(&nats).await.watch().await;

    let key = nkeys::KeyPair::new_user().public_key();
    for subject in [
        "a",
        "rooms.7.chat.x",
        "rooms.7.8.announce",
        "rooms.7",
        "ROOMS.7.announce",
        // Deny wins.
        "rooms.closed.announce",
        // This service's user may, the role may not.
        "com.scaling-ws.other",
        "com.scaling-ws.api.confirm",
        // Nobody proves a key here, so nobody speaks in its name.
        &format!("from.{key}"),
        "from.{{subject()}}",
    ] {
        for jetstream in [false, true] {
            let body = json!({ "subject": subject, "payload": "x", "jetstream": jetstream });
            problem(back_end.publish(&body).await, 403, "subject_not_allowed").await;
        }
    }
    for subject in [
        "",
        "rooms.*.announce",
        "rooms.>",
        "rooms..announce",
        "rooms.7.announce.",
        "rooms.7 .announce",
        "rooms.7\r\nPUB a 0\r\n\r\n.announce",
        "rooms.\0.announce",
        "rooms.é.announce",
        "$SYS.REQ.SERVER.PING",
        "$JS.API.STREAM.LIST",
        "_INBOX.a.b",
    ] {
        let body = json!({ "subject": subject, "payload": "x" });
        problem(back_end.publish(&body).await, 400, "invalid_subject").await;
    }
    let subject = "rooms.7.announce";
    for (name, value) in [
        ("Nats-Rollup", "all"),
        ("nats-rollup", "sub"),
        ("Nats-Msg-Id", "1"),
        ("Nats-Trace-Dest", "a"),
        ("A", "x\r\nNats-Rollup: all"),
        ("A\r\nNats-Rollup", "all"),
        ("A B", "x"),
        ("", "x"),
    ] {
        let body = json!({ "subject": subject, "payload": "x", "headers": { name: value } });
        problem(back_end.publish(&body).await, 400, "invalid_header").await;
        let body = json!({ "subject": subject, "payload": "x", "headers": { name: ["y", value] } });
        problem(back_end.publish(&body).await, 400, "invalid_header").await;
    }
    for id in ["", "a b", "1\r\nNats-Rollup: all", "é"] {
        let body = json!({ "subject": subject, "payload": "x", "msg_id": id });
        problem(back_end.publish(&body).await, 400, "invalid_msg_id").await;
    }
    let body = json!({ "subject": subject, "payload_base64": "?" });
    problem(back_end.publish(&body).await, 400, "invalid_payload").await;
    for body in [
        json!({ "subject": subject }),
        json!({ "subject": subject, "payload": "x", "json": 1 }),
        json!({ "subject": subject, "payload": "x", "reply_to": "a" }),
        json!({ "subject": [subject], "payload": "x" }),
    ] {
        problem(back_end.publish(&body).await, 422, "invalid_request").await;
    }
    for role in ["guest", "member", "no-such-role", "*"] {
        let body = json!({ "subject": subject, "payload": "x", "role": role });
        problem(back_end.publish(&body).await, 403, "role_not_allowed").await;
    }

    // It works through its connection in order: what had been sent would come before this.
    let body = json!({ "subject": subject, "payload": "the first", "role": "backend" });
    back_end.publish_well(&body).await;
    assert_eq!(watch.next().await.payload, "the first");
}

#[tokio::test]
async fn only_who_has_a_role_with_the_subject_publishes() {
    let nats = Nats::running().await;
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    let (stranger, other) = new_api_key("stranger");
    let options = Options::default()
        .edit("issuers = []", format!("issuers = [{}]", issuer.config()))
        .edit("api_keys = []", format!("api_keys = [{other}]"));
    let api = Api::start_with(&nats, &options).await;
    api.until_status("/readyz", 200).await;
    let mut watch = Insider::connect(&nats).await.watch().await;
    let body = json!({ "subject": "com.scaling-ws.updates", "payload": "x" });

    problem(api.post(PUBLISH, body.to_string()).await, 403, "subject_not_allowed").await;
    problem(api.post_as(PUBLISH, &stranger, &body).await, 403, "role_not_allowed").await;
    problem(api.post_as(PUBLISH, "nonsense", &body).await, 401, "invalid_credentials").await;
    // A member's rooms are open to the holder of a credential, not to a call.
    let member = key.token(&with(&issuer.claims(), "rooms", json!(["7"])));
    for subject in ["com.scaling-ws.updates", "rooms.7.chat.x", "rooms.7.announce"] {
        let body = json!({ "subject": subject, "payload": "x" });
        problem(api.post_as(PUBLISH, &member, &body).await, 403, "subject_not_allowed").await;
    }
    let body = json!({ "subject": "rooms.7.chat.x", "payload": "x", "channels": ["room:7"] });
    problem(api.post_as(PUBLISH, &member, &body).await, 422, "invalid_request").await;

    assert_eq!(api.ping().await.status(), 200);
    assert!(watch.next().await.payload.starts_with(b"{\"sendTime\""));
}

#[tokio::test]
async fn a_message_may_be_as_large_as_the_role_says_headers_included() {
    let nats = Nats::running().await;
    let back_end = ForBackEnd::start(&nats).await;
    let mut watch = Insider::connect(&nats).await.watch().await;
    let subject = "rooms.7.announce";

    let largest = data_encoding::BASE64.encode(&[0xff; 65_536]);
    back_end.publish_well(&json!({ "subject": subject, "payload_base64": largest })).await;
    assert_eq!(watch.next().await.payload.len(), 65_536);
    for body in [
        json!({ "subject": subject, "payload": "x".repeat(65_537) }),
        json!({ "subject": subject, "payload": "x".repeat(65_536), "msg_id": "1" }),
        json!({ "subject": subject, "payload": "", "headers": { "A": "x".repeat(65_536) } }),
    ] {
        problem(back_end.publish(&body).await, 413, "payload_too_large").await;
    }
    let body = json!({ "subject": subject, "payload": "x".repeat(200_000) });
    problem(back_end.publish(&body).await, 413, "body_too_large").await;
    // No other route takes such bodies.
    let body = json!({ "nkey": "x".repeat(60_000) });
    let response = back_end.api.post_as("/v1/credentials", &back_end.key, &body).await;
    problem(response, 413, "body_too_large").await;
    back_end.publish_well(&json!({ "subject": subject, "payload": "last" })).await;
    assert_eq!(watch.next().await.payload, "last");
}

#[tokio::test]
async fn a_stream_says_where_it_keeps_the_message_and_keeps_each_id_once() {
    let nats = Nats::running().await;
    let back_end = ForBackEnd::start(&nats).await;
    let insider = Insider::connect(&nats).await;
    let body = json!({ "subject": "rooms.7.announce", "payload": "x", "jetstream": true });
    problem(back_end.publish(&body).await, 404, "no_stream").await;

    insider.add_stream("ROOMS", "rooms.7.*", &json!({ "max_msgs": 3, "discard": "new" })).await;
    let stored = |sequence: u64, duplicate: bool| json!({ "stream": "ROOMS", "sequence": sequence, "duplicate": duplicate });
    assert_eq!(back_end.publish_well(&body).await, stored(1, false));
    let mut with_id = body.clone();
    with_id["msg_id"] = "order:7".into();
    assert_eq!(back_end.publish_well(&with_id).await, stored(2, false));
    for _ in 0..3 {
        assert_eq!(back_end.publish_well(&with_id).await, stored(2, true));
    }
    assert_eq!(back_end.publish_well(&body).await, stored(3, false));
    problem(back_end.publish(&body).await, 502, "stream_refused").await;
    let log = back_end.api.log();
    assert!(log.contains("maximum messages exceeded (error 10077)"), "{log}");

    let mut elsewhere = body.clone();
    elsewhere["subject"] = "rooms.8.announce".into();
    problem(back_end.publish(&elsewhere).await, 404, "no_stream").await;
}

#[tokio::test]
async fn nobody_but_a_stream_is_believed_to_have_stored_a_message() {
    let nats = Nats::running().await;
    let options =
        Options::default().edit("publish_deadline_ms = 2000", "publish_deadline_ms = 300");
    let back_end = ForBackEnd::start_with(&nats, options).await;
    let insider = Insider::connect(&nats).await;
    let mut watch = insider.watch().await;
    let body = json!({ "subject": "rooms.7.announce", "payload": "x", "jetstream": true });
    problem(back_end.publish(&body).await, 504, "publish_unconfirmed").await;
    let message = watch.next().await;
    assert_eq!(message.payload, "x");
    // Who answers late, or rubbish, changes nothing.
    insider.0.publish(message.reply.unwrap(), "late".into()).await.unwrap();
    let (asked, client) = (back_end.publish(&body), insider.0.clone());
    let answer = async {
        let reply = watch.next().await.reply.unwrap();
        client.publish(reply, "not a stream".into()).await.unwrap();
    };
    let (response, ()) = tokio::join!(asked, answer);
    problem(response, 504, "publish_unconfirmed").await;
}

#[tokio::test]
async fn without_nats_nothing_is_sent_and_nothing_later() {
    let mut nats = Nats::running().await;
    let back_end = ForBackEnd::start(&nats).await;
    nats.kill();
    back_end.api.until_status("/readyz", 503).await;
    for jetstream in [false, true] {
        let body =
            json!({ "subject": "rooms.7.announce", "payload": "stale", "jetstream": jetstream });
        let response = back_end.publish(&body).await;
        assert_eq!(response.headers()["retry-after"], "1");
        problem(response, 503, "nats_unavailable").await;
    }
    back_end.api.signal(rustix::process::Signal::STOP);
    nats.start().await;
    let mut watch = Insider::connect(&nats).await.watch().await;
    back_end.api.signal(rustix::process::Signal::CONT);
    back_end.api.until_status("/readyz", 200).await;
    back_end.publish_well(&json!({ "subject": "rooms.7.announce", "payload": "fresh" })).await;
    // The service asks for its streams meanwhile.
    let first = loop {
        let message = watch.next().await;
        if message.subject.starts_with("rooms.") {
            break message;
        }
    };
    assert_eq!(first.payload, "fresh");
}

#[tokio::test]
async fn a_silent_server_is_not_reported_as_refusal() {
    let nats = Nats::running().await;
    let options =
        Options::default().edit("publish_deadline_ms = 2000", "publish_deadline_ms = 300");
    let back_end = ForBackEnd::start_with(&nats, options).await;
    nats.freeze();
    for jetstream in [false, true] {
        let body = json!({ "subject": "rooms.7.announce", "payload": "x", "jetstream": jetstream });
        let started = std::time::Instant::now();
        problem(back_end.publish(&body).await, 504, "publish_unconfirmed").await;
        assert!(started.elapsed() < Duration::from_secs(5));
    }
    nats.thaw();
}

#[tokio::test]
async fn what_the_service_itself_may_not_publish_is_not_reported_as_sent() {
    let nats = Nats::running().await;
    // The role is given to a back end only after the service user was made.
    let mut later = Nats::unprovisioned();
    later.edit_roles("{ api_key = \"backend\" }", "{ user = true }");
    assert!(later.init().status.success());
    later.start().await;
    later.edit_roles(
        "name = \"backend\"\ngiven_to = [{ user = true }]",
        "name = \"backend\"\ngiven_to = [{ api_key = \"backend\" }]",
    );
    let body = json!({ "subject": "rooms.7.announce", "payload": "x" });
    let back_end = ForBackEnd::start(&later).await;
    problem(back_end.publish(&body).await, 403, "subject_not_allowed").await;
    assert!(back_end.api.log().contains("this service may not publish on that subject"));
    ForBackEnd::start(&nats).await.publish_well(&body).await;
}
