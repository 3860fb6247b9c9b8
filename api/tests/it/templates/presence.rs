//! `presence.toml`: who is in a room.

use serde_json::{Value, json};

use super::{Holder, Site};
use crate::wait::until;

impl Holder {
    /// What a tab says of itself, as one that speaks for `of`.
    fn signal(of: &Holder, more: &Value) -> String {
        let mut signal =
            json!({ "v": 1, "server": of.info["server_id"], "client": of.info["client_id"] });
        signal.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        signal.to_string()
    }

    async fn is_here(&mut self, room: &str, tab: &str) {
        let said = Self::signal(self, &json!({ "data": tab }));
        self.publish(&format!("presence.room.{room}.{}.{tab}", self.nkey), "", &said).await;
    }
}

/// Who is in a room, by the service.
async fn members(site: &Site, token: &str, room: &str) -> Vec<(String, usize)> {
    let url = site.api.url(&format!("/v1/presence/room:{room}"));
    let answer = site.api.http.get(url).bearer_auth(token).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let told: Value = answer.json().await.unwrap();
    let members = told["members"].as_array().unwrap().iter().map(|member| {
        (member["nkey"].as_str().unwrap().to_owned(), member["tabs"].as_array().unwrap().len())
    });
    members.collect()
}

#[tokio::test]
async fn members_of_a_room_see_each_other_and_newcomers_are_told() {
    let site = Site::of("presence.toml", "none").await;
    let token = site.token("ann", "rooms", &["7"]);
    until("the service listens", || async {
        let url = site.api.url("/v1/presence/room:7");
        let answer = site.api.http.get(url).bearer_auth(&token).send().await.unwrap();
        (answer.status() == 200).then_some(())
    })
    .await;
    let mut ann = site.person("ann", "room", &["7"]).await;
    let mut bob = site.person("bob", "room", &["7", "8"]).await;
    ann.subscribe("presence.room.7.>", 1).await;
    ann.hears_nothing().await;
    bob.is_here("8", "t").await;
    bob.is_here("7", "t").await;
    assert_eq!(ann.next().await.0, format!("presence.room.7.{}.t", bob.nkey));
    ann.hears_nothing().await;
    until("bob is there", || async {
        (members(&site, &token, "7").await == [(bob.nkey.clone(), 1)]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_member_speaks_for_nobody_else_and_in_no_other_room() {
    let site = Site::of("presence.toml", "none").await;
    let mut ann = site.person("ann", "room", &["7"]).await;
    let mut bob = site.person("bob", "room", &["7", "8"]).await;
    let token = site.token("bob", "rooms", &["7", "8"]);
    let there = vec![(bob.nkey.clone(), 1)];
    until("bob is there", || async {
        // Again and again, as tabs do: the service may not have listened yet.
        let said = Holder::signal(&bob, &json!({ "data": null }));
        let subject = format!("presence.room.7.{}.t", bob.nkey);
        site.insider.0.publish(subject, said.into()).await.unwrap();
        let url = site.api.url("/v1/presence/room:7");
        let answer = site.api.http.get(url).bearer_auth(&token).send().await.unwrap();
        let told: Value = answer.json().await.unwrap();
        (told["members"][0]["nkey"] == bob.nkey).then_some(())
    })
    .await;
    bob.hears_nothing().await;

    let gone = Holder::signal(&bob, &json!({ "gone": true }));
    let subjects = [
        format!("presence.room.7.{}.t", bob.nkey),
        format!("presence.room.8.{}.t", ann.nkey),
        format!("presence.demo.7.{}.t", ann.nkey),
        format!("presence.room.7.{}", ann.nkey),
        format!("presence.room.7.{}.t.u", ann.nkey),
    ];
    for subject in subjects {
        ann.is_refused(&subject, "", &gone).await;
    }
    let subscribe = [
        "presence.>",
        "presence.room.>",
        "presence.room.8.>",
        "presence.room.*.>",
        "presence.*.7.>",
    ];
    ann.may_not(&[], &subscribe.map(str::to_owned)).await;
    ann.breaks_out_nowhere(&site, &bob, &[]).await;
    // On its own subject it speaks for its own key, whatever it says.
    let subject = format!("presence.room.7.{}.t", ann.nkey);
    ann.publish(&subject, "", &gone).await;
    ann.is_here("7", "u").await;
    let mut both = [there, vec![(ann.nkey.clone(), 1)]].concat();
    both.sort();
    until("both are there", || async { (members(&site, &token, "7").await == both).then_some(()) })
        .await;
    // Nor does the service tell of a room to those who are not in it.
    let url = site.api.url("/v1/presence/room:8");
    let of_ann = site.token("ann", "rooms", &["7"]);
    let answer = site.api.http.get(url).bearer_auth(of_ann).send().await.unwrap();
    crate::service::problem(answer, 403, "channel_not_allowed").await;
}
