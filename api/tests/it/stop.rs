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

/// A request for a credential that the API is in the middle of: it has the head and waits for this body,
/// which is to be written to the stream.
///
/// The API itself says that it has come so far: `Expect: 100-continue` is answered when a handler asks
/// for the body (RFC 9110, section 10.1.1). Bytes that were merely written may wait in the socket, and
/// a connection on which nothing was read is idle: a stopping server closes it.
pub(crate) async fn request_in_flight(api: &Api, body: &str) -> TcpStream {
    let head = format!(
        "POST /v1/credentials HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
         Expect: 100-continue\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; "HTTP/1.1 100 Continue\r\n\r\n".len()];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream
}

fn ask() -> String {
    serde_json::json!({ "nkey": nkeys::KeyPair::new_user().public_key() }).to_string()
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
    let body = ask();
    let mut stream = request_in_flight(&api, &body).await;
    api.signal(Signal::TERM);
    until("no new connection is taken", || async {
        TcpStream::connect(api.address).await.is_err().then_some(())
    })
    .await;
    stream.write_all(body.as_bytes()).await.unwrap();
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
    let _stream = request_in_flight(&api, &ask()).await;
    let started = Instant::now();
    api.signal(Signal::TERM);
    assert_eq!(api.ended().await.code(), Some(0));
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(api.log().contains("cut off"), "{}", api.log());
}
