//! Replacing the keys that `api init` made, by `docs/rotation.md` as it stands.

use std::{fs, os::unix::fs::PermissionsExt};

use api::claims::{
    AccountClaims, AccountKey, AccountPair, Claims, Jwt, OperatorClaims, OperatorPair, UserClaims,
};
use nkeys::KeyPair;
use serde_json::json;

use crate::{
    held::{Held, assert_served},
    nats::Nats,
    page_of_rotation::{fail, section, succeed},
    revoke::Setting,
    service::Api,
    user::User,
    wait::until,
};

/// The service has had one connection for each of its users, ever since it started.
async fn assert_never_cut_off(setting: &Setting, api: &Api) {
    assert_eq!(api.ping().await.status(), 200);
    setting.ban(api, &json!({ "nkey": KeyPair::new_user().public_key() })).await;
    let log = api.log();
    assert!(!log.contains("connection to NATS is lost"), "{log}");
}

pub(crate) fn system_account(nats: &Nats) -> AccountKey {
    nats.seed::<api::claims::Account>("system-account.seed").public().clone()
}

pub(crate) async fn restart(nats: &mut Nats) {
    nats.kill();
    nats.start().await;
}

#[tokio::test]
async fn the_users_of_the_service_are_replaced_and_nobody_is_cut_off() {
    let blocks = section("service.creds and system.creds");
    let [replace, retire] = &blocks[..] else { panic!("two blocks") };
    let mut nats = Nats::running().await;
    let setting = Setting::new(&nats);
    let former = [User::of(&nats, "service.creds"), User::of(&nats, "system.creds")];
    let api = setting.start(&nats).await;
    let guest = Held::guest(&api).await;
    let mut browser = guest.connect(&nats).await;

    succeed(&nats, replace);
    assert_never_cut_off(&setting, &api).await;
    drop(api);
    let api = setting.start(&nats).await;
    assert_never_cut_off(&setting, &api).await;
    succeed(&nats, retire);
    assert_never_cut_off(&setting, &api).await;
    assert_served(&mut browser).await;
    for user in &former {
        user.assert_refused(&nats).await;
    }

    // For good.
    succeed(&nats, "api revoke --prune");
    restart(&mut nats).await;
    for user in &former {
        user.assert_refused(&nats).await;
    }
    for file in ["service.creds", "system.creds"] {
        User::of(&nats, file).connect(&nats).await;
        let mode = fs::metadata(nats.keys_dir().join(file)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[tokio::test]
async fn a_leaked_credentials_file_is_worthless_at_once() {
    let blocks = section("When service.creds or system.creds has leaked");
    let [replace] = &blocks[..] else { panic!("one block") };
    let nats = Nats::running().await;
    let setting = Setting::new(&nats);
    let api = setting.start(&nats).await;
    let mut browser = Held::guest(&api).await.connect(&nats).await;
    for (file, script) in
        [("service.creds", replace.clone()), ("system.creds", replace.replace("service", "system"))]
    {
        let stolen = User::of(&nats, file);
        let mut thief = stolen.connect(&nats).await;
        succeed(&nats, &script);
        assert_eq!(thief.until_closed().await, ["-ERR 'User Authentication Revoked'"]);
        stolen.assert_refused(&nats).await;
    }
    // The service is cut off, too, mints as ever, and is back when it has started again.
    api.until_status("/readyz", 503).await;
    api.credential(&KeyPair::new_user().public_key()).await;
    drop(api);
    let api = setting.start(&nats).await;
    assert_never_cut_off(&setting, &api).await;
    assert_served(&mut browser).await;
}

#[tokio::test]
async fn the_accounts_signing_keys_are_replaced_and_nobody_is_cut_off() {
    let blocks = section("The accounts' signing keys");
    let [replace, retire] = &blocks[..] else { panic!("two blocks") };
    let nats = Nats::running().await;
    let setting = Setting::new(&nats);
    let of_account = User::forged(&nats.account().sub, &nats.seed("account-signing.seed"));
    let of_system = User::forged(&system_account(&nats), &nats.seed("system-account-signing.seed"));
    let former = [of_account, of_system];
    let api = setting.start(&nats).await;
    let mut browser = Held::guest(&api).await.connect(&nats).await;
    let mut forgers = [former[0].connect(&nats).await, former[1].connect(&nats).await];

    succeed(&nats, replace);
    assert_never_cut_off(&setting, &api).await;
    drop(api);
    let api = setting.start(&nats).await;
    for forger in &mut forgers {
        assert!(forger.round_trip("").await.is_empty());
    }
    succeed(&nats, retire);
    assert_never_cut_off(&setting, &api).await;
    assert_served(&mut browser).await;
    for (user, client) in former.iter().zip(&mut forgers) {
        client.until_closed().await;
        user.assert_refused(&nats).await;
    }
    succeed(&nats, "api roles push");
}

#[tokio::test]
async fn a_leaked_signing_key_of_an_account_is_worthless_at_once() {
    let blocks = section("When an account's signing key has leaked");
    let [replace] = &blocks[..] else { panic!("one block") };
    let nats = Nats::running().await;
    let setting = Setting::new(&nats);
    let api = setting.start(&nats).await;
    let mut browser = Held::guest(&api).await.connect(&nats).await;
    for (account, seed, script) in [
        (nats.account().sub, "account-signing.seed", replace.clone()),
        (
            system_account(&nats),
            "system-account-signing.seed",
            replace.replace("account", "system-account"),
        ),
    ] {
        let forged = User::forged(&account, &nats.seed(seed));
        let mut thief = forged.connect(&nats).await;
        succeed(&nats, &script);
        thief.until_closed().await;
        forged.assert_refused(&nats).await;
    }
    drop(api);
    let api = setting.start(&nats).await;
    assert_never_cut_off(&setting, &api).await;
    assert_served(&mut browser).await;
}

/// Every account that `auth.conf` holds, signed by another operator.
fn sign_accounts(nats: &Nats, operator: &OperatorPair) {
    let path = nats.keys_dir().join("auth.conf");
    let mut text = fs::read_to_string(&path).unwrap();
    for line in text.clone().lines().filter(|line| line.starts_with("  A")) {
        let former = line.rsplit(' ').next().unwrap();
        let mut account = Claims::<AccountClaims>::decode(former).unwrap();
        account.iat += 1;
        text = text.replace(former, account.seal(operator).unwrap().as_str());
    }
    fs::write(path, text).unwrap();
}

/// Without its own copies, the server has only accounts that it does not trust, the system account
/// among them.
async fn assert_no_start(nats: &mut Nats) {
    nats.kill();
    fs::remove_dir_all(nats.keys_dir().join("data/accounts")).unwrap();
    let said = nats.refusal().await;
    assert!(said.contains("Can't set system account"), "{said}");
}

#[tokio::test]
async fn the_operators_signing_key_is_replaced() {
    let blocks = section("The operator's signing key");
    let [add, switch, remove] = &blocks[..] else { panic!("three blocks") };
    let mut nats = Nats::running().await;
    let former: OperatorPair = nats.seed("operator-signing.seed");
    let api = Api::ready(&nats).await;
    let guest = Held::guest(&api).await;

    let said = succeed(&nats, add);
    assert!(said.contains("start each nats-server again"), "{said}");
    nats.reload();
    until("nats-server refuses to reload", async || {
        nats.log().contains("not supported for TrustedOperators").then_some(())
    })
    .await;
    // Not before the servers know: they would take it, and not start with it.
    let files = nats.keys_dir();
    let said = fail(&nats, switch);
    assert!(said.contains("the server single does not trust the operator's key"), "{said}");
    assert!(!files.join("operator-signing.next.seed").exists());
    restart(&mut nats).await;
    let mut browser = guest.connect(&nats).await;
    succeed(&nats, "api roles push");
    assert_served(&mut browser).await;
    api.until_status("/readyz", 200).await;

    succeed(&nats, remove);
    restart(&mut nats).await;
    guest.connect(&nats).await;
    api.until_status("/readyz", 200).await;
    // With the present key everything goes on; what the former signs is no account.
    nats.edit_roles("max_subscriptions = 32", "max_subscriptions = 31");
    succeed(&nats, "api roles apply --push");
    sign_accounts(&nats, &former);
    assert_no_start(&mut nats).await;
}

#[tokio::test]
async fn the_operator_is_replaced_and_the_accounts_stay() {
    let blocks = section("A new operator");
    let [add, switch] = &blocks[..] else { panic!("two blocks") };
    let mut nats = Nats::running().await;
    let former: OperatorPair = nats.seed("operator-signing.seed");
    let account = nats.account().sub;
    let api = Api::ready(&nats).await;
    let guest = Held::guest(&api).await;
    // It is lost.
    fs::remove_file(nats.keys_dir().join("operator.seed")).unwrap();
    assert!(fail(&nats, "api rotate new-key operator").contains("operator.seed"));
    succeed(&nats, add);
    restart(&mut nats).await;
    let mut browser = guest.connect(&nats).await;
    succeed(&nats, switch);
    assert_served(&mut browser).await;
    api.until_status("/readyz", 200).await;
    restart(&mut nats).await;
    guest.connect(&nats).await;
    api.until_status("/readyz", 200).await;
    assert_eq!(nats.account().sub, account);
    succeed(&nats, "api rotate new-key operator");
    sign_accounts(&nats, &former);
    assert_no_start(&mut nats).await;
}

/// What a former `api init` made: operator and accounts sign by themselves.
fn make_as_formerly(nats: &Nats) {
    let dir = nats.keys_dir();
    let operator: OperatorPair = nats.seed("operator.seed");
    let accounts: [AccountPair; 2] = [nats.seed("account.seed"), nats.seed("system-account.seed")];
    let conf = fs::read_to_string(dir.join("auth.conf")).unwrap();
    let lines = conf.lines().map(|line| {
        let jwt = line.rsplit(' ').next().unwrap();
        let jwt = if line.starts_with("operator: ") {
            let mut claims = Claims::<OperatorClaims>::decode(jwt).unwrap();
            claims.nats.signing_keys.clear();
            claims.nats.strict_signing_key_usage = false;
            claims.seal(&operator).unwrap()
        } else if line.starts_with("  A") {
            let mut claims = Claims::<AccountClaims>::decode(jwt).unwrap();
            claims
                .nats
                .signing_keys
                .retain(|key| matches!(key, api::claims::SigningKey::Scoped(_)));
            claims.seal(&operator).unwrap()
        } else {
            return format!("{line}\n");
        };
        format!("{} {}\n", line.rsplit_once(' ').unwrap().0, jwt.as_str())
    });
    let conf: String = lines.collect();
    let own = format!("  {}: ", nats.account().sub);
    let jwt = conf.lines().find_map(|line| line.strip_prefix(&own)).unwrap();
    fs::write(dir.join("account.jwt"), format!("{jwt}\n")).unwrap();
    fs::write(dir.join("auth.conf"), &conf).unwrap();
    for (file, account) in [("service.creds", &accounts[0]), ("system.creds", &accounts[1])] {
        let text = fs::read_to_string(dir.join(file)).unwrap();
        let former = User::of(nats, file).jwt;
        let mut claims = Claims::<UserClaims>::decode(&former).unwrap();
        claims.nats.issuer_account = None;
        let jwt: Jwt = claims.seal(account).unwrap();
        fs::write(dir.join(file), text.replace(&former, jwt.as_str())).unwrap();
    }
    for name in ["operator", "account", "system-account"] {
        fs::remove_file(dir.join(format!("{name}-signing.seed"))).unwrap();
    }
}

#[tokio::test]
async fn a_directory_without_signing_keys_works_and_gets_them_by_the_first_rotation() {
    let blocks = section("A directory from before there were signing keys");
    let [first, second] = &blocks[..] else { panic!("two blocks") };
    let mut nats = Nats::provision();
    make_as_formerly(&nats);
    nats.start().await;
    let setting = Setting::new(&nats);
    let api = setting.start(&nats).await;
    let guest = Held::guest(&api).await;
    nats.edit_roles("max_subscriptions = 32", "max_subscriptions = 31");
    nats.edit_roles("rooms.*.announce", "shop.>");
    succeed(&nats, "api roles apply --push");
    drop(api);
    let api = setting.start(&nats).await;
    let stolen = User::forged(&nats.account().sub, &nats.seed("account.seed"));
    stolen.connect(&nats).await;
    for key in ["account", "operator"] {
        assert!(fail(&nats, &format!("api rotate retire-key {key}")).contains("no former key"));
    }

    succeed(&nats, first);
    drop(api);
    restart(&mut nats).await;
    let api = setting.start(&nats).await;
    let mut browser = guest.connect(&nats).await;
    succeed(&nats, second);
    assert_served(&mut browser).await;
    assert_never_cut_off(&setting, &api).await;
    drop(api);
    restart(&mut nats).await;
    guest.connect(&nats).await;
    let api = setting.start(&nats).await;
    assert_never_cut_off(&setting, &api).await;
    stolen.assert_refused(&nats).await;
    nats.edit_roles("max_subscriptions = 31", "max_subscriptions = 30");
    succeed(&nats, "api roles apply --push");
}

/// The keys directory as it was before a command.
struct Before {
    files: Vec<(std::path::PathBuf, Vec<u8>)>,
}

impl Before {
    fn of(nats: &Nats) -> Self {
        let files = fs::read_dir(nats.keys_dir()).unwrap().map(|entry| entry.unwrap().path());
        let files = files.filter(|path| path.is_file());
        Self { files: files.map(|path| (path.clone(), fs::read(path).unwrap())).collect() }
    }

    /// As if the last command had been cut short before it came to these files.
    fn put_back(&self, names: &[&str]) {
        for name in names {
            let (path, contents) =
                self.files.iter().find(|(path, _)| path.ends_with(name)).unwrap();
            fs::write(path, contents).unwrap();
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    fn assert_same(&self, nats: &Nats) {
        let now = Self::of(nats);
        assert_eq!(now.files.len(), self.files.len());
        for (path, contents) in &self.files {
            assert_eq!(fs::read(path).unwrap(), *contents, "{}", path.display());
        }
    }
}

const KEYS: [&str; 5] = ["service", "system", "account", "system-account", "operator"];

#[test]
fn steps_out_of_order_are_refused_and_change_nothing() {
    let nats = Nats::provision();
    let before = Before::of(&nats);
    for key in KEYS {
        let said = fail(&nats, &format!("api rotate switch-key {key}"));
        assert!(said.contains(&format!("`api rotate new-key {key}` makes one")), "{said}");
        let said = fail(&nats, &format!("api rotate retire-key {key}"));
        assert!(said.contains("no former key"), "{said}");
        if key != "operator" {
            let said = fail(&nats, &format!("api rotate new-key {key} --new-identity"));
            assert!(said.contains("only the operator has"), "{said}");
        }
    }
    before.assert_same(&nats);
    for key in KEYS {
        succeed(&nats, &format!("api rotate new-key {key}"));
    }
    let before = Before::of(&nats);
    for key in KEYS {
        for step in ["new-key", "retire-key"] {
            let said = fail(&nats, &format!("api rotate {step} {key}"));
            assert!(said.contains("there is a next key already"), "{said}");
        }
    }
    // What the former key signs is not left behind.
    let said = fail(&nats, "api rotate switch-key account");
    assert!(said.contains("`api rotate switch-key service`"), "{said}");
    before.assert_same(&nats);

    for key in KEYS {
        succeed(&nats, &format!("api rotate switch-key {key}"));
    }
    before.put_back(&["service.creds"]);
    let said = fail(&nats, "api rotate retire-key account");
    assert!(said.contains("service.creds is signed by another key"), "{said}");
    before.put_back(&["auth.conf"]);
    let said = fail(&nats, "api rotate retire-key operator");
    assert!(said.contains("is signed by another key"), "{said}");
}

#[test]
fn a_user_that_is_to_follow_gets_other_rights_like_the_present_one() {
    let nats = Nats::provision();
    succeed(&nats, "api rotate new-key service");
    nats.edit_roles("rooms.*.announce", "shop.>");
    succeed(&nats, "api roles apply");
    succeed(&nats, "api rotate switch-key service");
    assert!(succeed(&nats, "api roles apply").contains("says what the roles file says"));
}

#[tokio::test]
async fn a_step_that_was_cut_short_can_be_taken_again() {
    let mut nats = Nats::provision();
    let (service, account) = (User::of(&nats, "service.creds"), nats.account().sub);
    let forged = User::forged(&account, &nats.seed("account-signing.seed"));
    for (key, steps) in [
        // The files in the order in which they are written, and then those that are removed.
        ("service", [&["service.next.creds"][..], &["service.creds", "service.next.creds"]]),
        (
            "account",
            [
                &["account-signing.next.seed"][..],
                &["account-signing.seed", "account-signing.next.seed"],
            ],
        ),
        (
            "operator",
            [
                &["operator-signing.seed", "operator-signing.next.seed"][..],
                &["auth.conf", "operator-signing.seed", "operator-signing.next.seed"],
            ],
        ),
    ] {
        succeed(&nats, &format!("api rotate new-key {key}"));
        for files in steps {
            let before = Before::of(&nats);
            succeed(&nats, &format!("api rotate switch-key {key}"));
            before.put_back(files);
        }
        succeed(&nats, &format!("api rotate switch-key {key}"));
        succeed(&nats, &format!("api rotate retire-key {key}"));
    }
    nats.start().await;
    let api = Api::ready(&nats).await;
    assert_eq!(api.ping().await.status(), 200);
    service.assert_refused(&nats).await;
    forged.assert_refused(&nats).await;
    assert!(succeed(&nats, "api roles push").contains("already"));

    // The account is known to the directory and not yet to the configuration.
    let before = Before::of(&nats);
    nats.edit_roles("max_subscriptions = 32", "max_subscriptions = 31");
    succeed(&nats, "api roles apply");
    before.put_back(&["auth.conf"]);
    nats.edit_roles("max_subscriptions = 31", "max_subscriptions = 30");
    succeed(&nats, "api roles apply --push");
}
