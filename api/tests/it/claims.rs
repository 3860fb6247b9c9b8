//! nats-server takes what the claims module makes, and does with it what the module says.

use std::fs;

use api::claims::{
    Account, AccountClaims, AccountLimits, AccountPair, AuthorizationRequest,
    AuthorizationResponse, Claims, ConnectionType, ExternalAuthorization, JetStreamLimits, Jwt,
    NO_LIMIT, OperatorClaims, OperatorPair, Permission, ResponsePermission, SigningKey, UserClaims,
    UserPair, UserScope, UserTemplate,
    account::{ClusterTraffic, MessageTrace},
    exports::{
        ByHeaders, Export, Import, ResponseType, Sampling, ServiceLatency, ShareType,
        WeightedMapping,
    },
    user::TimeRange,
};
use nkeys::KeyPair;

use crate::{client::Client, issuer::now, nats::Nats, wait::until};

fn fresh<R: api::claims::key::Role>() -> api::claims::KeyPair<R> {
    let seed: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
    api::claims::KeyPair::from_random(seed).unwrap()
}

fn nkey(user: &UserPair) -> KeyPair {
    KeyPair::from_seed(&user.seed().unwrap()).unwrap()
}

/// A user of the application's account, to be signed by its signing key.
fn of_account(nats: &Nats, mut body: UserClaims) -> UserClaims {
    body.issuer_account = Some(nats.account().sub);
    body
}

/// A user with rights of its own, over TCP.
fn everything() -> UserClaims {
    let all = || Permission { allow: vec![">".to_owned()], deny: Vec::new() };
    UserClaims::new(all(), all(), NO_LIMIT, NO_LIMIT, vec![ConnectionType::Standard])
}

fn sign(user: &UserPair, body: UserClaims, issuer: &AccountPair) -> Jwt {
    Claims::sign(user.public(), "test", now(), None, body, issuer).unwrap()
}

async fn log_in(nats: &Nats, jwt: &Jwt, user: &UserPair) -> (Client, String) {
    let mut client = Client::tcp(nats).await;
    let answer = client.log_in(jwt.as_str(), &nkey(user)).await;
    (client, answer)
}

const REFUSED: &str = "-ERR 'Authorization Violation'";

#[tokio::test]
async fn nats_server_takes_an_operator_with_every_field() {
    let mut nats = Nats::provision();
    let operator: OperatorPair = nats.seed("operator.seed");
    let signing_key: OperatorPair = fresh();
    let account = nats.account();
    let system = nats.seed::<Account>("system-account.seed");
    let mut body = OperatorClaims::new(system.public().clone());
    body.signing_keys = vec![signing_key.public().clone()];
    body.operator_service_urls = vec!["nats://127.0.0.1:4222".to_owned()];
    body.assert_server_version = Some("2.14.0".to_owned());
    body.strict_signing_key_usage = true;
    body.tags = vec!["a:b".to_owned()];
    let mut claims =
        Claims::new(operator.public().clone(), "o", now(), body.clone(), operator.public());
    claims.nbf = Some(now() - 1);
    let jwt = claims.seal(&operator).unwrap();
    let conf = nats.keys_dir().join("auth.conf");
    let text = fs::read_to_string(&conf).unwrap();
    let line = text.lines().find(|line| line.starts_with("operator: ")).unwrap();
    let text = text.replace(line, &format!("operator: {}", jwt.as_str()));
    // The signing key has the operator's say.
    let mut text = text;
    for key in [account.sub.clone(), system.public().clone()] {
        let line = text.lines().find(|line| line.starts_with(&format!("  {key}: "))).unwrap();
        let old = line.rsplit(' ').next().unwrap().to_owned();
        let new = Claims::<AccountClaims>::decode(&old).unwrap().seal(&signing_key).unwrap();
        text = text.replace(&old, new.as_str());
    }
    fs::write(&conf, &text).unwrap();
    nats.start().await;
    assert!(!nats.log().contains("validation issues"), "{}", nats.log());
    // Only signing keys sign now: the account's own does not, a role's does.
    let user: UserPair = fresh();
    let jwt = sign(&user, everything(), &nats.seed("account.seed"));
    assert_eq!(log_in(&nats, &jwt, &user).await.1, REFUSED);
    let scoped = UserClaims::scoped(account.sub.clone(), Vec::new());
    let jwt = sign(&user, scoped, &nats.seed("role-guest.seed"));
    let mut client = Client::websocket(&nats).await;
    assert_eq!(client.log_in(jwt.as_str(), &nkey(&user)).await, "PONG", "{}", nats.log());

    // A version that it does not have keeps it from starting: the field is read.
    nats.kill();
    body.assert_server_version = Some("99.0.0".to_owned());
    let jwt = Claims::sign(operator.public(), "o", now(), None, body, &operator).unwrap();
    let line = text.lines().find(|line| line.starts_with("operator: ")).unwrap();
    fs::write(&conf, text.replace(line, &format!("operator: {}", jwt.as_str()))).unwrap();
    let said = nats.refusal().await;
    assert!(said.contains("expected major version 99"), "{said}");
}

