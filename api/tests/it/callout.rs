//! Auth callout: who gets in without a token of its own, and with which rights.

use std::time::{Duration, Instant};

use nkeys::KeyPair;
use rustix::process::Signal;
use serde_json::json;

use crate::{
    asking::{
        REFUSED, answering, asking, asking_with, come, come_with, get_in,
        open_websocket_to_back_ends, options, session,
    },
    callers::new_api_key,
    client::Client,
    held::assert_served,
    issuer::{Issuer, Key, now, with},
    service::{Api, Options, problem},
    wait::until,
};

/// The key that nats-server made for the last client with this role.
fn last_key(api: &Api, role: &str) -> String {
    let log = api.log();
    let (_, rest) = log.rsplit_once(&format!("{role}-U")).unwrap();
    format!("U{}", &rest[..55])
}

fn denied(kind: &str, subject: &str) -> String {
    format!("-ERR 'Permissions Violation for {kind} \"{subject}\"'")
}

#[tokio::test]
async fn a_guest_gets_in_with_nothing_at_all_and_exactly_a_guests_rights() {
    let nats = asking().await;
    let api = answering(&nats, &options(&[], true)).await;
    let mut guest = Client::websocket(&nats).await;
    assert_eq!(guest.connect(&json!({})).await.as_deref(), Some("PONG"));
    assert!(guest.round_trip("SUB com.scaling-ws.updates 1\r\n").await.is_empty());
    for subject in [">", "_INBOX.>", "$SYS.>", "rooms.7.>", "com.scaling-ws.*"] {
        let answer = guest.round_trip(&format!("SUB {subject} 2\r\n")).await;
        assert_eq!(answer, [denied("Subscription to", subject)]);
    }
    for subject in ["com.scaling-ws.updates", "$SYS.REQ.USER.AUTH", "a"] {
        let answer = guest.round_trip(&format!("PUB {subject} 2\r\nhi\r\n")).await;
        assert_eq!(answer, [denied("Publish to", subject)]);
    }
    let inbox = format!("_INBOX.{}.>", last_key(&api, "guest"));
    assert!(guest.round_trip(&format!("SUB {inbox} 3\r\n")).await.is_empty());

    assert_eq!(api.ping().await.status(), 200);
    assert!(guest.next().await.unwrap().starts_with("MSG com.scaling-ws.updates 1 "));
}

#[tokio::test]
async fn a_session_in_a_cookie_opens_what_it_was_asked_for_and_nothing_else() {
    let nats = asking().await;
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    let api = answering(&nats, &options(&[issuer.config()], false)).await;
    let token = key.token(&with(&issuer.claims(), "rooms", json!(["7", "8"])));
    let body = json!({ "role": "member", "channels": ["room:7"] });
    let cookie = session(&api, Some(&token), &body).await;

    let mut client = get_in(&nats, &format!("other=1; {cookie}; more=2")).await;
    let own = last_key(&api, "member");
    let inbox = format!("_INBOX.{own}.>");
    for (n, subject) in ["rooms.7.>", "com.scaling-ws.updates", &inbox].into_iter().enumerate() {
        let answer = client.round_trip(&format!("SUB {subject} {n}\r\n")).await;
        assert!(answer.is_empty(), "{answer:?}");
    }
    for subject in ["rooms.8.>", "rooms.*.chat", ">", "_INBOX.>", "$SYS.>"] {
        let answer = client.round_trip(&format!("SUB {subject} 9\r\n")).await;
        assert_eq!(answer, [denied("Subscription to", subject)]);
    }
    let said = client.round_trip(&format!("PUB rooms.7.chat.{own} 2\r\nhi\r\n")).await;
    assert_eq!(said, [format!("MSG rooms.7.chat.{own} 0 2\nhi")]);
    let other = KeyPair::new_user().public_key();
    for subject in [
        format!("rooms.7.chat.{other}"),
        format!("rooms.8.chat.{own}"),
        "com.scaling-ws.updates".to_owned(),
    ] {
        let answer = client.round_trip(&format!("PUB {subject} 2\r\nhi\r\n")).await;
        assert_eq!(answer, [denied("Publish to", &subject)]);
    }
    // Again and again, each time somebody new to nats-server.
    get_in(&nats, &cookie).await;
    assert_ne!(last_key(&api, "member"), own);
    // It is no credential for the service itself.
    let value = cookie.split_once('=').unwrap().1;
    problem(api.call_as("/v1/credentials", value).await, 401, "invalid_credentials").await;
    problem(api.call_as("/v1/session", value).await, 401, "invalid_credentials").await;
}

