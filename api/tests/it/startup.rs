//! Starting, and refusing to start.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    process::{Command, Output},
};

use nkeys::KeyPair;

use crate::{
    client::Client,
    nats::Nats,
    service::{Api, Options, command, dev_toml, roles_toml},
};

fn api_command(args: &[&str]) -> Output {
    let roles = roles_toml();
    Command::new(env!("CARGO_BIN_EXE_api")).args(args).env("API_ROLES", roles).output().unwrap()
}

/// Starts a service that is expected to refuse, and returns the one line it says.
pub(crate) fn refusal(nats: &Nats, options: &Options) -> String {
    let dir = tempfile::tempdir().unwrap();
    let output = command(nats, dir.path(), options).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(!dir.path().join("address").exists());
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.starts_with("error: "), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    stderr
}

#[test]
fn init_writes_private_files_and_never_overwrites() {
    let nats = Nats::provision();
    let dir = nats.keys_dir();
    assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700);
    let mut contents = Vec::new();
    for name in [
        "account-signing.seed",
        "account.jwt",
        "account.seed",
        "auth.conf",
        "local.conf",
        "operator-signing.seed",
        "operator.seed",
        "role-guest.seed",
        "service.creds",
        "system-account-signing.seed",
        "system-account.seed",
        "system.creds",
    ] {
        let path = dir.join(name);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        contents.push((name, fs::read(&path).unwrap()));
    }

    let again = nats.init();
    assert_eq!(again.status.code(), Some(1));
    let stderr = String::from_utf8(again.stderr).unwrap();
    assert!(
        stderr.contains("already exists") && stderr.contains("nothing was written"),
        "{stderr}"
    );
    for (name, before) in contents {
        assert_eq!(fs::read(dir.join(name)).unwrap(), before, "{name}");
    }
}

