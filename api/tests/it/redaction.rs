//! Nothing secret in the log, at the loudest level.

use nkeys::KeyPair;
use serde_json::json;

use crate::{
    callers::new_api_key,
    issuer::{Issuer, Key, with},
    nats::Nats,
    service::{Api, Options},
};

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
