//! What every kind of claims looks like on the wire, field by field.

use data_encoding::BASE64URL_NOPAD;
use serde_json::Value;

use super::{
    account::{ClusterTraffic, MessageTrace},
    authorization::{ClientInfo, ClientTls, ConnectOpts, ServerId},
    exports::{
        ByHeaders, Export, Import, ResponseType, Sampling, ServiceLatency, ShareType,
        WeightedMapping,
    },
    jwt::Body,
    key::Role,
    user::TimeRange,
    *,
};

const NOW: i64 = 1_800_000_000;

fn pair<R: Role>(byte: u8) -> KeyPair<R> {
    KeyPair::from_random([byte; 32]).unwrap()
}

fn curve() -> CurveKey {
    CurveKey::parse("XAAACAQDAQCQMBYIBEFAWDANBYHRAEISCMKBKFQXDAMRUGY4DUPB7QO7").unwrap()
}

/// Seals claims about `subject` with every field of the envelope.
fn seal<B: Body>(subject: &PublicKey<B::Subject>, body: B, issuer: &KeyPair<B::Issuer>) -> Jwt {
    let mut claims = Claims::new(subject.clone(), "a name", NOW, body, issuer.public());
    claims.aud = Some("an audience".to_owned());
    claims.nbf = Some(NOW);
    claims.exp = Some(NOW + 9);
    claims.seal(issuer).unwrap()
}

fn payload(jwt: &Jwt) -> Value {
    let part = jwt.as_str().split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}

/// Compares with the committed JSON, and reads back what was written.
fn check<B: Body + PartialEq + std::fmt::Debug>(jwt: &Jwt, body: &B, expected: &str) {
    assert_eq!(payload(jwt), serde_json::from_str::<Value>(expected).unwrap());
    assert_eq!(Claims::<B>::decode(jwt.as_str()).unwrap().nats, *body);
}

macro_rules! snapshot {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/snapshots/claims/",
            $name,
            ".json"
        ))
    };
}

#[test]
fn an_operator_with_every_field() {
    let operator: OperatorPair = pair(1);
    let mut body = OperatorClaims::new(pair::<Account>(2).public().clone());
    body.signing_keys = vec![pair::<Operator>(3).public().clone()];
    body.account_server_url = Some("https://accounts.example/jwt/v1".to_owned());
    body.operator_service_urls = vec!["nats://nats.example:4222".to_owned()];
    body.assert_server_version = Some("2.14.0".to_owned());
    body.strict_signing_key_usage = true;
    body.tags = vec!["a:b".to_owned()];
    let jwt = seal(operator.public(), body.clone(), &operator);
    check(&jwt, &body, snapshot!("operator"));
}

