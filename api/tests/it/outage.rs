//! NATS absent, gone, frozen and back.

use std::time::{Duration, Instant};

use api::publish::Connection;
use nkeys::KeyPair;
use rustix::process::Signal;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::{
    client::Client,
    nats::Nats,
    relay::Relay,
    service::{Api, Options, problem},
    wait::until,
};

/// A browser's key and credential, got while the service can give one.
async fn credential(api: &Api) -> (Value, KeyPair) {
    let key = KeyPair::new_user();
    (api.credential(&key.public_key()).await, key)
}

async fn watch_updates(nats: &Nats, (credential, key): (Value, KeyPair)) -> Client {
    let mut client = Client::websocket(nats).await;
    assert_eq!(client.log_in(credential["jwt"].as_str().unwrap(), &key).await, "PONG");
    assert!(client.round_trip("SUB com.scaling-ws.updates 1\r\n").await.is_empty());
    client
}

/// Publishes until it works, which is one update.
async fn ping_until_200(api: &Api) {
    until("a ping works", || async { (api.ping().await.status() == 200).then_some(()) }).await;
}

#[tokio::test]
async fn the_service_starts_without_nats_and_finds_it_later() {
    let mut nats = Nats::provision();
    let api = Api::start(&nats).await;
    assert_eq!(api.get("/healthz").await.status(), 200);
    problem(api.get("/readyz").await, 503, "nats_unavailable").await;
    let refused = api.ping().await;
    assert_eq!(refused.headers()["retry-after"], "1");
    problem(refused, 503, "nats_unavailable").await;
    // Credentials need no NATS.
    api.credential(&KeyPair::new_user().public_key()).await;

    nats.start().await;
    api.until_status("/readyz", 200).await;
    assert_eq!(api.ping().await.status(), 200);
    let log = api.log();
    assert!(log.contains("cannot connect to NATS"), "{log}");
    assert!(log.contains("connected to NATS"), "{log}");
}

#[tokio::test]
async fn what_was_refused_is_never_delivered() {
    let mut nats = Nats::running().await;
    let api = Api::ready(&nats).await;
    assert_eq!(api.ping().await.status(), 200);

    for _ in 0..3 {
        nats.kill();
        let started = Instant::now();
        // The very first may catch the connection before it is known to be lost: then nobody can
        // tell. From the first 503 on, it is certain.
        until("the outage is noticed", || async {
            let response = api.ping().await;
            assert!(matches!(response.status().as_u16(), 503 | 504), "{}", response.status());
            (response.status() == 503).then_some(())
        })
        .await;
        for _ in 0..10 {
            problem(api.ping().await, 503, "nats_unavailable").await;
        }
        assert!(started.elapsed() < Duration::from_secs(30));
        problem(api.get("/readyz").await, 503, "nats_unavailable").await;

        // The watcher must be there before the service is connected again.
        let guest = credential(&api).await;
        api.signal(Signal::STOP);
        nats.start().await;
        let mut watcher = watch_updates(&nats, guest).await;
        api.signal(Signal::CONT);

        ping_until_200(&api).await;
        let received = watcher.round_trip("").await;
        assert_eq!(received.len(), 1, "{received:?}");
    }
}

#[tokio::test]
async fn a_client_dies_with_its_connection_and_a_new_one_follows() {
    let nats = Nats::running().await;
    let relay = Relay::start(nats.client_port).await;
    let settings = nats.settings_by(relay.port);
    let stop = CancellationToken::new();
    let (connection, task) = Connection::spawn(settings, stop.clone());
    let first = until("there is a client", || async { connection.client() }).await;

    // The server is there all the time: a client that came back by itself would be back at once,
    // take this, and send what it had held back.
    relay.cut();
    until("the first client takes nothing any more", || async {
        first.publish("com.scaling-ws.updates", "stale".into()).await.is_err().then_some(())
    })
    .await;
    let second = until("there is a client again", || async { connection.client() }).await;
    second.publish("com.scaling-ws.updates", "fresh".into()).await.unwrap();
    stop.cancel();
    task.await.unwrap();
}

#[tokio::test]
async fn silence_is_not_reported_as_refusal() {
    let nats = Nats::running().await;
    let options =
        Options::default().edit("publish_deadline_ms = 2000", "publish_deadline_ms = 300");
    let api = Api::start_with(&nats, &options).await;
    api.until_status("/readyz", 200).await;
    let mut watcher = watch_updates(&nats, credential(&api).await).await;

    nats.freeze();
    let started = Instant::now();
    problem(api.ping().await, 504, "publish_unconfirmed").await;
    assert!(started.elapsed() < Duration::from_secs(30));
    nats.thaw();

    // It was on its way, and arrives.
    assert!(watcher.next().await.unwrap().starts_with("MSG com.scaling-ws.updates"));
    ping_until_200(&api).await;
}

#[tokio::test]
async fn credentials_that_nats_does_not_take_are_told_and_not_fatal() {
    let nats = Nats::running().await;
    let other = Nats::provision();
    let options = Options::default().env("API_NATS_URL", nats.url());
    // The keys are of another installation.
    let api = Api::start_with(&other, &options).await;
    problem(api.ping().await, 503, "nats_unavailable").await;
    until("the reason is logged", || async {
        api.log().contains("authorization violation").then_some(())
    })
    .await;
    assert_eq!(api.get("/healthz").await.status(), 200);
}
