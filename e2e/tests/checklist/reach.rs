//! Lines 6 to 9: how far a credential reaches.

use e2e::Setup;
use serde_json::{Value, json};

use crate::support::{Insider, Person, REFUSED, Site, TestResult, Wire, assert_problem};

/// No role reaches `$SYS`, and of JetStream none has more than reading: a consumer with a deliver
/// subject of one's choice would have the server publish anywhere.
#[tokio::test]
async fn c06_no_role_reaches_the_system_or_makes_consumers() -> TestResult {
    let site = Site::shared().await?;
    let people = [
        Person::guest(&site).await?,
        Person::member(&site, "alice", &["7"]).await?,
        Person::backend(&site).await?,
    ];
    for (person, is_backend) in people.iter().zip([false, false, true]) {
        let mut wire = match is_backend {
            true => Wire::tcp(&site.nats).await,
            false => Wire::websocket(&site.nats).await,
        };
        assert_eq!(wire.login(person.jwt(), &person.key).await, "PONG");
        wire.may_not_publish(&[
            "$SYS.REQ.SERVER.PING",
            "$SYS.REQ.SERVER.PING.CONNZ",
            "$SYS.REQ.CLAIMS.UPDATE",
            "$SYS.REQ.USER.AUTH",
            "$JS.API.INFO",
            "$JS.API.STREAM.CREATE.x",
            "$JS.API.STREAM.PURGE.x",
            "$JS.API.STREAM.DELETE.x",
            "$JS.API.STREAM.MSG.DELETE.x",
            "$JS.API.CONSUMER.CREATE.x",
            "$JS.API.CONSUMER.CREATE.x.y",
            "$JS.API.CONSUMER.CREATE.x.y.com.scaling-ws.updates",
            "$JS.API.CONSUMER.DURABLE.CREATE.x.y",
            "$JS.API.CONSUMER.DELETE.x.y",
            "$JS.API.META.LEADER.STEPDOWN",
            "$KV.settings.a",
            "$O.files.a",
        ])
        .await;
        wire.may_not_subscribe(&[
            "$SYS.>",
            "$SYS.ACCOUNT.>",
            "$JS.>",
            "$JS.API.>",
            "$KV.>",
            "$O.>",
        ])
        .await;
    }

    // No role can be written that could.
    const GUEST_PUBLISH: &str = "publish = { allow = [\"com.scaling-ws.playground.{{subject()}}.>\", \
                                 \"presence.demo.lobby.{{subject()}}.*\", \
                                 \"_INBOX.{{subject()}}.>\"], deny = [] }";
    for pattern in ["$SYS.>", "$JS.API.>", "$JS.API.CONSUMER.CREATE.x.>", "$JS.API.*.CREATE.x", ">"]
    {
        let publish = format!("publish = {{ allow = [\"{pattern}\"], deny = [] }}");
        let setup = Setup::new().roles(GUEST_PUBLISH, publish);
        let refusal = Site::prepare(setup).await.err().expect("`api init` refuses the role");
        assert!(refusal.to_string().contains("`api init` failed"), "{refusal}");
    }
    Ok(())
}

