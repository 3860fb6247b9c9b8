//! Stopping without dropping anything.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    nats::Nats,
    service::{Api, Options},
    wait::until,
};

/// Half a request for a credential, and the other half.
fn halves() -> (String, String) {
    let body = serde_json::json!({ "nkey": nkeys::KeyPair::new_user().public_key() }).to_string();
    let head = format!(
        "POST /v1/credentials HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n",
        body.len()
    );
    (format!("{head}{}", &body[..10]), body[10..].to_owned())
}

#[tokio::test]
async fn both_signals_end_it_with_success_and_nats_is_drained() {
    for signal in [Signal::INT, Signal::TERM] {
        let nats = Nats::running().await;
        let options = Options::default().env("RUST_LOG", "api=debug");
        let mut api = Api::start_with(&nats, &options).await;
        api.until_status("/readyz", 200).await;
        api.signal(signal);
        assert_eq!(api.ended().await.code(), Some(0));
        let log = api.log();
        assert!(log.contains("the connection to NATS is drained"), "{log}");
        assert!(log.contains("stopped"), "{log}");
    }
}

#[tokio::test]
async fn it_stops_while_nats_is_absent() {
    let nats = Nats::provision();
    let mut api = Api::start(&nats).await;
    api.signal(Signal::TERM);
    assert_eq!(api.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_request_in_flight_is_finished_first() {
    let nats = Nats::running().await;
    let mut api = Api::ready(&nats).await;
    let (first, second) = halves();
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(first.as_bytes()).await.unwrap();
    // Answered on a connection opened later, so the first request has been read by then.
    assert_eq!(api.get("/healthz").await.status(), 200);

    api.signal(Signal::TERM);
    until("no new connection is taken", || async {
        TcpStream::connect(api.address).await.is_err().then_some(())
    })
    .await;
    stream.write_all(second.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert_eq!(api.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_request_that_never_ends_is_cut_off_at_the_deadline() {
    let nats = Nats::provision();
    let options =
        Options::default().edit("shutdown_deadline_ms = 5000", "shutdown_deadline_ms = 300");
    let mut api = Api::start_with(&nats, &options).await;
    let (first, _) = halves();
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(first.as_bytes()).await.unwrap();
    assert_eq!(api.get("/healthz").await.status(), 200);
    let started = Instant::now();
    api.signal(Signal::TERM);
    assert_eq!(api.ended().await.code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(api.log().contains("cut off"), "{}", api.log());
}
