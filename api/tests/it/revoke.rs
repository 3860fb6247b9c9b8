//! Bans: no credential any more, no connection, and none that comes back.

use std::{fs, os::unix::fs::PermissionsExt, time::Instant};

use nkeys::KeyPair;
use rustix::fs::inotify;
use serde_json::{Value, json};

use crate::{
    callers::new_api_key,
    client::Client,
    held::{Held, assert_cut_soon, assert_served},
    issuer::{Issuer, Key, now, with},
    nats::Nats,
    service::{Api, Options, problem},
    startup::refusal,
    wait::until,
};

const CREDENTIALS: &str = "/v1/credentials";
const REVOKE: &str = "/v1/revoke";

/// How a service is started that bans at the word of one back end.
pub(crate) struct Setting {
    options: Options,
    admin: String,
    stranger: String,
}

impl Setting {
    pub(crate) fn new(nats: &Nats) -> Self {
        let (admin, element) = new_api_key("admin");
        let (stranger, other) = new_api_key("backend");
        let dir = format!("{:?}", nats.dir().join("bans").to_str().unwrap());
        let options = Options::default()
            .edit("api_keys = []", format!("api_keys = [{element} {other}]"))
            .edit("allowed_to = []", "allowed_to = [{ api_key = \"admin\" }]")
            .edit("\"nats-conf/generated/bans\"", dir);
        Self { options, admin, stranger }
    }

    /// The service may itself change the account's JWT.
    fn signing(nats: &Nats) -> Self {
        let mut setting = Self::new(nats);
        let dir = nats.keys_dir().to_str().unwrap().to_owned();
        let edit = format!("[revoke]\nsigner_dir = {dir:?}\n");
        setting.options = setting.options.edit("[revoke]\n", edit);
        setting
    }

    pub(crate) async fn start(&self, nats: &Nats) -> Api {
        let api = Api::start_with(nats, &self.options).await;
        api.until_status("/readyz", 200).await;
        api
    }

    /// Bans, again while the connection to the system account is still on its way.
    pub(crate) async fn ban(&self, api: &Api, body: &Value) -> Value {
        until("the ban is complete", || async {
            let response = api.post_as(REVOKE, &self.admin, body).await;
            if response.status() == 503 {
                problem(response, 503, "revoke_incomplete").await;
                return None;
            }
            assert_eq!(response.status(), 200);
            assert_eq!(response.headers()["cache-control"], "no-store");
            Some(response.json().await.unwrap())
        })
        .await
    }
}

#[tokio::test]
async fn a_ban_stops_minting_and_kicks_and_holds_after_restarts_of_both() {
    let mut nats = Nats::running().await;
    let setting = Setting::new(&nats);
    let api = setting.start(&nats).await;
    let (ann, bob) = (Held::guest(&api).await, Held::guest(&api).await);
    let mut bobs = bob.connect(&nats).await;
    // The connection to the system account is there.
    setting.ban(&api, &json!({ "nkey": KeyPair::new_user().public_key() })).await;
    let mut anns = [ann.connect(&nats).await, ann.connect(&nats).await];

    let (started, body) = (Instant::now(), json!({ "nkey": ann.nkey() }));
    let banning = setting.ban(&api, &body);
    let cutting = async {
        for client in &mut anns {
            assert_cut_soon(client, started).await;
        }
    };
    let (done, ()) = tokio::join!(banning, cutting);
    assert_eq!(done, json!({ "banned_until": null, "nkeys": 1, "revoked": false, "kicked": 2 }));
    assert_eq!(setting.ban(&api, &body).await["nkeys"], 1);
    problem(api.post(CREDENTIALS, ann.ask()).await, 403, "banned").await;
    ann.assert_kept_out(&nats).await;
    assert_served(&mut bobs).await;

    drop(api);
    let api = setting.start(&nats).await;
    problem(api.post(CREDENTIALS, ann.ask()).await, 403, "banned").await;
    ann.assert_kept_out(&nats).await;
    assert_served(&mut bobs).await;

    nats.kill();
    nats.start().await;
    ann.assert_kept_out(&nats).await;
    assert_served(&mut bob.connect(&nats).await).await;
    assert_eq!(api.post(CREDENTIALS, bob.ask()).await.status(), 200);
    for log in [api.log(), nats.log()] {
        assert!(!log.contains("eyJ"), "{log}");
    }
}