#[tokio::test]
async fn nats_server_takes_an_account_with_every_field() {
    let mut nats = Nats::provision();
    let operator: OperatorPair = nats.seed("operator-signing.seed");
    let (other, others_key, plain): (AccountPair, AccountPair, AccountPair) =
        (fresh(), fresh(), fresh());
    let (revoked, user): (UserPair, UserPair) = (fresh(), fresh());

    let export = Export {
        name: "theirs".to_owned(),
        subject: "theirs.>".to_owned(),
        share: ShareType::Service,
        token_req: false,
        revocations: [("*".to_owned(), now())].into(),
        response_type: Some(ResponseType::Singleton),
        response_threshold: Some(1_000_000_000),
        service_latency: Some(ServiceLatency {
            sampling: Sampling::Headers(ByHeaders::Headers),
            results: "latency".to_owned(),
        }),
        account_token_position: None,
        advertise: true,
        allow_trace: true,
        description: "a note".to_owned(),
        info_url: "https://example.com".to_owned(),
    };
    let mut theirs = AccountClaims::new(
        AccountLimits { exports: 1, wildcards: true, ..AccountLimits::core() },
        vec![SigningKey::Plain(others_key.public().clone())],
    );
    theirs.exports = vec![export];
    let theirs = Claims::sign(other.public(), "OTHER", now(), None, theirs, &operator).unwrap();

    nats.change_account(|account| {
        account.nbf = Some(now() - 1);
        account.exp = Some(now() + 600);
        let nats = &mut account.nats;
        nats.signing_keys.push(SigningKey::Plain(plain.public().clone()));
        nats.revocations = [(revoked.public().to_string(), now() + 1)].into();
        nats.limits = AccountLimits {
            imports: 1,
            exports: 1,
            conn: 100,
            mem_storage: 0,
            disk_storage: 0,
            streams: 0,
            consumer: 0,
            tiered_limits: [(
                "R1".to_owned(),
                JetStreamLimits {
                    mem_storage: 1 << 20,
                    disk_storage: 1 << 20,
                    streams: 3,
                    consumer: 4,
                    max_ack_pending: 5,
                    mem_max_stream_bytes: 1 << 19,
                    disk_max_stream_bytes: 1 << 19,
                    max_bytes_required: true,
                },
            )]
            .into(),
            ..AccountLimits::core()
        };
        nats.imports = vec![Import {
            name: "theirs".to_owned(),
            subject: "theirs.>".to_owned(),
            account: other.public().clone(),
            token: String::new(),
            to: String::new(),
            local_subject: "ours.>".to_owned(),
            share: ShareType::Service,
            share_client_info: true,
            // For messages only.
            allow_trace: false,
        }];
        nats.mappings = [(
            "from".to_owned(),
            vec![WeightedMapping {
                subject: "to".to_owned(),
                weight: Some(100),
                cluster: String::new(),
            }],
        )]
        .into();
        nats.trace = Some(MessageTrace { destination: "traces".to_owned(), sampling: Some(10) });
        nats.cluster_traffic = Some(ClusterTraffic::System);
        nats.default_permissions.responses = Some(ResponsePermission { max: 1, ttl: 1 });
        nats.description = "a note".to_owned();
        nats.info_url = "https://example.com".to_owned();
        nats.tags = vec!["a:b".to_owned()];
    });
    let conf = nats.keys_dir().join("auth.conf");
    let text = fs::read_to_string(&conf).unwrap();
    let with_other = format!("resolver_preload {{\n  {}: {}\n", other.public(), theirs.as_str());
    fs::write(&conf, text.replacen("resolver_preload {\n", &with_other, 1)).unwrap();
    nats.start().await;

    // Both keys of the account sign for it, and what it revokes is revoked.
    let jwt = sign(&user, of_account(&nats, everything()), &plain);
    let (mut client, answer) = log_in(&nats, &jwt, &user).await;
    assert_eq!(answer, "PONG", "{}", nats.log());
    assert!(!nats.log().contains("validation issues"), "{}", nats.log());
    let account: AccountPair = nats.seed("account-signing.seed");
    let jwt = sign(&revoked, of_account(&nats, everything()), &account);
    assert_eq!(log_in(&nats, &jwt, &revoked).await.1, REFUSED);

    // The mapping renames, and the import reaches the other account's service.
    let heard = client.round_trip("SUB to 1\r\nPUB from 2\r\nhi\r\n").await;
    assert_eq!(heard, ["MSG to 1 2\nhi"]);
    let service: UserPair = fresh();
    let mut body = everything();
    body.issuer_account = Some(other.public().clone());
    let jwt = sign(&service, body, &others_key);
    let (mut service, answer) = log_in(&nats, &jwt, &service).await;
    assert_eq!(answer, "PONG");
    service.round_trip("SUB theirs.> 1\r\n").await;
    client.round_trip("SUB answer 2\r\nPUB ours.x answer 2\r\nhi\r\n").await;
    let asked = service.next().await.unwrap();
    // With a header, which says who asks: the import shares that.
    assert!(asked.starts_with("HMSG theirs.x 1 "), "{asked}");
    // The tiers are the account's limits of JetStream.
    client.round_trip("SUB info 3\r\nPUB $JS.API.INFO info 0\r\n\r\n").await;
    let info = client.next().await.unwrap();
    assert!(info.contains("\"tiers\":{\"R1\":") && info.contains("\"max_streams\":3"), "{info}");
}

