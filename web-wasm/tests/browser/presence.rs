//! Presence with the API, which lets each tab speak for its own user only.

use std::rc::Rc;

use futures_util::StreamExt;
use serde_json::json;
use wasm_bindgen_test::wasm_bindgen_test;
use web_wasm::presence::{Channel, Event, HttpSnapshots, Member, Presence, PresenceExt};
use web_wasm::{Client, ConnectOptions, HttpCredentials, UserKey};

use crate::env;

fn api(path: &str) -> String {
    let api = option_env!("WEB_WASM_TEST_API");
    [api.expect("run `just test-browser`"), path].concat()
}

/// A client that the API lets in as a guest with this key.
async fn guest(key: &Rc<UserKey>) -> Client {
    let credentials = HttpCredentials::new(api("/v1/credentials"), Rc::clone(key));
    let grant = credentials.grant().await.unwrap();
    let options = ConnectOptions::new().custom_inbox_prefix(&grant.inbox_prefix);
    options.credentials(credentials).connect(grant.servers).await.unwrap()
}

async fn lobby(client: &Client, key: &UserKey) -> Presence {
    let lobby: Channel = "demo:lobby".parse().unwrap();
    let snapshots = Rc::new(HttpSnapshots::new(api("/v1/presence")));
    let builder = client.presence(lobby).snapshots(snapshots);
    builder.join(key.public_key(), json!({ "of": "a test" })).await.unwrap()
}

/// Waits until something of this user happens that is as wanted.
async fn until(presence: &mut Presence, user: &str, wanted: impl Fn(&Event) -> bool) {
    let of = |event: &Event| -> Member {
        match event {
            Event::Join(member) | Event::Update(member) | Event::Leave(member) => member.clone(),
        }
    };
    env::within(async {
        loop {
            let event = presence.next().await.expect("it goes on");
            if of(&event).user == user && wanted(&event) {
                return;
            }
        }
    })
    .await;
}

fn has_tabs(event: &Event, tabs: usize) -> bool {
    matches!(event, Event::Join(member) | Event::Update(member) if member.tabs == tabs)
}

#[wasm_bindgen_test]
async fn two_users_see_each_other_come_and_leave_and_crash() {
    let ann = Rc::new(UserKey::generate().unwrap());
    let bob = Rc::new(UserKey::generate().unwrap());
    let anns_key = ann.public_key();
    let ann_1 = guest(&ann).await;
    let first = lobby(&ann_1, &ann).await;

    // Who was there before is told by the API.
    let bobs = guest(&bob).await;
    let mut seen = lobby(&bobs, &bob).await;
    until(&mut seen, &anns_key, |event| has_tabs(event, 1)).await;

    let ann_2 = guest(&ann).await;
    let second = lobby(&ann_2, &ann).await;
    until(&mut seen, &anns_key, |event| has_tabs(event, 2)).await;
    first.leave().await.unwrap();
    until(&mut seen, &anns_key, |event| has_tabs(event, 1)).await;

    // Its socket closes and it says nothing: the API hears of that from the server. By the ttl it would
    // take longer than this test waits.
    ann_2.close().await.unwrap();
    until(&mut seen, &anns_key, |event| matches!(event, Event::Leave(_))).await;
    drop(second);
    assert!(seen.members().iter().any(|member| member.user == bob.public_key()));
    assert_eq!(seen.snapshot_error(), None);
}

/// The server lets nobody speak for others: nobody hears of it.
#[wasm_bindgen_test]
async fn nobody_joins_as_another() {
    let (ann, bob) = (UserKey::generate().unwrap(), Rc::new(UserKey::generate().unwrap()));
    let bobs = guest(&bob).await;
    let mut seen = lobby(&bobs, &bob).await;
    until(&mut seen, &bob.public_key(), |event| has_tabs(event, 1)).await;
    let forged = lobby(&bobs, &ann).await;
    bobs.flush().await.unwrap();
    seen.set_data(json!("after that")).unwrap();
    until(&mut seen, &bob.public_key(), |event| has_tabs(event, 1)).await;
    assert!(seen.members().iter().all(|member| member.user != ann.public_key()));
    drop(forged);
    let other: Channel = "demo:other".parse().unwrap();
    bobs.presence(other).watch().await.expect_err("its role has no such channel");
}