#[tokio::test]
async fn a_service_that_may_sign_revokes_for_good() {
    let mut nats = Nats::running().await;
    let setting = Setting::signing(&nats);
    let api = setting.start(&nats).await;
    let (ann, bob) = (Held::guest(&api).await, Held::guest(&api).await);
    let (mut anns, mut bobs) = (ann.connect(&nats).await, bob.connect(&nats).await);
    let before = nats.account().iat;
    let done = setting.ban(&api, &json!({ "nkey": ann.nkey() })).await;
    assert_eq!(done["revoked"], true);
    anns.until_closed().await;
    ann.assert_refused(&nats).await;
    let account = nats.account();
    assert!(account.iat > before && account.nats.revocations.len() == 1);
    // Once more changes nothing.
    setting.ban(&api, &json!({ "nkey": ann.nkey() })).await;
    assert_eq!(nats.account().jti, account.jti);
    assert_served(&mut bobs).await;

    drop(api);
    nats.kill();
    nats.start().await;
    ann.assert_refused(&nats).await;
    assert_served(&mut bob.connect(&nats).await).await;
    let api = setting.start(&nats).await;
    problem(api.post(CREDENTIALS, ann.ask()).await, 403, "banned").await;
}

#[tokio::test]
async fn a_ban_of_a_person_finds_all_keys_also_those_from_before_a_restart() {
    let nats = Nats::running().await;
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    let mut setting = Setting::new(&nats);
    setting.options =
        setting.options.edit("issuers = []", format!("issuers = [{}]", issuer.config()));
    let token = |subject: &str| key.token(&with(&issuer.claims(), "sub", json!(subject)));
    let (ann, bob) = (token("ann"), token("bob"));

    let api = setting.start(&nats).await;
    let first = Held::user(&api, &ann).await;
    let of_bob = Held::user(&api, &bob).await;
    let mut connected = first.connect(&nats).await;
    let mut bobs = of_bob.connect(&nats).await;
    drop(api);
    let api = setting.start(&nats).await;
    let second = Held::user(&api, &ann).await;

    let user = json!({ "user": { "issuer": issuer.claims()["iss"], "subject": "ann" } });
    let done = setting.ban(&api, &user).await;
    assert_eq!(done["nkeys"], 2);
    connected.until_closed().await;
    for held in [&first, &second] {
        held.assert_kept_out(&nats).await;
    }
    problem(api.call_as(CREDENTIALS, &ann).await, 403, "banned").await;
    assert_eq!(api.call_as(CREDENTIALS, &bob).await.status(), 200);
    assert_served(&mut bobs).await;
    // The files name nobody.
    for file in fs::read_dir(nats.dir().join("bans")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("ann") && !text.contains("bob"), "{text}");
    }
}

#[tokio::test]
async fn saying_another_key_at_login_does_not_hide_from_a_kick() {
    let nats = Nats::running().await;
    let setting = Setting::new(&nats);
    let api = setting.start(&nats).await;
    let ann = Held::guest(&api).await;
    let mut client = Client::websocket(&nats).await;
    let other = KeyPair::new_user().public_key();
    assert_eq!(client.log_in_as(&other, &ann.jwt, &ann.key).await, "PONG");
    let done = setting.ban(&api, &json!({ "nkey": ann.nkey() })).await;
    assert_eq!(done["kicked"], 1);
    client.until_closed().await;
}

#[tokio::test]
async fn connections_are_found_on_every_page_of_the_list() {
    let nats = Nats::running().await;
    let setting = Setting::new(&nats);
    let api = setting.start(&nats).await;
    let (crowd, ann) = (Held::guest(&api).await, Held::guest(&api).await);
    let mut clients = Vec::new();
    for _ in 0..300 {
        clients.push(crowd.connect(&nats).await);
    }
    let mut last = ann.connect(&nats).await;
    let done = setting.ban(&api, &json!({ "nkey": ann.nkey() })).await;
    assert_eq!(done["kicked"], 1);
    last.until_closed().await;
    let done = setting.ban(&api, &json!({ "nkey": crowd.nkey() })).await;
    assert!(done["kicked"].as_u64().unwrap() >= 256, "{done}");
    for client in &mut clients {
        client.until_closed().await;
    }
}