#[tokio::test]
async fn nats_server_takes_a_user_with_every_field_and_keeps_to_it() {
    let nats = Nats::running().await;
    let account: AccountPair = nats.seed("account-signing.seed");
    let full = || {
        let mut body = of_account(&nats, everything());
        body.publish = Some(Permission { allow: vec!["a.>".into()], deny: vec!["a.b".into()] });
        body.responses = Some(ResponsePermission { max: 1, ttl: 60_000_000_000 });
        body.src = vec!["127.0.0.0/8".to_owned()];
        body.times = vec![TimeRange { start: "00:00:00".to_owned(), end: "23:59:59".to_owned() }];
        body.times_location = Some("UTC".to_owned());
        body.subs = 2;
        body.payload = 64;
        body.tags = vec!["a:b".to_owned()];
        body
    };
    let user: UserPair = fresh();
    let jwt = sign(&user, full(), &account);
    let (mut client, answer) = log_in(&nats, &jwt, &user).await;
    assert_eq!(answer, "PONG");
    assert!(client.round_trip("PUB a.c 0\r\n\r\nSUB x 1\r\nSUB y 2\r\n").await.is_empty());
    assert_eq!(
        client.round_trip("PUB a.b 0\r\n\r\nPUB b 0\r\n\r\nSUB z 3\r\n").await,
        [
            "-ERR 'Permissions Violation for Publish to \"a.b\"'",
            "-ERR 'Permissions Violation for Publish to \"b\"'",
            "-ERR 'maximum subscriptions exceeded'",
        ]
    );

    let refused = async |change: fn(&mut Claims<UserClaims>)| {
        let user: UserPair = fresh();
        let mut claims =
            Claims::new(user.public().clone(), "test", now(), full(), account.public());
        change(&mut claims);
        let jwt = claims.seal(&account).unwrap();
        assert_eq!(log_in(&nats, &jwt, &user).await.1, REFUSED);
    };
    refused(|claims| claims.nats.src = vec!["192.0.2.0/24".to_owned()]).await;
    refused(|claims| claims.nats.allowed_connection_types = vec![ConnectionType::Mqtt]).await;
    refused(|claims| claims.nats.proxy_required = true).await;
    refused(|claims| claims.nats.bearer_token = true).await;
    refused(|claims| claims.exp = Some(now() - 1)).await;
    refused(|claims| claims.nbf = Some(now() + 60)).await;
    // An account that is not there.
    let stranger: AccountPair = fresh();
    let mut body = full();
    body.issuer_account = None;
    assert_eq!(log_in(&nats, &sign(&user, body, &stranger), &user).await.1, REFUSED);
}

