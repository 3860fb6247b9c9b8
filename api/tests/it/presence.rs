//! Presence: who is on a channel, told by tabs, by servers and by time.

use nkeys::KeyPair;
use reqwest::Response;
use serde_json::{Value, json};

use crate::{
    client::Client,
    nats::Nats,
    service::{Api, Options, problem},
    wait::until,
};

const LOBBY: &str = "/v1/presence/demo:lobby";

fn options(ttl: u64, disconnects: bool) -> Options {
    Options::default()
        .edit("\nttl_seconds = 90", format!("\nttl_seconds = {ttl}"))
        .edit("\ndisconnects = false", format!("\ndisconnects = {disconnects}"))
}

/// A tab of a guest: a websocket, and the server's words of who it is.
struct Tab {
    client: Client,
    nkey: String,
    server: String,
    cid: u64,
}

impl Tab {
    async fn of(nats: &Nats, api: &Api, key: &KeyPair) -> Self {
        let nkey = key.public_key();
        let credential = api.credential(&nkey).await;
        let mut client = Client::websocket(nats).await;
        let info = client.enter(credential["jwt"].as_str().unwrap(), key).await;
        let server = info["server_id"].as_str().unwrap().to_owned();
        Self { client, nkey, server, cid: info["client_id"].as_u64().unwrap() }
    }

    fn here(&self, data: &Value) -> String {
        json!({ "v": 1, "server": self.server, "client": self.cid, "data": data }).to_string()
    }

    /// Publishes, and returns what the server has against it.
    async fn publish(&mut self, subject: &str, payload: &str) -> Vec<String> {
        let message = format!("PUB {subject} {}\r\n{payload}\r\n", payload.len());
        self.client.round_trip(&message).await
    }

    /// Says that it is in the lobby.
    async fn come(&mut self, tab: &str, data: &Value) {
        let (subject, payload) =
            (format!("presence.demo.lobby.{}.{tab}", self.nkey), self.here(data));
        assert_eq!(self.publish(&subject, &payload).await, [] as [String; 0]);
    }
}

async fn lobby(api: &Api) -> Value {
    let response = api.get(LOBBY).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.json().await.unwrap()
}

/// Waits until so many tabs of each are there, in any order.
async fn until_there(api: &Api, mut expected: Vec<(&str, usize)>) -> Value {
    expected.sort_unstable();
    until("those who should be are there", || async {
        let lobby = lobby(api).await;
        let members = lobby["members"].as_array().unwrap();
        let there = members.iter().map(|member| {
            (member["nkey"].as_str().unwrap(), member["tabs"].as_array().unwrap().len())
        });
        there.eq(expected.iter().copied()).then_some(lobby)
    })
    .await
}

/// One more process of the service, listening.
async fn start(nats: &Nats, options: &Options) -> Api {
    let api = Api::start_with(nats, options).await;
    api.until_status("/readyz", 200).await;
    api.until_status(LOBBY, 200).await;
    api
}

#[tokio::test]
async fn tabs_are_folded_and_leave_as_they_say() {
    let nats = Nats::running().await;
    let api = start(&nats, &options(3600, false)).await;
    let (ann, bob) = (KeyPair::new_user(), KeyPair::new_user());
    let mut first = Tab::of(&nats, &api, &ann).await;
    let mut second = Tab::of(&nats, &api, &ann).await;
    let mut bobs = Tab::of(&nats, &api, &bob).await;
    first.come("t1", &json!({ "name": "Ann" })).await;
    until_there(&api, vec![(&first.nkey, 1)]).await;
    second.come("t2", &json!({ "name": "Ann B." })).await;
    bobs.come("t1", &Value::Null).await;
    let told = until_there(&api, vec![(&first.nkey, 2), (&bobs.nkey, 1)]).await;
    let of_ann = told["members"].as_array().unwrap().iter().find(|m| m["nkey"] == first.nkey);
    assert_eq!(of_ann.unwrap()["data"], json!({ "name": "Ann B." }));
    assert_eq!((&told["channel"], &told["ttl_ms"]), (&json!("demo:lobby"), &json!(3_600_000)));
    assert_eq!(told["complete"], false, "it has not listened for a ttl");

    let gone = json!({ "v": 1, "server": second.server, "client": second.cid, "gone": true });
    let subject = format!("presence.demo.lobby.{}.t2", second.nkey);
    second.publish(&subject, &gone.to_string()).await;
    let told = until_there(&api, vec![(&first.nkey, 1), (&bobs.nkey, 1)]).await;
    let keys = |told: &Value| -> Vec<Value> {
        told["members"].as_array().unwrap().iter().map(|member| member["nkey"].clone()).collect()
    };
    let after = told["members"][0]["nkey"].as_str().unwrap();
    let rest: Value = api.get(&format!("{LOBBY}?after={after}")).await.json().await.unwrap();
    assert_eq!(keys(&rest)[..], keys(&told)[1..]);
}

