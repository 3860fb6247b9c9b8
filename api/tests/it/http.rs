//! Rubbish in, the right problem out.

use std::time::{Duration, Instant};

use reqwest::{Method, header};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    nats::Nats,
    service::{Api, Options, problem},
};

const CREDENTIALS: &str = "/v1/credentials";

/// Sends bytes as they are and reads until the service closes the connection.
async fn raw(api: &Api, request: &str) -> String {
    let mut stream = TcpStream::connect(api.address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn each_kind_of_bad_body_has_its_own_code() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    for body in ["", "{", "nkey=U", "[1,", "{\"nkey\":}", "\u{feff}{}", "nul", "{} {}"] {
        problem(api.post(CREDENTIALS, body).await, 400, "malformed_json").await;
    }
    for body in [
        "{}",
        "null",
        "[]",
        "[1]",
        "\"x\"",
        "{\"nkey\":1}",
        "{\"nkey\":null}",
        "{\"nkey\":[\"U\"]}",
        "{\"nkey\":\"U\",\"rights\":\"all\"}",
        "{\"nkey\":\"U\",\"role\":7}",
        "{\"nkey\":\"U\",\"channels\":\"room:7\"}",
        "{\"nkey\":\"U\",\"channels\":[7]}",
        "{\"nkey\":\"U\",\"nkey\":\"U\"}",
    ] {
        problem(api.post(CREDENTIALS, body).await, 422, "invalid_request").await;
    }
    problem(api.post(CREDENTIALS, vec![0xff, 0xfe]).await, 400, "malformed_json").await;
    let deep = "[".repeat(8_000);
    problem(api.post(CREDENTIALS, deep.clone()).await, 400, "malformed_json").await;
    let closed = format!("{deep}{}", "]".repeat(8_000));
    problem(api.post(CREDENTIALS, closed).await, 422, "invalid_request").await;
}

#[tokio::test]
async fn a_body_that_is_not_declared_as_json_is_refused() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    for content_type in [None, Some("text/plain"), Some("application/x-www-form-urlencoded")] {
        let mut request = api.http.post(api.url(CREDENTIALS)).body("{}");
        if let Some(content_type) = content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        problem(request.send().await.unwrap(), 415, "unsupported_media_type").await;
    }
    let declared = api
        .http
        .post(api.url(CREDENTIALS))
        .header(header::CONTENT_TYPE, "Application/JSON; charset=utf-8")
        .body("{}");
    problem(declared.send().await.unwrap(), 422, "invalid_request").await;
}

#[tokio::test]
async fn a_large_body_is_refused_announced_or_not() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    let large = format!("{{\"nkey\":\"{}\"}}", "U".repeat(16_384));
    problem(api.post(CREDENTIALS, large).await, 413, "body_too_large").await;
    // Announced only: the answer does not wait for the body.
    let head = "POST /ping HTTP/1.1\r\nHost: x\r\nConnection: close\r\n";
    let answer = raw(&api, &format!("{head}Content-Length: 999999999999\r\n\r\n")).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    // In chunks, without saying how many.
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    let answer = raw(
        &api,
        &format!(
            "POST {CREDENTIALS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}{chunk}0\r\n\r\n"
        ),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    assert!(answer.contains("body_too_large"), "{answer}");
}

#[tokio::test]
async fn a_body_that_trickles_in_is_given_up_on() {
    let nats = Nats::provision();
    let options = Options::default().edit("request_timeout_ms = 10000", "request_timeout_ms = 300");
    let api = Api::start_with(&nats, &options).await;
    let started = Instant::now();
    let answer = raw(
        &api,
        &format!(
            "POST {CREDENTIALS} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{"
        ),
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains("request_timeout"), "{answer}");
    assert!(started.elapsed() >= Duration::from_millis(300));
}

#[tokio::test]
async fn unknown_routes_and_methods_are_told_apart() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    for path in ["/nope", "/v1", "/v1/credentials/x", "/ping/", "/..%2f..%2fetc/passwd", "/%00"] {
        problem(api.get(path).await, 404, "not_found").await;
        problem(api.post(path, "{}").await, 404, "not_found").await;
    }
    for (method, path, allow) in [
        (Method::GET, "/ping", "POST"),
        (Method::DELETE, "/v1/credentials", "POST"),
        (Method::OPTIONS, "/v1/credentials", "POST"),
        (Method::POST, "/healthz", "GET,HEAD"),
        (Method::PUT, "/readyz", "GET,HEAD"),
    ] {
        let response = api.http.request(method, api.url(path)).send().await.unwrap();
        assert_eq!(response.headers()[header::ALLOW], allow, "{path}");
        problem(response, 405, "method_not_allowed").await;
    }
}

#[tokio::test]
async fn what_is_not_http_does_not_hurt() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    for rubbish in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "CONNECT {}\r\nPING\r\n\r\n"] {
        let answer = raw(&api, rubbish).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{answer}");
    }
    assert_eq!(api.get("/healthz").await.status(), 200);
}

#[tokio::test]
async fn pages_of_other_origins_may_not_call() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    let own = format!("http://localhost:{}", api.address.port());
    for path in ["/ping", CREDENTIALS] {
        let call = |name: &'static str, value: &str| {
            api.http.post(api.url(path)).header(name, value.to_owned()).send()
        };
        for (name, value) in [
            ("origin", "http://evil.example"),
            ("origin", "null"),
            ("sec-fetch-site", "cross-site"),
            ("sec-fetch-site", "same-site"),
        ] {
            let response = call(name, value).await.unwrap();
            assert!(response.headers().get(header::ACCESS_CONTROL_ALLOW_ORIGIN).is_none());
            problem(response, 403, "origin_not_allowed").await;
        }
        let passed = [call("origin", &own).await, call("sec-fetch-site", "same-origin").await];
        for response in passed {
            assert_ne!(response.unwrap().status(), 403);
        }
    }
}

#[tokio::test]
async fn cors_admits_exactly_the_listed_origins() {
    let nats = Nats::provision();
    let options = Options::default().edit("cross = []", "cross = [\"https://partner.example\"]");
    let api = Api::start_with(&nats, &options).await;
    let preflight = |origin: &'static str| {
        api.http
            .request(Method::OPTIONS, api.url(CREDENTIALS))
            .header("origin", origin)
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
            .send()
    };
    let listed = preflight("https://partner.example").await.unwrap();
    assert_eq!(listed.status(), 200);
    assert_eq!(listed.headers()["access-control-allow-origin"], "https://partner.example");
    assert_eq!(listed.headers()["access-control-allow-methods"], "POST,PUT,DELETE");
    assert!(listed.headers().get("access-control-allow-credentials").is_none());
    let other = preflight("https://evil.example").await.unwrap();
    assert!(other.headers().get("access-control-allow-origin").is_none());

    let response = api
        .http
        .post(api.url(CREDENTIALS))
        .header("origin", "https://partner.example")
        .header("sec-fetch-site", "cross-site")
        .header(header::CONTENT_TYPE, "application/json")
        .body(serde_json::json!({ "nkey": nkeys::KeyPair::new_user().public_key() }).to_string())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["access-control-allow-origin"], "https://partner.example");
}

#[tokio::test]
async fn every_response_tells_the_browser_what_is_forbidden() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    for path in ["/", "/healthz", "/nope"] {
        let response = api.get(path).await;
        let headers = response.headers();
        let policy = headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains(&format!("connect-src 'self' {};", nats.websocket_url())));
        assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';"), "{policy}");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["referrer-policy"], "no-referrer");
        assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
        assert_eq!(headers["x-request-id"].len(), 16);
    }
}
