//! What Prometheus gets to see.

use nkeys::KeyPair;
use reqwest::{Method, header};
use rustix::process::Signal;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    issuer::{Issuer, Key},
    nats::{Nats, free_port},
    service::{Api, Options, problem},
    stop::request_in_flight,
    wait::until,
};

pub(crate) fn with_metrics() -> (Options, u16) {
    let port = free_port();
    let options = Options::default().edit(
        "enabled = false\nlisten = \"127.0.0.1:9464\"",
        format!("enabled = true\nlisten = \"127.0.0.1:{port}\""),
    );
    (options, port)
}

pub(crate) async fn scrape(api: &Api, port: u16) -> String {
    let response = api.http.get(format!("http://127.0.0.1:{port}/metrics")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let content_type = response.headers()[header::CONTENT_TYPE].to_str().unwrap();
    assert!(content_type.starts_with("application/openmetrics-text; version=1.0.0"));
    response.text().await.unwrap()
}

pub(crate) fn assert_lines(text: &str, lines: &[&str]) {
    for line in lines {
        assert!(text.lines().any(|l| l == *line), "{line}\n{text}");
    }
}

#[tokio::test]
async fn what_happens_is_counted() {
    let mut nats = Nats::running().await;
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    let (options, port) = with_metrics();
    let options = options.edit("issuers = []", format!("issuers = [{}]", issuer.config())).edit(
        "[limits.session]\nburst = 300\nper_minute = 600",
        "[limits.session]\nburst = 2\nper_minute = 1",
    );
    let api = Api::start_with(&nats, &options).await;
    api.until_status("/readyz", 200).await;

    for _ in 0..3 {
        assert_eq!(api.ping().await.status(), 200);
    }
    let nkey = KeyPair::new_user().public_key();
    let body = json!({ "nkey": nkey }).to_string();
    for status in [200, 200, 429] {
        assert_eq!(api.post("/v1/credentials", body.clone()).await.status(), status);
    }
    let token = key.token(&issuer.claims());
    assert_eq!(api.call_as("/v1/credentials", &token).await.status(), 200);
    assert_eq!(api.call_as("/v1/credentials", "guess").await.status(), 401);
    let text = scrape(&api, port).await;
    assert_lines(
        &text,
        &[
            "api_http_requests_total{route=\"/ping\",method=\"POST\",status=\"200\"} 3",
            "api_http_requests_total{route=\"/v1/credentials\",method=\"POST\",status=\"200\"} 3",
            "api_http_requests_total{route=\"/v1/credentials\",method=\"POST\",status=\"429\"} 1",
            "api_http_requests_total{route=\"/v1/credentials\",method=\"POST\",status=\"401\"} 1",
            "api_http_request_duration_seconds_count{route=\"/ping\"} 3",
            "api_credentials_minted_total{role=\"guest\"} 2",
            "api_credentials_minted_total{role=\"member\"} 1",
            "api_refusals_total{code=\"rate_limited\"} 1",
            "api_refusals_total{code=\"invalid_credentials\"} 1",
            "api_rate_limited_total{kind=\"session\"} 1",
            "api_publishes_total{result=\"confirmed\"} 3",
            "api_nats_connected 1",
            &format!(
                "api_key_fetches_total{{issuer=\"{}\",result=\"succeeded\"}} 1",
                issuer.name()
            ),
        ],
    );

    nats.kill();
    api.until_status("/readyz", 503).await;
    assert_eq!(api.ping().await.status(), 503);
    let text = scrape(&api, port).await;
    assert_lines(&text, &["api_nats_connected 0", "api_publishes_total{result=\"unavailable\"} 1"]);
}

#[tokio::test]
async fn strangers_cannot_add_to_what_is_kept() {
    let nats = Nats::provision();
    let (options, port) = with_metrics();
    let api = Api::start_with(&nats, &options).await;
    let call = async |n: usize| {
        let method = Method::from_bytes(format!("STRANGE{n}").as_bytes()).unwrap();
        for path in [format!("/strange-{n}"), "/ping".to_owned(), "/v1/credentials".to_owned()] {
            let request = api.http.request(method.clone(), api.url(&path));
            let request = request.header("host", format!("strange-{n}.example"));
            request.bearer_auth(format!("strange{n}")).send().await.unwrap();
        }
        api.get(&format!("/strange/{n}?strange={n}")).await;
    };
    call(0).await;
    let before = scrape(&api, port).await;
    for n in 1..50 {
        call(n).await;
    }
    let after = scrape(&api, port).await;
    assert_eq!(before.lines().count(), after.lines().count(), "{after}");
    assert!(!after.to_lowercase().contains("strange"), "{after}");
}

#[tokio::test]
async fn metrics_are_on_their_own_listener_and_nothing_else_is() {
    let nats = Nats::provision();
    let (options, port) = with_metrics();
    let api = Api::start_with(&nats, &options).await;
    problem(api.get("/metrics").await, 404, "not_found").await;
    let at = |path: &str| format!("http://127.0.0.1:{port}{path}");
    for path in ["/", "/ping", "/healthz", "/v1/credentials"] {
        let response = api.http.post(at(path)).send().await.unwrap();
        problem(response, 404, "not_found").await;
    }
    let response = api.http.post(at("/metrics")).send().await.unwrap();
    problem(response, 405, "method_not_allowed").await;
}

#[tokio::test]
async fn without_being_asked_for_there_are_none() {
    let nats = Nats::provision();
    let port = free_port();
    let options = Options::default().edit("127.0.0.1:9464", format!("127.0.0.1:{port}"));
    let api = Api::start_with(&nats, &options).await;
    assert_eq!(api.get("/healthz").await.status(), 200);
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}

#[tokio::test]
async fn metrics_can_be_read_until_the_last_request_is_answered() {
    let nats = Nats::provision();
    let (options, port) = with_metrics();
    let mut api = Api::start_with(&nats, &options).await;
    let mut stream = request_in_flight(&api, "{}").await;

    api.signal(Signal::TERM);
    until("no new connection is taken", || async {
        TcpStream::connect(api.address).await.is_err().then_some(())
    })
    .await;
    scrape(&api, port).await;
    stream.write_all(b"{}").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 422 "), "{answer}");
    assert_eq!(api.ended().await.code(), Some(0));
    assert!(TcpStream::connect(("127.0.0.1", port)).await.is_err());
}