#[test]
fn an_account_with_every_field() {
    let account: AccountPair = pair(2);
    let other: AccountPair = pair(4);
    let limits = JetStreamLimits {
        mem_storage: 1,
        disk_storage: 2,
        streams: 3,
        consumer: 4,
        max_ack_pending: 5,
        mem_max_stream_bytes: 6,
        disk_max_stream_bytes: 7,
        max_bytes_required: true,
    };
    let limits = AccountLimits {
        subs: 1,
        data: 2,
        payload: 3,
        imports: 4,
        exports: 5,
        wildcards: true,
        conn: 6,
        leaf: 7,
        mem_storage: 8,
        disk_storage: 9,
        streams: 10,
        consumer: 11,
        max_ack_pending: 12,
        mem_max_stream_bytes: 13,
        disk_max_stream_bytes: 14,
        max_bytes_required: true,
        tiered_limits: [("R3".to_owned(), limits)].into(),
        ..AccountLimits::core()
    };
    let template = UserTemplate {
        publish: Permission::nothing(),
        subscribe: Permission::only(["rooms.{{tag(room)}}.>"]),
        responses: Some(ResponsePermission { max: 1, ttl: 5_000_000_000 }),
        subs: 32,
        data: NO_LIMIT,
        payload: 1024,
        allowed_connection_types: vec![ConnectionType::Websocket],
    };
    let scope = UserScope::new(pair::<Account>(5).public().clone(), "member", template);
    let mut body = AccountClaims::new(
        limits,
        vec![
            SigningKey::Plain(pair::<Account>(6).public().clone()),
            SigningKey::Scoped(Box::new(scope)),
        ],
    );
    body.imports = vec![Import {
        name: "theirs".to_owned(),
        subject: "theirs.>".to_owned(),
        account: other.public().clone(),
        token: "a token".to_owned(),
        to: "to.>".to_owned(),
        local_subject: "ours.>".to_owned(),
        share: ShareType::Service,
        share_client_info: true,
        allow_trace: true,
    }];
    let revocations = [("*".to_owned(), NOW)];
    body.exports = vec![Export {
        name: "ours".to_owned(),
        subject: "ours.*".to_owned(),
        share: ShareType::Service,
        token_req: true,
        revocations: revocations.clone().into(),
        response_type: Some(ResponseType::Chunked),
        response_threshold: Some(1_000_000),
        service_latency: Some(ServiceLatency {
            sampling: Sampling::Headers(ByHeaders::Headers),
            results: "latency".to_owned(),
        }),
        account_token_position: Some(2),
        advertise: true,
        allow_trace: true,
        description: "a note".to_owned(),
        info_url: "https://example.com".to_owned(),
    }];
    body.revocations = revocations.into();
    body.default_permissions.responses = Some(ResponsePermission { max: 2, ttl: 1 });
    body.mappings = [(
        "from".to_owned(),
        vec![WeightedMapping {
            subject: "to".to_owned(),
            weight: Some(50),
            cluster: "east".to_owned(),
        }],
    )]
    .into();
    body.authorization = ExternalAuthorization {
        auth_users: vec![pair::<User>(7).public().clone()],
        allowed_accounts: AllowedAccounts::These(vec![other.public().clone()]),
        xkey: Some(curve()),
    };
    body.trace = Some(MessageTrace { destination: "traces".to_owned(), sampling: Some(10) });
    body.cluster_traffic = Some(ClusterTraffic::Owner);
    body.description = "a note".to_owned();
    body.info_url = "https://example.com".to_owned();
    body.tags = vec!["a:b".to_owned()];
    let jwt = seal(account.public(), body.clone(), &pair::<Operator>(1));
    check(&jwt, &body, snapshot!("account"));
}

#[test]
fn a_user_with_every_field() {
    let user: UserPair = pair(3);
    let mut body = UserClaims::new(
        Permission { allow: vec!["a.>".to_owned()], deny: vec!["a.b".to_owned()] },
        Permission::nothing(),
        7,
        512,
        vec![
            ConnectionType::Standard,
            ConnectionType::Websocket,
            ConnectionType::Leafnode,
            ConnectionType::LeafnodeWs,
            ConnectionType::Mqtt,
            ConnectionType::MqttWs,
            ConnectionType::InProcess,
        ],
    );
    body.responses = Some(ResponsePermission { max: 1, ttl: 5_000_000_000 });
    body.src = vec!["192.0.2.0/24".to_owned()];
    body.times = vec![TimeRange { start: "08:00:00".to_owned(), end: "17:00:00".to_owned() }];
    body.times_location = Some("Europe/Berlin".to_owned());
    body.bearer_token = true;
    body.proxy_required = true;
    body.issuer_account = Some(pair::<Account>(2).public().clone());
    body.tags = vec!["room:7".to_owned()];
    let jwt = seal(user.public(), body.clone(), &pair(5));
    check(&jwt, &body, snapshot!("user"));
}

