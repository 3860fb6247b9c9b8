//! Auth callout: who does not get in, and what cannot be asked.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use api::claims::{
    AccountClaims, AccountKey, AccountPair, Claims, NO_LIMIT, Permission, UserClaims, UserKey,
};
use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::{
    asking::{REFUSED, answering, asking, come, come_with, get_in, options, session},
    callers::new_api_key,
    client::Client,
    insider::Insider,
    issuer::{Issuer, Key, now, with},
    metrics::{assert_lines, scrape, with_metrics},
    nats::Nats,
    service::{Api, Options},
    startup::refusal,
    wait::until,
};

/// The service's settings, with metrics on a port.
fn counted(issuers: &[String], guests: bool) -> (Options, u16) {
    let (metrics, port) = with_metrics();
    let mut options = options(issuers, guests);
    options.edits.extend(metrics.edits);
    (options, port)
}

#[tokio::test]
async fn nothing_but_a_good_credential_gets_in_and_all_else_gets_one_answer_and_leaves_no_trace() {
    let nats = asking().await;
    let other = Nats::unprovisioned_asking();
    assert!(other.init().status.success());
    let (key, stranger) = (Key::ed25519("1"), Key::ed25519("1"));
    let issuer = Issuer::start(&[&key]).await;
    let (options, port) = counted(&[issuer.config()], false);
    let api = answering(&nats, &options).await;
    // The same installation but for its keys.
    let elsewhere = Api::start_with(&other, &options_elsewhere(&issuer)).await;
    let claims = issuer.claims();
    let good = key.token(&claims);
    let foreign = session(&elsewhere, Some(&good), &json!({})).await;
    let cookie = session(&api, Some(&good), &json!({})).await;
    let insider = Insider::connect(&nats).await;
    let mut watch = insider.watch().await;

    let value = cookie.split_once('=').unwrap().1.to_owned();
    let mut changed = value.clone();
    changed.replace_range(40..41, if &value[40..41] == "A" { "B" } else { "A" });
    let (unknown, _) = new_api_key("unknown");
    let tokens = [
        foreign.split_once('=').unwrap().1.to_owned(),
        changed,
        value[..value.len() - 1].to_owned(),
        "ss_".to_owned(),
        format!("ss_{}", "A".repeat(6000)),
        "nonsense".to_owned(),
        unknown,
        stranger.token(&claims),
        key.token(&with(&claims, "exp", now() - 100)),
        key.token(&with(&claims, "aud", "elsewhere")),
        key.token(&with(&claims, "iss", "https://elsewhere.example")),
        // Still good for the issuer's leeway, yet there is nothing left of it to last.
        key.token(&with(&claims, "exp", now() - 1)),
        "a b".to_owned(),
        "\u{e9}".to_owned(),
    ];
    for token in &tokens {
        // The rest does not fit the line that a client logs in with.
        if token.len() < 3_000 {
            let (_, answer) = come_with(Client::websocket(&nats).await, token).await;
            assert_eq!(answer.as_deref(), Some(REFUSED), "{token}");
        }
        if token.is_ascii() && !token.contains(' ') {
            let (_, answer) = come(&nats, &format!("session={token}")).await;
            assert_eq!(answer.as_deref(), Some(REFUSED), "{token}");
        }
    }
    let nkey = KeyPair::new_user().public_key();
    for fields in [
        json!({}),
        json!({ "auth_token": "" }),
        json!({ "jwt": "nonsense" }),
        json!({ "jwt": good }),
        json!({ "jwt": "a.b.c", "nkey": nkey, "sig": "AAAA" }),
        json!({ "nkey": nkey }),
        json!({ "user": "ann", "pass": "secret" }),
        json!({ "user": "ann", "auth_token": good }),
        json!({ "pass": good }),
        json!({ "nkey": good }),
    ] {
        let answer = Client::websocket(&nats).await.connect(&fields).await;
        assert_eq!(answer.as_deref(), Some(REFUSED), "{fields}");
    }
    // One who says it is the sentinel, or the service itself, and can prove nothing.
    let creds = fs::read_to_string(nats.keys_dir().join("callout.creds")).unwrap();
    let jwt = creds.lines().nth(1).unwrap();
    let answer = Client::websocket(&nats).await.connect(&json!({ "jwt": jwt })).await;
    assert_eq!(answer.as_deref(), Some(REFUSED));

    // The next thing that anybody hears of in the account is what is published now.
    insider.0.publish("after", "".into()).await.unwrap();
    assert_eq!(watch.next().await.subject.as_str(), "after");
    get_in(&nats, &cookie).await;
    let text = scrape(&api, port).await;
    for reason in ["invalid_session", "invalid_credential", "no_credential", "password"] {
        assert!(text.contains(&format!("api_callouts_total{{result=\"{reason}\"}} ")), "{text}");
    }
    assert_lines(&text, &["api_callouts_total{result=\"allowed\"} 1"]);
    assert!(!text.contains("no_question"), "{text}");
}