/// A server whose account has a role made for the test, and the role's key.
async fn with_template(publish: Permission, subscribe: Permission) -> (Nats, AccountPair) {
    let mut nats = Nats::provision();
    let key: AccountPair = fresh();
    let template = UserTemplate {
        publish,
        subscribe,
        responses: None,
        subs: NO_LIMIT,
        data: NO_LIMIT,
        payload: NO_LIMIT,
        allowed_connection_types: vec![ConnectionType::Standard],
    };
    nats.change_account(|account| {
        let scope = UserScope::new(key.public().clone(), "test", template);
        account.nats.signing_keys.push(SigningKey::Scoped(Box::new(scope)));
    });
    nats.start().await;
    (nats, key)
}

/// Logs in with these tags, and tells which of the subjects may be subscribed to.
async fn opened(
    (nats, key): &(Nats, AccountPair),
    tags: &[&str],
    subjects: &[&'static str],
) -> Result<Vec<&'static str>, String> {
    let user: UserPair = fresh();
    let tags = tags.iter().map(ToString::to_string).collect();
    let jwt = sign(&user, UserClaims::scoped(nats.account().sub, tags), key);
    let (mut client, answer) = log_in(nats, &jwt, &user).await;
    if answer != "PONG" {
        return Err(answer);
    }
    let mut opened = Vec::new();
    for subject in subjects {
        if client.round_trip(&format!("SUB {subject} 1\r\nUNSUB 1\r\n")).await.is_empty() {
            opened.push(*subject);
        }
    }
    Ok(opened)
}

/// Why channels are checked before they become tags, and not by nats-server.
#[tokio::test]
async fn nats_server_puts_tags_into_subjects_as_they_are() {
    let server =
        with_template(Permission::nothing(), Permission::only(["rooms.{{tag(room)}}.>"])).await;
    let subjects = [
        "rooms.7.x",
        "rooms.8.x",
        "rooms.A.x",
        "rooms.a.x",
        "rooms.*.x",
        "rooms.7.8.x",
        "rooms.>",
        "x",
    ];
    for (tags, expected) in [
        (&["room:7"][..], &["rooms.7.x", "rooms.7.8.x"][..]),
        (&["room:7", "room:8"], &["rooms.7.x", "rooms.8.x", "rooms.7.8.x"]),
        // Nothing is opened where the tag is missing, of another name, empty or no subject.
        (&[], &[]),
        (&["hall:7"], &[]),
        (&["room"], &[]),
        (&["room:"], &[]),
        (&["room:a b"], &[]),
        (&["room:7", "room:"], &["rooms.7.x", "rooms.7.8.x"]),
        // The name must be in lower case; the value keeps its case.
        (&["Room:7"], &[]),
        (&["room:A"], &["rooms.A.x"]),
        // Whoever may choose a value freely, chooses everything.
        (
            &["room:*"],
            &["rooms.7.x", "rooms.8.x", "rooms.A.x", "rooms.a.x", "rooms.*.x", "rooms.7.8.x"],
        ),
        (&["room:7.8"], &["rooms.7.8.x"]),
        (&["room:>"], &[]),
    ] {
        assert_eq!(opened(&server, tags, &subjects).await.unwrap(), expected, "{tags:?}");
    }
}

/// Why deny lists may not hold tags.
#[tokio::test]
async fn nats_server_lets_nobody_in_whose_deny_list_lacks_its_tag() {
    let subscribe =
        Permission { allow: vec!["a.>".to_owned()], deny: vec!["a.{{tag(room)}}".to_owned()] };
    let server = with_template(Permission::nothing(), subscribe).await;
    assert_eq!(opened(&server, &["room:7"], &["a.7", "a.8"]).await.unwrap(), ["a.8"]);
    for tags in [&[][..], &["hall:7"], &["room:"], &["room:a b"]] {
        assert_eq!(opened(&server, tags, &["a.8"]).await.unwrap_err(), REFUSED, "{tags:?}");
    }
}

