//! The connection against a scripted server and a clock that stands until it is moved.

use alloc::string::{String, ToString};
use alloc::vec;

use proptest::prelude::*;

use super::*;
use crate::header::HeaderMap;
use crate::server_error::Operation;
use crate::subject::{Subject, SubjectError};

const INFO: &str = r#"INFO {"server_id":"S1","server_name":"n1","headers":true,"max_payload":1024,"nonce":"abc","auth_required":true}"#;
const SECOND: Duration = Duration::from_secs(1);

/// A connection with its surroundings.
struct Rig {
    connection: Connection,
    now: Instant,
}

impl Rig {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        Self { connection: Connection::new(config, [1; 32]), now: Instant::ORIGIN }
    }

    /// One that a server has let in.
    fn connected() -> Self {
        let mut rig = Self::new();
        rig.connect();
        rig
    }

    /// Dials, logs in, and returns what was said to the server on the way.
    fn connect(&mut self) -> String {
        self.connection.dialing(self.now);
        self.receive(INFO);
        let Some(Event::Challenge(challenge)) = self.event() else { panic!("no challenge") };
        assert_eq!(challenge.nonce.as_deref(), Some("abc"));
        let auth = Auth { jwt: Some("J".into()), signature: Some("S".into()), ..Auth::default() };
        self.connection.authenticate(self.now, auth);
        let said = self.sent();
        self.receive("PONG");
        assert_eq!(self.event(), Some(Event::Connected));
        said
    }

    /// The server says a line, or several.
    fn receive(&mut self, lines: &str) {
        let bytes = lines.split('\n').map(|line| [line, "\r\n"].concat()).collect::<String>();
        self.connection.handle_input(self.now, Bytes::from(bytes));
    }

    fn event(&mut self) -> Option<Event> {
        self.connection.poll_event()
    }

    fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.connection.poll_event()).collect()
    }

    fn sent(&mut self) -> String {
        let parts = core::iter::from_fn(|| self.connection.poll_transmit(1 << 20));
        String::from_utf8(parts.flat_map(|part| part.to_vec()).collect()).unwrap()
    }

    fn publish(&mut self, subject: &str) -> Result<(), PublishError> {
        self.connection.publish(subject, None, None, b"x")
    }

    fn subscribe(&mut self, subject: &'static str) -> u64 {
        self.connection.subscribe(&Subject::from_static(subject), None).unwrap()
    }

    /// Lets time pass up to each deadline on the way, as a timer would.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(deadline) = self.connection.poll_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(deadline);
            self.connection.handle_timeout(self.now);
        }
        self.now = end;
    }

    fn close_transport(&mut self) {
        self.connection.handle_closed(self.now, closed());
    }
}

fn closed() -> TransportClosed {
    TransportClosed { code: 1006, reason: "".into() }
}

fn broken(unconfirmed: u64) -> Event {
    let reason = DisconnectReason::TransportClosed { closed: closed(), error: None };
    Event::Disconnected { reason, unconfirmed }
}

fn message(sid: u64, subject: &'static str, payload: &'static str) -> Event {
    let message = crate::Message {
        subject: Subject::from_static(subject),
        payload: Bytes::from_static(payload.as_bytes()),
        length: payload.len(),
        ..crate::Message::default()
    };
    Event::Message { sid, message }
}