/// No header empties a stream: roll-ups are off where browsers write, and the API passes none on.
#[tokio::test]
async fn c07_no_rollup_of_what_browsers_write() -> TestResult {
    let site = Site::shared().await?;
    let insider = Insider::connect(&site).await;
    let stream = json!({ "name": "ROOM", "subjects": ["rooms.seven.>"], "storage": "memory" });
    let made = insider.ask("$JS.API.STREAM.CREATE.ROOM", &stream).await;
    assert_eq!(made["config"]["allow_rollup_hdrs"], false, "{made}");
    let stored = async || {
        let info = insider.ask("$JS.API.STREAM.INFO.ROOM", &json!({})).await;
        info["state"]["messages"].as_u64().unwrap()
    };

    let alice = Person::member(&site, "alice", &["seven"]).await?;
    let mut wire = alice.connect(&site.nats).await;
    let subject = format!("rooms.seven.chat.{}", alice.nkey());
    wire.may(&format!("PUB {subject} 2\r\nhi\r\nPUB {subject} 2\r\nho\r\n")).await;
    for value in ["all", "sub"] {
        let headers = format!("NATS/1.0\r\nNats-Rollup: {value}\r\n\r\n");
        let (head, all) = (headers.len(), headers.len() + 2);
        wire.may(&format!("HPUB {subject} {head} {all}\r\n{headers}hi\r\n")).await;
        assert_eq!(stored().await, 2, "{value}");
    }
    for name in ["Nats-Rollup", "nats-rollup", "NATS-ROLLUP"] {
        let body = json!({
            "subject": "rooms.seven.announce", "payload": "hi", "headers": { name: "all" },
        });
        let answer = site.call("/v1/publish", Some(&site.backend), &body).await?;
        assert_problem(answer, 400, "invalid_header").await?;
        assert_eq!(stored().await, 2, "{name}");
    }
    // Buckets are made to take roll-ups, so no role of browsers can be given one to write to.
    for pattern in ["$KV.settings.>", "$O.files.>"] {
        let publish = format!("publish = {{ allow = [\"{pattern}\"], deny = [] }}");
        let setup = Setup::new().roles("publish = { allow = [], deny = [\">\"] }", publish);
        Site::prepare(setup).await.err().expect("`api init` refuses the role");
    }
    insider.ask("$JS.API.STREAM.DELETE.ROOM", &json!({})).await;
    Ok(())
}

/// A browser's messages are small and its subscriptions few; a server takes so many connections, and
/// an account where it is told to.
#[tokio::test]
async fn c08_payload_subscriptions_and_connections_are_limited() -> TestResult {
    let mut site = Site::prepare(Setup::new()).await?;
    site.change_account(|account| account.limits.conn = 4);
    site.begin().await?;
    let varz = format!("http://{}/varz", site.nats.monitor_address());
    let server: Value = reqwest::get(varz).await?.json().await?;
    assert_eq!(server["max_connections"], 65_536);
    let guest = Person::guest(&site).await?;

    let mut wire = guest.connect(&site.nats).await;
    let own = guest.nkey();
    let too_many: String = (0..40).map(|n| format!("SUB _INBOX.{own}.{n} {n}\r\n")).collect();
    let refusals = wire.round_trip(&too_many).await;
    assert_eq!(refusals, vec!["-ERR 'maximum subscriptions exceeded'"; 40 - 32]);

    // Announced is enough: nobody waits for what is too large.
    let mut large = guest.connect(&site.nats).await;
    large.send("PUB com.scaling-ws.updates 1025\r\n").await;
    assert_eq!(large.until_closed().await, ["-ERR 'Maximum Payload Violation'"]);
    let mut long = guest.connect(&site.nats).await;
    long.send(&format!("SUB {} 1\r\n", "a".repeat(5_000))).await;
    assert_eq!(long.until_closed().await, ["-ERR 'maximum control line exceeded'"]);

    // The API itself is the first of the four, the first guest the second.
    let others = [guest.connect(&site.nats).await, guest.connect(&site.nats).await];
    let refusal = guest.login(&site.nats).await;
    assert_eq!(refusal, "-ERR 'maximum account active connections exceeded'");
    drop(others);
    wire.may("").await;
    Ok(())
}

/// A browser's credential is for the websocket: over TCP the same token and key are refused.
#[tokio::test]
async fn c09_the_same_token_is_refused_over_tcp() -> TestResult {
    let site = Site::shared().await?;
    for person in [Person::guest(&site).await?, Person::member(&site, "alice", &["7"]).await?] {
        let mut wire = Wire::tcp(&site.nats).await;
        assert_eq!(wire.login(person.jwt(), &person.key).await, REFUSED);
        assert_eq!(person.login(&site.nats).await, "PONG");
    }
    // The other way round, too.
    let backend = Person::backend(&site).await?;
    assert_eq!(backend.login(&site.nats).await, REFUSED);
    let mut wire = Wire::tcp(&site.nats).await;
    assert_eq!(wire.login(backend.jwt(), &backend.key).await, "PONG");
    Ok(())
}