#[tokio::test]
async fn a_scoped_user_that_brings_anything_of_its_own_is_refused() {
    let server = with_template(Permission::nothing(), Permission::only(["a"])).await;
    let (nats, key) = &server;
    assert_eq!(opened(&server, &[], &["a", "b"]).await.unwrap(), ["a"]);
    let changes: [fn(&mut UserClaims); 8] = [
        |claims| claims.publish = Some(Permission::only([">"])),
        |claims| claims.subscribe = Some(Permission::nothing()),
        |claims| claims.responses = Some(ResponsePermission { max: 1, ttl: 1 }),
        |claims| claims.subs = NO_LIMIT,
        |claims| claims.payload = 1,
        |claims| claims.src = vec!["127.0.0.1/32".to_owned()],
        |claims| claims.bearer_token = true,
        |claims| claims.allowed_connection_types = vec![ConnectionType::Standard],
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let user: UserPair = fresh();
        let mut body = UserClaims::scoped(nats.account().sub, Vec::new());
        change(&mut body);
        assert_eq!(log_in(nats, &sign(&user, body, key), &user).await.1, REFUSED, "{n}");
    }
}

#[tokio::test]
async fn nats_server_asks_and_takes_the_answers_of_an_authorization_service() {
    let mut nats = Nats::provision();
    let service: UserPair = fresh();
    nats.change_account(|account| {
        account.nats.authorization = ExternalAuthorization {
            auth_users: vec![service.public().clone()],
            ..ExternalAuthorization::default()
        };
    });
    nats.start().await;
    let (account, id) = (nats.seed::<Account>("account-signing.seed"), nats.account().sub);
    let guest: AccountPair = nats.seed("role-guest.seed");
    let jwt = sign(&service, of_account(&nats, everything()), &account);
    let (mut service, answer) = log_in(&nats, &jwt, &service).await;
    assert_eq!(answer, "PONG");
    service.round_trip("SUB $SYS.REQ.USER.AUTH 1\r\n").await;

    for admitted in [true, false] {
        // Who comes must be of the account; what it may do is the service's to say.
        let user: UserPair = fresh();
        let sentinel = UserClaims::scoped(nats.account().sub, Vec::new());
        let jwt = sign(&user, sentinel, &guest);
        let mut client = Client::websocket(&nats).await;
        let logging_in = async {
            let answer = client.log_in(jwt.as_str(), &nkey(&user)).await;
            (client, answer)
        };
        let answering = async {
            let asked = service.next().await.unwrap();
            let (line, token) = asked.split_once('\n').unwrap();
            let request =
                Claims::<AuthorizationRequest>::decode_trusted(token, now(), |_| true).unwrap();
            assert_eq!(request.sub, id);
            assert_eq!(request.aud.as_deref(), Some("nats-authorization-request"));
            assert_eq!(request.iss, request.nats.server_id.id);
            assert_eq!(request.nats.server_id.name, "single");
            assert_eq!(request.nats.client_info.client_type, "websocket");
            assert_eq!(request.nats.connect_opts.jwt.as_deref(), Some(jwt.as_str()));

            let body = if admitted {
                let body = UserClaims::scoped(id.clone(), Vec::new());
                let (key, name) = (&request.nats.user_nkey, "admitted");
                let user = Claims::sign(key, name, now(), Some(now() + 60), body, &guest).unwrap();
                AuthorizationResponse::admit(&user)
            } else {
                AuthorizationResponse::refuse("not today")
            };
            let key = request.nats.user_nkey.clone();
            let mut response = Claims::new(key, "", now(), body, account.public());
            response.aud = Some(request.nats.server_id.id.to_string());
            let response = response.seal(&account).unwrap();
            let reply = line.split(' ').nth(3).unwrap();
            let (length, text) = (response.as_str().len(), response.as_str());
            service.round_trip(&format!("PUB {reply} {length}\r\n{text}\r\n")).await;
        };
        let ((mut client, answer), ()) = tokio::join!(logging_in, answering);
        if !admitted {
            assert_eq!(answer, REFUSED);
            // The server writes it in its own time.
            let told = async || nats.log().contains("not today").then_some(());
            until("nats-server tells of the refusal", told).await;
            continue;
        }
        assert_eq!(answer, "PONG");
        // With the rights of the role whose key signed the answer's user.
        assert!(client.round_trip("SUB com.scaling-ws.updates 1\r\n").await.is_empty());
        assert_eq!(client.round_trip("SUB a 2\r\n").await.len(), 1);
    }
}