#[tokio::test]
async fn an_issuers_token_or_an_api_key_is_taken_as_the_clients_token() {
    let nats = asking_with(open_websocket_to_back_ends).await;
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    let (shop, element) = new_api_key("backend");
    let options =
        options(&[issuer.config()], false).edit("api_keys = []", format!("api_keys = [{element}]"));
    let api = answering(&nats, &options).await;

    let token = key.token(&issuer.claims());
    let (mut ann, answer) = come_with(Client::websocket(&nats).await, &token).await;
    assert_eq!(answer.as_deref(), Some("PONG"));
    assert_served(&mut ann).await;
    let answer = ann.round_trip("SUB rooms.7.> 2\r\n").await;
    assert_eq!(answer, [denied("Subscription to", "rooms.7.>")]);

    let (mut back_end, answer) = come_with(Client::websocket(&nats).await, &shop).await;
    assert_eq!(answer.as_deref(), Some("PONG"));
    assert!(ann.round_trip("SUB com.scaling-ws.updates 3\r\n").await.is_empty());
    assert!(back_end.round_trip("PUB com.scaling-ws.updates 2\r\nhi\r\n").await.is_empty());
    assert_eq!(ann.next().await.unwrap(), "MSG com.scaling-ws.updates 3 2\nhi");
    let answer = back_end.round_trip("SUB com.scaling-ws.updates 1\r\n").await;
    assert_eq!(answer, [denied("Subscription to", "com.scaling-ws.updates")]);
    // A token of the client's own goes before the cookie's.
    let mut client = Client::with_cookie(&nats, "session=nonsense").await;
    let answer = client.connect(&json!({ "auth_token": token })).await;
    assert_eq!(answer.as_deref(), Some("PONG"));
    drop(api);
}

#[tokio::test]
async fn whoever_brings_a_credential_gets_in_without_anybody_being_asked() {
    let nats = asking().await;
    let api = answering(&nats, &options(&[], true)).await;
    let key = KeyPair::new_user();
    let credential = api.credential(&key.public_key()).await;
    let jwt = credential["jwt"].as_str().unwrap().to_owned();
    let log = api.log();
    assert!(!log.contains("let a client in"), "{log}");
    drop(api);
    let mut client = Client::with_cookie(&nats, "session=nonsense").await;
    assert_eq!(client.log_in(&jwt, &key).await, "PONG");
    assert_served(&mut client).await;
    // And gets no further than before: the credential is for websockets.
    assert_eq!(Client::tcp(&nats).await.log_in(&jwt, &key).await, REFUSED);
}

