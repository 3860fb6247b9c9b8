//! Lines 1 to 5: who may name which subject.

use futures_util::StreamExt;
use nkeys::KeyPair;
use serde_json::json;

use crate::support::{Insider, Person, Site, TestResult, Wire, assert_problem};

/// What somebody calls themselves, or a room, who means more than a name.
const NAMES: [&str; 15] = [
    "*",
    ">",
    "a.b",
    "",
    " ",
    "\t",
    "\r\n",
    "\0",
    "$JS",
    "$SYS",
    "é",
    "{{name()}}",
    "{{subject()}}",
    "A",
    "a b",
];

/// A name never becomes part of a subject unless it is one plain token: others are refused, never
/// escaped.
#[tokio::test]
async fn c01_names_become_subjects_only_as_one_plain_token() -> TestResult {
    let site = Site::shared().await?;
    let nkey = KeyPair::new_user().public_key();
    for name in NAMES {
        // A room of that name, also where the caller's own token lists it.
        let token = site.issuer.token(&site.issuer.claims("alice", &[name, "7"]));
        let body = json!({ "nkey": nkey, "channels": ["room:7", format!("room:{name}")] });
        let answer = site.call("/v1/credentials", Some(&token), &body).await?;
        assert_problem(answer, 400, "invalid_channel").await?;

        let answer = site.call("/v1/credentials", None, &json!({ "nkey": name })).await?;
        assert_problem(answer, 400, "invalid_nkey").await?;
    }
    for subject in ["*", ">", "rooms.*.announce", "a..b", "", "rooms.a b.announce", "a\r\nPUB b"] {
        let body = json!({ "subject": subject, "payload": "hi" });
        let answer = site.call("/v1/publish", Some(&site.backend), &body).await?;
        assert_problem(answer, 400, "invalid_subject").await?;
    }
    Ok(())
}

/// Whoever is called `*` reads nobody's messages by that: a user's subjects are made of the key, which
/// is nobody's choice.
#[tokio::test]
async fn c01_a_user_called_star_does_not_read_bob() -> TestResult {
    let site = Site::shared().await?;
    let bob = Person::member(&site, "bob", &["7"]).await?;
    let inboxes = [format!("_INBOX.{}.>", bob.nkey()), "_INBOX.*.>".into(), "_INBOX.>".into()];
    for name in NAMES {
        // Whom the issuer calls so, and who has even stolen a role's key to be called so.
        let mut users = vec![Person::forged(&site, "member", name, &["room:8"])];
        if name.is_empty() || name.contains(char::is_control) {
            let token = site.issuer.token(&site.issuer.claims(name, &["8"]));
            let body = json!({ "nkey": bob.nkey() });
            let answer = site.call("/v1/credentials", Some(&token), &body).await?;
            assert_problem(answer, 401, "invalid_credentials").await?;
        } else {
            users.push(Person::member(&site, name, &["8"]).await?);
        }
        for user in users {
            let mut wire = user.connect(&site.nats).await;
            wire.may_not_subscribe(&inboxes).await;
            wire.may_not_subscribe(&["rooms.7.>", "rooms.*.>", ">"]).await;
            wire.may(&format!("SUB _INBOX.{}.> 1\r\nSUB rooms.8.> 2\r\n", user.nkey())).await;
        }
    }
    Ok(())
}