fn violation(operation: Operation, subject: &'static str) -> ServerError {
    ServerError::PermissionsViolation { operation, subject: subject.into(), queue_group: None }
}

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
    rig.connection.authenticate(rig.now, Auth::default());
    rig.receive("-ERR 'Authorization Violation'");
    let close = TransportClosed { code: 1008, reason: "Authentication Failure".into() };
    rig.connection.handle_closed(rig.now, close.clone());
    let error = ServerError::AuthorizationViolation;
    let reason = DisconnectReason::TransportClosed { closed: close, error: Some(error.clone()) };
    assert_eq!(reason.server_error(), Some(&error));
    assert_eq!(
        rig.events(),
        [Event::ServerError(error), Event::Disconnected { reason, unconfirmed: 0 }]
    );
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
        rig.connection.handle_closed(rig.now, closed.clone());
        let reason = DisconnectReason::TransportClosed { closed, error: Some(error) };
        assert_eq!(rig.events(), [Event::Disconnected { reason, unconfirmed: 0 }], "{line}");
        rig.connect();
        assert!(rig.connection.is_connected(), "{line}");
    }
    // A removed signing key and a kick come without a word.
    for (code, reason) in [(1008, "Authentication Failure"), (1011, "Kicked")] {
        let mut rig = Rig::connected();
        let closed = TransportClosed { code, reason: reason.into() };
        rig.connection.handle_closed(rig.now, closed.clone());
        let reason = DisconnectReason::TransportClosed { closed, error: None };
        assert_eq!(rig.events(), [Event::Disconnected { reason, unconfirmed: 0 }]);
    }
}