#[tokio::test]
async fn over_tcp_nobody_gets_in_unless_the_configuration_and_the_role_say_so() {
    let nats = asking().await;
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    let (shop, element) = new_api_key("backend");
    let options = || {
        options(&[issuer.config()], true).edit("api_keys = []", format!("api_keys = [{element}]"))
    };
    let token = key.token(&issuer.claims());
    let api = answering(&nats, &options()).await;
    let cookie = session(&api, Some(&token), &json!({})).await;
    let value = cookie.split_once('=').unwrap().1;
    for token in [&token, &shop, value] {
        let (_, answer) = come_with(Client::tcp(&nats).await, token).await;
        assert_eq!(answer.as_deref(), Some(REFUSED));
    }
    let answer = Client::tcp(&nats).await.connect(&json!({})).await;
    assert_eq!(answer.as_deref(), Some(REFUSED));
    // The same over a websocket, but for the role that is for TCP only.
    for (token, expected) in [(&token[..], "PONG"), (value, "PONG"), (&shop, REFUSED)] {
        let (_, answer) = come_with(Client::websocket(&nats).await, token).await;
        assert_eq!(answer.as_deref(), Some(expected));
    }
    drop(api);

    let options = options().edit("[\"WEBSOCKET\"]", "[\"WEBSOCKET\", \"STANDARD\"]");
    let api = answering(&nats, &options).await;
    for (token, expected) in [(&token[..], REFUSED), (value, REFUSED), (&shop, "PONG")] {
        let (_, answer) = come_with(Client::tcp(&nats).await, token).await;
        assert_eq!(answer.as_deref(), Some(expected), "{}", api.log());
    }
}

#[tokio::test]
async fn a_connection_ends_with_the_session_or_the_token_that_it_rests_on() {
    let nats = asking().await;
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    let options =
        options(&[issuer.config()], false).edit("session_seconds = 3600", "session_seconds = 3");
    let api = answering(&nats, &options).await;
    let begun = Instant::now();
    let end = now() + 3;
    let lasting = key.token(&issuer.claims());
    let ending = key.token(&with(&issuer.claims(), "exp", end));
    let cookie = session(&api, Some(&lasting), &json!({})).await;
    let mut by_cookie = get_in(&nats, &cookie).await;
    let (mut by_token, answer) = come_with(Client::websocket(&nats).await, &ending).await;
    assert_eq!(answer.as_deref(), Some("PONG"));
    let (mut stays, answer) = come_with(Client::websocket(&nats).await, &lasting).await;
    assert_eq!(answer.as_deref(), Some("PONG"));
    for client in [&mut by_cookie, &mut by_token] {
        assert_eq!(client.until_closed().await, ["-ERR 'User Authentication Expired'"]);
        assert!(now() >= end, "{:?}", begun.elapsed());
    }
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert_served(&mut stays).await;
    assert_eq!(come(&nats, &cookie).await.1.as_deref(), Some(REFUSED));
    assert!(api.log().contains("the session has expired"), "{}", api.log());
}

#[tokio::test]
async fn somebody_banned_gets_no_session_and_no_connection_and_loses_the_one_there_is() {
    let nats = asking().await;
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    let (admin, element) = new_api_key("admin");
    let dir = format!("{:?}", nats.dir().join("bans").to_str().unwrap());
    let options = options(&[issuer.config()], true)
        .edit("api_keys = []", format!("api_keys = [{element}]"))
        .edit("allowed_to = []", "allowed_to = [{ api_key = \"admin\" }]")
        .edit("\"nats-conf/generated/bans\"", dir);
    let api = answering(&nats, &options).await;
    let (ann, bob) =
        (key.token(&issuer.claims()), key.token(&with(&issuer.claims(), "sub", "bob")));
    let cookie = session(&api, Some(&ann), &json!({})).await;
    let bobs_cookie = session(&api, Some(&bob), &json!({})).await;
    let mut anns = get_in(&nats, &cookie).await;
    let (mut anns_too, answer) = come_with(Client::websocket(&nats).await, &ann).await;
    assert_eq!(answer.as_deref(), Some("PONG"));
    // What a client says its name is matters as little as with a credential.
    let mut liar = Client::with_cookie(&nats, &cookie).await;
    let answer = liar.connect(&json!({ "nkey": KeyPair::new_user().public_key() })).await;
    assert_eq!(answer.as_deref(), Some("PONG"));
    let mut bobs = get_in(&nats, &bobs_cookie).await;

    let ban = json!({ "user": { "issuer": issuer.name(), "subject": "alice" } });
    let done = until("the ban is complete", || async {
        let response = api.post_as("/v1/revoke", &admin, &ban).await;
        if response.status() == 503 {
            return None;
        }
        assert_eq!(response.status(), 200);
        Some(response.json::<serde_json::Value>().await.unwrap())
    })
    .await;
    assert_eq!(done["nkeys"], 3, "{done}");
    for client in [&mut anns, &mut anns_too, &mut liar] {
        client.until_closed().await;
    }
    assert_served(&mut bobs).await;
    assert_eq!(come(&nats, &cookie).await.1.as_deref(), Some(REFUSED));
    let (_, answer) = come_with(Client::websocket(&nats).await, &ann).await;
    assert_eq!(answer.as_deref(), Some(REFUSED));
    let response = api.post_as("/v1/session", &ann, &json!({})).await;
    problem(response, 403, "banned").await;
    drop(api);
    // Of that a restart remembers all, and the session is as good as before for whom it is.
    let api = answering(&nats, &options).await;
    assert_eq!(come(&nats, &cookie).await.1.as_deref(), Some(REFUSED));
    get_in(&nats, &bobs_cookie).await;
    drop(api);
}