fn options_elsewhere(issuer: &Issuer) -> Options {
    options(&[issuer.config()], false)
}

/// Somebody whose token says that it may do anything in this account, by whoever signs.
fn insider_of(account: &AccountKey, signer: &AccountPair) -> (KeyPair, UserKey, String) {
    let key = KeyPair::new_user();
    let user = UserKey::parse(&key.public_key()).unwrap();
    let all = || Permission::only([">"]);
    let mut claims = UserClaims::new(all(), all(), NO_LIMIT, NO_LIMIT, Vec::new());
    claims.issuer_account = Some(account.clone());
    let jwt = Claims::sign(&user, "insider", now(), None, claims, signer).unwrap();
    (key, user, jwt.as_str().to_owned())
}

#[tokio::test]
async fn with_guests_switched_on_a_bad_credential_is_not_taken_for_a_guest() {
    let nats = asking().await;
    let api = answering(&nats, &options(&[], true)).await;
    let guests = session(&api, None, &json!({})).await;
    get_in(&nats, &guests).await;
    get_in(&nats, "session=").await;
    get_in(&nats, "another=nonsense").await;
    assert_eq!(come(&nats, "session=nonsense").await.1.as_deref(), Some(REFUSED));
    for fields in [json!({ "user": "x" }), json!({ "auth_token": "x" })] {
        let answer = Client::websocket(&nats).await.connect(&fields).await;
        assert_eq!(answer.as_deref(), Some(REFUSED));
    }
    // Nor is one who makes a token for the account that asks.
    let account: AccountPair = nats.seed("callout-account.seed");
    let stranger = AccountPair::from_random([7; 32]).unwrap();
    let (key, _, jwt) = insider_of(account.public(), &stranger);
    assert_eq!(Client::websocket(&nats).await.log_in(&jwt, &key).await, REFUSED);
}

