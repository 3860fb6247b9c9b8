//! Nothing secret in the log, at the loudest level.

use std::fs;

use nkeys::KeyPair;
use serde_json::json;

use crate::{
    callers::new_api_key,
    issuer::{Issuer, Key, with},
    nats::Nats,
    service::{Api, Options},
};

#[tokio::test]
async fn no_token_and_no_seed_is_logged_at_any_level() {
    for format in ["compact", "json"] {
        let mut nats = Nats::running().await;
        let options = Options::default()
            .env("RUST_LOG", "trace")
            .edit("format = \"compact\"", format!("format = \"{format}\""));
        let api = Api::start_with(&nats, &options).await;
        api.until_status("/readyz", 200).await;

        let key = KeyPair::new_user();
        let (nkey, seed) = (key.public_key(), key.seed().unwrap());
        let credential = api.credential(&nkey).await;
        let jwt = credential["jwt"].as_str().unwrap();
        // Secrets in every place a confused caller could put them.
        for body in [
            json!({ "nkey": seed }),
            json!({ "nkey": jwt }),
            json!({ "nkey": nkey, seed.as_str(): 1 }),
            json!({ "nkey": { "seed": seed } }),
            json!([seed, jwt]),
        ] {
            assert!(!api.post("/v1/credentials", body.to_string()).await.status().is_success());
        }
        api.post("/v1/credentials", format!("{{\"nkey\":{seed}}}")).await;
        api.get(&format!("/{seed}")).await;
        api.get(&format!("/{jwt}")).await;
        api.get(&format!("/healthz?jwt={jwt}&seed={seed}")).await;
        api.http
            .post(api.url("/ping"))
            .header("authorization", format!("Bearer {jwt}"))
            .header("cookie", format!("jwt={jwt}"))
            .header("origin", &seed)
            .send()
            .await
            .unwrap();
        // Another connection, with its login.
        nats.kill();
        api.until_status("/readyz", 503).await;
        nats.start().await;
        api.until_status("/readyz", 200).await;

        let log = api.log();
        assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is not loud");
        assert!(log.contains(&nkey), "the public key is there to find a credential by");
        assert!(log.contains("jti"), "{log}");
        assert!(!log.contains("eyJ"));
        assert!(!log.contains(&seed));
        for file in fs::read_dir(nats.keys_dir()).unwrap() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            if name.ends_with(".seed") {
                let secret = fs::read_to_string(file.path()).unwrap();
                assert!(!log.contains(secret.trim()), "{name}");
            }
        }
        let creds = fs::read_to_string(nats.keys_dir().join("service.creds")).unwrap();
        let service_seed = creds.lines().find(|line| line.starts_with("SU")).unwrap();
        assert!(!log.contains(service_seed));
        assert!(!nats.log().contains("eyJ"));
    }
}

#[tokio::test]
async fn no_credential_of_a_caller_is_logged_at_any_level() {
    let nats = Nats::provision();
    nats.admit_back_ends(&["billing"]);
    let (key, stranger) = (Key::ed25519("1"), Key::ed25519("1"));
    let issuer = Issuer::start(&[&key]).await;
    let (api_key, element) = new_api_key("billing");
    let (unknown, _) = new_api_key("unknown");
    for format in ["compact", "json"] {
        let options = Options::default()
            .env("RUST_LOG", "trace")
            .edit("format = \"compact\"", format!("format = \"{format}\""))
            .edit("issuers = []", format!("issuers = [{}]", issuer.config()))
            .edit("api_keys = []", format!("api_keys = [{element}]"))
            .edit(
                "[limits.session]\nburst = 300\nper_minute = 600",
                "[limits.session]\nburst = 1\nper_minute = 1",
            );
        let api = Api::start_with(&nats, &options).await;
        let claims = with(&issuer.claims(), "email", "alice@example.com");
        let (good, forged) = (key.token(&claims), stranger.token(&claims));
        let late = key.token(&with(&claims, "exp", 1));
        let credentials = [&good, &forged, &late, &api_key, &unknown].map(String::as_str);
        let nkey = KeyPair::new_user().public_key();
        for credential in credentials {
            for header in [
                format!("Bearer {credential}"),
                format!("Bearer {credential} {credential}"),
                format!("Basic {credential}"),
                credential.to_owned(),
            ] {
                // Twice, for a credential and for a refusal.
                for _ in 0..2 {
                    api.http
                        .post(api.url("/v1/credentials"))
                        .header("authorization", &header)
                        .header("x-api-key", credential)
                        .header("cookie", format!("session={credential}"))
                        .header("x-forwarded-for", credential)
                        .header("content-type", "application/json")
                        .body(json!({ "nkey": nkey }).to_string())
                        .send()
                        .await
                        .unwrap();
                }
            }
            api.get(&format!("/{credential}")).await;
            api.get(&format!("/healthz?access_token={credential}")).await;
            let body = json!({ "nkey": nkey, "token": credential }).to_string();
            api.post("/v1/credentials", body).await;
        }

        let log = api.log();
        assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is not loud");
        for told in ["alice", "billing", "RateLimited", "InvalidCredentials"] {
            assert!(log.contains(told), "{told}\n{log}");
        }
        for secret in ["eyJ", "sk_", "session=", "Basic", "alice@example.com"] {
            assert!(!log.contains(secret), "{secret}\n{log}");
        }
        for token in [&good, &forged, &late] {
            for part in token.split('.') {
                assert!(!log.contains(part), "{part}\n{log}");
            }
        }
    }
}
