//! A template by the other door, auth callout, where the client does not know its key.

use serde_json::json;

use super::Site;
use crate::{
    asking::{come_with, get_in, session},
    client::Client,
    nats::Nats,
    service::Options,
    wait::until,
};

#[tokio::test]
async fn by_callout_a_role_is_sent_nothing_and_no_consumer_is_made_for_it() {
    let options = Options::default()
        .edit("enabled = false\nconnection_types", "enabled = true\nconnection_types");
    let site = Site::start(Nats::unprovisioned_asking(), "stream.toml", "exchange", options).await;
    until("the service answers nats-server", || async {
        site.api.log().contains("answering nats-server about clients").then_some(())
    })
    .await;
    let token = site.token("ann", "markets", &["oil"]);
    let body = json!({ "channels": ["market:oil"] });
    let cookie = session(&site.api, Some(&token), &body).await;
    let mut watcher = get_in(&site.nats, &cookie).await;
    let (_other, answer) = come_with(Client::websocket(&site.nats).await, &token).await;
    assert_eq!(answer.as_deref(), Some("PONG"));
    let consumers = async || site.stream("PRICES").await["state"]["consumer_count"].clone();
    assert_eq!(consumers().await, 0);
    // By the first door there is one.
    site.person("ann", "market", &["oil"]).await;
    assert_eq!(consumers().await, 1);

    // What its channels open to plain subscriptions is open.
    watcher.send("SUB prices.oil.> 1\r\n").await;
    assert!(watcher.round_trip("").await.is_empty());
    let mut exchange = site.back_end().await;
    exchange.publish("prices.metal.tin", "", "30").await;
    exchange.publish("prices.oil.brent", "", "80").await;
    assert_eq!(watcher.next().await.unwrap(), "MSG prices.oil.brent 1 2\n80");
    for subject in ["prices.metal.>", "prices.>", "_INBOX.>", "$JS.>"] {
        let said = watcher.round_trip(&format!("SUB {subject} 9\r\n")).await;
        let refused = format!("-ERR 'Permissions Violation for Subscription to \"{subject}\"'");
        assert_eq!(said, [refused]);
    }
}