#[test]
fn a_giant_message_is_taken_whole_or_in_crumbs() {
    const SIZE: usize = 3 << 20;
    let wire = [format!("MSG a 1 {SIZE}\r\n").into_bytes(), vec![b'x'; SIZE], b"\r\n".to_vec()];
    let wire = Bytes::from(wire.concat());
    for portion in [wire.len(), 4_096, 1_000] {
        let mut rig = Rig::connected();
        let sid = rig.subscribe("a");
        let mut events = Vec::new();
        for start in (0..wire.len()).step_by(portion) {
            let bytes = wire.slice(start..wire.len().min(start + portion));
            rig.connection.handle_input(rig.now, bytes);
            events.extend(rig.events());
        }
        let [Event::Message { sid: to, message }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((*to, message.payload.len()), (sid, SIZE));
        assert!(message.payload.iter().all(|&byte| byte == b'x'));
    }
}

#[test]
fn failing_credentials_end_the_attempt() {
    let mut rig = Rig::new();
    rig.connection.dialing(rig.now);
    rig.receive(INFO);
    rig.event();
    rig.connection.authentication_failed(rig.now, "the API answered 403");
    let reason = DisconnectReason::Credentials("the API answered 403".into());
    assert_eq!(rig.events(), [Event::Disconnected { reason, unconfirmed: 0 }]);
    rig.connection.authenticate(rig.now, Auth::default());
    assert_eq!(rig.sent(), "");
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
            rig.connection.authenticate(rig.now, Auth::default());
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

#[test]
fn messages_reach_their_subscription() {
    let mut rig = Rig::connected();
    let a = rig.subscribe("a.*");
    let b = rig.subscribe("b");
    assert_eq!(rig.sent(), "SUB a.* 1\r\nSUB b 2\r\n");
    rig.receive("MSG a.1 1 2\nhi\nMSG b 2 2\nho\nMSG c 9 2\nno");
    assert_eq!(rig.events(), [message(a, "a.1", "hi"), message(b, "b", "ho")]);
    let statistics = rig.connection.statistics();
    assert_eq!((statistics.in_messages, statistics.orphaned), (3, 1));
}

#[test]
fn unsubscribing_is_told_once_and_late_messages_are_orphans() {
    let mut rig = Rig::connected();
    let sid = rig.subscribe("a");
    rig.connection.unsubscribe(sid, None);
    rig.connection.unsubscribe(sid, None);
    rig.receive("MSG a 1 2\nhi");
    assert_eq!(rig.sent(), "SUB a 1\r\nUNSUB 1\r\n");
    let reason = EndReason::Unsubscribed;
    assert_eq!(rig.events(), [Event::SubscriptionEnded { sid, reason }]);
}

#[test]
fn a_limit_on_messages_outlives_the_transport() {
    let mut rig = Rig::connected();
    let sid = rig.subscribe("a");
    rig.connection.unsubscribe(sid, Some(3));
    assert_eq!(rig.sent(), "SUB a 1\r\nUNSUB 1 3\r\n");
    rig.receive("MSG a 1 1\n1");
    rig.close_transport();
    assert_eq!(rig.events(), [message(sid, "a", "1"), broken(0)]);
    assert!(rig.connect().ends_with("SUB a 1\r\nUNSUB 1 2\r\nPING\r\n"));
    rig.connection.unsubscribe(sid, Some(4));
    assert_eq!(rig.sent(), "UNSUB 1 3\r\n", "this server counts from its own first");
    rig.receive("MSG a 1 1\n2\nMSG a 1 1\n3\nMSG a 1 1\n4\nMSG a 1 1\n5");
    let ended = Event::SubscriptionEnded { sid, reason: EndReason::MaxDelivered { max: 4 } };
    let told = [message(sid, "a", "2"), message(sid, "a", "3"), message(sid, "a", "4"), ended];
    assert_eq!(rig.events(), told);
}

#[test]
fn a_limit_that_is_reached_already_ends_at_once() {
    let mut rig = Rig::connected();
    let sid = rig.subscribe("a");
    rig.receive("MSG a 1 1\n1\nMSG a 1 1\n2");
    assert_eq!(rig.events().len(), 2);
    rig.sent();
    rig.connection.unsubscribe(sid, Some(2));
    assert_eq!(rig.sent(), "UNSUB 1\r\n");
    let reason = EndReason::MaxDelivered { max: 2 };
    assert_eq!(rig.events(), [Event::SubscriptionEnded { sid, reason }]);
}

#[test]
fn a_refused_subscription_ends_and_is_not_made_again() {
    let mut rig = Rig::connected();
    let sid = rig.subscribe("secret");
    rig.receive("-ERR 'Permissions Violation for Subscription to \"secret\"'");
    let error = violation(Operation::Subscribe, "secret");
    let reason = EndReason::Refused(error.clone());
    assert_eq!(rig.events(), [Event::ServerError(error), Event::SubscriptionEnded { sid, reason }]);
    assert!(rig.connection.is_connected());
    rig.close_transport();
    rig.events();
    assert!(!rig.connect().contains("SUB"));
}

#[test]
fn what_is_published_is_sent_at_most_once_and_told_if_in_doubt() {
    let mut rig = Rig::connected();
    rig.publish("sent").unwrap();
    assert_eq!(rig.sent(), "PUB sent 1\r\nx\r\n");
    rig.publish("waiting").unwrap();
    rig.close_transport();
    assert_eq!(rig.events(), [broken(1)]);
    rig.publish("meanwhile").unwrap();
    assert_eq!(rig.sent(), "");
    rig.connect();
    assert_eq!(rig.sent(), "PUB waiting 1\r\nx\r\nPUB meanwhile 1\r\nx\r\n");
}

#[test]
fn publishing_checks_before_it_takes() {
    let mut rig = Rig::connected();
    let mut headers = HeaderMap::new();
    headers.insert("a", "b").unwrap();
    let publish = |rig: &mut Rig, subject: &str, reply, headers, size: usize| {
        rig.connection.publish(subject, reply, headers, &vec![0; size])
    };
    for (subject, reply, expected) in [
        ("a b", None, PublishError::InvalidSubject(SubjectError::ForbiddenCharacter { at: 1 })),
        ("a.>", None, PublishError::InvalidSubject(SubjectError::Wildcard { at: 2 })),
        ("a", Some(""), PublishError::InvalidReplySubject(SubjectError::Empty)),
        (
            "a",
            Some("x\r\nPUB"),
            PublishError::InvalidReplySubject(SubjectError::ForbiddenCharacter { at: 1 }),
        ),
    ] {
        assert_eq!(publish(&mut rig, subject, reply, None, 1), Err(expected));
    }
    let too_large = |size| Err(PublishError::MaxPayloadExceeded { size, limit: 1024 });
    assert_eq!(publish(&mut rig, "a", None, None, 1024), Ok(()));
    assert_eq!(publish(&mut rig, "a", None, None, 1025), too_large(1025));
    assert_eq!(publish(&mut rig, "a", None, Some(&headers), 1024), too_large(1042));
    rig.receive(r#"INFO {"server_id":"S1","headers":false}"#);
    rig.events();
    let unsupported = Err(PublishError::HeadersUnsupported);
    assert_eq!(publish(&mut rig, "a", None, Some(&headers), 1), unsupported);
    assert_eq!(rig.connection.statistics().out_messages, 1);
}

#[test]
fn a_full_buffer_refuses_until_there_is_room() {
    let mut rig = Rig::with(Config { outbound_limit: 20, ..Config::default() });
    rig.publish("a").unwrap();
    rig.publish("a").unwrap();
    assert!(!rig.connection.has_capacity());
    assert_eq!(rig.publish("a"), Err(PublishError::BufferFull { limit: 20 }));
    rig.connect();
    rig.sent();
    assert!(rig.connection.has_capacity());
    rig.publish("a").unwrap();
}

#[test]
fn pings_are_answered_at_any_time() {
    let mut rig = Rig::new();
    rig.connection.dialing(rig.now);
    rig.receive("PING");
    rig.events();
    assert_eq!(rig.sent(), "PONG\r\n");
    let mut rig = Rig::connected();
    rig.receive("PING");
    rig.events();
    assert_eq!(rig.sent(), "PONG\r\n");
}

#[test]
fn a_silent_server_is_given_up() {
    let interval = Config::default().ping_interval;
    let mut rig = Rig::connected();
    rig.pass(interval);
    assert_eq!(rig.sent(), "PING\r\n");
    rig.receive("PONG");
    assert_eq!(rig.events(), []);
    rig.pass(2 * interval);
    assert_eq!(rig.sent(), "PING\r\nPING\r\n");
    assert_eq!(rig.events(), []);
    rig.pass(interval);
    let reason = DisconnectReason::Stale { unanswered: 2 };
    assert_eq!(rig.events(), [Event::Disconnected { reason, unconfirmed: 0 }]);
}

#[test]
fn a_flush_confirms_what_came_before_it() {
    let mut rig = Rig::connected();
    rig.publish("a").unwrap();
    let flush = rig.connection.flush(rig.now, SECOND).unwrap();
    rig.publish("b").unwrap();
    assert_eq!(rig.sent(), "PUB a 1\r\nx\r\nPING\r\nPUB b 1\r\nx\r\n");
    rig.now = rig.now + SECOND / 2;
    rig.receive("PONG");
    assert_eq!(rig.events(), [Event::Flushed { flush, result: Ok(SECOND / 2) }]);
    assert_eq!(rig.connection.statistics().rtt, Some(SECOND / 2));
    rig.close_transport();
    assert_eq!(rig.events(), [broken(1)], "only the second is in doubt");
}

#[test]
fn a_flush_waits_for_the_server_but_not_for_ever() {
    let mut rig = Rig::new();
    let patient = rig.connection.flush(rig.now, 9 * SECOND).unwrap();
    let hasty = rig.connection.flush(rig.now, SECOND).unwrap();
    rig.pass(2 * SECOND);
    let result = Err(FlushError::TimedOut { timeout: SECOND });
    assert_eq!(rig.events(), [Event::Flushed { flush: hasty, result }]);
    rig.connect();
    assert_eq!(rig.sent(), "PING\r\n");
    rig.close_transport();
    let result = Err(FlushError::Disconnected);
    assert_eq!(rig.events(), [Event::Flushed { flush: patient, result }, broken(0)]);
}

#[test]
fn a_late_pong_of_an_expired_flush_is_counted_in_order() {
    let mut rig = Rig::connected();
    let first = rig.connection.flush(rig.now, SECOND).unwrap();
    let second = rig.connection.flush(rig.now, 9 * SECOND).unwrap();
    rig.pass(SECOND);
    let timed_out = Err(FlushError::TimedOut { timeout: SECOND });
    assert_eq!(rig.events(), [Event::Flushed { flush: first, result: timed_out }]);
    rig.receive("PONG");
    assert_eq!(rig.events(), []);
    rig.receive("PONG");
    assert_eq!(rig.events(), [Event::Flushed { flush: second, result: Ok(SECOND) }]);
}

fn request(rig: &mut Rig, subject: &'static str) -> (RequestId, String) {
    let subject = Subject::from_static(subject);
    let id = rig.connection.request(rig.now, &subject, None, b"?", SECOND).unwrap();
    let said = rig.sent();
    let line = said.lines().find(|line| line.starts_with("PUB")).unwrap();
    (id, line.split(' ').nth(2).unwrap().into())
}

#[test]
fn requests_share_one_inbox_and_get_their_own_answers() {
    let mut rig = Rig::connected();
    let (first, first_reply) = request(&mut rig, "q");
    let (second, second_reply) = request(&mut rig, "q");
    assert!(first_reply.starts_with("_INBOX."));
    rig.receive(&format!("MSG {second_reply} 1 1\n2\nMSG {first_reply} 1 1\n1"));
    let events = rig.events();
    let answers: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::Response { request, result: Ok(message) } => (*request, &message.payload[..]),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(answers, [(second, &b"2"[..]), (first, &b"1"[..])]);
    rig.receive(&format!("MSG {first_reply} 1 1\n1"));
    assert_eq!(rig.events(), [], "a second answer is nobody's");
}

#[test]
fn requests_fail_by_name() {
    let mut rig = Rig::connected();
    let (nobody, reply) = request(&mut rig, "nobody");
    let (denied, _) = request(&mut rig, "denied");
    let (slow, _) = request(&mut rig, "slow");
    let (forgotten, _) = request(&mut rig, "forgotten");
    rig.connection.cancel_request(forgotten);
    rig.receive(&format!("HMSG {reply} 1 16 16\nNATS/1.0 503\n\n"));
    let response = |request, error| Event::Response { request, result: Err(error) };
    assert_eq!(rig.events(), [response(nobody, RequestError::NoResponders)]);
    rig.receive("-ERR 'Permissions Violation for Publish to \"denied\"'");
    let error = violation(Operation::Publish, "denied");
    assert_eq!(
        rig.events(),
        [Event::ServerError(error.clone()), response(denied, RequestError::Denied(error))]
    );
    rig.pass(2 * SECOND);
    let timed_out = RequestError::TimedOut { timeout: SECOND };
    assert_eq!(rig.events(), [response(slow, timed_out)]);
}

#[test]
fn a_request_for_many_answers_ends_in_time_or_with_nobody() {
    let mut rig = Rig::connected();
    let many = |rig: &mut Rig| {
        let subject = Subject::from_static("q");
        let id = rig.connection.request_many(rig.now, &subject, None, b"?", SECOND).unwrap();
        let said = rig.sent();
        let line = said.lines().find(|line| line.starts_with("PUB")).unwrap();
        (id, String::from(line.split(' ').nth(2).unwrap()))
    };
    let response = |request, error| Event::Response { request, result: Err(error) };
    let (id, reply) = many(&mut rig);
    rig.receive(&format!("MSG {reply} 1 1\n1\nMSG {reply} 1 1\n2"));
    let answers = rig.events();
    assert_eq!(answers.len(), 2);
    for event in answers {
        assert!(matches!(event, Event::Response { request, result: Ok(_) } if request == id));
    }
    rig.pass(SECOND);
    assert_eq!(rig.events(), [response(id, RequestError::TimedOut { timeout: SECOND })]);
    let (id, reply) = many(&mut rig);
    let nobody = format!("HMSG {reply} 1 16 16\nNATS/1.0 503\n\n");
    rig.receive(&format!("{nobody}\n{nobody}"));
    assert_eq!(rig.events(), [response(id, RequestError::NoResponders)]);
    rig.pass(2 * SECOND);
    assert_eq!(rig.events(), []);
}

#[test]
fn a_refused_inbox_fails_its_requests_and_is_tried_again() {
    let mut rig = Rig::connected();
    let (first, reply) = request(&mut rig, "q");
    let inbox = [reply.rsplit_once('.').unwrap().0, ".*"].concat();
    rig.receive(&format!("-ERR 'Permissions Violation for Subscription to \"{inbox}\"'"));
    let events = rig.events();
    let [Event::ServerError(_), Event::Response { request: failed, result }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(*failed, first);
    assert!(matches!(result, Err(RequestError::Denied(_))));
    let subject = Subject::from_static("q");
    rig.connection.request(rig.now, &subject, None, b"?", SECOND).unwrap();
    assert!(rig.sent().starts_with(&format!("SUB {inbox} 2\r\n")));
}

#[test]
fn a_request_waits_through_a_broken_connection() {
    let mut rig = Rig::connected();
    let (id, reply) = request(&mut rig, "q");
    rig.close_transport();
    assert_eq!(rig.events(), [broken(1)]);
    assert!(rig.connect().contains("SUB _INBOX."));
    rig.receive(&format!("MSG {reply} 1 1\n!"));
    let event = rig.event();
    assert!(matches!(event, Some(Event::Response { request, result: Ok(_) }) if request == id));
}

#[test]
fn closing_decides_everything() {
    let mut rig = Rig::connected();
    let sid = rig.subscribe("a");
    let (id, _) = request(&mut rig, "q");
    let flush = rig.connection.flush(rig.now, SECOND).unwrap();
    rig.publish("unsent").unwrap();
    rig.receive("MSG a 1 4\nlast");
    assert_eq!(rig.connection.close(rig.now), 1);
    assert_eq!(
        rig.events(),
        [
            message(sid, "a", "last"),
            Event::SubscriptionEnded { sid, reason: EndReason::Closed },
            Event::Response { request: id, result: Err(RequestError::Closed) },
            Event::Flushed { flush, result: Err(FlushError::Closed) },
            Event::Disconnected { reason: DisconnectReason::ClosedByCaller, unconfirmed: 1 },
        ]
    );
    assert_eq!(rig.publish("a"), Err(PublishError::Closed));
    let subscribed = rig.connection.subscribe(&Subject::from_static("a"), None);
    assert_eq!(subscribed, Err(SubscribeError::Closed));
    assert_eq!(rig.connection.flush(rig.now, SECOND), Err(FlushError::Closed));
    rig.connection.dialing(rig.now);
    assert_eq!(rig.connection.poll_timeout(), None);
    assert_eq!((rig.sent(), rig.events()), (String::new(), vec![]));
    assert_eq!(rig.connection.close(rig.now), 0);
}

#[test]
fn a_drained_subscription_gets_what_was_on_its_way() {
    let mut rig = Rig::connected();
    let sid = rig.subscribe("a");
    rig.connection.drain(rig.now, sid);
    rig.connection.drain(rig.now, sid);
    assert_eq!(rig.sent(), "SUB a 1\r\nUNSUB 1\r\nPING\r\n");
    rig.receive("MSG a 1 1\n1\nPONG\nMSG a 1 1\n2");
    let ended = Event::SubscriptionEnded { sid, reason: EndReason::Drained };
    assert_eq!(rig.events(), [message(sid, "a", "1"), ended]);
    assert_eq!(rig.connection.statistics().orphaned, 1);
}

#[test]
fn a_drain_ends_with_its_transport_and_at_once_without_one() {
    let mut rig = Rig::connected();
    let sid = rig.subscribe("a");
    rig.connection.drain(rig.now, sid);
    rig.close_transport();
    let ended = |sid| Event::SubscriptionEnded { sid, reason: EndReason::Drained };
    assert_eq!(rig.events(), [ended(sid), broken(0)]);
    let sid = rig.subscribe("b");
    rig.connection.drain(rig.now, sid);
    assert_eq!(rig.events(), [ended(sid)]);
    assert!(!rig.connect().contains("SUB"));
}

#[test]
fn draining_all_spares_the_inbox_and_refuses_what_is_new() {
    let mut rig = Rig::connected();
    let (id, reply) = request(&mut rig, "q");
    let sid = rig.subscribe("a");
    rig.connection.drain_all(rig.now);
    let subscribed = rig.connection.subscribe(&Subject::from_static("b"), None);
    assert_eq!(subscribed, Err(SubscribeError::Draining));
    rig.publish("still").unwrap();
    assert_eq!(rig.sent(), "SUB a 2\r\nUNSUB 2\r\nPING\r\nPUB still 1\r\nx\r\n");
    rig.receive(&format!("PONG\nMSG {reply} 1 1\n!"));
    let events = rig.events();
    let ended = Event::SubscriptionEnded { sid, reason: EndReason::Drained };
    assert_eq!(events[0], ended);
    assert!(matches!(&events[1..], [Event::Response { request, result: Ok(_) }] if *request == id));
}

#[test]
fn a_doubted_server_has_seconds_to_answer() {
    let mut rig = Rig::connected();
    rig.connection.doubt(rig.now);
    rig.connection.doubt(rig.now);
    assert_eq!(rig.sent(), "PING\r\n");
    rig.receive("PONG");
    assert_eq!(rig.events(), []);
    rig.pass(4 * SECOND);
    rig.sent();
    rig.receive("PONG");
    assert_eq!(rig.events(), []);
    rig.connection.doubt(rig.now);
    rig.pass(4 * SECOND);
    let reason = DisconnectReason::Stale { unanswered: 1 };
    assert_eq!(rig.events(), [Event::Disconnected { reason, unconfirmed: 0 }]);
    rig.connection.doubt(rig.now);
    assert_eq!(rig.sent(), "");
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

#[test]
fn inboxes_are_fresh_and_carry_the_prefix() {
    let mut rig = Rig::with(Config { inbox_prefix: "_INBOX.UABC".into(), ..Config::default() });
    let first = rig.connection.new_inbox();
    assert!(first.starts_with("_INBOX.UABC."));
    assert_ne!(first, rig.connection.new_inbox());
}

proptest! {
    /// Whatever the portions, the same session gives the same events.
    #[test]
    fn a_session_does_not_depend_on_how_it_is_split(
        cuts in prop::collection::vec(0usize..400, 0..12),
    ) {
        const SESSION: &[u8] = b"PONG\r\nMSG a 1 5\r\nhello\r\nPING\r\n\
            HMSG a 1 r 19 21\r\nNATS/1.0\r\nk: vv\r\n\r\nhi\r\n\
            -ERR 'Permissions Violation for Subscription to \"b\"'\r\n+OK\r\n\
            INFO {\"server_id\":\"S1\",\"ldm\":true}\r\nMSG a 1 0\r\n\r\nrubbish\r\n";
        let run = |mut cuts: Vec<usize>| {
            let mut rig = Rig::new();
            rig.subscribe("a");
            rig.subscribe("b");
            rig.connection.dialing(rig.now);
            rig.receive(INFO);
            let mut events = rig.events();
            rig.connection.authenticate(rig.now, Auth::default());
            cuts.sort_unstable();
            let mut start = 0;
            for end in cuts.into_iter().chain([SESSION.len()]) {
                let end = end.clamp(start, SESSION.len());
                rig.connection.handle_input(rig.now, Bytes::copy_from_slice(&SESSION[start..end]));
                events.extend(rig.events());
                start = end;
            }
            (events, rig.sent())
        };
        let (events, sent) = run(cuts);
        prop_assert_eq!(events.len(), 9, "{:?}", &events);
        prop_assert_eq!((events, sent), run(vec![]));
    }

    /// No bytes and no order of calls panic, and a closed connection stays silent.
    #[test]
    fn nothing_panics(script in prop::collection::vec(any::<u8>(), 0..600)) {
        crate::fuzzing::drive_connection(&script);
    }
}
