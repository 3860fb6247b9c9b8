//! `stream.toml`: what a stream has and gets, for those who may read a part of it.

use super::Site;
use crate::service::problem;

#[tokio::test]
async fn a_watcher_is_sent_what_its_markets_have_and_get() {
    let site = Site::of("stream.toml", "exchange").await;
    let mut exchange = site.back_end().await;
    let inbox = format!("_INBOX.{}", exchange.nkey);
    exchange.subscribe(&format!("{inbox}.>"), 1).await;
    for (market, price) in [("oil.brent", "80"), ("oil.brent", "81"), ("metal.tin", "30")] {
        exchange.client.send(&format!("PUB prices.{market} {inbox}.ack 2\r\n{price}\r\n")).await;
        // No browser writes here, so that the stream confirms.
        assert!(exchange.next().await.1.contains("\"stream\":\"PRICES\""));
    }

    let mut watcher = site.person("ann", "market", &["oil"]).await;
    watcher.listen("PRICES", 1).await;
    assert_eq!(watcher.next().await, ("prices.oil.brent".to_owned(), "81".to_owned()));
    for (market, price) in [("metal.tin", "31"), ("oil.wti", "77")] {
        exchange.publish(&format!("prices.{market}"), "", price).await;
    }
    assert_eq!(watcher.next().await, ("prices.oil.wti".to_owned(), "77".to_owned()));
    watcher.hears_nothing().await;
}

#[tokio::test]
async fn a_watcher_reads_no_other_markets_and_writes_nothing() {
    let site = Site::of("stream.toml", "exchange").await;
    let mut watcher = site.person("ann", "market", &["oil"]).await;
    let mut other = site.person("bob", "market", &["metal"]).await;
    let publish = ["prices.oil.brent", "prices.metal.tin", "prices.oil"].map(str::to_owned);
    let subscribe = ["prices.>", "prices.metal.>", "prices.*.>", "prices.*.*", "prices.metal.tin"];
    watcher.may_not(&publish, &subscribe.map(str::to_owned)).await;
    watcher.may_not(&[format!("_INBOX.{}.x", watcher.nkey)], &[]).await;
    watcher.breaks_out_nowhere(&site, &other, &["PRICES"]).await;
    // Nor does the service give it a consumer of what its token does not list.
    let token = site.token("ann", "markets", &["oil"]);
    for (channel, status, code) in [
        ("market:metal", 403, "channel_not_allowed"),
        ("market:*", 400, "invalid_channel"),
        ("market:>", 400, "invalid_channel"),
    ] {
        let answer = site.ask(&token, &watcher.nkey, &[channel.to_owned()]).await;
        problem(answer, status, code).await;
    }

    // What is for the other one reaches the other one alone.
    watcher.listen("PRICES", 1).await;
    other.listen("PRICES", 1).await;
    let mut exchange = site.back_end().await;
    exchange.publish("prices.metal.tin", "", "30").await;
    assert_eq!(other.next().await, ("prices.metal.tin".to_owned(), "30".to_owned()));
    exchange.publish("prices.oil.brent", "", "80").await;
    assert_eq!(watcher.next().await, ("prices.oil.brent".to_owned(), "80".to_owned()));
    // The back end writes there, and that is all.
    exchange.may_not(&["rooms.7", "prices"].map(str::to_owned), &["prices.>".to_owned()]).await;
}