/// What may be published and what may be subscribed to is always written down, also where it is
/// nothing: to NATS an empty list means everything.
#[tokio::test]
async fn c02_pub_and_sub_are_always_present() -> TestResult {
    let site = Site::shared().await?;
    let account = site.account().nats;
    let templates =
        account.scopes().map(|scope| (&scope.template.publish, &scope.template.subscribe));
    let by_default = &account.default_permissions;
    for (publish, subscribe) in templates.chain([(&by_default.publish, &by_default.subscribe)]) {
        for list in [publish, subscribe] {
            assert!(!list.allow.is_empty() || list.deny == [">"], "{list:?}");
        }
    }
    // Somebody who is given nothing by name may do nothing, rather than everything: a member
    // without a room, and a user of whom nobody has written what he may.
    let member = Person::member(&site, "alice", &[]).await?;
    assert_eq!(member.credential["permissions"]["publish"], json!({ "allow": [], "deny": [">"] }));
    let mut wire = member.connect(&site.nats).await;
    wire.may_not_publish(&["a", "rooms.7.chat.x", "com.scaling-ws.updates"]).await;
    wire.may_not_subscribe(&["a", "rooms.7.>", "rooms.>", ">"]).await;

    let mut wire = Person::without_permissions(&site).connect(&site.nats).await;
    wire.may_not_publish(&["a", "com.scaling-ws.updates", "$JS.API.INFO"]).await;
    wire.may_not_subscribe(&["a", "com.scaling-ws.updates", ">"]).await;
    Ok(())
}

/// A user's inbox lies below its own key and is its own: `_INBOX.>` and `>` are denied.
#[tokio::test]
async fn c03_an_inbox_is_private() -> TestResult {
    let site = Site::shared().await?;
    let (alice, bob) = (Person::guest(&site).await?, Person::guest(&site).await?);
    let (mut of_alice, mut of_bob) =
        (alice.connect(&site.nats).await, bob.connect(&site.nats).await);
    assert_eq!(alice.credential["inbox_prefix"], format!("_INBOX.{}", alice.nkey()));
    of_bob.may(&format!("SUB _INBOX.{}.> 1\r\n", bob.nkey())).await;

    let own = format!("_INBOX.{}", bob.nkey());
    let tries = [">", "*.>", "_INBOX.>", "_INBOX.*", "_INBOX.*.>", &own, &format!("{own}.>")];
    of_alice.may_not_subscribe(&tries).await;
    // Listening to one's own too much wakes nobody: the letters of others are the prefix.
    of_alice.may(&format!("SUB _INBOX.{}.> 1\r\n", alice.nkey())).await;

    let letter = format!("{own}.answer");
    Insider::connect(&site).await.publish(&letter, "for bob").await;
    assert_eq!(of_bob.next().await.unwrap(), format!("MSG {letter} 1 7\nfor bob"));
    of_alice.may("").await;
    Ok(())
}

/// Nobody in this system can be made to publish where the asker chose: a reply subject is obeyed by
/// nobody who may do more than the asker.
#[tokio::test]
async fn c04_evil_reply_subjects_find_no_deputy() -> TestResult {
    let site = Site::shared().await?;
    // A room of its own: others speak in theirs meanwhile.
    let alice = Person::member(&site, "alice", &["c04"]).await?;
    let bob = Person::member(&site, "bob", &["c04"]).await?;
    let (mut of_alice, mut of_bob) =
        (alice.connect(&site.nats).await, bob.connect(&site.nats).await);
    of_bob.may("SUB rooms.c04.> 1\r\n").await;
    let (said, chat) =
        (format!("rooms.c04.chat.{}", bob.nkey()), format!("rooms.c04.chat.{}", alice.nkey()));
    for reply in [
        "com.scaling-ws.updates",
        "rooms.c04.announce",
        "$JS.API.STREAM.CREATE.x",
        "$SYS.REQ.SERVER.PING",
        "_INBOX.x.y",
        &said.replace(&bob.nkey(), "x"),
    ] {
        let mut everything = Insider::connect(&site).await.listen("rooms.c04.>").await;
        of_alice.may(&format!("PUB {chat} {reply} 2\r\nhi\r\n")).await;
        let asked = of_bob.next().await.unwrap();
        assert_eq!(asked, format!("MSG {chat} 1 {reply} 2\nhi"));
        assert_eq!(everything.next().await.unwrap().reply.unwrap().as_str(), reply);
        // Bob's client may be naive and answer: nats-server does not let it.
        of_bob.may_not_publish(&[reply]).await;
    }
    // The API answers nobody: its own user can't even listen to what could be asked of it.
    let (jwt, key) = site.service_user();
    let mut service = Wire::tcp(&site.nats).await;
    assert_eq!(service.login(&jwt, &key).await, "PONG");
    service
        .may_not_subscribe(&["com.scaling-ws.>", "com.scaling-ws.updates", "rooms.>", ">"])
        .await;
    // What it publishes for a back end carries no reply subject.
    let body = json!({ "subject": "rooms.c04.announce", "payload": "hi", "reply": "$JS.API.INFO" });
    let answer = site.call("/v1/publish", Some(&site.backend), &body).await?;
    assert_problem(answer, 422, "invalid_request").await?;
    Ok(())
}