#[test]
fn nats_server_finds_the_configuration_valid() {
    let nats = Nats::provision();
    let output = nats.check_conf();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn nats_server_says_what_is_missing_before_init() {
    let nats = Nats::provision();
    fs::remove_dir_all(nats.keys_dir()).unwrap();
    let output = nats.check_conf();
    assert!(!output.status.success());
    assert!(String::from_utf8(output.stderr).unwrap().contains("local.conf"));
}

#[tokio::test]
async fn serve_needs_none_of_the_keys_above_the_roles() {
    let nats = Nats::running().await;
    nats.take_keys_away();
    let api = Api::ready(&nats).await;
    assert_eq!(api.ping().await.status(), 200);
    api.credential(&KeyPair::new_user().public_key()).await;
}

#[test]
fn a_key_file_that_cannot_be_used_stops_the_start_with_its_name_and_why() {
    for name in ["account.jwt", "role-guest.seed", "service.creds"] {
        let nats = Nats::provision();
        let path = nats.keys_dir().join(name);
        let original = fs::read(&path).unwrap();
        let options = Options::default();
        let check = |what: &str| {
            let said = refusal(&nats, &options);
            assert!(said.contains(path.to_str().unwrap()), "{said}");
            assert!(said.contains(what), "{said}");
            assert!(!said.contains("eyJ"), "{said}");
        };

        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        check("its mode is 0640, more open than 0600");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();

        for rubbish in ["", "rubbish", &String::from_utf8(original).unwrap()[..40]] {
            fs::write(&path, rubbish).unwrap();
            check("it ");
        }
        fs::write(&path, [0xff]).unwrap();
        check("it is not text");
        fs::remove_file(&path).unwrap();
        check("it does not exist");
        fs::create_dir(&path).unwrap();
        check("it is not a regular file");
    }
}

#[test]
fn keys_that_do_not_belong_together_stop_the_start() {
    let (nats, other) = (Nats::provision(), Nats::provision());
    let theirs = other.keys_dir().join("role-guest.seed");
    fs::copy(theirs, nats.keys_dir().join("role-guest.seed")).unwrap();
    let said = refusal(&nats, &Options::default());
    assert!(said.contains("role-guest.seed") && said.contains("does not know"), "{said}");

    // A seed of the right form and the wrong role.
    let wrong = nats.keys_dir().join("role-guest.seed");
    fs::write(&wrong, KeyPair::new_user().seed().unwrap()).unwrap();
    let said = refusal(&nats, &Options::default());
    assert!(said.contains("not the key of an account"), "{said}");
}

#[tokio::test]
async fn without_guests_the_guest_key_is_not_needed() {
    let nats = Nats::provision();
    fs::remove_file(nats.keys_dir().join("role-guest.seed")).unwrap();
    fs::remove_file(nats.keys_dir().join("account.jwt")).unwrap();
    let options = Options::default().edit("enabled = true", "enabled = false");
    let api = Api::start_with(&nats, &options).await;
    assert_eq!(api.get("/healthz").await.status(), 200);
}

#[tokio::test]
async fn an_address_that_is_taken_stops_the_start() {
    let nats = Nats::provision();
    let api = Api::start(&nats).await;
    let options = Options::default().env("API_LISTEN", api.address.to_string());
    let said = refusal(&nats, &options);
    assert!(said.contains(&format!("cannot listen on {}", api.address)), "{said}");
}

#[test]
fn check_config_says_what_is_wrong_and_where() {
    let dev = dev_toml();
    let good = api_command(&["check-config", "--config", dev.to_str().unwrap()]);
    assert!(good.status.success(), "{good:?}");
    assert!(String::from_utf8(good.stdout).unwrap().contains("can be used"));

    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("bad.toml");
    let text = fs::read_to_string(dev)
        .unwrap()
        .replace("publish_deadline_ms = 2000", "publish_deadline_ms = 1")
        .replace("urls = [\"ws://localhost:5000\"]", "urls = []");
    fs::write(&path, text).unwrap();
    let bad = api_command(&["check-config", "--config", path.to_str().unwrap()]);
    assert_eq!(bad.status.code(), Some(1));
    let stderr = String::from_utf8(bad.stderr).unwrap();
    for part in
        ["bad.toml", "nats.publish_deadline_ms: 1 is outside", "websocket.urls: at least one"]
    {
        assert!(stderr.contains(part), "{stderr}");
    }
}

#[test]
fn init_refuses_what_would_be_unsafe() {
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("generated");
    let target = target.to_str().unwrap();
    let output = api_command(&["init", "--dir", target, "--monitor-listen", "0.0.0.0:8222"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("not on loopback"));
    let output = api_command(&["init", "--dir", target, "--allowed-origin", "*"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(fs::read_dir(dir.path()).unwrap().next().is_none());
}

#[tokio::test]
async fn the_service_user_may_publish_updates_and_read_nothing() {
    let nats = Nats::running().await;
    let creds = fs::read_to_string(nats.keys_dir().join("service.creds")).unwrap();
    let line = |prefix| creds.lines().find(|line| line.starts_with(prefix)).unwrap();
    let (jwt, key) = (line("eyJ"), KeyPair::from_seed(line("SU")).unwrap());

    let mut client = Client::websocket(&nats).await;
    assert_eq!(client.log_in(jwt, &key).await, "-ERR 'Authorization Violation'");

    let mut client = Client::tcp(&nats).await;
    assert_eq!(client.log_in(jwt, &key).await, "PONG");
    let own = key.public_key();
    let allowed = format!("PUB com.scaling-ws.updates 0\r\n\r\nSUB _INBOX.{own}.> 1\r\n");
    assert!(client.round_trip(&allowed).await.is_empty());
    for denied in [
        "SUB > 2\r\n",
        "SUB com.scaling-ws.updates 2\r\n",
        "SUB _INBOX.> 2\r\n",
        "PUB a 0\r\n\r\n",
        "PUB $JS.API.STREAM.CREATE.x 0\r\n\r\n",
        "PUB $SYS.REQ.SERVER.PING 0\r\n\r\n",
    ] {
        let answers = client.round_trip(denied).await;
        assert_eq!(answers.len(), 1, "{denied}");
        assert!(answers[0].starts_with("-ERR 'Permissions Violation"), "{answers:?}");
    }
}

#[tokio::test]
async fn the_account_gives_nothing_that_is_not_written_down() {
    let nats = Nats::running().await;
    let read = |name| fs::read_to_string(nats.keys_dir().join(name)).unwrap();
    let account = KeyPair::from_seed(read("account-signing.seed").trim()).unwrap();
    let user = KeyPair::new_user();
    let token = || nats_jwt::Token::new_user(nats.account().sub.to_string(), user.public_key());

    let mut client = Client::tcp(&nats).await;
    assert_eq!(client.log_in(&token().sign(&account), &user).await, "PONG");
    for denied in ["SUB a 1\r\n", "SUB > 1\r\n", "PUB a 0\r\n\r\n"] {
        let answers = client.round_trip(denied).await;
        assert!(answers[0].starts_with("-ERR 'Permissions Violation"), "{denied}: {answers:?}");
    }

    let bearer = token().bearer_token(true).sign(&account);
    let mut client = Client::tcp(&nats).await;
    assert_eq!(client.log_in(&bearer, &user).await, "-ERR 'Authorization Violation'");

    // The key of a role signs nobody but users of that role.
    let guest = KeyPair::from_seed(read("role-guest.seed").trim()).unwrap();
    let powerful = token().allow_publish(">").allow_subscribe(">").sign(&guest);
    let mut client = Client::websocket(&nats).await;
    assert_eq!(client.log_in(&powerful, &user).await, "-ERR 'Authorization Violation'");
}
