//! Changing what was provisioned, under running servers and with browsers connected.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
};

use api::claims::{AccountPair, Claims, Jwt, UserClaims, UserPair};
use nkeys::KeyPair;
use serde_json::Value;

use crate::{
    client::Client,
    issuer::now,
    nats::Nats,
    page_of_rotation::{fail, run, section, shell, succeed},
    service::{Api, Options},
};

fn role_key(nats: &Nats) -> AccountPair {
    nats.seed("role-guest.seed")
}

/// Every file of the keys directory with its contents.
fn contents(nats: &Nats) -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = fs::read_dir(nats.keys_dir())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| (path.display().to_string(), fs::read(path).unwrap()))
        .collect();
    files.sort();
    files
}

/// A user of the role, by a token that was not minted by the service and lives for an hour.
struct Held {
    key: KeyPair,
    jwt: Jwt,
}

impl Held {
    fn by(nats: &Nats, signing_key: &AccountPair) -> Self {
        let seed: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
        let pair = UserPair::from_random(seed).unwrap();
        let body = UserClaims::scoped(nats.account().sub, Vec::new());
        let (now, name) = (now(), "held");
        let jwt =
            Claims::sign(pair.public(), name, now, Some(now + 3600), body, signing_key).unwrap();
        Self { key: KeyPair::from_seed(&pair.seed().unwrap()).unwrap(), jwt }
    }

    async fn log_in(&self, nats: &Nats) -> Result<Client, String> {
        let mut client = Client::websocket(nats).await;
        let answer = client.log_in(self.jwt.as_str(), &self.key).await;
        if answer == "PONG" { Ok(client) } else { Err(answer) }
    }
}

/// Connects as a browser does.
async fn connect(nats: &Nats, api: &Api) -> (Client, Claims<UserClaims>) {
    let key = KeyPair::new_user();
    let credential: Value = api.credential(&key.public_key()).await;
    let jwt = credential["jwt"].as_str().unwrap();
    let mut client = Client::websocket(nats).await;
    assert_eq!(client.log_in(jwt, &key).await, "PONG");
    (client, Claims::decode(jwt).unwrap())
}

async fn assert_served(client: &mut Client) {
    assert!(client.round_trip("SUB com.scaling-ws.updates 1\r\nUNSUB 1\r\n").await.is_empty());
}

/// nats-server closes a connection whose key is gone or has other rights. Without the template it
/// takes the limit of subscriptions for zero, and may come to say so before it closes.
async fn assert_cut_off(mut client: Client) {
    let said = client.until_closed().await;
    assert!(said.iter().all(|line| line == "-ERR 'maximum subscriptions exceeded'"), "{said:?}");
}

const REFUSED: &str = "-ERR 'Authorization Violation'";

#[tokio::test]
async fn the_written_procedure_replaces_a_key_and_cuts_nobody_off() {
    let [add, switch, remove] = &section("A role's signing key")[..] else { panic!("three steps") };
    let nats = Nats::running().await;
    nats.edit_roles("ttl_seconds = 900", "ttl_seconds = 8");
    let former = role_key(&nats);
    let api = Api::ready(&nats).await;
    let (mut early, claims) = connect(&nats, &api).await;
    assert_eq!(claims.iss, *former.public());
    let mut held_former = Held::by(&nats, &former).log_in(&nats).await.unwrap();

    succeed(&nats, add);
    assert_eq!(role_key(&nats).public(), former.public());
    for client in [&mut early, &mut held_former] {
        assert_served(client).await;
    }
    let (mut between, claims) = connect(&nats, &api).await;
    assert_eq!(claims.iss, *former.public());

    succeed(&nats, switch);
    let next = role_key(&nats);
    assert_ne!(next.public(), former.public());
    // The service that has not been started again goes on with the former key.
    let (_, claims) = connect(&nats, &api).await;
    assert_eq!(claims.iss, *former.public());
    drop(api);
    let api = Api::ready(&nats).await;
    let (mut late, claims) = connect(&nats, &api).await;
    assert_eq!(claims.iss, *next.public());
    assert_served(&mut late).await;
    let held_next = Held::by(&nats, &next);
    let mut held_next = held_next.log_in(&nats).await.unwrap();
    assert_served(&mut held_former).await;

    // While the command waits, each connection ends when its own token does, and for no other
    // reason.
    let mut removing = shell(&nats, remove).spawn().unwrap();
    for client in [&mut early, &mut between, &mut late] {
        assert_eq!(client.until_closed().await, ["-ERR 'User Authentication Expired'"]);
    }
    assert!(removing.try_wait().unwrap().is_none(), "it has not waited");
    assert_served(&mut held_former).await;
    assert!(removing.wait().unwrap().success());

    // Only a token that should not exist any more was still there to be cut off.
    assert_cut_off(held_former).await;
    assert_eq!(Held::by(&nats, &former).log_in(&nats).await.err().unwrap(), REFUSED);
    assert_served(&mut held_next).await;
    let (_, claims) = connect(&nats, &api).await;
    assert_eq!(claims.iss, *next.public());
}

