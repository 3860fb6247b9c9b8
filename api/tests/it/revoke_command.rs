//! `api revoke`, beside a service and without one.

use std::{
    fs,
    process::{Command, Output},
};

use nkeys::KeyPair;

use crate::{
    held::{Held, assert_served},
    issuer::now,
    nats::Nats,
    service::Api,
};

fn api_revoke(nats: &Nats, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_api"))
        .arg("revoke")
        .arg("--keys-dir")
        .arg(nats.keys_dir())
        .args(arguments)
        .env("API_NATS_URL", nats.url())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[tokio::test]
async fn api_revoke_makes_tokens_worthless_for_good() {
    let mut nats = Nats::running().await;
    let api = Api::ready(&nats).await;
    let (ann, bob) = (Held::guest(&api).await, Held::guest(&api).await);
    let (mut anns, mut bobs) = (ann.connect(&nats).await, bob.connect(&nats).await);
    let before = nats.account();

    let text = said(&api_revoke(&nats, &["--nkey", &ann.nkey()]));
    assert!(text.contains(&ann.nkey()) && text.contains("The servers have"), "{text}");
    let closed = anns.until_closed().await;
    assert_eq!(closed, ["-ERR 'User Authentication Revoked'"]);
    ann.assert_refused(&nats).await;
    assert_served(&mut bobs).await;
    let after = nats.account();
    assert!(after.iat > before.iat);
    // Later than any token, so that also those count no longer that are minted from now on.
    let until = (now() + 3600).to_string();
    said(&api_revoke(&nats, &["--nkey", &bob.nkey(), "--until", &until]));
    bobs.until_closed().await;
    let credential = api.credential(&bob.nkey()).await;
    let fresh = Held { key: bob.key, jwt: credential["jwt"].as_str().unwrap().to_owned() };
    fresh.assert_refused(&nats).await;
    assert!(nats.account().iat > after.iat);
    let earlier = said(&api_revoke(&nats, &["--nkey", &fresh.nkey()]));
    assert!(earlier.contains("says so already"), "{earlier}");

    nats.kill();
    nats.start().await;
    ann.assert_refused(&nats).await;
    fresh.assert_refused(&nats).await;
    // Neither is a day old.
    let kept = said(&api_revoke(&nats, &["--prune"]));
    assert!(kept.contains("says so already"), "{kept}");
    assert_eq!(nats.account().nats.revocations.len(), 2);
}

#[tokio::test]
async fn api_revoke_has_one_writer_and_needs_the_operators_key() {
    let nats = Nats::running().await;
    let nkey = KeyPair::new_user().public_key();
    let refused = |arguments: &[&str]| {
        let output = api_revoke(&nats, arguments);
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let before = nats.account().jti;
    let lock = fs::File::open(nats.keys_dir()).unwrap();
    lock.lock().unwrap();
    assert!(refused(&["--nkey", &nkey]).contains("another `api`"));
    drop(lock);
    nats.take_keys_away();
    assert!(refused(&["--nkey", &nkey]).contains("operator-signing.seed"));
    assert!(refused(&["--nkey", "UNONSENSE"]).contains("invalid value"));
    assert!(refused(&[]).contains("--nkey"));
    assert_eq!(nats.account().jti, before);
}