#[tokio::test]
async fn a_session_of_somebody_who_is_not_known_any_more_opens_nothing() {
    let nats = asking_with(open_websocket_to_back_ends).await;
    let (shop, element) = new_api_key("backend");
    let with_shop = options(&[], true).edit("api_keys = []", format!("api_keys = [{element}]"));
    let api = answering(&nats, &with_shop).await;
    let (shops, guests) =
        (session(&api, Some(&shop), &json!({})).await, session(&api, None, &json!({})).await);
    get_in(&nats, &shops).await;
    get_in(&nats, &guests).await;
    drop(api);
    let issuer = Issuer::start(&[&Key::ed25519("1")]).await;
    let api = answering(&nats, &options(&[issuer.config()], false)).await;
    for cookie in [shops, guests] {
        assert_eq!(come(&nats, &cookie).await.1.as_deref(), Some(REFUSED));
    }
    let log = api.log();
    assert_eq!(log.matches("somebody who is not known any more").count(), 2, "{log}");
}

/// What nats-server does not do for whom it asks about. Should it do so one day, the documentation
/// has to say so.
#[tokio::test]
async fn nats_server_does_not_hold_whom_it_asks_about_to_the_roles_limits() {
    let nats = asking().await;
    let api = answering(&nats, &options(&[], true)).await;
    let mut guest = Client::websocket(&nats).await;
    assert_eq!(guest.connect(&json!({})).await.as_deref(), Some("PONG"));
    // A guest's role has 32, and messages of 1 KiB.
    for n in 0..40 {
        let line = format!("SUB com.scaling-ws.updates {n}\r\n");
        assert!(guest.round_trip(&line).await.is_empty(), "{n}");
    }
    let large = "x".repeat(2_000);
    let answer = guest.round_trip(&format!("PUB a 2000\r\n{large}\r\n")).await;
    assert_eq!(answer, [denied("Publish to", "a")]);
    // Yet to the server's own.
    guest.send("PUB a 70000\r\n").await;
    assert_eq!(guest.until_closed().await, ["-ERR 'Maximum Payload Violation'"]);
    drop(api);
}

#[tokio::test]
async fn two_processes_share_the_questions_and_one_that_stops_loses_none() {
    let nats = asking().await;
    let options = options(&[], true);
    let (mut first, second) = (answering(&nats, &options).await, answering(&nats, &options).await);
    let cookie = session(&first, None, &json!({})).await;
    let answered = |api: &Api| api.log().matches("let a client in").count();
    let mut clients = Vec::new();
    for _ in 0..40 {
        clients.push(get_in(&nats, &cookie).await);
    }
    let (by_first, by_second) = (answered(&first), answered(&second));
    assert_eq!(by_first + by_second, 40);
    assert!(by_first > 0 && by_second > 0, "{by_first} and {by_second}");

    // While logins go on.
    let stopping = async {
        first.signal(Signal::TERM);
        assert!(first.ended().await.success());
    };
    let going_on = async {
        for _ in 0..40 {
            clients.push(get_in(&nats, &cookie).await);
        }
    };
    tokio::join!(stopping, going_on);
    assert_eq!(answered(&first) + answered(&second), 80);
    assert!(answered(&second) > by_second);
    for client in &mut clients {
        assert_served(client).await;
    }
}

