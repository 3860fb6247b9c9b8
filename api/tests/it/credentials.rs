//! What a credential opens, and what it does not.

use nkeys::KeyPair;
use serde_json::json;

use crate::{
    client::{Client, open_websocket},
    nats::{Nats, PAGE_ORIGIN},
    service::{Api, Options, problem},
};

const UPDATES: &str = "com.scaling-ws.updates";

async fn guest(nats: &Nats, api: &Api) -> (Client, KeyPair) {
    let key = KeyPair::new_user();
    let credential = api.credential(&key.public_key()).await;
    let mut client = Client::websocket(nats).await;
    assert_eq!(client.log_in(credential["jwt"].as_str().unwrap(), &key).await, "PONG");
    (client, key)
}

#[tokio::test]
async fn the_response_says_all_a_client_needs() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    let nkey = KeyPair::new_user().public_key();
    let response = api.post("/v1/credentials", json!({ "nkey": nkey }).to_string()).await;
    assert_eq!(response.headers()["cache-control"], "no-store");
    let body: serde_json::Value = response.json().await.unwrap();

    assert_eq!(body["role"], "guest");
    assert_eq!(body["ttl"], 900);
    assert_eq!(body["refresh_after"], 720);
    let (expires_at, server_time) =
        (body["expires_at"].as_i64().unwrap(), body["server_time"].as_i64().unwrap());
    assert_eq!(expires_at - server_time, 900);
    assert_eq!(body["inbox_prefix"], format!("_INBOX.{nkey}"));
    assert_eq!(body["servers"], json!([nats.websocket_url()]));
    assert_eq!(
        body["permissions"],
        json!({
            "publish": {
                "allow": [format!("com.scaling-ws.playground.{nkey}.>"), format!("_INBOX.{nkey}.>")],
                "deny": [],
            },
            "subscribe": {
                "allow": [UPDATES, "com.scaling-ws.playground.>", &format!("_INBOX.{nkey}.>")],
                "deny": [],
            },
        })
    );
    assert!(body["jwt"].as_str().unwrap().len() < 3_500);
}

#[tokio::test]
async fn a_guest_sees_updates_the_playground_and_its_own_inbox_and_nothing_else() {
    let nats = Nats::running().await;
    let api = Api::ready(&nats).await;
    let (mut client, key) = guest(&nats, &api).await;
    let stranger = KeyPair::new_user().public_key();

    let own = key.public_key();
    let allowed = format!("SUB {UPDATES} 1\r\nSUB _INBOX.{own}.> 2\r\nSUB _INBOX.{own}.a.b 3\r\n");
    assert_eq!(client.round_trip(&allowed).await, [] as [String; 0]);

    for subject in [
        ">".to_owned(),
        "*.>".to_owned(),
        "com.>".to_owned(),
        "com.scaling-ws.>".to_owned(),
        "com.scaling-ws.api.confirm".to_owned(),
        "_INBOX.>".to_owned(),
        "_INBOX.*.>".to_owned(),
        format!("_INBOX.{stranger}.>"),
        "$SYS.>".to_owned(),
        "$JS.API.>".to_owned(),
    ] {
        let answers = client.round_trip(&format!("SUB {subject} 9\r\n")).await;
        let expected = format!("-ERR 'Permissions Violation for Subscription to \"{subject}\"'");
        assert_eq!(answers, [expected]);
    }
    let playground = "com.scaling-ws.playground";
    for subject in [
        UPDATES,
        "a",
        "$JS.API.INFO",
        playground,
        &format!("{playground}.{own}"),
        &format!("{playground}.{stranger}.x"),
        &format!("{playground}.{own}x.x"),
        &format!("_INBOX.{stranger}.x"),
    ] {
        let answers = client.round_trip(&format!("PUB {subject} 2\r\nhi\r\n")).await;
        let expected = format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'");
        assert_eq!(answers, [expected]);
    }

    // What it publishes below its own key, and to its own inbox, everybody and only it reads.
    let (mut reader, _) = guest(&nats, &api).await;
    assert_eq!(reader.round_trip(&format!("SUB {playground}.> 7\r\n")).await, [] as [String; 0]);
    let answers = client.round_trip(&format!("PUB {playground}.{own}.hi 2\r\nhi\r\n")).await;
    assert_eq!(answers, [] as [String; 0]);
    assert_eq!(reader.next().await.unwrap(), format!("MSG {playground}.{own}.hi 7 2\nhi"));
    let answers = client.round_trip(&format!("PUB _INBOX.{own}.x 2\r\nhi\r\n")).await;
    assert_eq!(answers, [format!("MSG _INBOX.{own}.x 2 2\nhi")]);

    // Still there, and served.
    let response = api.ping().await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.text().await.unwrap(), r#"{"message":"pong"}"#);
    let message = client.next().await.unwrap();
    let (line, payload) = message.split_once('\n').unwrap();
    assert!(line.starts_with(&format!("MSG {UPDATES} 1 ")), "{line}");
    let payload: serde_json::Value = serde_json::from_str(payload).unwrap();
    let send_time = payload["sendTime"].as_str().unwrap();
    assert_eq!(send_time.len(), "2026-11-25T07:00:00.123Z".len());
    assert!(send_time.ends_with('Z') && send_time.as_bytes()[19] == b'.', "{send_time}");
    assert_eq!(payload.as_object().unwrap().len(), 1);
}