#[test]
fn a_scoped_user_carries_nothing() {
    let user: UserPair = pair(3);
    let account = pair::<Account>(2).public().clone();
    let body = UserClaims::scoped(account, vec!["room:7".to_owned(), "room:8".to_owned()]);
    let jwt = Claims::sign(user.public(), "a name", NOW, None, body.clone(), &pair(5)).unwrap();
    check(&jwt, &body, snapshot!("scoped-user"));
}

#[test]
fn an_authorization_request_with_every_field() {
    let server: ServerPair = pair(8);
    let text = |text: &str| Some(text.to_owned());
    let mut body = AuthorizationRequest::new(
        ServerId {
            name: "n1".to_owned(),
            host: "0.0.0.0".to_owned(),
            id: server.public().clone(),
            version: "2.15.1".to_owned(),
            cluster: "east".to_owned(),
            tags: vec!["zone:a".to_owned()],
            xkey: Some(curve()),
        },
        pair::<User>(3).public().clone(),
        ClientInfo {
            host: "192.0.2.1".to_owned(),
            id: 6,
            user: "ann".to_owned(),
            name: "tab".to_owned(),
            tags: vec!["a:b".to_owned()],
            name_tag: "ann".to_owned(),
            kind: "Client".to_owned(),
            client_type: "websocket".to_owned(),
            mqtt_id: "m".to_owned(),
            nonce: "n".to_owned(),
        },
        ConnectOpts {
            jwt: text("j"),
            nkey: text("k"),
            sig: text("s"),
            auth_token: text("t"),
            user: text("u"),
            pass: text("p"),
            name: text("n"),
            lang: text("rust"),
            version: text("1"),
            protocol: 1,
        },
    );
    body.client_tls = Some(ClientTls {
        version: "1.3".to_owned(),
        cipher: "TLS_AES_128_GCM_SHA256".to_owned(),
        certs: vec!["pem".to_owned()],
        verified_chains: vec![vec!["pem".to_owned()]],
    });
    body.request_nonce = text("r");
    body.tags = vec!["a:b".to_owned()];
    let jwt = seal(pair::<Account>(2).public(), body.clone(), &server);
    check(&jwt, &body, snapshot!("authorization-request"));

    // The next nats-server may tell more.
    let mut more = payload(&jwt)["nats"].clone();
    more["client_info"]["shoe_size"] = 42.into();
    more["weather"] = "fine".into();
    assert_eq!(serde_json::from_value::<AuthorizationRequest>(more).unwrap(), body);
    let shown = format!("{:?}", body.connect_opts);
    assert!(!shown.contains('"'), "{shown}");
}

#[test]
fn authorization_responses() {
    let user: UserPair = pair(3);
    let account: AccountPair = pair(2);
    let scoped = UserClaims::scoped(account.public().clone(), Vec::new());
    let token = Claims::sign(user.public(), "n", NOW, None, scoped, &pair(5)).unwrap();
    let mut body = AuthorizationResponse::admit(&token);
    body.issuer_account = Some(account.public().clone());
    body.tags = vec!["a:b".to_owned()];
    assert_eq!(body.outcome().unwrap(), token);
    let jwt = seal(user.public(), body.clone(), &account);
    check(&jwt, &body, snapshot!("authorization-response"));

    let refusal = AuthorizationResponse::refuse("no such session");
    assert_eq!(refusal.outcome().unwrap_err(), "no such session");
    assert_eq!(AuthorizationResponse::refuse("").outcome().unwrap_err(), "refused");
    let json = serde_json::to_value(&refusal).unwrap();
    assert!(json.get("jwt").is_none(), "{json}");
}

