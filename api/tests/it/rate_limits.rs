//! Too often, too many, too large.

use std::time::{Duration, Instant};

use nkeys::KeyPair;
use reqwest::{Response, header};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    callers::new_api_key,
    client::Client,
    nats::Nats,
    service::{Api, Options, problem},
    wait::until,
};

const CREDENTIALS: &str = "/v1/credentials";

/// A bucket that is as good as not filled up while a test runs.
fn limit(name: &'static str, burst: u32) -> Options {
    let before = match name {
        "session" => "[limits.session]\nburst = 300\nper_minute = 600",
        "caller" => "[limits.caller]\nburst = 3000\nper_minute = 60000",
        _ => "[limits.address]\nburst = 3000\nper_minute = 60000",
    };
    Options::default().edit(before, format!("[limits.{name}]\nburst = {burst}\nper_minute = 1"))
}

/// Checks that a call was refused for coming too often, and how long to wait.
async fn too_many(response: Response) {
    let wait = response.headers()[header::RETRY_AFTER].to_str().unwrap().parse::<u64>().unwrap();
    assert!((1..=60).contains(&wait), "{wait}");
    problem(response, 429, "rate_limited").await;
}

async fn credential_for(api: &Api, nkey: &str, bearer: Option<&str>) -> Response {
    let mut request = api
        .http
        .post(api.url(CREDENTIALS))
        .header(header::CONTENT_TYPE, "application/json")
        .body(json!({ "nkey": nkey }).to_string());
    if let Some(bearer) = bearer {
        request = request.bearer_auth(bearer);
    }
    request.send().await.unwrap()
}

#[tokio::test]
async fn an_address_that_calls_too_often_is_told_when_to_come_back() {
    let nats = Nats::running().await;
    let options = limit("address", 6).edit("cross = []", "cross = [\"https://partner.example\"]");
    let api = Api::start_with(&nats, &options).await;
    api.until_status("/readyz", 200).await;
    let (credential, key) = {
        let key = KeyPair::new_user();
        (api.credential(&key.public_key()).await, key)
    };
    let mut watcher = Client::websocket(&nats).await;
    assert_eq!(watcher.log_in(credential["jwt"].as_str().unwrap(), &key).await, "PONG");
    assert!(watcher.round_trip("SUB com.scaling-ws.updates 1\r\n").await.is_empty());

    // What a foreign page brings about is refused and not counted.
    for _ in 0..20 {
        let foreign =
            api.http.post(api.url("/ping")).header(header::ORIGIN, "https://evil.example");
        problem(foreign.send().await.unwrap(), 403, "origin_not_allowed").await;
    }
    // What is refused for other reasons counts: rubbish, and credentials that are tried out.
    problem(api.post(CREDENTIALS, "{}").await, 422, "invalid_request").await;
    problem(api.call_as("/ping", "guess").await, 401, "invalid_credentials").await;
    for _ in 0..3 {
        assert_eq!(api.ping().await.status(), 200);
    }
    for path in ["/ping", CREDENTIALS] {
        too_many(api.post(path, "{}").await).await;
        too_many(api.call_as(path, "guess").await).await;
    }
    // A page elsewhere can read that, too.
    let page = api.http.post(api.url("/ping")).header(header::ORIGIN, "https://partner.example");
    let refused = page.send().await.unwrap();
    let allowed = &refused.headers()[header::ACCESS_CONTROL_ALLOW_ORIGIN];
    assert_eq!(allowed, "https://partner.example");
    too_many(refused).await;

    // What mints and publishes nothing is not limited.
    for _ in 0..20 {
        assert_eq!(api.get("/healthz").await.status(), 200);
    }
    // Three updates, and no trace of the rest.
    for _ in 0..3 {
        assert!(watcher.next().await.unwrap().starts_with("MSG com.scaling-ws.updates 1 "));
    }
    assert!(watcher.round_trip("").await.is_empty());
}

