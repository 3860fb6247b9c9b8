//! Roles and channels: who gets which, and what nats-server makes of them.

use std::fs;

use nkeys::KeyPair;
use reqwest::Response;
use serde_json::{Value, json};

use crate::{
    callers::new_api_key,
    client::Client,
    issuer::{Issuer, Key, with},
    nats::Nats,
    service::{Api, Options, problem},
    startup::refusal,
};

const CREDENTIALS: &str = "/v1/credentials";

/// A service with an issuer whose tokens list the rooms 7, 8 and red.
struct Signed {
    api: Api,
    token: String,
    _issuer: Issuer,
}

impl Signed {
    async fn start(nats: &Nats) -> Self {
        let key = Key::ed25519("1");
        let issuer = Issuer::start(&[&key]).await;
        let options =
            Options::default().edit("issuers = []", format!("issuers = [{}]", issuer.config()));
        let api = Api::start_with(nats, &options).await;
        let token = key.token(&with(&issuer.claims(), "rooms", json!(["7", "8", "red", "A", "*"])));
        Self { api, token, _issuer: issuer }
    }

    async fn ask(&self, nkey: &str, channels: &[&str]) -> Response {
        let body = json!({ "nkey": nkey, "channels": channels });
        self.api.post_as(CREDENTIALS, &self.token, &body).await
    }

    /// A member in these rooms, and what it was told.
    async fn member(&self, nats: &Nats, channels: &[&str]) -> (Client, String, Value) {
        let key = KeyPair::new_user();
        let response = self.ask(&key.public_key(), channels).await;
        assert_eq!(response.status(), 200);
        let body: Value = response.json().await.unwrap();
        let mut client = Client::websocket(nats).await;
        assert_eq!(client.log_in(body["jwt"].as_str().unwrap(), &key).await, "PONG");
        (client, key.public_key(), body)
    }
}

fn publish(subject: &str) -> String {
    format!("PUB {subject} 2\r\nhi\r\n")
}

/// Checks that each of these is refused, and named, and that the connection lives on.
async fn assert_denied(client: &mut Client, publish_to: &[String], subscribe_to: &[String]) {
    for subject in publish_to {
        let expected = format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'");
        assert_eq!(client.round_trip(&publish(subject)).await, [expected]);
    }
    for subject in subscribe_to {
        let expected = format!("-ERR 'Permissions Violation for Subscription to \"{subject}\"'");
        assert_eq!(client.round_trip(&format!("SUB {subject} 99\r\n")).await, [expected]);
    }
}

