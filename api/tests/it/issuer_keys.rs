//! Where the keys of issuers come from, and when they are asked for.

use std::time::{Duration, Instant};

use nkeys::KeyPair;
use serde_json::json;

use crate::{
    callers::{fetch_once, options},
    issuer::{Issuer, Key, now, with},
    nats::Nats,
    service::{Api, Options, problem},
    startup::refusal,
    wait::until,
};

const CREDENTIALS: &str = "/v1/credentials";

#[tokio::test]
async fn made_up_keys_do_not_make_it_ask_the_issuer() {
    let nats = Nats::provision();
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    let api = Api::start_with(&nats, &fetch_once(options(&[issuer.config()], false))).await;
    let good = key.token(&issuer.claims());
    assert_eq!(api.call_as(CREDENTIALS, &good).await.status(), 200);
    for n in 0..300 {
        let header = json!({ "alg": "EdDSA", "kid": format!("made up {n}") });
        let token = key.token_with(&header, &issuer.claims());
        problem(api.call_as(CREDENTIALS, &token).await, 401, "invalid_credentials").await;
    }
    assert_eq!(api.call_as(CREDENTIALS, &good).await.status(), 200);
    assert_eq!(issuer.serves.asked(), 1);
}

#[tokio::test]
async fn a_key_that_the_issuer_replaces_is_followed() {
    let nats = Nats::provision();
    let (old, new) = (Key::ed25519("old"), Key::ed25519("new"));
    let issuer = Issuer::start(&[&old]).await;
    // Only the tokens themselves bring it to fetch again.
    let options = options(&[issuer.config()], false)
        .edit("min_interval_seconds = 10", "min_interval_seconds = 1")
        .edit("refresh_seconds = 300", "refresh_seconds = 3600");
    let api = Api::start_with(&nats, &options).await;
    let (before, after) = (old.token(&issuer.claims()), new.token(&issuer.claims()));
    assert_eq!(api.call_as(CREDENTIALS, &before).await.status(), 200);

    issuer.serves.keys(&[&old, &new]);
    until("the new key is known", || async {
        (api.call_as(CREDENTIALS, &after).await.status() == 200).then_some(())
    })
    .await;
    assert_eq!(api.call_as(CREDENTIALS, &before).await.status(), 200);

    issuer.serves.keys(&[&new]);
    let unknown = Key::ed25519("unknown").token(&issuer.claims());
    until("the old key is forgotten", || async {
        api.call_as(CREDENTIALS, &unknown).await;
        (api.call_as(CREDENTIALS, &before).await.status() == 401).then_some(())
    })
    .await;
    assert_eq!(api.call_as(CREDENTIALS, &after).await.status(), 200);
}

#[tokio::test]
async fn while_the_issuer_is_away_its_keys_are_used_for_a_time() {
    let nats = Nats::provision();
    let key = Key::ed25519("1");
    let mut issuer = Issuer::start(&[&key]).await;
    let options = options(&[issuer.config()], true)
        .edit("min_interval_seconds = 10", "min_interval_seconds = 1")
        .edit("refresh_seconds = 300", "refresh_seconds = 1")
        .edit("max_age_seconds = 86400", "max_age_seconds = 6");
    let api = Api::start_with(&nats, &options).await;
    let good = key.token(&with(&issuer.claims(), "exp", now() + 600));
    assert_eq!(api.call_as(CREDENTIALS, &good).await.status(), 200);

    issuer.stop().await;
    assert_eq!(api.call_as(CREDENTIALS, &good).await.status(), 200);
    let unavailable = until("the keys are too old", || async {
        let response = api.call_as(CREDENTIALS, &good).await;
        (response.status() != 200).then_some(response)
    })
    .await;
    assert_eq!(unavailable.headers()["retry-after"], "1");
    problem(unavailable, 503, "issuer_unavailable").await;
    // Nobody else notices.
    api.credential(&KeyPair::new_user().public_key()).await;

    issuer.start_again().await;
    until("the issuer is found again", || async {
        (api.call_as(CREDENTIALS, &good).await.status() == 200).then_some(())
    })
    .await;
    let log = api.log();
    assert!(log.contains("cannot fetch the issuer's keys; trying on"), "{log}");
    assert!(log.contains("fetched the issuer's keys again"), "{log}");
}

#[tokio::test]
async fn an_issuer_that_answers_slowly_holds_nobody_up() {
    let nats = Nats::provision();
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    issuer.serves.is_slow(Duration::from_secs(3600));
    let options = options(&[issuer.config()], true)
        .edit("fetch_deadline_ms = 3000", "fetch_deadline_ms = 300");
    let api = Api::start_with(&nats, &options).await;
    let good = key.token(&issuer.claims());
    let begun = Instant::now();
    for _ in 0..20 {
        problem(api.call_as(CREDENTIALS, &good).await, 503, "issuer_unavailable").await;
    }
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    api.credential(&KeyPair::new_user().public_key()).await;
    assert!(api.log().contains("there is no answer in time"), "{}", api.log());
}

/// Starts a service that cannot take the issuer's keys for this reason.
async fn refuses_keys(nats: &Nats, issuer: &Issuer, key: &Key, from: &str, why: &str) {
    let api = Api::start_with(nats, &options(&[issuer.config_with(from)], true)).await;
    let token = key.token(&issuer.claims());
    problem(api.call_as(CREDENTIALS, &token).await, 503, "issuer_unavailable").await;
    let log = api.log();
    assert!(log.contains(why), "{why}\n{log}");
}