#[tokio::test]
async fn nobody_but_nats_server_can_ask() {
    let mut nats = Nats::unprovisioned_asking();
    assert!(nats.init().status.success());
    let account: AccountPair = nats.seed("callout-account.seed");
    let signing: AccountPair = nats.seed("callout-account-signing.seed");
    let (listed_key, listed, listed_jwt) = insider_of(account.public(), &signing);
    let (key, _, jwt) = insider_of(account.public(), &signing);
    nats.change_jwt("callout-account.jwt", |asking: &mut Claims<AccountClaims>| {
        asking.nats.authorization.auth_users.push(listed);
    });
    nats.start().await;
    let (options, port) = counted(&[], true);
    let api = answering(&nats, &options).await;

    let ask = "PUB $SYS.REQ.USER.AUTH _INBOX.x 2\r\nhi\r\n";
    let refused = "-ERR 'Permissions Violation for Publish to \"$SYS.REQ.USER.AUTH\"'";
    // The service's own user.
    let creds = fs::read_to_string(nats.keys_dir().join("callout.creds")).unwrap();
    let own =
        KeyPair::from_seed(creds.lines().find(|line| line.starts_with("SU")).unwrap()).unwrap();
    let mut client = Client::tcp(&nats).await;
    assert_eq!(client.log_in(creds.lines().nth(1).unwrap(), &own).await, "PONG");
    assert_eq!(client.round_trip(ask).await, [refused]);
    for subject in ["_INBOX.x", "_R_.x", "a", "$SYS.REQ.SERVER.PING"] {
        let answer = client.round_trip(&format!("PUB {subject} 2\r\nhi\r\n")).await;
        assert_eq!(answer, [format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'")]);
    }
    // One of the same account that is to be let in as it is, with leave to do anything.
    let mut client = Client::tcp(&nats).await;
    assert_eq!(client.log_in(&listed_jwt, &listed_key).await, "PONG");
    assert_eq!(client.round_trip(ask).await, [refused]);
    assert!(client.round_trip("SUB $SYS.REQ.USER.AUTH 1\r\n").await.is_empty());
    // And one that is not listed is asked about like everybody else, whatever its token says.
    assert_eq!(Client::tcp(&nats).await.log_in(&jwt, &key).await, REFUSED);
    // In the application's account the subject means nothing.
    let insider = Insider::connect(&nats).await;
    let answer = insider.0.request("$SYS.REQ.USER.AUTH", "hi".into()).await;
    assert!(answer.is_err(), "{answer:?}");

    // Whoever listens in hears what only the service can open.
    let mut guest = Client::websocket(&nats).await;
    assert_eq!(guest.connect(&json!({ "name": "overheard" })).await.as_deref(), Some("PONG"));
    let heard = client.next_bytes().await;
    assert!(heard.starts_with(b"HMSG $SYS.REQ.USER.AUTH 1 "), "{heard:?}");
    for open in [&b"eyJ"[..], b"overheard", b"client_info"] {
        assert!(!heard.windows(open.len()).any(|window| window == open));
    }
    let text = scrape(&api, port).await;
    assert!(!text.contains("no_question"), "{text}");
    assert!(!api.log().contains("is no question"), "{}", api.log());
}

#[tokio::test]
async fn what_is_over_the_limit_is_refused_at_once_and_what_takes_too_long_in_time() {
    let nats = asking().await;
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    issuer.serves.is_slow(Duration::from_secs(3600));
    let (options, port) = counted(&[issuer.config()], true);
    let options = options
        .edit("max_concurrent = 64", "max_concurrent = 1")
        .edit("deadline_ms = 2500", "deadline_ms = 2000");
    let api = answering(&nats, &options).await;
    let token = key.token(&issuer.claims());

    let started = Instant::now();
    let client = Client::websocket(&nats).await;
    let slow = async {
        let (_, answer) = come_with(client, &token).await;
        (answer, Instant::now())
    };
    let refused_meanwhile = until("somebody is turned away meanwhile", || async {
        let answer = Client::websocket(&nats).await.connect(&json!({})).await;
        (answer.as_deref() == Some(REFUSED)).then(Instant::now)
    });
    let ((answer, answered), refused) = tokio::join!(slow, refused_meanwhile);
    assert_eq!(answer.as_deref(), Some(REFUSED));
    assert!(answered - started >= Duration::from_secs(2), "{:?}", answered - started);
    assert!(refused < answered, "it waits for no room");
    // There is room again.
    let answer = Client::websocket(&nats).await.connect(&json!({})).await;
    assert_eq!(answer.as_deref(), Some("PONG"));
    let text = scrape(&api, port).await;
    assert!(text.contains("api_callouts_total{result=\"overloaded\"} "), "{text}");
    assert_lines(&text, &["api_callouts_total{result=\"deadline\"} 1"]);
}

#[tokio::test]
async fn a_caller_that_comes_too_often_is_turned_away() {
    let nats = asking().await;
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    let options = options(&[issuer.config()], true).edit(
        "[limits.caller]\nburst = 3000\nper_minute = 60000",
        "[limits.caller]\nburst = 3\nper_minute = 1",
    );
    let api = answering(&nats, &options).await;
    let token = key.token(&issuer.claims());
    let cookie = session(&api, Some(&token), &json!({})).await;
    get_in(&nats, &cookie).await;
    get_in(&nats, &cookie).await;
    assert_eq!(come(&nats, &cookie).await.1.as_deref(), Some(REFUSED));
    let bob = key.token(&with(&issuer.claims(), "sub", "bob"));
    let (_, answer) = come_with(Client::websocket(&nats).await, &bob).await;
    assert_eq!(answer.as_deref(), Some("PONG"));
}

#[test]
fn keys_of_the_callout_are_private_and_belong_together_or_stop_the_start() {
    let (nats, other) = (Nats::unprovisioned_asking(), Nats::unprovisioned_asking());
    assert!(nats.init().status.success() && other.init().status.success());
    let on = || options(&[], true);
    for name in [
        "callout.creds",
        "callout-response.seed",
        "callout-xkey.seed",
        "session.seed",
        "callout-account.jwt",
    ] {
        let path = nats.keys_dir().join(name);
        let kept = fs::read(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let said = refusal(&nats, &on());
        assert!(said.contains(name) && said.contains("more open than 0600"), "{said}");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::remove_file(&path).unwrap();
        let said = refusal(&nats, &on());
        assert!(said.contains(name) && said.contains("`api init --auth-callout`"), "{said}");
        if name != "session.seed" {
            fs::copy(other.keys_dir().join(name), &path).unwrap();
            let said = refusal(&nats, &on());
            assert!(
                said.contains("callout-account.jwt") && said.contains("does not know"),
                "{said}"
            );
        }
        fs::write(&path, "nonsense").unwrap();
        assert!(refusal(&nats, &on()).contains(name));
        fs::write(&path, kept).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    // The seeds above are as little needed as the others' are.
    for name in ["callout-account.seed", "callout-account-signing.seed", "operator-signing.seed"] {
        fs::remove_file(nats.keys_dir().join(name)).unwrap();
    }
    let checked = nats.check_conf();
    assert!(checked.status.success(), "{checked:?}");
}

#[test]
fn the_account_that_asks_gives_nothing_away() {
    let nats = Nats::unprovisioned_asking();
    assert!(nats.init().status.success());
    let text = fs::read_to_string(nats.keys_dir().join("callout-account.jwt")).unwrap();
    let account = Claims::<AccountClaims>::decode(text.trim()).unwrap();
    let authorization = serde_json::to_value(&account.nats.authorization).unwrap();
    assert_eq!(authorization["allowed_accounts"], json!([nats.account().sub]));
    let nothing = json!({ "allow": [], "deny": [">"] });
    let scope = account.nats.scopes().next().unwrap();
    let template = serde_json::to_value(&scope.template).unwrap();
    let conf = fs::read_to_string(nats.keys_dir().join("auth.conf")).unwrap();
    let sentinel = conf.lines().find_map(|line| line.strip_prefix("default_sentinel: ")).unwrap();
    let sentinel = Claims::<UserClaims>::decode(sentinel).unwrap();
    assert!(sentinel.nats.bearer_token);
    let sentinel: Value = serde_json::to_value(&sentinel.nats).unwrap();
    for rights in [template, sentinel] {
        assert_eq!((&rights["pub"], &rights["sub"]), (&nothing, &nothing), "{rights}");
    }
    // Elsewhere, a token alone is worth nothing as before.
    assert!(nats.account().nats.limits.disallow_bearer);
    assert!(nats.account().nats.authorization.is_off());
}
