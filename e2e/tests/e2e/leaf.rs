//! A server near users, which hangs on the one that the API uses.

use std::sync::Arc;
use std::time::Duration;

use api::claims::{
    AccountClaims, AccountPair, Claims, ConnectionType, NO_LIMIT, Permission, UserClaims, UserKey,
};
use e2e::{Api, Browser, Error, Leaf, Setup, State, Tab, UPDATES, eventually};
use futures_util::StreamExt;
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::{CONNECTED_WITHIN, HEALED_WITHIN, TestResult, connected_tab};

/// A browser that takes the leaf's certificate.
async fn browser_at(leaf: &Leaf) -> Result<Browser, Error> {
    Browser::start_trusting(&leaf.hub.api.keys().join("leaves/l1/server.key")).await
}

/// What each of the leaf's links to the hub has subscribed to there.
async fn interest(leaf: &Leaf) -> Result<Vec<Value>, Error> {
    let links = leaf.hub.nats.monitor("/leafz?subs=1").await?;
    let links = links["leafs"].as_array().cloned().unwrap_or_default();
    Ok(links.iter().map(|link| link["subscriptions_list"].clone()).collect())
}

/// Waits until the hub passes on to the leaf what is published to this subject.
async fn passes(leaf: &Leaf, subject: &str) -> TestResult {
    eventually(HEALED_WITHIN, "the hub knows what the leaf wants", async || {
        let links = interest(leaf).await?;
        let wanted =
            |list: &Value| list.as_array().is_some_and(|list| list.contains(&json!(subject)));
        Ok(links.iter().any(wanted).then_some(()))
    })
    .await
}

/// The keys of the browsers' users on the leaf.
async fn users(leaf: &Leaf) -> Result<Vec<String>, Error> {
    let all = leaf.server.monitor("/connz?auth=1").await?;
    let all = all["connections"].as_array().into_iter().flatten();
    let websockets = all.filter(|connection| connection["type"] == "websocket");
    Ok(websockets.filter_map(|one| Some(one["authorized_user"].as_str()?.to_owned())).collect())
}

/// A service at the hub that answers in the playground.
async fn answerer(leaf: &Leaf) -> async_nats::Client {
    let file = |name: &str| {
        let path = leaf.hub.api.keys().join(name);
        std::fs::read_to_string(path).expect("`api init` has made it").trim().to_owned()
    };
    let account = Claims::<AccountClaims>::decode(&file("account.jwt")).expect("a JWT");
    let signer = AccountPair::from_seed(&file("account-signing.seed")).expect("a seed");
    let key = Arc::new(KeyPair::new_user());
    let user = UserKey::parse(&key.public_key()).expect("a key");
    let mut claims = UserClaims::new(
        Permission::only(["_INBOX.>"]),
        Permission::only(["com.scaling-ws.playground.>"]),
        NO_LIMIT,
        NO_LIMIT,
        vec![ConnectionType::Standard],
    );
    claims.issuer_account = Some(account.sub);
    let jwt = Claims::sign(&user, "answerer", account.iat, None, claims, &signer).expect("signed");
    async_nats::ConnectOptions::with_jwt(jwt.as_str().to_owned(), move |nonce| {
        let key = Arc::clone(&key);
        async move { key.sign(&nonce).map_err(async_nats::AuthError::new) }
    })
    .add_root_certificates(leaf.hub.api.keys().join("tls/ca.pem"))
    .connect(leaf.hub.nats.client_url())
    .await
    .expect("the hub lets it in")
}

/// Pings until the tab shows an update that it did not show before.
async fn is_reached(leaf: &Leaf, tab: &Tab) -> TestResult {
    let before = tab.updates().await?.len();
    eventually(HEALED_WITHIN, "an update reaches the leaf", async || {
        assert_eq!(leaf.hub.api.ping().await?.status(), 200);
        Ok((tab.updates().await?.len() > before).then_some(()))
    })
    .await
}