#[tokio::test]
async fn the_written_procedure_for_a_leaked_key_cuts_off_at_once() {
    let blocks = section("When a role's key has leaked");
    let [replace, remove] = &blocks[..] else { panic!("two blocks") };
    let nats = Nats::running().await;
    let former = role_key(&nats);
    let mut thief = Held::by(&nats, &former).log_in(&nats).await.unwrap();
    succeed(&nats, replace);
    assert_served(&mut thief).await;
    succeed(&nats, remove);
    assert_cut_off(thief).await;
    assert_eq!(Held::by(&nats, &former).log_in(&nats).await.err().unwrap(), REFUSED);
    Held::by(&nats, &role_key(&nats)).log_in(&nats).await.unwrap();
}

/// What nats-server does at any change of an account, and why `docs/rotation.md` says so.
#[tokio::test]
async fn a_connection_that_is_at_its_limit_of_subscriptions_is_cut_off_by_any_change() {
    let nats = Nats::running().await;
    let api = Api::ready(&nats).await;
    let (mut full, _) = connect(&nats, &api).await;
    let (mut nearly, _) = connect(&nats, &api).await;
    let subscribe = |n| format!("SUB com.scaling-ws.updates {n}\r\n");
    assert!(full.round_trip(&(1..=32).map(subscribe).collect::<String>()).await.is_empty());
    assert!(nearly.round_trip(&(1..=31).map(subscribe).collect::<String>()).await.is_empty());
    succeed(&nats, "api roles new-key member --push");
    assert_eq!(full.until_closed().await, ["-ERR 'maximum subscriptions exceeded'"]);
    assert_served(&mut nearly).await;
}

