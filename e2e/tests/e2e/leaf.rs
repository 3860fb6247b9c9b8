//! A server near users, which hangs on the one that the API uses.

use std::sync::Arc;
use std::time::Duration;

use api::claims::{
    AccountClaims, AccountPair, Claims, ConnectionType, NO_LIMIT, Permission, UserClaims, UserKey,
};
use e2e::{
    Api, Browser, Cluster, Error, Leaf, LeafOfCluster, NatsServer, Setup, State, Tab, UPDATES,
    eventually,
};
use futures_util::StreamExt;
use nkeys::KeyPair;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{CONNECTED_WITHIN, HEALED_WITHIN, TestResult, connected_tab, ping_until_taken};

/// What a leaf subscribes to on a node of its hub that it is linked to.
type Interest = Vec<Value>;

/// A browser that takes the leaf's certificate.
async fn browser_at(hub: &Api) -> Result<Browser, Error> {
    Browser::start_trusting(&hub.keys().join("leaves/l1/server.key")).await
}

/// What each of the leaf's links to this server of the hub has subscribed to there.
async fn interest(hub: &NatsServer) -> Result<Interest, Error> {
    let links = hub.monitor("/leafz?subs=1").await?;
    let links = links["leafs"].as_array().cloned().unwrap_or_default();
    Ok(links.iter().map(|link| link["subscriptions_list"].clone()).collect())
}

/// Whether one of the leaf's links is for this subject.
fn wants(interest: &Interest, subject: &str) -> bool {
    let wanted = |list: &Value| list.as_array().is_some_and(|list| list.contains(&json!(subject)));
    interest.iter().any(wanted)
}