/// A tab on a leaf gets what is published at the hub, and is answered from there. A link that is cut
/// breaks none of its connections, so nobody there hears of it; when it is back, all goes on.
#[tokio::test]
async fn a_tab_on_a_leaf_is_part_of_the_hub() -> TestResult {
    let leaf = Leaf::start(Setup::new()).await?;
    let browser = browser_at(&leaf).await?;
    let tab = connected_tab(&leaf.hub.api, &browser).await?;
    passes(&leaf, UPDATES).await?;
    is_reached(&leaf, &tab).await?;

    let service = answerer(&leaf).await;
    let mut asked = service.subscribe("com.scaling-ws.playground.>").await.expect("it may");
    service.flush().await.expect("the hub answers");
    let answering = tokio::spawn(async move {
        while let Some(message) = asked.next().await {
            let Some(reply) = message.reply else { continue };
            service.publish(reply, "from the hub".into()).await.expect("it may");
        }
    });
    eventually(HEALED_WITHIN, "the leaf knows of the service", async || {
        let links = leaf.server.monitor("/leafz?subs=1").await?.to_string();
        Ok(links.contains("com.scaling-ws.playground.>").then_some(()))
    })
    .await?;
    tab.click("#request").await?;
    eventually(HEALED_WITHIN, "the tab is answered from the hub", async || {
        Ok(tab.text("#request-result").await?.contains("from the hub").then_some(()))
    })
    .await?;

    leaf.link.sever();
    eventually(HEALED_WITHIN, "the hub has lost its leaf", async || {
        Ok(interest(&leaf).await?.is_empty().then_some(()))
    })
    .await?;
    let shown = tab.updates().await?.len();
    assert_eq!(leaf.hub.api.ping().await?.status(), 200);
    // The leaf takes what is published there meanwhile, for who is there.
    tab.click("#publish").await?;
    eventually(HEALED_WITHIN, "the leaf has taken it", async || {
        Ok(tab.text("#publish-result").await?.starts_with("1 message published").then_some(()))
    })
    .await?;
    tab.reaches(State::Connected, Duration::ZERO).await?;
    leaf.link.mend();
    passes(&leaf, UPDATES).await?;
    assert_eq!(tab.updates().await?.len(), shown, "nobody repeats what was missed");
    is_reached(&leaf, &tab).await?;
    answering.abort();
    Ok(())
}

/// A ban at the hub ends connections on the leaf, and what the account's JWT revokes the leaf refuses,
/// also where its link was down when that was said.
#[tokio::test]
async fn bans_and_revocations_reach_a_leaf() -> TestResult {
    let (admin, of_admin) = Api::new_key("admin").await?;
    let setup = Setup::new()
        .config("api_keys = []", format!("api_keys = [{of_admin}]"))
        .config("allowed_to = []", "allowed_to = [{ api_key = \"admin\" }]");
    let leaf = Leaf::start(setup).await?;
    let browser = browser_at(&leaf).await?;
    let _tab = connected_tab(&leaf.hub.api, &browser).await?;
    passes(&leaf, UPDATES).await?;
    let user = users(&leaf).await?.pop().expect("the tab is there");

    // A ban alone: the API finds the connection on the leaf and ends it.
    let body = json!({ "nkey": user });
    eventually(HEALED_WITHIN, "the ban is complete", async || {
        let request = reqwest::Client::new().post(leaf.hub.api.url("/v1/revoke"));
        let answer = request.bearer_auth(&admin).json(&body).send().await?;
        Ok(answer.status().is_success().then_some(()))
    })
    .await?;
    let refuses = async |what: &str| {
        eventually(HEALED_WITHIN, what, async || {
            Ok((!users(&leaf).await?.contains(&user)).then_some(()))
        })
        .await
    };
    refuses("the leaf has lost the connection").await?;

    // Revoked while the leaf hears nothing; it asks when it is back.
    leaf.link.sever();
    let ca = leaf.hub.api.keys().join("tls/ca.pem").display().to_string();
    let ran = leaf.hub.api.run(&["revoke", "--nkey", &user, "--nats-ca-file", &ca]).await?;
    assert!(ran.status.success(), "{}", ran.output);
    leaf.link.mend();
    eventually(CONNECTED_WITHIN * 8, "the leaf has the account as it is", async || {
        let account = leaf.hub.api.keys().join("account.jwt");
        let account = std::fs::read_to_string(account).expect("it is there");
        let accounts = leaf.hub.api.keys().join("leaves/l1/data/accounts");
        let held = std::fs::read_dir(accounts).expect("it is there").flatten();
        let mut held = held.filter_map(|file| std::fs::read_to_string(file.path()).ok());
        Ok(held.any(|held| held.trim() == account.trim()).then_some(()))
    })
    .await
}
