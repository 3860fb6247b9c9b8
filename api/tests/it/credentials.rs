//! What a credential opens, and what it does not.

use nkeys::KeyPair;
use serde_json::json;

use crate::{
    client::Client,
    nats::Nats,
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
                "allow": [
                    format!("com.scaling-ws.playground.{nkey}.>"),
                    format!("presence.demo.lobby.{nkey}.*"),
                    format!("_INBOX.{nkey}.>"),
                ],
                "deny": [],
            },
            "subscribe": {
                "allow": [
                    UPDATES,
                    "com.scaling-ws.playground.>",
                    "presence.demo.lobby.>",
                    &format!("_INBOX.{nkey}.>"),
                ],
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
