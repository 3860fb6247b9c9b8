//! Subscriptions, and the messages that reach them.

use super::*;

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
fn messages_that_are_alike_come_together() {
    let mut rig = Rig::connected();
    let a = rig.subscribe("a");
    let one = |payload: &str| format!("MSG a 1 {}\r\n{payload}\r\n", payload.len());
    let wire = [one("1"), one("22"), one(""), one("4").replace("a 1", "a 1 r"), one("5")].concat();
    let wire = Bytes::from([wire, one("6").repeat(300)].concat());
    rig.connection.handle_input(rig.now, Via::Present, wire.clone());
    let Some(Event::Messages { sid, mut run }) = rig.connection.poll_events() else { panic!() };
    assert_eq!((sid, run.subject().as_str(), run.len(), run.length()), (a, "a", 3, 3));
    assert_eq!(run.payloads().collect::<Vec<_>>(), [&b"1"[..], b"22", b""]);
    let first = run.next().unwrap();
    assert_eq!(Event::Message { sid, message: first.clone() }, message(a, "a", "1"));
    assert_eq!((run.len(), run.length()), (2, 2));
    let view = wire.slice_ref(&first.payload);
    assert_eq!(view.as_ptr(), first.payload.as_ptr(), "it is a view into what was read");
    let Some(Event::Message { message, .. }) = rig.connection.poll_events() else { panic!() };
    assert_eq!(message.reply.as_deref(), Some("r"));
    // One that has another length does not end it; no more than so many come at once.
    let mut lengths = Vec::new();
    while let Some(event) = rig.connection.poll_events() {
        match event {
            Event::Messages { run, .. } => lengths.push(run.len()),
            Event::Message { .. } => lengths.push(1),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(lengths, [256, 45]);
    assert_eq!(rig.connection.statistics().in_messages, 305);
    assert_eq!(run.count(), 2, "what is left stays");
}

#[test]
fn messages_of_what_has_a_limit_come_one_by_one() {
    let mut rig = Rig::connected();
    let sid = rig.subscribe("a");
    rig.connection.unsubscribe(sid, Some(2));
    let wire = Bytes::from("MSG a 1 1\r\nx\r\n".repeat(3));
    rig.connection.handle_input(rig.now, Via::Present, wire);
    for _ in 0..2 {
        assert_eq!(rig.connection.poll_events(), Some(message(sid, "a", "x")));
    }
    let reason = EndReason::MaxDelivered { max: 2 };
    assert_eq!(rig.connection.poll_events(), Some(Event::SubscriptionEnded { sid, reason }));
    assert_eq!(rig.connection.poll_events(), None);
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
            rig.connection.handle_input(rig.now, Via::Present, bytes);
            events.extend(rig.events());
        }
        let [Event::Message { sid: to, message }] = &events[..] else { panic!("{events:?}") };
        assert_eq!((*to, message.payload.len()), (sid, SIZE));
        assert!(message.payload.iter().all(|&byte| byte == b'x'));
    }
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
    assert_eq!(rig.events(), [gap(0, 0, 0, &[(sid, "a")])]);
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
    let (id, reply) = rig.request("q");
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