/// What browsers ask and what services deliver are different subjects, and who asks is known by the
/// subject alone, never by what the message says.
#[tokio::test]
async fn c05_requests_and_deliveries_are_apart_and_the_subject_tells_who_asks() -> TestResult {
    let site = Site::shared().await?;
    let alice = Person::member(&site, "alice", &["c05"]).await?;
    let bob = Person::member(&site, "bob", &["c05"]).await?;
    let (mut of_alice, mut of_bob) =
        (alice.connect(&site.nats).await, bob.connect(&site.nats).await);
    of_alice.may("SUB rooms.c05.> 1\r\n").await;

    // Where services deliver, no browser publishes.
    let delivered = ["com.scaling-ws.updates", "rooms.c05.announce"];
    of_bob.may_not_publish(&delivered).await;
    Person::guest(&site).await?.connect(&site.nats).await.may_not_publish(&delivered).await;
    let body = json!({ "subject": "rooms.c05.announce", "payload": "true" });
    assert_eq!(site.call("/v1/publish", Some(&site.backend), &body).await?.status(), 200);
    assert_eq!(of_alice.next().await.unwrap(), "MSG rooms.c05.announce 1 4\ntrue");

    // Bob may say that he is Alice; the subject says that he is Bob, and he can't choose another.
    let lie = json!({ "from": alice.nkey(), "text": "hi" }).to_string();
    let said = format!("rooms.c05.chat.{}", bob.nkey());
    of_bob.may(&format!("PUB {said} {}\r\n{lie}\r\n", lie.len())).await;
    assert_eq!(of_alice.next().await.unwrap(), format!("MSG {said} 1 {}\n{lie}", lie.len()));
    let elsewhere = [
        format!("rooms.c05.chat.{}", alice.nkey()),
        "rooms.c05.chat.x".to_owned(),
        "rooms.c05.chat".to_owned(),
        format!("rooms.c05.chat.{}.x", bob.nkey()),
        format!("rooms.8.chat.{}", bob.nkey()),
    ];
    of_bob.may_not_publish(&elsewhere).await;
    Ok(())
}

/// A guest publishes in the playground below its own key, so that who reads there knows who spoke, and
/// nowhere else.
#[tokio::test]
async fn c05_a_guest_publishes_in_its_playground_and_nowhere_else() -> TestResult {
    let site = Site::shared().await?;
    let (alice, bob) = (Person::guest(&site).await?, Person::guest(&site).await?);
    let (mut of_alice, mut of_bob) =
        (alice.connect(&site.nats).await, bob.connect(&site.nats).await);
    of_alice.may("SUB com.scaling-ws.playground.> 1\r\n").await;

    let said = format!("com.scaling-ws.playground.{}.x", bob.nkey());
    of_bob.may(&format!("PUB {said} 2\r\nhi\r\n")).await;
    assert_eq!(of_alice.next().await.unwrap(), format!("MSG {said} 1 2\nhi"));
    let elsewhere = [
        format!("com.scaling-ws.playground.{}.x", alice.nkey()),
        "com.scaling-ws.playground.x".to_owned(),
        format!("_INBOX.{}.x", alice.nkey()),
        "com.scaling-ws.updates".to_owned(),
        "$SYS.REQ.SERVER.PING".to_owned(),
        "$JS.API.INFO".to_owned(),
    ];
    of_bob.may_not_publish(&elsewhere).await;
    Ok(())
}