#[tokio::test]
async fn the_steps_are_refused_out_of_order() {
    let nats = Nats::provision();
    let before = contents(&nats);
    for (command, why) in [
        ("switch-key guest", "has no next key"),
        ("retire-key guest --now", "no key but the one in use"),
        ("retire-key guest --wait", "no key but the one in use"),
        ("new-key visitor", "no role visitor"),
        ("switch-key visitor", "has no next key"),
    ] {
        let said = fail(&nats, &format!("api roles {command}"));
        assert!(said.contains(why), "{command}: {said}");
    }
    for usage in ["retire-key guest", "retire-key guest --now --wait", "new-key ../x"] {
        assert_eq!(run(&nats, &format!("api roles {usage}")).status.code(), Some(2), "{usage}");
    }
    assert_eq!(contents(&nats), before);

    // With the rights that the account gives, not those that the file would.
    nats.edit_roles("max_subscriptions = 32", "max_subscriptions = 31");
    let said = succeed(&nats, "api roles new-key guest");
    let account = nats.account().nats;
    let limits: Vec<i64> = account
        .scopes()
        .filter(|scope| scope.role == "guest")
        .map(|scope| scope.template.subs)
        .collect();
    assert_eq!(limits, [32, 32]);
    assert!(said.contains("`api roles push`"), "{said}");
    let mode = fs::metadata(nats.keys_dir().join("role-guest.next.seed")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let before = contents(&nats);
    assert!(fail(&nats, "api roles new-key guest").contains("has a next key already"));
    assert!(fail(&nats, "api roles retire-key guest --now").contains("has a next key already"));
    assert_eq!(contents(&nats), before);
    succeed(&nats, "api roles switch-key guest");
    assert!(!nats.keys_dir().join("role-guest.next.seed").exists());
    assert!(fail(&nats, "api roles switch-key guest").contains("has no next key"));
    assert!(fail(&nats, "api roles new-key guest").contains("has a next key already"));
}

#[tokio::test]
async fn apply_brings_roles_to_running_servers() {
    let nats = Nats::running().await;
    let api = Api::ready(&nats).await;
    let (guest, _) = connect(&nats, &api).await;
    let mut member = Held::by(&nats, &nats.seed("role-member.seed")).log_in(&nats).await.unwrap();
    let backend: AccountPair = nats.seed("role-backend.seed");
    let before = nats.account();

    assert!(succeed(&nats, "api roles apply").contains("says what the roles file says"));
    nats.edit_roles("max_subscriptions = 32", "max_subscriptions = 2");
    nats.edit_roles("name = \"backend\"", "name = \"shop\"");
    nats.edit_roles("rooms.*.announce", "shop.>");
    let files = contents(&nats);
    let dry = succeed(&nats, "api roles apply --dry-run --push");
    assert_eq!(contents(&nats), files);
    let done = succeed(&nats, "api roles apply --push");
    for line in [
        "role guest: other rights or limits",
        "role backend: removed",
        "role shop: new, with the key A",
        "service user: may publish com.scaling-ws.>, presence.*.*.*.*, shop.>",
    ] {
        assert!(dry.contains(line) && done.contains(line), "{line} is not in\n{dry}\n{done}");
    }
    assert!(done.contains("The servers have the account's JWT."), "{done}");

    let account = nats.account();
    assert!(account.iat > before.iat);
    assert_eq!(account.nats.limits, before.nats.limits);
    assert!(!nats.keys_dir().join("role-backend.seed").exists());
    let mut held = Held::by(&nats, &backend);
    assert_eq!(held.log_in(&nats).await.err().unwrap(), REFUSED);
    held = Held::by(&nats, &nats.seed("role-guest.seed"));
    let mut limited = held.log_in(&nats).await.unwrap();
    let subscribe = |n| format!("SUB com.scaling-ws.updates {n}\r\n");
    let answers = limited.round_trip(&(1..4).map(subscribe).collect::<String>()).await;
    assert_eq!(answers, ["-ERR 'maximum subscriptions exceeded'"]);
    // Those who were connected with the former rights are not left with them.
    assert_cut_off(guest).await;
    assert_served(&mut member).await;

    // The service takes it up when it starts again; until then it goes on as it was.
    connect(&nats, &api).await;
    drop(api);
    let api = Api::ready(&nats).await;
    connect(&nats, &api).await;
    assert_eq!(api.ping().await.status(), 200);
    assert!(succeed(&nats, "api roles push").contains("had the account's JWT already"));
}

#[tokio::test]
async fn what_was_pushed_survives_a_restart_with_the_former_configuration() {
    let mut nats = Nats::running().await;
    let conf = nats.keys_dir().join("auth.conf");
    let former_conf = fs::read(&conf).unwrap();
    nats.edit_roles("name = \"backend\"", "name = \"shop\"");
    succeed(&nats, "api roles apply --push");
    fs::write(&conf, former_conf).unwrap();
    nats.kill();
    nats.start().await;
    let key: AccountPair = nats.seed("role-shop.seed");
    let held = Held::by(&nats, &key);
    let mut client = Client::tcp(&nats).await;
    assert_eq!(client.log_in(held.jwt.as_str(), &held.key).await, "PONG");
}

#[tokio::test]
async fn what_is_older_or_a_strangers_is_not_sent() {
    let (nats, stranger) = (Nats::running().await, Nats::provision());
    let path = nats.keys_dir().join("account.jwt");
    let (former, conf) = (fs::read(&path).unwrap(), nats.keys_dir().join("auth.conf"));
    nats.edit_roles("max_subscriptions = 32", "max_subscriptions = 31");
    succeed(&nats, "api roles apply --push");
    let present = fs::read(&path).unwrap();

    fs::write(&path, former).unwrap();
    assert!(fail(&nats, "api roles push").contains("a later JWT of the account A"));
    fs::copy(stranger.keys_dir().join("account.jwt"), &path).unwrap();
    assert!(fail(&nats, "api roles push").contains("its issuer is not one that is trusted"));
    assert!(fail(&nats, "api roles apply").contains("its issuer is not one that is trusted"));
    fs::write(&path, &present).unwrap();
    assert!(succeed(&nats, "api roles push").contains("already"));

    let text = fs::read_to_string(&conf).unwrap();
    fs::write(&conf, text.replace("operator: ", "operators: ")).unwrap();
    assert!(fail(&nats, "api roles push").contains("auth.conf does not say which operator"));
}

#[tokio::test]
async fn what_is_missing_is_named_and_nothing_is_written() {
    let nats = Nats::provision();
    nats.edit_roles("max_subscriptions = 32", "max_subscriptions = 31");
    let elsewhere = nats.dir().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let before = contents(&nats).len();
    for (name, command) in [
        ("operator-signing.seed", "apply"),
        ("operator-signing.seed", "new-key guest"),
        ("account.jwt", "apply"),
    ] {
        let path = nats.keys_dir().join(name);
        fs::rename(&path, elsewhere.join(name)).unwrap();
        let said = fail(&nats, &format!("api roles {command}"));
        assert!(
            said.contains(&format!("nats-conf/generated/{name}"))
                && said.contains("does not exist"),
            "{said}"
        );
        fs::rename(elsewhere.join(name), &path).unwrap();
    }
    let system = nats.keys_dir().join("system-account-signing.seed");
    let identity = nats.keys_dir().join("system-account.seed");
    fs::rename(&system, elsewhere.join("s")).unwrap();
    // What the identity signs would be refused, so it is not tried.
    assert!(identity.exists());
    assert!(fail(&nats, "api roles push").contains("--system-creds"));
    fs::rename(elsewhere.join("s"), system).unwrap();
    assert!(fail(&nats, "api roles push").contains("cannot be reached"));
    assert!(fail(&nats, "api roles apply --dir nowhere").contains("nowhere"));
    assert_eq!(contents(&nats).len(), before);

    let lock = File::open(nats.keys_dir()).unwrap();
    lock.lock().unwrap();
    assert!(fail(&nats, "api roles apply").contains("another `api` is changing"));
    lock.unlock().unwrap();
    succeed(&nats, "api roles apply");
}

#[tokio::test]
async fn a_user_of_the_system_account_can_be_given() {
    let nats = Nats::running().await;
    let system: AccountPair = nats.seed("system-account-signing.seed");
    let identity: AccountPair = nats.seed("system-account.seed");
    let user = UserPair::from_random(std::array::from_fn(|_| fastrand::u8(..))).unwrap();
    let all = || api::claims::Permission::only([">"]);
    let mut body = UserClaims::new(all(), all(), -1, -1, Vec::new());
    body.issuer_account = Some(identity.public().clone());
    let jwt = Claims::sign(user.public(), "s", now(), None, body, &system).unwrap();
    let creds = nats.dir().join("system.creds");
    let text = format!(
        "-----BEGIN NATS USER JWT-----\n{}\n------END NATS USER JWT------\n\
         -----BEGIN USER NKEY SEED-----\n{}\n------END USER NKEY SEED------\n",
        jwt.as_str(),
        user.seed().unwrap().as_str()
    );
    fs::write(&creds, text).unwrap();
    for name in ["system-account.seed", "system-account-signing.seed"] {
        fs::remove_file(nats.keys_dir().join(name)).unwrap();
    }
    nats.edit_roles("max_subscriptions = 32", "max_subscriptions = 31");
    let command = "api roles apply --push --system-creds system.creds";
    assert!(
        fail(&nats, "api roles push --system-creds system.creds").contains("more open than 0600")
    );
    fs::set_permissions(&creds, fs::Permissions::from_mode(0o600)).unwrap();
    assert!(succeed(&nats, command).contains("The servers have the account's JWT."));
}

#[tokio::test]
async fn a_new_role_that_was_half_made_is_finished() {
    let nats = Nats::provision();
    nats.edit_roles("name = \"backend\"", "name = \"shop\"");
    // As if the crash had come after the seed and before the account.
    let left = KeyPair::new_account();
    let path = nats.keys_dir().join("role-shop.seed");
    fs::write(&path, left.seed().unwrap()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let said = succeed(&nats, "api roles apply");
    assert!(said.contains(&left.public_key()), "{said}");
    let api = Api::start_with(&nats, &Options::default()).await;
    assert_eq!(api.get("/healthz").await.status(), 200);
}
