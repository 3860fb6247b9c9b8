//! `/v1/session`: cookies instead of credentials.

use reqwest::{Method, header};
use serde_json::json;

use crate::{
    asking::{SESSION, answering, ask_session, get_in, options, session},
    client::Client,
    issuer::{Issuer, Key, with},
    nats::Nats,
    service::{Api, Options, problem},
};

/// A service that gives out sessions, without anybody to use them.
async fn giving(options: Options) -> (Nats, Api) {
    let nats = Nats::unprovisioned_asking();
    assert!(nats.init().status.success());
    let api = Api::start_with(&nats, &options).await;
    (nats, api)
}

#[tokio::test]
async fn a_session_is_a_cookie_that_no_script_and_no_other_site_gets_at() {
    for (options, secure) in [
        (options(&[], true), ""),
        (options(&[], true).edit("secure_cookie = false", "secure_cookie = true"), " Secure;"),
    ] {
        let (_nats, api) = giving(options).await;
        let response = ask_session(&api, None, &json!({})).await;
        assert_eq!(response.status(), 204);
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
        let set = response.headers()[header::SET_COOKIE].to_str().unwrap();
        let (value, attributes) = set.split_once("; ").unwrap();
        assert!(value.starts_with("session=ss_"), "{value}");
        let expected = format!("Max-Age=3600; Path=/; HttpOnly;{secure} SameSite=Strict");
        assert_eq!(attributes, expected);
        assert!(response.text().await.unwrap().is_empty());

        // Whoever has nothing to show any more can still sign out.
        let request = api.http.delete(api.url(SESSION)).bearer_auth("expired");
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 204);
        let expected = format!("session=; Max-Age=0; Path=/; HttpOnly;{secure} SameSite=Strict");
        assert_eq!(response.headers()[header::SET_COOKIE], expected.as_str());
    }
}

#[tokio::test]
async fn a_session_is_given_to_whom_a_credential_would_be() {
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    let (_nats, api) = giving(options(&[issuer.config()], false)).await;
    let token = key.token(&with(&issuer.claims(), "rooms", json!(["7"])));
    problem(ask_session(&api, None, &json!({})).await, 401, "authentication_required").await;
    for (body, status, code) in [
        (json!({ "role": "guest" }), 403, "role_not_allowed"),
        (json!({ "role": "nonsense" }), 403, "role_not_allowed"),
        (json!({ "role": "*" }), 403, "role_not_allowed"),
        (json!({ "channels": ["room:8"] }), 403, "channel_not_allowed"),
        (json!({ "channels": ["hall:7"] }), 403, "channel_not_allowed"),
        (json!({ "channels": ["room:*"] }), 400, "invalid_channel"),
        (json!({ "channels": "room:7" }), 422, "invalid_request"),
        (json!({ "nkey": "U" }), 422, "invalid_request"),
        (json!([1]), 422, "invalid_request"),
    ] {
        problem(ask_session(&api, Some(&token), &body).await, status, code).await;
    }
    session(&api, Some(&token), &json!({ "role": "member", "channels": ["room:7"] })).await;
    // What decides is in it, and what does not is not: a token may be larger than any cookie.
    let large = with(&issuer.claims(), "picture", "x".repeat(5_000));
    session(&api, Some(&key.token(&large)), &json!({})).await;
    let rooms = vec!["x".repeat(60); 60];
    let large = with(&issuer.claims(), "rooms", json!(rooms));
    let response = ask_session(&api, Some(&key.token(&large)), &json!({})).await;
    problem(response, 422, "credential_too_large").await;
}

#[tokio::test]
async fn a_page_of_another_origin_can_neither_begin_nor_end_a_session() {
    let options = options(&[], true).edit("cross = []", "cross = [\"https://partner.example\"]");
    let (_nats, api) = giving(options).await;
    for method in [Method::POST, Method::DELETE] {
        for origin in ["https://evil.example", "null"] {
            let request = api.http.request(method.clone(), api.url(SESSION));
            let request = request.header(header::ORIGIN, origin);
            let request = request.header(header::CONTENT_TYPE, "application/json").body("{}");
            let response = request.send().await.unwrap();
            assert!(!response.headers().contains_key(header::SET_COOKIE));
            problem(response, 403, "origin_not_allowed").await;
        }
    }
    // To a page elsewhere that may call, browsers give no cookie, since nothing says they may.
    let request = api.http.post(api.url(SESSION)).header(header::ORIGIN, "https://partner.example");
    let request = request.header(header::CONTENT_TYPE, "application/json").body("{}");
    let response = request.send().await.unwrap();
    assert!(!response.headers().contains_key("access-control-allow-credentials"));
}

#[tokio::test]
async fn without_callout_there_are_no_sessions() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    problem(ask_session(&api, None, &json!({})).await, 404, "not_found").await;
    let response = api.http.delete(api.url(SESSION)).send().await.unwrap();
    problem(response, 404, "not_found").await;
    problem(api.get(SESSION).await, 405, "method_not_allowed").await;
}

#[tokio::test]
async fn the_cookies_name_is_that_of_the_configuration() {
    let mut nats = Nats::unprovisioned_asking();
    nats.edit_conf("token_cookie: \"session\"", "token_cookie: \"__Host-nats\"");
    assert!(nats.init().status.success());
    nats.start().await;
    let options = options(&[], true)
        .edit("cookie_name = \"session\"", "cookie_name = \"__Host-nats\"")
        .edit("secure_cookie = false", "secure_cookie = true");
    let api = answering(&nats, &options).await;
    let cookie = session(&api, None, &json!({})).await;
    assert!(cookie.starts_with("__Host-nats=ss_"), "{cookie}");
    get_in(&nats, &cookie).await;
    let mut client = Client::with_cookie(&nats, "__Host-nats=nonsense").await;
    assert_ne!(client.connect(&json!({})).await.as_deref(), Some("PONG"));
}
