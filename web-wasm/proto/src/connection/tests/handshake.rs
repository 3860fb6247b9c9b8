//! From dialling until the server has let the client in, and what ends it.

use super::*;

#[test]
fn the_handshake_signs_in_and_puts_subscriptions_in_place_at_once() {
    let mut rig = Rig::new();
    rig.subscribe("early");
    rig.publish("early").unwrap();
    let said = rig.connect();
    assert!(said.starts_with("CONNECT {"), "{said}");
    assert!(said.contains(r#""jwt":"J","sig":"S""#), "{said}");
    assert!(said.ends_with("}\r\nSUB early 1\r\nPING\r\n"), "{said}");
    assert_eq!(rig.sent(), "PUB early 1\r\nx\r\n", "messages wait until the client is in");
    assert!(rig.connection.is_connected());
    assert_eq!(rig.connection.server_info().server_name, "n1");
}

#[test]
fn the_nonce_survives_the_info_that_follows_the_login() {
    let mut rig = Rig::connected();
    rig.receive(r#"INFO {"server_id":"S1","max_payload":16}"#);
    assert_eq!(rig.events(), []);
    assert_eq!(rig.connection.server_info().nonce.as_deref(), Some("abc"));
    assert_eq!(rig.connection.server_info().max_payload, 16);
}

#[test]
fn a_refused_login_says_why() {
    let mut rig = Rig::new();
    rig.connection.dialing(rig.now);
    rig.receive(INFO);
    rig.event();
    rig.connection.authenticate(rig.now, Via::Present, Auth::default());
    rig.receive("-ERR 'Authorization Violation'");
    let close = TransportClosed { code: 1008, reason: "Authentication Failure".into() };
    rig.connection.handle_closed(rig.now, Via::Present, close.clone());
    let error = ServerError::AuthorizationViolation;
    let reason = DisconnectReason::TransportClosed { closed: close, error: Some(error.clone()) };
    assert_eq!(reason.server_error(), Some(&error));
    assert_eq!(
        rig.events(),
        [Event::ServerError(error), Event::Disconnected { reason, unconfirmed: 0 }]
    );
}

#[test]
fn failing_credentials_end_the_attempt() {
    let mut rig = Rig::new();
    rig.connection.dialing(rig.now);
    rig.receive(INFO);
    rig.event();
    rig.connection.authentication_failed(rig.now, Via::Present, "the API answered 403");
    let reason = DisconnectReason::Credentials("the API answered 403".into());
    assert_eq!(rig.events(), [Event::Disconnected { reason, unconfirmed: 0 }]);
    rig.connection.authenticate(rig.now, Via::Present, Auth::default());
    assert_eq!(rig.sent(), "");
}

#[test]
fn a_server_that_is_too_old_gets_no_credential() {
    let required = [2, 14, 0];
    let rig = || Rig::with(Config { min_server_version: Some(required), ..Config::default() });
    for version in ["2.13.9", "2.14", "1.99.0", "0.0.0", "", "latest", "é"] {
        let mut rig = rig();
        rig.connection.dialing(rig.now);
        rig.receive(&INFO.replace("\"nonce\"", &format!("\"version\":\"{version}\",\"nonce\"")));
        let reason = DisconnectReason::ServerTooOld { version: version.into(), required };
        assert_eq!(rig.events(), [Event::Disconnected { reason, unconfirmed: 0 }]);
        rig.connection.authenticate(rig.now, Via::Present, Auth::default());
        assert_eq!(rig.sent(), "");
    }
    for version in ["2.14.0", "2.15.1-RC.2", "3.0.0"] {
        let mut rig = rig();
        rig.connection.dialing(rig.now);
        rig.receive(&INFO.replace("\"nonce\"", &format!("\"version\":\"{version}\",\"nonce\"")));
        assert!(matches!(rig.event(), Some(Event::Challenge { .. })), "{version}");
    }
}

#[test]
fn each_step_of_the_handshake_is_bounded_by_one_deadline() {
    let timeout = Config::default().connect_timeout;
    for steps in 0..3 {
        let mut rig = Rig::new();
        rig.connection.dialing(rig.now);
        rig.pass(timeout / 2);
        if steps > 0 {
            rig.receive(INFO);
            rig.event();
        }
        if steps > 1 {
            rig.connection.authenticate(rig.now, Via::Present, Auth::default());
        }
        rig.pass(timeout / 2 - Duration::from_millis(1));
        assert_eq!(rig.events(), []);
        rig.pass(Duration::from_millis(1));
        let reason = DisconnectReason::ConnectTimeout { timeout, error: None };
        assert_eq!(rig.events(), [Event::Disconnected { reason, unconfirmed: 0 }]);
        assert_eq!(rig.connection.poll_timeout(), None);
    }
}

#[test]
fn rubbish_is_named_and_ends_the_transport() {
    let mut rig = Rig::new();
    rig.connection.dialing(rig.now);
    rig.receive("SSH-2.0-OpenSSH_9.2");
    let events = rig.events();
    let [Event::Disconnected { reason: DisconnectReason::Protocol(error), .. }] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert!(error.to_string().contains("SSH-2.0"), "{error}");
    rig.connect();
    assert!(rig.connection.is_connected(), "the next transport starts afresh");
}

/// What nats-server 2.15 says and does in each situation that ends, or spares, a connection.
#[test]
fn every_word_of_the_server_ends_as_it_should() {
    use ServerError::*;
    let expired = "Authentication Expired";
    for (line, error, close) in [
        ("Permissions Violation for Publish to \"x\"", violation(Operation::Publish, "x"), None),
        (
            "Permissions Violation for Subscription to \"x\"",
            violation(Operation::Subscribe, "x"),
            None,
        ),
        ("maximum subscriptions exceeded", MaximumSubscriptionsExceeded, None),
        ("Maximum Payload Violation", MaximumPayloadViolation, Some((1009, ""))),
        ("maximum control line exceeded", MaximumControlLineExceeded, Some((1008, ""))),
        ("Authorization Violation", AuthorizationViolation, Some((1008, "Authentication Failure"))),
        ("User Authentication Expired", UserAuthenticationExpired, Some((1008, expired))),
        ("Account Authentication Expired", AccountAuthenticationExpired, Some((1008, expired))),
        (
            "User Authentication Revoked",
            UserAuthenticationRevoked,
            Some((1008, "Credentials Revoked")),
        ),
        (
            "maximum account active connections exceeded",
            MaximumAccountConnectionsExceeded,
            Some((1008, "")),
        ),
        ("Authentication Timeout", AuthenticationTimeout, Some((1008, ""))),
        ("Stale Connection", StaleConnection, Some((1000, ""))),
    ] {
        let mut rig = Rig::connected();
        rig.receive(&format!("-ERR '{line}'"));
        assert_eq!(rig.events(), [Event::ServerError(error.clone())], "{line}");
        let Some((code, reason)) = close else {
            assert!(rig.connection.is_connected(), "{line}");
            continue;
        };
        let closed = TransportClosed { code, reason: reason.into() };
        rig.connection.handle_closed(rig.now, Via::Present, closed.clone());
        let reason = DisconnectReason::TransportClosed { closed, error: Some(error) };
        assert_eq!(rig.events(), [Event::Disconnected { reason, unconfirmed: 0 }], "{line}");
        rig.connect();
        assert!(rig.connection.is_connected(), "{line}");
    }
    // A removed signing key and a kick come without a word.
    for (code, reason) in [(1008, "Authentication Failure"), (1011, "Kicked")] {
        let mut rig = Rig::connected();
        let closed = TransportClosed { code, reason: reason.into() };
        rig.connection.handle_closed(rig.now, Via::Present, closed.clone());
        let reason = DisconnectReason::TransportClosed { closed, error: None };
        assert_eq!(rig.events(), [Event::Disconnected { reason, unconfirmed: 0 }]);
    }
}

#[test]
fn lame_duck_and_gossip_are_told_when_they_are_news() {
    let mut rig = Rig::connected();
    let lame = r#"INFO {"server_id":"S1","ldm":true,"connect_urls":["a:1","b:1"]}"#;
    rig.receive(lame);
    let discovered = Event::Discovered(vec!["a:1".into(), "b:1".into()]);
    assert_eq!(rig.events(), [discovered, Event::LameDuck]);
    rig.receive(lame);
    assert_eq!(rig.events(), []);
    rig.receive(r#"INFO {"server_id":"S2","ldm":true}"#);
    assert_eq!(rig.events(), [Event::LameDuck]);
}
