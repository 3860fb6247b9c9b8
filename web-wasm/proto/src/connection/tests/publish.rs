//! What is published, and how it is confirmed.

use super::*;

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

#[test]
fn closing_decides_everything() {
    let mut rig = Rig::connected();
    let sid = rig.subscribe("a");
    let (id, _) = rig.request("q");
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
