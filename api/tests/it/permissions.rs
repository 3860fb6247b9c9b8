//! `GET /v1/permissions` says what nats-server does.

use nkeys::KeyPair;
use reqwest::Response;
use serde_json::{Value, json};

use crate::{
    callers::new_api_key,
    client::Client,
    insider::Insider,
    nats::Nats,
    service::{Api, Options, problem},
};

/// A service whose back end has these rights.
async fn with_rights(publish: &str, subscribe: &str) -> (Nats, Api, String) {
    let mut nats = Nats::unprovisioned();
    nats.edit_roles(
        "publish = { allow = [\"com.scaling-ws.updates\", \"rooms.*.announce\"], deny = [] }\n\
         subscribe = { allow = [\"_INBOX.{{subject()}}.>\"], deny = [] }",
        &format!("publish = {publish}\nsubscribe = {subscribe}"),
    );
    assert!(nats.init().status.success());
    nats.start().await;
    let (key, element) = new_api_key("backend");
    let options = Options::default().edit("api_keys = []", format!("api_keys = [{element}]"));
    let api = Api::start_with(&nats, &options).await;
    (nats, api, key)
}

async fn ask(api: &Api, bearer: &str, query: &[(&str, &str)]) -> Response {
    let mut url: url::Url = api.url("/v1/permissions").parse().unwrap();
    url.query_pairs_mut().extend_pairs(query);
    api.http.get(url).bearer_auth(bearer).send().await.unwrap()
}

async fn explain(api: &Api, bearer: &str, query: &[(&str, &str)]) -> Value {
    let response = ask(api, bearer, query).await;
    assert_eq!(response.status(), 200, "{query:?}");
    response.json().await.unwrap()
}