#[test]
fn what_is_not_to_be_gone_by_is_refused_by_name() {
    let user: UserPair = pair(3);
    let account: AccountPair = pair(2);
    let body = UserClaims::scoped(account.public().clone(), Vec::new());
    let jwt = seal(user.public(), body, &account);
    let decode = |now: i64, trusted: bool| {
        Claims::<UserClaims>::decode_trusted(jwt.as_str(), now, |issuer| {
            trusted && issuer == account.public()
        })
    };
    for inside in [NOW, NOW + 9] {
        decode(inside, true).unwrap();
    }
    assert!(matches!(decode(NOW, false), Err(DecodeError::UnknownIssuer)));
    assert!(matches!(decode(NOW + 10, true), Err(DecodeError::Expired)));
    assert!(matches!(decode(NOW - 1, true), Err(DecodeError::NotYetValid)));
    let long = "x".repeat((1 << 20) + 1);
    assert!(matches!(Claims::<UserClaims>::decode(&long), Err(DecodeError::TooLong)));
}

/// Signs any payload as `account` would.
fn forge(payload: &Value) -> String {
    let encode = |text: &str| BASE64URL_NOPAD.encode(text.as_bytes());
    let signed = format!(
        "{}.{}",
        encode(r#"{"typ":"JWT","alg":"ed25519-nkey"}"#),
        encode(&payload.to_string())
    );
    let signature = pair::<Account>(2).sign(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signature))
}

#[test]
fn kind_version_and_fields_are_read_strictly() {
    let user: UserPair = pair(3);
    let account: AccountPair = pair(2);
    let body = UserClaims::scoped(account.public().clone(), Vec::new());
    let good = payload(&seal(user.public(), body, &account));
    Claims::<UserClaims>::decode(&forge(&good)).unwrap();

    let changed = |pointer: &str, value: Value| {
        let mut payload = good.clone();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        payload.pointer_mut(parent).unwrap()[name] = value;
        Claims::<UserClaims>::decode(&forge(&payload)).unwrap_err()
    };
    for (kind, actual) in [
        ("account", Kind::Account),
        ("operator", Kind::Operator),
        ("activation", Kind::Activation),
        ("authorization_request", Kind::AuthorizationRequest),
        ("generic", Kind::Generic),
    ] {
        let error = changed("/nats/type", kind.into());
        assert!(matches!(error, DecodeError::Kind { actual: a, .. } if a == actual), "{error}");
    }
    for version in [1, 3] {
        let error = changed("/nats/version", version.into());
        assert!(matches!(error, DecodeError::Kind { version: v, .. } if v == version), "{error}");
    }
    let lower = user.public().as_str().to_lowercase();
    for (pointer, value) in [
        ("/nats/type", Value::from("pirate")),
        ("/nats/type", Value::Null),
        ("/nats/version", 2.5.into()),
        ("/nats/extra", 1.into()),
        ("/extra", 1.into()),
        ("/type", "user".into()),
        ("/sub", account.public().as_str().into()),
        ("/sub", lower.into()),
        ("/sub", user.seed().unwrap().as_str().into()),
        ("/iss", user.public().as_str().into()),
        ("/iat", "soon".into()),
        ("/exp", (-0.5).into()),
        ("/nats/issuer_account", user.public().as_str().into()),
        ("/nats/allowed_connection_types", serde_json::json!(["CARRIER_PIGEON"])),
        ("/nats/tags", "room:7".into()),
        ("/nats/resp", serde_json::json!({ "max": 1 })),
    ] {
        let error = changed(pointer, value.clone());
        assert!(matches!(error, DecodeError::Claims(_)), "{pointer} {value}: {error}");
    }
}

#[test]
fn curve_keys_are_told_from_keys_that_sign() {
    assert_eq!(curve().as_str().len(), 56);
    let user: UserPair = pair(3);
    assert!(matches!(CurveKey::parse(user.public().as_str()), Err(KeyError::Role { .. })));
    assert!(matches!(UserKey::parse(curve().as_str()), Err(KeyError::Role { .. })));
    assert!(CurveKey::parse(&curve().as_str().replace("XAAA", "XAAB")).is_err());
    let server: ServerPair = pair(3);
    assert!(ServerKey::parse(server.public().as_str()).is_ok());
}
