//! What a guest's credential is good for, and what it is not.

use std::time::Duration;

use async_nats::ConnectErrorKind;
use e2e::{Browser, Stack, State, UPDATES, Verdict};
use nkeys::KeyPair;
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::wire::Wire;
use crate::{CONNECTED_WITHIN, TestResult, UPDATE_WITHIN, parse};

#[tokio::test]
async fn the_page_is_told_what_it_may_not_subscribe_to_and_stays_connected() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = browser.open(&stack.api.url("/")).await?;
    tab.reaches(State::Connected, CONNECTED_WITHIN).await?;

    for (subject, expected) in [
        (">", Verdict::Denied),
        (UPDATES, Verdict::Allowed),
        ("$SYS.>", Verdict::Denied),
        ("com..updates", Verdict::Invalid),
        ("com.scaling-ws.*", Verdict::Denied),
        ("two words", Verdict::Invalid),
        ("_INBOX.>", Verdict::Denied),
        (">.updates", Verdict::Invalid),
    ] {
        assert_eq!(tab.probe(subject).await?, expected, "{subject}");
    }

    tab.reaches(State::Connected, Duration::ZERO).await?;
    assert_eq!(stack.ping().await?.status(), 200);
    let lines = tab.shows_updates(1, UPDATE_WITHIN).await?;
    assert!(parse(&lines[0]).1["sendTime"].is_string());
    Ok(())
}

#[tokio::test]
async fn a_guest_credential_is_refused_on_the_tcp_port_and_taken_on_the_websocket() -> TestResult {
    let stack = Stack::start().await?;
    let (jwt, key) = guest(&stack).await?;

    let signer =
        KeyPair::from_seed(&key.seed().expect("a new key has a seed")).expect("a seed makes a key");
    let refusal = async_nats::ConnectOptions::with_jwt(jwt.clone(), move |nonce| {
        let signature = signer.sign(&nonce);
        async move { signature.map_err(async_nats::AuthError::new) }
    })
    .connect(stack.nats.client_url())
    .await
    .expect_err("a browser's credential is for the websocket alone");
    assert_eq!(refusal.kind(), ConnectErrorKind::AuthorizationViolation, "{refusal}");

    let mut wire = Wire::open(&stack).await;
    assert_eq!(wire.login(&jwt, &key).await, "PONG");
    wire.send(&format!("SUB {UPDATES} 1\r\nPING\r\n")).await;
    assert_eq!(wire.next().await, "PONG");
    assert_eq!(stack.ping().await?.status(), 200);
    let update = wire.next().await;
    assert!(update.starts_with(&format!("MSG {UPDATES} 1 ")), "{update}");
    Ok(())
}

#[tokio::test]
async fn a_guest_publishes_nothing_but_in_its_playground() -> TestResult {
    let stack = Stack::start().await?;
    let (jwt, key) = guest(&stack).await?;
    let mut wire = Wire::open(&stack).await;
    assert_eq!(wire.login(&jwt, &key).await, "PONG");

    let strangers = format!("com.scaling-ws.playground.{}.x", KeyPair::new_user().public_key());
    for subject in [UPDATES, "$SYS.REQ.SERVER.PING", "$JS.API.INFO", "_INBOX.other.1", &strangers] {
        wire.send(&format!("PUB {subject} 2\r\nhi\r\n")).await;
        let expected = format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'");
        assert_eq!(wire.next().await, expected);
    }
    let own = format!("com.scaling-ws.playground.{}.x", key.public_key());
    wire.send(&format!("SUB com.scaling-ws.playground.> 1\r\nPUB {own} 2\r\nhi\r\n")).await;
    assert_eq!(wire.next().await, format!("MSG {own} 1 2"));
    Ok(())
}

#[tokio::test]
async fn a_credential_is_worth_nothing_without_its_key() -> TestResult {
    let stack = Stack::start().await?;
    let (jwt, _) = guest(&stack).await?;
    let mut wire = Wire::open(&stack).await;
    let answer = wire.login(&jwt, &KeyPair::new_user()).await;
    assert_eq!(answer, "-ERR 'Authorization Violation'");
    Ok(())
}

#[tokio::test]
async fn a_page_from_elsewhere_gets_no_websocket() -> TestResult {
    let stack = Stack::start().await?;
    let mut request =
        stack.nats.websocket_url().into_client_request().expect("the URL is a websocket's");
    request.headers_mut().insert("Origin", http::HeaderValue::from_static("http://evil.example"));
    let refusal = connect_async(request).await.expect_err("the origin is not on the list");
    let tokio_tungstenite::tungstenite::Error::Http(answer) = refusal else {
        panic!("not an HTTP answer: {refusal}");
    };
    assert_eq!(answer.status(), 403);
    Ok(())
}

/// Fetches a guest's credential for a new key.
async fn guest(stack: &Stack) -> Result<(String, KeyPair), e2e::Error> {
    let key = KeyPair::new_user();
    let answer = reqwest::Client::new()
        .post(stack.api.url("/v1/credentials"))
        .json(&json!({ "nkey": key.public_key() }))
        .send()
        .await?;
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let credential: Value = answer.json().await?;
    assert_eq!(credential["servers"], json!([stack.nats.websocket_url()]));
    let jwt = credential["jwt"].as_str().expect("a credential has a JWT").to_owned();
    Ok((jwt, key))
}