#[tokio::test]
async fn who_may_not_ban_changes_nothing_and_learns_nothing() {
    let nats = Nats::running().await;
    let setting = Setting::new(&nats);
    let api = setting.start(&nats).await;
    let ann = Held::guest(&api).await;
    let mut client = ann.connect(&nats).await;
    let files = || {
        let mut all: Vec<_> = fs::read_dir(nats.dir().join("bans"))
            .unwrap()
            .map(|file| file.unwrap().path())
            .map(|path| (path.clone(), fs::read(path).unwrap()))
            .collect();
        all.sort();
        all
    };
    let (before, account) = (files(), nats.account().jti);
    let mut refusals = Vec::new();
    for body in [
        json!({ "nkey": ann.nkey() }),
        json!({ "nkey": KeyPair::new_user().public_key() }),
        json!({ "nkey": "nonsense" }),
        json!({ "user": { "issuer": "i", "subject": "s" } }),
        json!([]),
    ] {
        let response = api.post_as(REVOKE, &setting.stranger, &body).await;
        refusals.push(problem(response, 403, "revoke_not_allowed").await);
        let response = api.post(REVOKE, body.to_string()).await;
        refusals.push(problem(response, 403, "revoke_not_allowed").await);
    }
    refusals.dedup();
    assert_eq!(refusals.len(), 1, "{refusals:?}");
    assert_served(&mut client).await;
    assert_eq!(api.post(CREDENTIALS, ann.ask()).await.status(), 200);
    assert_eq!((files(), nats.account().jti), (before, account));
}

#[tokio::test]
async fn by_default_nobody_may_ban() {
    let nats = Nats::provision();
    let (key, element) = new_api_key("admin");
    let options = Options::default().edit("api_keys = []", format!("api_keys = [{element}]"));
    let api = Api::start_with(&nats, &options).await;
    let body = json!({ "nkey": KeyPair::new_user().public_key() });
    problem(api.post_as(REVOKE, &key, &body).await, 403, "revoke_not_allowed").await;
}

#[tokio::test]
async fn a_ban_with_an_end_ends() {
    let nats = Nats::running().await;
    let setting = Setting::signing(&nats);
    let api = setting.start(&nats).await;
    let ann = Held::guest(&api).await;
    let body = json!({ "nkey": ann.nkey(), "until": now() + 3600 });
    let until_then = setting.ban(&api, &body).await["banned_until"].as_i64().unwrap();
    assert_eq!(json!(until_then), body["until"]);
    problem(api.post(CREDENTIALS, ann.ask()).await, 403, "banned").await;

    setting.ban(&api, &json!({ "nkey": ann.nkey(), "ttl_seconds": 1 })).await;
    let jwt = until("the ban ends", || async {
        let response = api.post(CREDENTIALS, ann.ask()).await;
        let body: Value = response.json().await.unwrap();
        body["jwt"].as_str().map(ToOwned::to_owned)
    })
    .await;
    // What was revoked stays so; what comes afterwards is good, and stays in.
    ann.assert_refused(&nats).await;
    let again = Held { key: ann.key, jwt };
    assert_served(&mut again.connect(&nats).await).await;
}

#[tokio::test]
async fn what_makes_no_sense_is_refused() {
    let nats = Nats::running().await;
    let setting = Setting::new(&nats);
    let api = setting.start(&nats).await;
    let nkey = KeyPair::new_user().public_key();
    let user = json!({ "issuer": "i", "subject": "s" });
    for body in [
        json!({}),
        json!({ "nkey": nkey, "user": user }),
        json!({ "nkey": nkey, "until": 1 }),
        json!({ "nkey": nkey, "ttl_seconds": 0 }),
        json!({ "nkey": nkey, "ttl_seconds": -5 }),
        json!({ "nkey": nkey, "ttl_seconds": 5, "until": now() + 5 }),
        json!({ "nkey": nkey, "reason": "none" }),
        json!({ "user": { "subject": "s" } }),
    ] {
        let response = api.post_as(REVOKE, &setting.admin, &body).await;
        problem(response, 422, "invalid_request").await;
    }
    let body = json!({ "nkey": "U" });
    problem(api.post_as(REVOKE, &setting.admin, &body).await, 400, "invalid_nkey").await;
    assert!(!api.log().contains("banned"));
}