#[tokio::test]
async fn keys_are_taken_from_nowhere_but_where_they_belong() {
    let nats = Nats::provision();
    let key = Key::ed25519("1");
    let (issuer, other) = (Issuer::start(&[&key]).await, Issuer::start(&[&key]).await);
    let jwks = format!("{{ jwks = \"{}/jwks\" }}", issuer.name());
    let good = json!({ "keys": [key.jwk()] }).to_string();

    issuer.serves.redirects(format!("{}/jwks", other.name()));
    refuses_keys(&nats, &issuer, &key, &jwks, "the issuer answers with status 302").await;
    assert_eq!(other.serves.asked(), 0);

    let discovery = |issuer: &str, place: &str| json!({ "issuer": issuer, "jwks_uri": place });
    let place = format!("{}/jwks", issuer.name());
    for (document, why) in [
        (discovery(&other.name(), &place), "the discovery document is about another issuer"),
        (discovery(&issuer.name(), "http://192.0.2.1/jwks"), "not safe to fetch from"),
        (discovery(&issuer.name(), "file:///etc/passwd"), "not safe to fetch from"),
        (json!({ "issuer": issuer.name() }), "the discovery document is not one"),
        (json!([]), "the discovery document is not one"),
    ] {
        issuer.serves.discovery(&document);
        refuses_keys(&nats, &issuer, &key, "\"discovery\"", why).await;
    }

    let elsewhere = format!("{{ jwks = \"{}/jwks\" }}", other.name());
    for (document, why) in [
        (format!("{good}{}", " ".repeat(10_000_000)), "the answer is longer than 65536 bytes"),
        (json!({ "keys": vec![key.jwk(); 101] }).to_string(), "it holds 101 keys"),
        (json!({ "keys": [] }).to_string(), "none of its keys is for the algorithms configured"),
        ("<html>".to_owned(), "it is not a JWK set"),
        (String::new(), "it is not a JWK set"),
    ] {
        other.serves.document(document);
        refuses_keys(&nats, &issuer, &key, &elsewhere, why).await;
    }
    // The place alone was the fault.
    other.serves.document(good);
    let api = Api::start_with(&nats, &options(&[issuer.config_with(&elsewhere)], false)).await;
    let token = key.token(&issuer.claims());
    assert_eq!(api.call_as(CREDENTIALS, &token).await.status(), 200);
}

#[tokio::test]
async fn keys_are_fetched_by_tls_from_whom_this_machine_trusts() {
    let nats = Nats::provision();
    let key = Key::ed25519("1");
    let (issuer, certificate) = Issuer::start_with_tls(&[&key]).await;
    let token = key.token(&issuer.claims());
    let dir = tempfile::tempdir().unwrap();
    let trusted = dir.path().join("trusted.pem");
    std::fs::write(&trusted, certificate).unwrap();
    for from in [issuer.config(), issuer.config_with("\"discovery\"")] {
        let trusting = options(std::slice::from_ref(&from), false)
            .env("SSL_CERT_FILE", trusted.to_str().unwrap());
        let api = Api::start_with(&nats, &trusting).await;
        assert_eq!(api.call_as(CREDENTIALS, &token).await.status(), 200, "{}", api.log());

        // The authorities of this machine do not know it.
        let api = Api::start_with(&nats, &options(&[from], false)).await;
        problem(api.call_as(CREDENTIALS, &token).await, 503, "issuer_unavailable").await;
        assert!(api.log().contains("certificate"), "{}", api.log());
    }

    // What comes by TLS does not send on to where there is none.
    let plain = Issuer::start(&[&key]).await;
    issuer.serves.discovery(&json!({
        "issuer": issuer.name(),
        "jwks_uri": format!("{}/jwks", plain.name()),
    }));
    let options = options(&[issuer.config_with("\"discovery\"")], false)
        .env("SSL_CERT_FILE", trusted.to_str().unwrap());
    let api = Api::start_with(&nats, &options).await;
    problem(api.call_as(CREDENTIALS, &token).await, 503, "issuer_unavailable").await;
    assert!(api.log().contains("not safe to fetch from"), "{}", api.log());
    assert_eq!(plain.serves.asked(), 0);
}

#[tokio::test]
async fn without_authorities_a_remote_issuer_stops_the_start() {
    let nats = Nats::provision();
    let issuer = Issuer::start(&[&Key::ed25519("1")]).await;
    let none = tempfile::tempdir().unwrap();
    let none = |options: Options| {
        let dir = none.path().to_str().unwrap();
        options.env("SSL_CERT_DIR", dir).env("SSL_CERT_FILE", format!("{dir}/none.pem"))
    };
    let remote = issuer.config_with("{ jwks = \"https://192.0.2.1/jwks\" }");
    let said = refusal(&nats, &none(options(&[remote], false)));
    assert!(said.contains("this machine trusts no certificate authority"), "{said}");
    // One on this machine needs none.
    let api = Api::start_with(&nats, &none(options(&[issuer.config()], false))).await;
    assert_eq!(api.get("/healthz").await.status(), 200);
}
