//! `publish.toml`: messages of one's own in a stream, which come back once they are stored.

use serde_json::json;

use super::{Holder, REFUSED, Site, with_headers};

async fn site() -> Site {
    Site::of("publish.toml", "shop").await
}

fn placed(holder: &Holder) -> String {
    format!("orders.{}.placed", holder.nkey)
}

#[tokio::test]
async fn an_order_comes_back_once_though_it_is_sent_twice_and_so_does_what_became_of_it() {
    let site = site().await;
    let mut shop = site.back_end().await;
    shop.subscribe("orders.*.placed", 1).await;
    shop.hears_nothing().await;
    let (mut ann, mut bob) =
        (site.person("ann", "x", &[]).await, site.person("bob", "x", &[]).await);
    let own = placed(&ann);
    for id in ["4Xyy", "4Xyy", "Pz1h"] {
        ann.publish_with(&own, &[("Nats-Msg-Id", id)], id).await;
        // The subject tells whose it is.
        assert_eq!(shop.next().await, (own.clone(), id.to_owned()));
    }
    bob.publish(&placed(&bob), "", "bob's").await;
    assert_eq!(shop.next().await, (placed(&bob), "bob's".to_owned()));
    shop.publish(&own.replace("placed", "accepted"), "", "Pz1h").await;
    ann.listen("ORDERS", 1).await;
    let first = ann.client.next().await.unwrap();
    assert!(first.contains("Nats-Msg-Id: 4Xyy"), "{first}");
    assert_eq!(ann.next().await, (own.clone(), "Pz1h".to_owned()));
    assert_eq!(ann.next().await, (own.replace("placed", "accepted"), "Pz1h".to_owned()));
    ann.hears_nothing().await;
}

#[tokio::test]
async fn a_customer_places_orders_in_its_own_name_and_does_nothing_else() {
    let site = site().await;
    let (mut ann, mut bob) =
        (site.person("ann", "x", &[]).await, site.person("bob", "x", &[]).await);
    site.insider.add_stream("THEIRS", "theirs.>", &json!({})).await;
    bob.publish(&placed(&bob), "", "bob's").await;
    let before = site.until_stored("ORDERS", 1).await;
    let own = placed(&ann);
    ann.may_not(
        &[
            placed(&bob),
            // What the shop says, of its own orders.
            own.replace("placed", "accepted"),
            own.replace("placed", "x"),
            format!("{own}.x"),
            "orders.placed".to_owned(),
            "theirs.x".to_owned(),
        ],
        &["orders.>", "orders.*.placed", &own, &placed(&bob)].map(str::to_owned),
    )
    .await;
    ann.breaks_out_nowhere(&site, &bob, &["ORDERS", "THEIRS"]).await;
    assert_eq!(site.stream("ORDERS").await["state"], before["state"]);

    for headers in REFUSED {
        ann.publish_with(&own, headers, "refused").await;
    }
    for reply in [&placed(&bob)[..], "theirs.x", "$JS.API.STREAM.DELETE.THEIRS"] {
        ann.publish(&own, reply, "stored").await;
        for headers in [REFUSED[0], &[("Nats-Expected-Last-Sequence", "999999")]] {
            let refused = with_headers(&own, reply, headers, "refused");
            assert_eq!(ann.client.round_trip(&refused).await, [] as [String; 0]);
        }
    }
    ann.publish(&own, "", "the end").await;
    // Nothing is stored but what may be, on nobody else's subjects, and nothing is deleted.
    ann.listen("ORDERS", 1).await;
    for said in ["stored", "stored", "stored", "the end"] {
        assert_eq!(ann.next().await, (own.clone(), said.to_owned()));
    }
    let last = before["state"]["last_seq"].as_u64().unwrap() + 4;
    assert_eq!(site.stream("ORDERS").await["state"]["last_seq"], last);
    assert_eq!(site.stream("THEIRS").await["state"]["last_seq"], 0);
    bob.listen("ORDERS", 1).await;
    assert_eq!(bob.next().await, (placed(&bob), "bob's".to_owned()));
    bob.hears_nothing().await;

    let mut shop = site.back_end().await;
    shop.may_not(&[own, "theirs.x".to_owned()], &["orders.>".to_owned()]).await;
}