#[tokio::test]
async fn the_explanation_is_what_nats_server_does() {
    let (nats, api, bearer) = with_rights(
        "{ allow = [\"a.b\", \"one.*\", \"rest.>\", \"mid.*.x\", \"from.{{subject()}}\"], \
         deny = [\"one.no\", \"rest.no.>\", \"rest.*.secret\"] }",
        "{ allow = [\"a.b\", \"one.*\", \"rest.>\", \"mid.*.x\", \"_INBOX.{{subject()}}.>\"], \
         deny = [\"one.no\", \"rest.no.>\", \"rest.*.secret\", \"rest.deep.*\"] }",
    )
    .await;
    let key = KeyPair::new_user();
    let nkey = key.public_key();
    let body = json!({ "nkey": nkey });
    let response = api.post_as("/v1/credentials", &bearer, &body).await;
    let credential: Value = response.json().await.unwrap();
    let mut client = Client::tcp(&nats).await;
    assert_eq!(client.log_in(credential["jwt"].as_str().unwrap(), &key).await, "PONG");

    let own = [format!("from.{nkey}"), format!("_INBOX.{nkey}.1"), format!("_INBOX.{nkey}.>")];
    let subjects = [
        "a.b",
        "a",
        "a.b.c",
        "a.c",
        "one.x",
        "one.no",
        "one",
        "one.x.y",
        "rest.x",
        "rest",
        "rest.x.y",
        "rest.no",
        "rest.no.x",
        "rest.no.x.y",
        "rest.x.secret",
        "rest.x.y.secret",
        "mid.a.x",
        "mid.a.y",
        "mid.x",
        "A.b",
        "z",
        "$SYS.a",
        "_INBOX.a",
        "from.x",
        "rest.deep.x",
    ];
    let patterns = [
        "a.*",
        "a.>",
        "*.b",
        "*.*",
        "*",
        ">",
        "one.*",
        "one.>",
        "*.no",
        "rest.>",
        "rest.*",
        "rest.*.*",
        "rest.*.secret",
        "rest.no.>",
        "rest.no.*",
        "rest.*.>",
        "rest.>",
        "mid.*.x",
        "mid.*.*",
        "mid.>",
        "mid.*.>",
        "*.*.x",
        "rest.deep.*",
        "rest.deep.>",
        "rest.*.*.x",
        "$SYS.>",
        "_INBOX.>",
        "_INBOX.*.>",
    ];
    let mut wrong = Vec::new();
    let own: Vec<&str> = own.iter().map(String::as_str).collect();
    for subject in subjects.iter().chain(&own).filter(|subject| !subject.contains('>')) {
        let query = [("subject", *subject), ("action", "publish"), ("nkey", nkey.as_str())];
        let told = explain(&api, &bearer, &query).await;
        let said = client.round_trip(&format!("PUB {subject} 0\r\n\r\n")).await;
        if told["allowed"] != said.is_empty() {
            wrong.push((told, said));
        }
    }
    for subject in subjects.iter().chain(&patterns).chain(&own) {
        let query = [("subject", *subject), ("action", "subscribe"), ("nkey", nkey.as_str())];
        let told = explain(&api, &bearer, &query).await;
        let said = client.round_trip(&format!("SUB {subject} 1\r\nUNSUB 1\r\n")).await;
        if told["allowed"] != said.is_empty() {
            wrong.push((told, said));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn what_a_subscription_gets_is_what_the_explanation_says() {
    let (nats, api, bearer) = with_rights(
        "{ allow = [], deny = [\">\"] }",
        "{ allow = [\"one.*\", \"rest.>\", \"_INBOX.{{subject()}}.>\"], \
         deny = [\"rest.no.>\", \"rest.*.secret\"] }",
    )
    .await;
    let insider = Insider::connect(&nats).await;
    for (pattern, kept_back, published, received) in [
        (
            "rest.>",
            &["rest.no.>", "rest.*.secret"][..],
            &["rest.no.x", "rest.x.secret", "rest.x.y"][..],
            &["rest.x.y"][..],
        ),
        // Partly denied, without holding all of what is.
        ("rest.*.x", &["rest.no.>"], &["rest.no.x", "rest.y.x"], &["rest.y.x"]),
        ("rest.no", &[], &["rest.no"], &["rest.no"]),
        ("one.>", &[], &["one.x.y", "one.x"], &["one.x.y", "one.x"]),
    ] {
        let query = [("subject", pattern), ("action", "subscribe")];
        let told = explain(&api, &bearer, &query).await;
        assert_eq!(
            told["reason"],
            match pattern {
                "one.>" => {
                    "The role allows it: to nats-server, a last * allows a subscription to >, too."
                }
                "rest.no" => "The role allows it.",
                _ => "The role allows it; messages that it denies are kept back one by one.",
            }
        );
        assert_eq!((&told["allowed"], &told["kept_back"]), (&json!(true), &json!(kept_back)));

        // A connection of its own, since the server remembers for all of one.
        let key = KeyPair::new_user();
        let body = json!({ "nkey": key.public_key() });
        let response = api.post_as("/v1/credentials", &bearer, &body).await;
        let credential: Value = response.json().await.unwrap();
        let mut client = Client::tcp(&nats).await;
        assert_eq!(client.log_in(credential["jwt"].as_str().unwrap(), &key).await, "PONG");
        let inbox = format!("_INBOX.{}.end", key.public_key());
        let lines = format!("SUB {pattern} 1\r\nSUB {inbox} 2\r\n");
        assert!(client.round_trip(&lines).await.is_empty());
        for subject in published {
            insider.0.publish(*subject, "".into()).await.unwrap();
        }
        insider.0.publish(inbox.clone(), "".into()).await.unwrap();
        let mut got = Vec::new();
        loop {
            let message = client.next().await.unwrap();
            let subject = message.split(' ').nth(1).unwrap().to_owned();
            if subject == inbox {
                break;
            }
            got.push(subject);
        }
        assert_eq!(got, received, "{pattern}");
    }
}

#[tokio::test]
async fn the_rule_that_decides_is_named() {
    let (_nats, api, bearer) = with_rights(
        "{ allow = [\"rooms.>\", \"from.{{subject()}}\"], deny = [\"rooms.*.closed\"] }",
        "{ allow = [\"_INBOX.{{subject()}}.>\"], deny = [] }",
    )
    .await;
    let nkey = KeyPair::new_user().public_key();
    let rule = |list: &str, pattern: &str| json!({ "list": list, "pattern": pattern });
    for (subject, allowed, rule, reason) in [
        ("rooms.7.a", true, rule("allow", "rooms.>"), "The role allows it."),
        ("rooms.7.closed", false, rule("deny", "rooms.*.closed"), "The role denies it."),
        ("a", false, Value::Null, "Nothing allows it."),
        // Whose key it is has not been said.
        (&format!("from.{nkey}"), false, Value::Null, "Nothing allows it."),
        ("from.{{subject()}}", false, Value::Null, "Nothing allows it."),
    ] {
        let query = [("subject", subject), ("action", "publish")];
        let expected = json!({
            "subject": subject, "action": "publish", "allowed": allowed, "role": "backend",
            "rule": rule, "kept_back": [], "reason": reason,
        });
        assert_eq!(explain(&api, &bearer, &query).await, expected);
    }
    let query = [("subject", "from.x"), ("action", "publish"), ("nkey", "x")];
    problem(ask(&api, &bearer, &query).await, 400, "invalid_nkey").await;
    let query = [("subject", "rooms.>"), ("action", "publish")];
    problem(ask(&api, &bearer, &query).await, 400, "invalid_subject").await;
    problem(ask(&api, &bearer, &[("subject", "a")]).await, 400, "invalid_query").await;
    let query = [("subject", "a"), ("action", "publish"), ("role", "member")];
    problem(ask(&api, &bearer, &query).await, 403, "role_not_allowed").await;
    let query = [("subject", "a"), ("action", "publish"), ("channels", "room:7")];
    problem(ask(&api, &bearer, &query).await, 403, "channel_not_allowed").await;
    problem(ask(&api, "nonsense", &query).await, 401, "invalid_credentials").await;
}