fn texts(subjects: &[&str]) -> Vec<String> {
    subjects.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn a_member_talks_in_the_rooms_it_asked_for_and_nowhere_else() {
    let nats = Nats::running().await;
    // The keys of the roles are all that is needed.
    nats.take_keys_away();
    let service = Signed::start(&nats).await;
    let (mut ann, ann_key, body) = service.member(&nats, &["room:7", "room:red"]).await;
    let (mut bob, bob_key, _) = service.member(&nats, &["room:7"]).await;

    assert_eq!(body["role"], "member");
    assert_eq!(body["channels"], json!(["room:7", "room:red"]));
    assert_eq!(
        body["permissions"],
        json!({
            "publish": {
                "allow": [
                    format!("rooms.7.chat.{ann_key}"),
                    format!("rooms.red.chat.{ann_key}"),
                    format!("presence.room.7.{ann_key}.*"),
                    format!("presence.room.red.{ann_key}.*"),
                ],
                "deny": [],
            },
            "subscribe": {
                "allow": [
                    "com.scaling-ws.updates", format!("_INBOX.{ann_key}.>"),
                    "rooms.7.>", "rooms.red.>",
                    "presence.room.7.>", "presence.room.red.>",
                ],
                "deny": [],
            },
        })
    );

    let everything_told = format!(
        "SUB rooms.7.> 1\r\nSUB rooms.red.> 2\r\nSUB com.scaling-ws.updates 3\r\n\
         SUB _INBOX.{ann_key}.x 4\r\n{}",
        publish(&format!("rooms.red.chat.{ann_key}"))
    );
    let heard = ann.round_trip(&everything_told).await;
    assert_eq!(heard, [format!("MSG rooms.red.chat.{ann_key} 2 2\nhi")]);
    assert!(bob.round_trip(&publish(&format!("rooms.7.chat.{bob_key}"))).await.is_empty());
    assert_eq!(ann.next().await.unwrap(), format!("MSG rooms.7.chat.{bob_key} 1 2\nhi"));

    assert_denied(
        &mut bob,
        &[
            // Neither in another's name, nor elsewhere in the room, nor in another room.
            format!("rooms.7.chat.{ann_key}"),
            format!("rooms.7.announce.{bob_key}"),
            format!("rooms.8.chat.{bob_key}"),
            format!("rooms.red.chat.{bob_key}"),
            format!("presence.room.7.{ann_key}.t"),
            format!("presence.room.8.{bob_key}.t"),
            "rooms.7.chat".to_owned(),
            "com.scaling-ws.updates".to_owned(),
            format!("_INBOX.{ann_key}.x"),
        ],
        &texts(&[
            "rooms.8.>",
            "rooms.red.>",
            "presence.room.8.>",
            "presence.>",
            "rooms.>",
            "rooms.*.>",
            "rooms.*.chat.*",
            ">",
            "$SYS.>",
        ]),
    )
    .await;
}

#[tokio::test]
async fn without_a_channel_a_token_opens_nothing_of_it() {
    let nats = Nats::running().await;
    let service = Signed::start(&nats).await;
    let (mut client, key, body) = service.member(&nats, &[]).await;
    assert_eq!(body["permissions"]["publish"], json!({ "allow": [], "deny": [">"] }));
    assert!(client.round_trip("SUB com.scaling-ws.updates 1\r\n").await.is_empty());
    assert_denied(
        &mut client,
        &[format!("rooms.7.chat.{key}"), format!("rooms.x.chat.{key}"), "a".to_owned()],
        &texts(&["rooms.7.>", "rooms.>", "rooms.*.>", "a", ">"]),
    )
    .await;
}

#[tokio::test]
async fn a_channel_that_is_not_for_the_caller_is_refused() {
    let nats = Nats::provision();
    let service = Signed::start(&nats).await;
    let nkey = KeyPair::new_user().public_key();
    for channel in ["room:9", "hall:7"] {
        problem(service.ask(&nkey, &[channel]).await, 403, "channel_not_allowed").await;
    }
    // Also where the token lists just that.
    for channel in [
        "room:*",
        "room:>",
        "room:A",
        "room:",
        ":7",
        "room",
        "",
        "room:7.8",
        "room:7 ",
        "room:7\r\n",
        "room:\0",
        "room:é",
        "room:$JS",
        "room:{{name()}}",
        "ROOM:7",
        "room:7:8",
    ] {
        problem(service.ask(&nkey, &["room:7", channel]).await, 400, "invalid_channel").await;
    }
    let guest = json!({ "nkey": nkey, "channels": ["room:7"] }).to_string();
    problem(service.api.post(CREDENTIALS, guest).await, 403, "channel_not_allowed").await;
    assert!(!service.api.log().contains("minted a credential"));
}

#[tokio::test]
async fn more_channels_than_the_role_gives_are_refused() {
    let nats = Nats::provision();
    nats.edit_roles("values = { claim = \"rooms\" }", "values = { any = true }");
    let service = Signed::start(&nats).await;
    let nkey = KeyPair::new_user().public_key();
    let longest: Vec<String> = (0..17).map(|n| format!("room:{n:064}")).collect();
    let longest: Vec<&str> = longest.iter().map(String::as_str).collect();

    let response = service.ask(&nkey, &longest[..16]).await;
    assert_eq!(response.status(), 200);
    let body: Value = response.json().await.unwrap();
    assert!(body["jwt"].as_str().unwrap().len() <= 3_500);
    problem(service.ask(&nkey, &longest).await, 422, "credential_too_large").await;
    let mut twice = longest[..16].to_vec();
    twice.push(longest[0]);
    assert_eq!(service.ask(&nkey, &twice).await.status(), 200);
}

#[tokio::test]
async fn the_largest_token_a_role_can_have_fits_a_login() {
    let nats = Nats::running().await;
    nats.edit_roles("values = { claim = \"rooms\" }", "values = { any = true }");
    let service = Signed::start(&nats).await;
    let rooms: Vec<String> = (0..16).map(|n| format!("room:{n:064}")).collect();
    let rooms: Vec<&str> = rooms.iter().map(String::as_str).collect();
    let (mut client, key, _) = service.member(&nats, &rooms).await;
    let all: String = rooms
        .iter()
        .map(|room| publish(&format!("rooms.{}.chat.{key}", room.strip_prefix("room:").unwrap())))
        .collect();
    assert!(client.round_trip(&all).await.is_empty());
}

#[tokio::test]
async fn a_role_is_given_to_those_it_is_for_and_refused_alike_to_others() {
    let nats = Nats::provision();
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    let (api_key, element) = new_api_key("backend");
    let (stranger, other) = new_api_key("stranger");
    let options = Options::default()
        .edit("issuers = []", format!("issuers = [{}]", issuer.config()))
        .edit("api_keys = []", format!("api_keys = [{element} {other}]"));
    let api = Api::start_with(&nats, &options).await;
    let user = key.token(&issuer.claims());
    let nkey = KeyPair::new_user().public_key();
    let ask = |role: &str| json!({ "nkey": nkey, "role": role });

    for (bearer, role) in [(&user, "member"), (&api_key, "backend")] {
        for body in [json!({ "nkey": nkey }), ask(role)] {
            let response = api.post_as(CREDENTIALS, bearer, &body).await;
            assert_eq!(response.status(), 200);
            assert_eq!(response.json::<Value>().await.unwrap()["role"], role);
        }
    }
    let mut refusals = Vec::new();
    for (bearer, role) in [
        (&user, "backend"),
        (&user, "guest"),
        (&user, "no-such-role"),
        (&user, "../../etc"),
        (&api_key, "member"),
        (&stranger, "backend"),
    ] {
        let response = api.post_as(CREDENTIALS, bearer, &ask(role)).await;
        refusals.push(problem(response, 403, "role_not_allowed").await);
    }
    let response = api.post_as(CREDENTIALS, &stranger, &json!({ "nkey": nkey })).await;
    refusals.push(problem(response, 403, "role_not_allowed").await);
    let response = api.post(CREDENTIALS, ask("member").to_string()).await;
    refusals.push(problem(response, 403, "role_not_allowed").await);
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
}

#[tokio::test]
async fn a_back_end_comes_over_tcp_and_publishes_what_its_role_says() {
    let nats = Nats::running().await;
    let (api_key, element) = new_api_key("backend");
    let options = Options::default().edit("api_keys = []", format!("api_keys = [{element}]"));
    let api = Api::start_with(&nats, &options).await;
    let key = KeyPair::new_user();
    let body = json!({ "nkey": key.public_key() });
    let response = api.post_as(CREDENTIALS, &api_key, &body).await;
    let body: Value = response.json().await.unwrap();
    let jwt = body["jwt"].as_str().unwrap();

    let mut client = Client::websocket(&nats).await;
    assert_eq!(client.log_in(jwt, &key).await, "-ERR 'Authorization Violation'");
    let mut client = Client::tcp(&nats).await;
    assert_eq!(client.log_in(jwt, &key).await, "PONG");
    for subject in ["com.scaling-ws.updates", "rooms.7.announce"] {
        assert!(client.round_trip(&publish(subject)).await.is_empty(), "{subject}");
    }
    assert_denied(
        &mut client,
        &texts(&["rooms.7.chat.x", "rooms.7.8.announce", "com.scaling-ws.other", "a"]),
        &texts(&["rooms.7.>", "com.scaling-ws.updates", ">", "_INBOX.>"]),
    )
    .await;
}

#[test]
fn a_roles_file_that_says_something_else_than_the_account_stops_the_start() {
    let nats = Nats::provision();
    nats.edit_roles("max_payload_bytes = 1024", "max_payload_bytes = 2048");
    let said = refusal(&nats, &Options::default());
    assert!(said.contains("role-guest.seed") && said.contains("`api roles apply`"), "{said}");

    nats.edit_roles("name = \"guest\"", "name = \"visitor\"");
    let said = refusal(&nats, &Options::default());
    assert!(said.contains("role-visitor.seed") && said.contains("does not exist"), "{said}");
}

#[test]
fn check_config_tells_every_mistake_in_the_roles_with_its_line() {
    let nats = Nats::provision();
    nats.edit_roles("ttl_seconds = 900", "ttl_seconds = 1");
    nats.edit_roles("\"_INBOX.{{subject()}}.>\"", "\"_INBOX.>\"");
    nats.edit_roles("values = { claim = \"rooms\" }", "value = { claim = \"rooms\" }");
    let text = fs::read_to_string(nats.roles_file()).unwrap();
    let line = |of: &str| text.lines().position(|line| line.contains(of)).unwrap() + 1;

    for command in [&["check-config", "--config"][..], &["init", "--dir", "x", "--roles"]] {
        let mut command_line = std::process::Command::new(env!("CARGO_BIN_EXE_api"));
        command_line.args(command).env("API_ROLES", nats.roles_file()).current_dir(nats.dir());
        if command[0] == "init" {
            command_line.arg(nats.roles_file());
        } else {
            command_line.arg(crate::service::dev_toml());
        }
        let output = command_line.output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        let stderr = String::from_utf8(output.stderr).unwrap();
        for (of, what) in [
            ("ttl_seconds = 1", "ttl_seconds must be 2 to 86400 seconds"),
            ("\"_INBOX.>\"", "a caller's own is _INBOX.{{subject()}}.>"),
            ("value = {", "there is no field \"value\""),
            ("[[role.channel]]", "values is missing"),
        ] {
            let line = line(of);
            let expected = format!("  line {line}, column ");
            let told =
                stderr.lines().find(|told| told.starts_with(&expected) && told.contains(what));
            assert!(told.is_some(), "{expected}… {what} is not in:\n{stderr}");
        }
        assert_eq!(stderr.lines().count(), 5, "{stderr}");
    }
}

#[test]
fn check_config_warns_of_what_lets_in_more_than_it_looks_like() {
    let nats = Nats::provision();
    let check = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_api"));
        command.args(["check-config", "--config"]).arg(crate::service::dev_toml());
        let output = command.env("API_ROLES", nats.roles_file()).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        assert!(String::from_utf8(output.stdout).unwrap().contains("can be used"));
        String::from_utf8(output.stderr).unwrap()
    };
    // To publish to `rooms.*.announce` is to publish to one room after the other.
    assert_eq!(check(), "");
    let rooms = "\"rooms.{{tag(room)}}.>\"";
    nats.edit_roles(rooms, "\"rooms.{{tag(room)}}.*\"");
    nats.edit_roles("\"com.scaling-ws.updates\"", "\"com.scaling-ws.*\"");
    nats.edit_roles("\"com.scaling-ws.updates\"", "\"com.*\", \"com.>\", \"com.*.updates\"");
    let text = fs::read_to_string(nats.roles_file()).unwrap();
    let line = |of: &str| text.lines().position(|line| line.contains(of)).unwrap() + 1;
    let said = check();
    for (of, wider) in [
        ("com.scaling-ws.*", "com.scaling-ws.>"),
        ("rooms.{{tag(room)}}.*", "rooms.{{tag(room)}}.>"),
    ] {
        let (line, wider) = (format!(": line {}, column ", line(of)), format!("{wider:?}"));
        let told = |told: &str| told.contains(&line) && told.contains(&wider);
        assert!(said.lines().any(told), "{line}… {wider} is not in:\n{said}");
    }
    assert!(said.lines().all(|line| line.starts_with("warning: ")), "{said}");
    assert_eq!(said.lines().count(), 2, "{said}");
}
