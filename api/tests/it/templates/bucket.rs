//! `bucket.toml`: a value of one's own in a bucket, and the sight of all others.

use serde_json::json;

use super::{Holder, REFUSED, Site, with_headers};
use crate::service::problem;

async fn site() -> Site {
    Site::of("bucket.toml", "none").await
}

fn key(holder: &Holder, document: &str) -> String {
    format!("$KV.cursors.{document}.{}", holder.nkey)
}

#[tokio::test]
async fn an_editor_reads_all_values_of_a_document_and_writes_its_own() {
    let site = site().await;
    let mut ann = site.person("ann", "document", &["7"]).await;
    let mut bob = site.person("bob", "document", &["7", "8"]).await;
    let (of_ann, of_bob) = (key(&ann, "7"), key(&bob, "7"));
    bob.publish(&of_bob, "", "1").await;
    bob.publish(&of_bob, "", "2").await;
    bob.publish(&key(&bob, "8"), "", "3").await;
    // The values that are there, the last of each, and what comes: its own among it.
    ann.listen("KV_cursors", 1).await;
    assert_eq!(ann.next().await, (of_bob.clone(), "2".to_owned()));
    ann.publish(&of_ann, "", "4").await;
    assert_eq!(ann.next().await, (of_ann, "4".to_owned()));
    bob.publish_with(&of_bob, &[("KV-Operation", "DEL")], "").await;
    let deleted = ann.client.next().await.unwrap();
    assert!(deleted.starts_with(&format!("HMSG {of_bob} 1 ")), "{deleted}");
    assert!(deleted.contains("KV-Operation: DEL"), "{deleted}");
    ann.hears_nothing().await;
}

#[tokio::test]
async fn an_editor_writes_and_reads_nothing_of_others_and_empties_nothing() {
    let site = site().await;
    let mut ann = site.person("ann", "document", &["7"]).await;
    let mut bob = site.person("bob", "document", &["7", "8"]).await;
    site.insider.add_stream("KV_other", "$KV.other.>", &json!({})).await;
    bob.publish(&key(&bob, "7"), "", "bob's").await;
    bob.publish(&key(&bob, "8"), "", "bob's").await;
    let before = site.until_stored("KV_cursors", 2).await;
    let own = key(&ann, "7");
    ann.may_not(
        &[
            key(&bob, "7"),
            key(&ann, "8"),
            "$KV.cursors.7".to_owned(),
            format!("$KV.cursors.{}", ann.nkey),
            format!("{own}.x"),
            format!("$KV.other.7.{}", ann.nkey),
            format!("$O.cursors.M.{}", ann.nkey),
        ],
        &["$KV.cursors.>", "$KV.cursors.7.>", "$KV.cursors.8.>", &key(&bob, "7"), &own]
            .map(str::to_owned),
    )
    .await;
    ann.breaks_out_nowhere(&site, &bob, &["KV_cursors", "KV_other"]).await;
    assert_eq!(site.stream("KV_cursors").await["state"], before["state"]);
    let token = site.token("ann", "documents", &["7"]);
    let answer = site.ask(&token, &ann.nkey, &["document:8".to_owned()]).await;
    problem(answer, 403, "channel_not_allowed").await;

    // No header reaches beyond the own key, and no reply subject is written to.
    for headers in REFUSED {
        ann.publish_with(&own, headers, "refused").await;
    }
    for reply in [&key(&bob, "7")[..], "$KV.other.x", "$JS.API.STREAM.DELETE.KV_cursors"] {
        ann.publish(&own, reply, "stored").await;
        let refused = with_headers(&own, reply, REFUSED[0], "refused");
        assert_eq!(ann.client.round_trip(&refused).await, [] as [String; 0]);
    }
    let purge = [("KV-Operation", "PURGE"), ("Nats-Rollup", "sub")];
    ann.publish_with(&own, &purge, "refused").await;
    ann.publish(&own, "", "the end").await;
    // All that was published before has been dealt with by then.
    ann.listen("KV_cursors", 1).await;
    let mut told = vec![ann.next().await];
    while told.last().unwrap().1 != "the end" {
        told.push(ann.next().await);
    }
    let values: Vec<&(String, String)> =
        told.iter().filter(|(subject, _)| *subject != own).collect();
    assert_eq!(values, [&(key(&bob, "7"), "bob's".to_owned())]);
    assert!(told.iter().all(|(_, value)| value != "refused"), "{told:?}");
    let state = &site.stream("KV_cursors").await["state"];
    let stored = before["state"]["last_seq"].as_u64().unwrap() + 4;
    assert_eq!((&state["last_seq"], &state["messages"]), (&json!(stored), &json!(3)));
    assert_eq!(site.stream("KV_other").await["state"]["messages"], 0);
}
