//! Bans and keys where several servers make one cluster, and the service knows one of them.

use std::{collections::BTreeSet, fs};

use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::{
    held::{Held, assert_served},
    nats::Nats,
    page_of_rotation::{fail, section, succeed},
    revoke::Setting,
    rotate::{restart, system_account},
    service::Api,
    user::User,
    wait::until,
};

/// Waits until each server hears of all others.
async fn until_joined<const N: usize>(nodes: &[Nats; N]) {
    let key = nodes[0].seed("system-account-signing.seed");
    let asker = User::forged(&system_account(&nodes[0]), &key);
    for node in nodes {
        let mut client = asker.connect(node).await;
        client.round_trip("SUB answers 1\r\n").await;
        let mut names = BTreeSet::new();
        while names.len() < N {
            let ask = "PUB $SYS.REQ.SERVER.PING answers 0\r\n\r\n";
            for answer in client.round_trip(ask).await {
                let (_, body) = answer.split_once('\n').unwrap();
                let body: Value = serde_json::from_str(body).unwrap();
                names.insert(body["server"]["name"].as_str().unwrap().to_owned());
            }
        }
    }
}

#[tokio::test]
async fn a_ban_reaches_every_server_of_a_cluster() {
    let nodes: [Nats; 3] = Nats::cluster().await;
    until_joined(&nodes).await;
    let [n1, n2, n3] = &nodes;
    let setting = Setting::new(n1);
    let api = setting.start(n1).await;
    let (ann, bob) = (Held::guest(&api).await, Held::guest(&api).await);
    let mut anns = [ann.connect(n2).await, ann.connect(n3).await];
    let mut bobs = [bob.connect(n2).await, bob.connect(n3).await];
    // The connection to the system account is there.
    setting.ban(&api, &json!({ "nkey": KeyPair::new_user().public_key() })).await;
    let done = setting.ban(&api, &json!({ "nkey": ann.nkey() })).await;
    assert_eq!(done["kicked"], 2);
    for client in &mut anns {
        client.until_closed().await;
    }
    for node in &nodes {
        ann.assert_kept_out(node).await;
    }
    for client in &mut bobs {
        assert_served(client).await;
    }
}

#[tokio::test]
async fn api_revoke_reaches_every_server_of_a_cluster() {
    let mut nodes: [Nats; 3] = Nats::cluster().await;
    until_joined(&nodes).await;
    let api = Api::ready(&nodes[0]).await;
    let (ann, bob) = (Held::guest(&api).await, Held::guest(&api).await);
    let mut anns = [ann.connect(&nodes[1]).await, ann.connect(&nodes[2]).await];
    let mut bobs = bob.connect(&nodes[1]).await;
    succeed(&nodes[0], &format!("api revoke --nkey {}", ann.nkey()));
    for client in &mut anns {
        assert_eq!(client.until_closed().await, ["-ERR 'User Authentication Revoked'"]);
    }
    let jwt = fs::read_to_string(nodes[0].keys_dir().join("account.jwt")).unwrap();
    let account = nodes[0].account().sub;
    for node in &nodes {
        ann.assert_refused(node).await;
        let copy = node.keys_dir().join(format!("data/accounts/{account}.jwt"));
        until("the server has its own copy", async || {
            (fs::read_to_string(&copy).ok()? == jwt.trim()).then_some(())
        })
        .await;
    }
    assert_served(&mut bobs).await;
    // And by itself, with the configuration that it started with.
    for node in &mut nodes {
        node.kill();
    }
    let [_, n2, _] = &mut nodes;
    n2.start().await;
    ann.assert_refused(n2).await;
}

#[tokio::test]
async fn accounts_are_signed_by_an_operators_key_only_when_every_server_trusts_it() {
    let blocks = section("The operator's signing key");
    let [add, switch, remove] = &blocks[..] else { panic!("three blocks") };
    let [mut n1, mut n2]: [Nats; 2] = Nats::cluster().await;
    let api = Api::ready(&n1).await;
    let guest = Held::guest(&api).await;
    succeed(&n1, add);
    restart(&mut n1).await;
    let said = fail(&n1, switch);
    assert!(said.contains("the server n2 does not trust the operator's key"), "{said}");
    n1.copy_trust_to(&n2);
    restart(&mut n2).await;
    let mut browsers = [guest.connect(&n1).await, guest.connect(&n2).await];
    succeed(&n1, "api roles push");
    for browser in &mut browsers {
        assert_served(browser).await;
    }
    succeed(&n1, remove);
    n1.copy_trust_to(&n2);
    // One after the other: whoever is connected to one goes to the other meanwhile.
    for node in [&mut n1, &mut n2] {
        restart(node).await;
        guest.connect(node).await;
    }
    api.until_status("/readyz", 200).await;
}