/// Waits until the hub passes on to the leaf what is published to this subject.
async fn passes(leaf: &Leaf, subject: &str) -> TestResult {
    eventually(HEALED_WITHIN, "the hub knows what the leaf wants", async || {
        Ok(wants(&interest(&leaf.hub.nats).await?, subject).then_some(()))
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

/// A service at the hub that answers each request in the playground with these words.
async fn answers(hub: &Api, server: &NatsServer, words: String) -> JoinHandle<()> {
    let file = |name: &str| {
        let path = hub.keys().join(name);
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
    let service = async_nats::ConnectOptions::with_jwt(jwt.as_str().to_owned(), move |nonce| {
        let key = Arc::clone(&key);
        async move { key.sign(&nonce).map_err(async_nats::AuthError::new) }
    })
    .add_root_certificates(hub.keys().join("tls/ca.pem"))
    .connect(server.client_url())
    .await
    .expect("the hub lets it in");
    let mut asked = service.subscribe("com.scaling-ws.playground.>").await.expect("it may");
    service.flush().await.expect("the hub answers");
    tokio::spawn(async move {
        while let Some(message) = asked.next().await {
            let Some(reply) = message.reply else { continue };
            service.publish(reply, words.clone().into()).await.expect("it may");
        }
    })
}

/// Has the tab ask in the playground, once the leaf knows of a service there, and waits for its words.
async fn is_answered(leaf: &NatsServer, tab: &Tab, words: &str) -> TestResult {
    eventually(HEALED_WITHIN, "the leaf knows of the service", async || {
        let links = leaf.monitor("/leafz?subs=1").await?.to_string();
        Ok(links.contains("com.scaling-ws.playground.>").then_some(()))
    })
    .await?;
    tab.click("#request").await?;
    eventually(HEALED_WITHIN, "the tab is answered from the hub", async || {
        Ok(tab.text("#request-result").await?.contains(words).then_some(()))
    })
    .await
}

/// Pings until the tab shows an update that it did not show before.
async fn is_reached(hub: &Api, tab: &Tab) -> TestResult {
    let before = tab.updates().await?.len();
    eventually(HEALED_WITHIN, "an update reaches the leaf", async || {
        assert_eq!(hub.ping().await?.status(), 200);
        Ok((tab.updates().await?.len() > before).then_some(()))
    })
    .await
}

/// A tab on a leaf gets what is published at the hub, and is answered from there. A link that is cut
/// breaks none of its connections, so nobody there hears of it; when it is back, all goes on.
#[tokio::test]
async fn a_tab_on_a_leaf_is_part_of_the_hub() -> TestResult {
    let leaf = Leaf::start(Setup::new()).await?;
    let browser = browser_at(&leaf.hub.api).await?;
    let tab = connected_tab(&leaf.hub.api, &browser).await?;
    passes(&leaf, UPDATES).await?;
    is_reached(&leaf.hub.api, &tab).await?;

    let answering = answers(&leaf.hub.api, &leaf.hub.nats, "from the hub".to_owned()).await;
    is_answered(&leaf.server, &tab, "from the hub").await?;

    leaf.link.sever();
    eventually(HEALED_WITHIN, "the hub has lost its leaf", async || {
        Ok(interest(&leaf.hub.nats).await?.is_empty().then_some(()))
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
    is_reached(&leaf.hub.api, &tab).await?;
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
    let browser = browser_at(&leaf.hub.api).await?;
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

/// Waits until both of the leaf's links lead to nodes that live, and says which is for the browsers.
async fn linked_to(hub: &Cluster) -> Result<usize, Error> {
    eventually(HEALED_WITHIN, "the leaf has both its links", async || {
        let (mut links, mut browsers) = (0, None);
        for (index, node) in hub.nodes.iter().enumerate() {
            if node.process_id().is_some() {
                let interest = interest(node).await?;
                links += interest.len();
                browsers = wants(&interest, UPDATES).then_some(index).or(browsers);
            }
        }
        Ok(browsers.filter(|_| links == 2))
    })
    .await
}

/// A leaf of a cluster goes over to another node when its own is gone, and comes to hang on one that
/// was gone before: browsers on it get what is published in the cluster and are answered from there,
/// and none of their connections ends.
#[tokio::test]
async fn a_leaf_of_a_cluster_goes_over_to_another_node() -> TestResult {
    let mut leaf = LeafOfCluster::start().await?;
    let browser = browser_at(&leaf.hub.api).await?;
    let tab = connected_tab(&leaf.hub.api, &browser).await?;
    linked_to(&leaf.hub).await?;
    is_reached(&leaf.hub.api, &tab).await?;

    for round in 0..leaf.hub.nodes.len() {
        let dying = linked_to(&leaf.hub).await?;
        leaf.hub.nodes[dying].kill()?;
        let beside = linked_to(&leaf.hub).await?;
        assert_ne!(beside, dying);
        ping_until_taken(&leaf.hub.api).await?;
        is_reached(&leaf.hub.api, &tab).await?;
        // On a node that the leaf need not be linked to.
        let node = (0..leaf.hub.nodes.len()).find(|node| ![dying, beside].contains(node));
        let (node, words) =
            (&leaf.hub.nodes[node.expect("one of three")], format!("answer {round}"));
        let answering = answers(&leaf.hub.api, node, words.clone()).await;
        is_answered(&leaf.server, &tab, &words).await?;
        answering.abort();
        tab.reaches(State::Connected, Duration::ZERO).await?;
        // Two at once are not to be away.
        leaf.hub.nodes[dying].start().await?;
    }
    assert_eq!(tab.text("#ledger-gaps").await?, "No gap so far.");
    Ok(())
}

/// Keys are replaced while a leaf runs. It takes what `api leaf renew` has made when it dials its hub
/// the next time, with nobody cut off, and goes on when the former keys are refused; with its former
/// credentials it is turned away.
#[tokio::test]
async fn a_leaf_takes_renewed_credentials_and_the_former_ones_run_out() -> TestResult {
    let mut leaf = Leaf::start(Setup::new()).await?;
    let browser = browser_at(&leaf.hub.api).await?;
    let tab = connected_tab(&leaf.hub.api, &browser).await?;
    passes(&leaf, UPDATES).await?;
    is_reached(&leaf.hub.api, &tab).await?;
    let folder = leaf.hub.api.keys().join("leaves/l1");
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("it is there");
    let credentials = ["leaf.creds", "leaf-system.creds"];
    let former = credentials.map(read);
    let certificate = read("server.pem");

    let ca = leaf.hub.api.keys().join("tls/ca.pem").display().to_string();
    let rotate = async |hub: &Api, step: &str| -> TestResult {
        for key in ["account", "system-account"] {
            let mut arguments = vec!["rotate", step, key];
            if step != "switch-key" {
                arguments.extend(["--push", "--nats-ca-file", &ca]);
            }
            let ran = hub.run(&arguments).await?;
            assert!(ran.status.success(), "{}", ran.output);
        }
        Ok(())
    };
    rotate(&leaf.hub.api, "new-key").await?;
    rotate(&leaf.hub.api, "switch-key").await?;
    leaf.hub.api.kill()?;
    leaf.hub.api.start().await?;
    leaf.hub.api.ready(true).await?;
    let ran = leaf.hub.api.run(&["leaf", "renew", "l1=127.0.0.1"]).await?;
    assert!(ran.status.success(), "{}", ran.output);
    let renewed = credentials.map(read);
    for (former, renewed) in former.iter().zip(&renewed) {
        assert_ne!(former, renewed);
    }
    assert_ne!(read("server.pem"), certificate);
    leaf.server.reload().await?;
    tab.reaches(State::Connected, Duration::ZERO).await?;
    is_reached(&leaf.hub.api, &tab).await?;

    // The next connection to the hub is made with what is there then.
    let dials_anew = async |leaf: &Leaf| -> TestResult {
        leaf.link.sever();
        eventually(HEALED_WITHIN, "the hub has lost its leaf", async || {
            Ok(interest(&leaf.hub.nats).await?.is_empty().then_some(()))
        })
        .await?;
        leaf.link.mend();
        Ok(())
    };
    dials_anew(&leaf).await?;
    passes(&leaf, UPDATES).await?;
    rotate(&leaf.hub.api, "retire-key").await?;
    is_reached(&leaf.hub.api, &tab).await?;
    assert_eq!(interest(&leaf.hub.nats).await?.len(), 2, "the hub keeps both links");

    // A copy of the former credentials is worth nothing any more.
    let put = |all: &[String; 2]| {
        for (name, text) in credentials.iter().zip(all) {
            std::fs::write(folder.join(name), text).expect("it can be replaced");
        }
    };
    put(&former);
    let refused = || leaf.hub.nats.log().matches("authentication error").count();
    let before = refused();
    dials_anew(&leaf).await?;
    eventually(HEALED_WITHIN, "the hub turns the leaf away", async || {
        assert!(interest(&leaf.hub.nats).await?.is_empty(), "it is let in");
        Ok((refused() >= before + 4).then_some(()))
    })
    .await?;
    put(&renewed);
    passes(&leaf, UPDATES).await?;
    is_reached(&leaf.hub.api, &tab).await?;
    tab.reaches(State::Connected, Duration::ZERO).await?;
    Ok(())
}