#[tokio::test]
async fn without_nats_a_ban_stops_minting_all_the_same_and_says_what_is_missing() {
    let nats = Nats::provision();
    let setting = Setting::new(&nats);
    let api = Api::start_with(&nats, &setting.options).await;
    let nkey = KeyPair::new_user().public_key();
    let body = json!({ "nkey": nkey });
    problem(api.post_as(REVOKE, &setting.admin, &body).await, 503, "revoke_incomplete").await;
    problem(api.post(CREDENTIALS, body.to_string()).await, 403, "banned").await;
}

#[tokio::test]
async fn bans_that_others_could_lift_stop_the_start() {
    let nats = Nats::provision();
    let setting = Setting::new(&nats);
    let api = Api::start_with(&nats, &setting.options).await;
    let body = json!({ "nkey": KeyPair::new_user().public_key() });
    problem(api.post_as(REVOKE, &setting.admin, &body).await, 503, "revoke_incomplete").await;
    drop(api);
    let file = nats.dir().join("bans/bans.json");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o620)).unwrap();
    let said = refusal(&nats, &setting.options);
    assert!(said.contains("bans.json") && said.contains("0620"), "{said}");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, "{}").unwrap();
    let said = refusal(&nats, &setting.options);
    assert!(said.contains("bans.json") && said.contains("missing field"), "{said}");
}

/// A user of the system account may do much; this one may not.
#[tokio::test]
async fn the_user_that_kicks_may_do_nothing_else() {
    let nats = Nats::running().await;
    let creds = fs::read_to_string(nats.keys_dir().join("system.creds")).unwrap();
    let line = |prefix| creds.lines().find(|line| line.starts_with(prefix)).unwrap();
    let (jwt, key) = (line("eyJ"), KeyPair::from_seed(line("SU")).unwrap());
    let mut client = Client::tcp(&nats).await;
    assert_eq!(client.log_in(jwt, &key).await, "PONG");
    let (account, own) = (nats.account().sub, key.public_key());
    for subject in [
        "$SYS.REQ.CLAIMS.UPDATE".to_owned(),
        "$SYS.REQ.CLAIMS.DELETE".to_owned(),
        "$SYS.REQ.CLAIMS.LIST".to_owned(),
        "$SYS.REQ.SERVER.PING.CONNZ".to_owned(),
        "$SYS.REQ.SERVER.X.RELOAD".to_owned(),
        "$SYS.REQ.SERVER.X.CONNZ".to_owned(),
        format!("$SYS.REQ.ACCOUNT.{account}.JSZ"),
        format!("$SYS.REQ.ACCOUNT.{own}.CONNZ"),
        "com.scaling-ws.updates".to_owned(),
    ] {
        let expected = format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'");
        assert_eq!(client.round_trip(&format!("PUB {subject} 0\r\n\r\n")).await, [expected]);
    }
    for subject in [
        ">".to_owned(),
        "$SYS.>".to_owned(),
        "$SYS.ACCOUNT.*.CONNECT".to_owned(),
        "$SYS.REQ.>".to_owned(),
        "_INBOX.>".to_owned(),
        format!("$SYS.ACCOUNT.{account}.>"),
    ] {
        let expected = format!("-ERR 'Permissions Violation for Subscription to \"{subject}\"'");
        assert_eq!(client.round_trip(&format!("SUB {subject} 9\r\n")).await, [expected]);
    }
}

#[tokio::test]
async fn the_accounts_jwt_is_read_once_whoever_needs_it() {
    let nats = Nats::running().await;
    let setting = Setting::new(&nats);
    let watch = inotify::init(inotify::CreateFlags::NONBLOCK).unwrap();
    // Without the closing in between, one opening after another would be told as one.
    let flags = inotify::WatchFlags::OPEN | inotify::WatchFlags::CLOSE_NOWRITE;
    inotify::add_watch(&watch, nats.keys_dir().join("account.jwt"), flags).unwrap();
    let api = setting.start(&nats).await;
    // Both need it: whoever may have a role, and whoever is banned.
    let ann = Held::guest(&api).await;
    setting.ban(&api, &json!({ "nkey": ann.nkey() })).await;

    let mut buffer = [std::mem::MaybeUninit::uninit(); 1024];
    let mut events = inotify::Reader::new(watch, &mut buffer);
    let mut opened = 0;
    while let Ok(event) = events.next() {
        opened += usize::from(event.events().contains(inotify::ReadFlags::OPEN));
    }
    assert_eq!(opened, 1);
}