#[tokio::test]
async fn there_is_room_again_after_the_time_that_was_told() {
    let nats = Nats::provision();
    let options = Options::default().edit(
        "[limits.address]\nburst = 3000\nper_minute = 60000",
        "[limits.address]\nburst = 1\nper_minute = 20",
    );
    let api = Api::start_with(&nats, &options).await;
    problem(api.post(CREDENTIALS, "{}").await, 422, "invalid_request").await;
    let refused = api.post(CREDENTIALS, "{}").await;
    let wait: u64 = refused.headers()[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=3).contains(&wait), "{wait}");
    too_many(refused).await;
    let begun = Instant::now();
    until("there is room again", || async {
        (api.post(CREDENTIALS, "{}").await.status() == 422).then_some(())
    })
    .await;
    assert!(begun.elapsed() <= Duration::from_secs(wait + 5), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn all_keys_of_one_back_end_are_one_caller() {
    let nats = Nats::provision();
    nats.admit_back_ends(&["billing", "shop"]);
    let (billing, element) = new_api_key("billing");
    let (billing_too, also) = new_api_key("billing");
    let (shop, other) = new_api_key("shop");
    let options =
        limit("caller", 2).edit("api_keys = []", format!("api_keys = [{element} {also} {other}]"));
    let api = Api::start_with(&nats, &options).await;
    assert_eq!(api.call_as(CREDENTIALS, &billing).await.status(), 200);
    assert_eq!(api.call_as(CREDENTIALS, &billing_too).await.status(), 200);
    too_many(api.call_as(CREDENTIALS, &billing).await).await;
    too_many(api.call_as("/ping", &billing_too).await).await;
    assert_eq!(api.call_as(CREDENTIALS, &shop).await.status(), 200);
    for _ in 0..5 {
        api.credential(&KeyPair::new_user().public_key()).await;
    }
}

#[tokio::test]
async fn a_key_is_given_so_many_credentials_to_each_who_asks() {
    let nats = Nats::provision();
    nats.admit_back_ends(&["shop"]);
    let (shop, element) = new_api_key("shop");
    let options = limit("session", 2).edit("api_keys = []", format!("api_keys = [{element}]"));
    let api = Api::start_with(&nats, &options).await;
    let nkey = KeyPair::new_user().public_key();
    // A key that is none is no session.
    for _ in 0..5 {
        problem(credential_for(&api, "U", None).await, 400, "invalid_nkey").await;
    }
    for _ in 0..2 {
        assert_eq!(credential_for(&api, &nkey, None).await.status(), 200);
    }
    too_many(credential_for(&api, &nkey, None).await).await;
    // Neither another key nor another caller for the same key.
    assert_eq!(credential_for(&api, &KeyPair::new_user().public_key(), None).await.status(), 200);
    assert_eq!(credential_for(&api, &nkey, Some(&shop)).await.status(), 200);
}

#[tokio::test]
async fn behind_a_trusted_proxy_callers_are_told_apart_and_cannot_lie() {
    let nats = Nats::provision();
    let call = async |api: &Api, header: &'static str, value: &str| {
        let request = api.http.post(api.url("/ping")).header(header, value);
        request.send().await.unwrap().status().as_u16()
    };
    // Nobody is trusted: what stands in the header does not matter.
    let api = Api::start_with(&nats, &limit("address", 1)).await;
    assert_eq!(call(&api, "x-forwarded-for", "192.0.2.1").await, 503);
    assert_eq!(call(&api, "x-forwarded-for", "192.0.2.2").await, 429);

    for (setting, header, forms) in [
        ("x-forwarded-for", "x-forwarded-for", ["{}", "198.51.100.9, {}", "1.1.1.1,{}:8080"]),
        ("forwarded", "forwarded", ["for={}", "for=9.9.9.9, for=\"{}\"", "proto=http;For={}"]),
    ] {
        let options = limit("address", 1)
            .edit("trusted_proxies = []", "trusted_proxies = [\"127.0.0.0/8\"]")
            .edit(
                "forwarded_header = \"x-forwarded-for\"",
                format!("forwarded_header = \"{setting}\""),
            );
        let api = Api::start_with(&nats, &options).await;
        assert_eq!(call(&api, header, &forms[0].replace("{}", "192.0.2.1")).await, 503);
        // What it says of those before it was written by the caller.
        for form in forms {
            assert_eq!(call(&api, header, &form.replace("{}", "192.0.2.1")).await, 429, "{form}");
        }
        assert_eq!(call(&api, header, &forms[1].replace("{}", "192.0.2.2")).await, 503);
        // The other header is not the proxy's.
        let other = if header == "forwarded" { "x-forwarded-for" } else { "forwarded" };
        assert_eq!(call(&api, other, "for=192.0.2.3").await, 503, "for the proxy itself");
        assert_eq!(call(&api, other, "for=192.0.2.4").await, 429);
    }
    let options =
        limit("address", 1).edit("trusted_proxies = []", "trusted_proxies = [\"127.0.0.1\"]");
    let api = Api::start_with(&nats, &options).await;
    assert_eq!(call(&api, "x-forwarded-for", "2001:db8::1").await, 503);
    assert_eq!(call(&api, "x-forwarded-for", "2001:db8::2:2").await, 429);
    assert_eq!(call(&api, "x-forwarded-for", "2001:db8:0:1::1").await, 503);
}

