//! Nothing secret in the log, at the loudest level.

use std::fs;

use nkeys::KeyPair;
use serde_json::json;

use crate::{
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