#[tokio::test]
async fn a_guest_is_held_to_its_limits() {
    let nats = Nats::running().await;
    let api = Api::ready(&nats).await;

    let (mut client, key) = guest(&nats, &api).await;
    let own = key.public_key();
    let subscriptions: String = (0..40).map(|n| format!("SUB _INBOX.{own}.{n} {n}\r\n")).collect();
    let answers = client.round_trip(&subscriptions).await;
    assert!(answers.iter().all(|a| a == "-ERR 'maximum subscriptions exceeded'"), "{answers:?}");
    assert_eq!(answers.len(), 8);

    let (mut client, _) = guest(&nats, &api).await;
    client.send(&format!("PUB {UPDATES} 1025\r\n{}\r\n", "x".repeat(1025))).await;
    let rest = client.until_closed().await;
    assert_eq!(rest, ["-ERR 'Maximum Payload Violation'"]);
}

#[tokio::test]
async fn the_credential_is_refused_on_the_tcp_port() {
    let nats = Nats::running().await;
    let api = Api::ready(&nats).await;
    let key = KeyPair::new_user();
    let credential = api.credential(&key.public_key()).await;
    let mut client = Client::tcp(&nats).await;
    let answer = client.log_in(credential["jwt"].as_str().unwrap(), &key).await;
    assert_eq!(answer, "-ERR 'Authorization Violation'");
}

#[tokio::test]
async fn the_credential_alone_is_not_enough() {
    let nats = Nats::running().await;
    let api = Api::ready(&nats).await;
    let (owner, thief) = (KeyPair::new_user(), KeyPair::new_user());
    let credential = api.credential(&owner.public_key()).await;
    let mut client = Client::websocket(&nats).await;
    let answer = client.log_in(credential["jwt"].as_str().unwrap(), &thief).await;
    assert_eq!(answer, "-ERR 'Authorization Violation'");
}

#[tokio::test]
async fn the_connection_ends_with_the_credential() {
    let nats = Nats::running().await;
    nats.edit_roles("ttl_seconds = 900", "ttl_seconds = 3");
    let api = Api::start(&nats).await;
    let (mut client, key) = guest(&nats, &api).await;
    let credential = api.credential(&key.public_key()).await;
    assert_eq!(client.until_closed().await, ["-ERR 'User Authentication Expired'"]);

    // The second credential is younger by some milliseconds, and expiry is checked in seconds.
    let jwt = credential["jwt"].as_str().unwrap();
    crate::wait::until("the second credential expires too", || async {
        let mut client = Client::websocket(&nats).await;
        (client.log_in(jwt, &key).await == "-ERR 'Authorization Violation'").then_some(())
    })
    .await;
}

#[tokio::test]
async fn only_listed_origins_open_a_websocket() {
    let nats = Nats::running().await;
    for origin in [Some(PAGE_ORIGIN), Some("http://127.0.0.1:3000"), None] {
        assert!(open_websocket(&nats, origin).await.is_ok(), "{origin:?}");
    }
    for origin in ["http://evil.example", "http://localhost:3001", "https://localhost:3000"] {
        let error = open_websocket(&nats, Some(origin)).await.err().unwrap();
        assert!(error.to_string().contains("403"), "{origin}: {error}");
    }
}

#[tokio::test]
async fn keys_that_are_none_of_a_user_are_refused() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    let good = KeyPair::new_user().public_key();
    let seed = KeyPair::new_user().seed().unwrap();
    let rubbish = [
        String::new(),
        "U".to_owned(),
        "*".to_owned(),
        ">".to_owned(),
        "a b".to_owned(),
        "é".repeat(28),
        "\0\r\n".to_owned(),
        "{{name()}}".to_owned(),
        good.to_lowercase(),
        format!("{good} "),
        format!("{}A", &good[..55]),
        "U".repeat(56),
        "U".repeat(10_000),
        KeyPair::new_account().public_key(),
        KeyPair::new_operator().public_key(),
        KeyPair::new_server().public_key(),
        seed.clone(),
    ];
    for nkey in rubbish {
        if nkey == good {
            continue;
        }
        let body = json!({ "nkey": nkey }).to_string();
        problem(api.post("/v1/credentials", body).await, 400, "invalid_nkey").await;
    }
    assert!(!api.log().contains(&seed));
}

#[tokio::test]
async fn without_guest_access_everybody_gets_the_same_401() {
    let nats = Nats::provision();
    let options = Options::default().edit("enabled = true", "enabled = false");
    let api = Api::start_with(&nats, &options).await;
    let good = json!({ "nkey": KeyPair::new_user().public_key() }).to_string();
    let mut bodies = Vec::new();
    for body in [good.as_str(), "{}", "not json", ""] {
        let response = api.post("/v1/credentials", body.to_owned()).await;
        assert_eq!(response.headers()["www-authenticate"], "Bearer");
        bodies.push(problem(response, 401, "authentication_required").await);
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1);
}