/// Reads what comes until the service closes the connection.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A connection that is reset is closed, too.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn a_head_that_trickles_in_and_a_connection_that_idles_are_given_up_on() {
    let nats = Nats::provision();
    let options =
        Options::default().edit("header_read_timeout_ms = 10000", "header_read_timeout_ms = 300");
    let api = Api::start_with(&nats, &options).await;
    for sent in ["", "POST /ping HTTP/1.1\r\nHost: x\r\nX-Slow: ", "GET /healthz HTTP/1.1\r\n"] {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(api.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let answer = until_closed(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 408 "), "{answer}");
        assert!(begun.elapsed() >= Duration::from_millis(300));
    }
    // Kept open for the next request, which does not come.
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn a_large_head_is_refused() {
    let nats = Nats::provision();
    let options = Options::default().edit("max_header_bytes = 16384", "max_header_bytes = 2048");
    let api = Api::start_with(&nats, &options).await;
    let head = |bytes: usize| {
        let value = "a".repeat(bytes);
        format!("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX: {value}\r\n\r\n")
    };
    for (bytes, status) in [(1000, "200"), (2048, "431"), (100_000, "431")] {
        let mut stream = TcpStream::connect(api.address).await.unwrap();
        // The service may have closed the connection before all of it is sent.
        let _ = stream.write_all(head(bytes).as_bytes()).await;
        let answer = until_closed(&mut stream).await;
        // A reset may take the answer away from one who is still sending.
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) || bytes > 65_536,
            "{bytes}: {answer}"
        );
    }
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    let many: String = (0..200).map(|n| format!("H{n}: 1\r\n")).collect();
    let head = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{many}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = until_closed(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_eq!(api.get("/healthz").await.status(), 200);
}

#[tokio::test]
async fn no_more_connections_are_taken_than_allowed() {
    let nats = Nats::provision();
    let options = Options::default().edit("max_connections = 1024", "max_connections = 2");
    let api = Api::start_with(&nats, &options).await;
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    let mut buffer = [0; 12];
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(api.address).await.unwrap();
        stream.write_all(request).await.unwrap();
        stream.read_exact(&mut buffer).await.unwrap();
        assert_eq!(&buffer, b"HTTP/1.1 200");
        open.push(stream);
    }
    let mut third = TcpStream::connect(api.address).await.unwrap();
    third.write_all(request).await.unwrap();
    let early = tokio::time::timeout(Duration::from_millis(300), third.read_exact(&mut buffer));
    assert!(early.await.is_err(), "a third connection was served");
    open.pop();
    third.read_exact(&mut buffer).await.unwrap();
    assert_eq!(&buffer, b"HTTP/1.1 200");
}