#[tokio::test]
async fn while_the_service_is_away_nobody_new_gets_in_and_who_is_there_stays() {
    let mut nats = asking().await;
    let options = options(&[], true);
    let api = answering(&nats, &options).await;
    let cookie = session(&api, None, &json!({})).await;
    let mut there = get_in(&nats, &cookie).await;
    drop(api);
    let started = Instant::now();
    let answer = come(&nats, &cookie).await.1;
    assert!(answer.as_deref().is_none_or(|answer| answer.starts_with("-ERR 'Auth")), "{answer:?}");
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    assert_served(&mut there).await;

    // With the same keys, it knows the session again; and after a restart of nats-server, too.
    let api = answering(&nats, &options).await;
    get_in(&nats, &cookie).await;
    nats.kill();
    api.until_status("/readyz", 503).await;
    nats.start().await;
    until("the service answers again", || async {
        (come(&nats, &cookie).await.1.as_deref() == Some("PONG")).then_some(())
    })
    .await;
}

#[tokio::test]
async fn no_secret_of_a_login_is_logged_at_any_level() {
    let key = Key::ed25519("1");
    let issuer = Issuer::start(&[&key]).await;
    for format in ["compact", "json"] {
        let nats = asking().await;
        let (shop, element) = new_api_key("backend");
        let options: Options = options(&[issuer.config()], true)
            .env("RUST_LOG", "trace")
            .edit("format = \"compact\"", format!("format = \"{format}\""))
            .edit("api_keys = []", format!("api_keys = [{element}]"));
        let api = answering(&nats, &options).await;
        let token = key.token(&with(&issuer.claims(), "email", "alice@example.com"));
        let cookie = session(&api, Some(&token), &json!({})).await;
        let value = cookie.split_once('=').unwrap().1;
        get_in(&nats, &cookie).await;
        for secret in [&token, &shop, value, &value[..60]] {
            come_with(Client::websocket(&nats).await, secret).await;
            come_with(Client::tcp(&nats).await, secret).await;
        }
        for secret in ["eyJ", "ss_", "sk_"] {
            assert!(!nats.log().contains(secret), "{secret}\n{}", nats.log());
        }
        // In places that nats-server itself writes of.
        for secret in [&token, &shop, value] {
            for field in ["user", "pass", "nkey", "sig", "jwt", "name", "lang", "version"] {
                let fields = json!({ field: secret, "auth_token": secret });
                Client::websocket(&nats).await.connect(&fields).await;
            }
        }
        let log = api.log();
        assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log is not loud");
        for told in ["let a client in", "turned a client away", "alice"] {
            assert!(log.contains(told), "{told}\n{log}");
        }
        // At that level async-nats shows what it sends and receives: sealed, so at times it holds
        // any three characters by chance.
        let mut secrets =
            vec!["eyJ0eXAi", "eyJhbGci", "session=", "alice@example.com", &shop, value];
        secrets.extend(token.split('.'));
        for secret in secrets {
            assert!(!log.contains(secret), "{secret}");
        }
        for file in std::fs::read_dir(nats.keys_dir()).unwrap() {
            let file = file.unwrap();
            let name = file.file_name().into_string().unwrap();
            if name.ends_with(".seed") {
                let secret = std::fs::read_to_string(file.path()).unwrap();
                assert!(!log.contains(secret.trim()), "{name}");
            }
        }
    }
}