#[tokio::test]
async fn a_tab_that_crashed_is_gone_at_once_by_the_servers_word_on_every_process() {
    let nats = Nats::running().await;
    // So long that nothing here is by the ttl.
    let options = options(3600, true);
    let api = start(&nats, &options).await;
    let other = start(&nats, &options).await;
    for api in [&api, &other] {
        until("ended connections are listened to", || async {
            api.log().contains("listening to ended connections").then_some(())
        })
        .await;
    }
    let key = KeyPair::new_user();
    let mut crashes = Tab::of(&nats, &api, &key).await;
    let mut stays = Tab::of(&nats, &api, &key).await;
    // A tab that moved to another connection before the first one ended.
    crashes.come("crashes", &Value::Null).await;
    stays.come("stays", &Value::Null).await;
    crashes.come("moves", &Value::Null).await;
    stays.come("moves", &Value::Null).await;
    for api in [&api, &other] {
        until_there(api, vec![(&stays.nkey, 3)]).await;
    }
    drop(crashes.client);
    for api in [&api, &other] {
        let told = until_there(api, vec![(&stays.nkey, 2)]).await;
        let tabs = told["members"][0]["tabs"].as_array().unwrap();
        let ids: Vec<_> = tabs.iter().map(|tab| tab["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["moves", "stays"]);
        assert!(!api.log().contains("eyJ"), "no token is logged");
    }
    drop(stays.client);
    for api in [&api, &other] {
        until_there(api, vec![]).await;
    }
}

#[tokio::test]
async fn without_a_system_user_a_tab_that_crashed_is_gone_after_the_ttl() {
    let nats = Nats::running().await;
    std::fs::remove_file(nats.keys_dir().join("system.creds")).unwrap();
    let api = start(&nats, &options(2, false)).await;
    let mut tab = Tab::of(&nats, &api, &KeyPair::new_user()).await;
    tab.come("t1", &Value::Null).await;
    let told = until_there(&api, vec![(&tab.nkey, 1)]).await;
    assert!(told["members"][0]["tabs"][0]["heard_ms"].as_u64().unwrap() < 2_000);
    drop(tab.client);
    until_there(&api, vec![]).await;
    until("it has listened for a ttl", || async {
        (lobby(&api).await["complete"] == true).then_some(())
    })
    .await;
}

#[tokio::test]
async fn nobody_speaks_for_others_or_elsewhere_or_without_bound() {
    let nats = Nats::running().await;
    let api = start(&nats, &options(3600, false)).await;
    let mut bob = Tab::of(&nats, &api, &KeyPair::new_user()).await;
    bob.come("t", &json!("bob")).await;
    let mut evil = Tab::of(&nats, &api, &KeyPair::new_user()).await;
    let gone = json!({ "v": 1, "server": bob.server, "client": bob.cid, "gone": true }).to_string();
    for subject in [
        // Another's key, another's tab, another channel, a subject that is none.
        format!("presence.demo.lobby.{}.t", bob.nkey),
        format!("presence.room.7.{}.t", evil.nkey),
        format!("presence.demo.other.{}.t", evil.nkey),
        format!("presence.demo.lobby.{}.t.u", evil.nkey),
    ] {
        let refused = format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'");
        assert_eq!(evil.publish(&subject, &gone).await, [refused]);
    }
    // Its own subject, with what is no signal.
    let subject = format!("presence.demo.lobby.{}.t", evil.nkey);
    let large = evil.here(&json!("x".repeat(600)));
    for payload in ["", "{}", "[[[[", &large, &gone] {
        assert_eq!(evil.publish(&subject, payload).await, [] as [String; 0]);
    }
    // Ten thousand tabs.
    let payload = evil.here(&Value::Null);
    let mut tabs = String::new();
    for n in 0..10_000 {
        let subject = format!("presence.demo.lobby.{}.x{n}", evil.nkey);
        tabs += &format!("PUB {subject} {}\r\n{payload}\r\n", payload.len());
    }
    assert_eq!(evil.client.round_trip(&tabs).await, [] as [String; 0]);
    let told = until_there(&api, vec![(&bob.nkey, 1), (&evil.nkey, 8)]).await;
    let of_bob = told["members"].as_array().unwrap().iter().find(|m| m["nkey"] == bob.nkey);
    assert_eq!(of_bob.unwrap()["data"], "bob");
}

#[tokio::test]
async fn it_is_told_to_those_who_could_read_it_on_nats_and_asked_for_strictly() {
    let nats = Nats::running().await;
    let api = start(&nats, &options(90, false)).await;
    let ask = async |path: &str| -> Response { api.get(&format!("/v1/presence/{path}")).await };
    problem(ask("room:7").await, 403, "channel_not_allowed").await;
    problem(ask("demo:other").await, 403, "channel_not_allowed").await;
    problem(ask("demo:lobby?role=member").await, 403, "role_not_allowed").await;
    for bad in ["demo", "demo:", "demo:%3E", "demo:*", "demo:a.b", "demo:%00", "DEMO:lobby"] {
        problem(ask(bad).await, 400, "invalid_channel").await;
    }
    problem(ask("demo:lobby?after=x").await, 400, "invalid_nkey").await;
    problem(ask("demo:lobby?role=guest&role=guest").await, 400, "invalid_query").await;
    problem(ask("demo:lobby?x=1").await, 400, "invalid_query").await;
    problem(api.post(LOBBY, "").await, 405, "method_not_allowed").await;

    let off = Options::default().edit(
        "[presence]\n# Who is on which channel: GET /v1/presence/room:7, for whoever may read \
         presence.room.7.> on NATS.\nenabled = true",
        "[presence]\nenabled = false",
    );
    let api = Api::start_with(&nats, &off).await;
    problem(api.get(LOBBY).await, 404, "not_found").await;
}

#[tokio::test]
async fn without_nats_nobody_is_said_to_be_absent() {
    let mut nats = Nats::running().await;
    let api = start(&nats, &options(90, false)).await;
    nats.kill();
    until("it is told", || async { (api.get(LOBBY).await.status() == 503).then_some(()) }).await;
    problem(api.get(LOBBY).await, 503, "nats_unavailable").await;
    nats.start().await;
    api.until_status(LOBBY, 200).await;
}
