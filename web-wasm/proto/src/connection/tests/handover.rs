//! One transport taking the place of another.

use super::*;

/// Signs the next transport in, and returns what was said to its server.
fn arrive(rig: &mut Rig, info: &str) -> String {
    rig.sent();
    assert!(rig.connection.handover(rig.now));
    assert_eq!(rig.sent(), "PING\r\n");
    rig.receive("PONG");
    assert_eq!(rig.events(), []);
    rig.receive_via(Via::Next, info);
    let Some(Event::Challenge { via: Via::Next, .. }) = rig.event() else { panic!("no challenge") };
    rig.connection.authenticate(rig.now, Via::Next, Auth::default());
    rig.sent_via(Via::Next)
}

/// The questions of a handover up to the one that leaves the present transport.
fn up_to_leaving(rig: &mut Rig) {
    rig.receive_via(Via::Next, "PONG");
    assert_eq!(rig.events(), []);
    assert!(rig.sent().ends_with("PING\r\n"));
    rig.receive("PONG");
    assert_eq!(rig.events(), []);
    assert_eq!(rig.sent_via(Via::Next), "PING\r\n");
    rig.receive_via(Via::Next, "PONG");
}

/// Who answers the questions of a handover up to the one that leaves the present transport, in turn,
/// when no subscription was made on the way.
const ANSWERS: [Via; 3] = [Via::Next, Via::Present, Via::Next];

/// The next answer comes, of which nobody is told.
fn answer(rig: &mut Rig, via: Via) {
    rig.receive_via(via, "PONG");
    assert_eq!(rig.events(), []);
}

fn handed_over() -> Event {
    Event::HandedOver { broke: None, unconfirmed: 0 }
}

fn numbers(events: &[Event]) -> Vec<String> {
    let text = |event: &Event| match event {
        Event::Message { message, .. } => String::from_utf8(message.payload.to_vec()).unwrap(),
        other => format!("{other:?}"),
    };
    events.iter().map(text).collect()
}

#[test]
fn everything_goes_on_while_one_transport_takes_the_others_place() {
    let mut rig = Rig::connected();
    let a = rig.subscribe("a");
    rig.sent();
    let said = arrive(&mut rig, INFO);
    assert!(said.starts_with("CONNECT {") && said.ends_with("SUB a 1\r\nPING\r\n"), "{said}");
    assert!(!rig.connection.handover(rig.now), "one at a time");
    rig.publish("before").unwrap();
    assert_eq!(rig.sent(), "PUB before 1\r\nx\r\n");
    rig.receive("MSG a 1 1\n1");
    // The next transport has the subscription already.
    rig.receive_via(Via::Next, "MSG a 1 1\n1\nPONG");
    assert_eq!(rig.events(), [message(a, "a", "1")]);
    // What is new goes over the next one, and messages wait.
    rig.publish("waits").unwrap();
    let b = rig.subscribe("b");
    let flush = rig.connection.flush(rig.now, 9 * SECOND).unwrap();
    assert_eq!(rig.sent(), "PING\r\n");
    assert_eq!(rig.sent_via(Via::Next), "SUB b 2\r\n");
    rig.receive("MSG a 1 1\n2\nPONG\nMSG a 1 1\n3");
    rig.receive_via(Via::Next, "MSG b 2 1\nb");
    let told = [message(a, "a", "2"), message(a, "a", "3"), message(b, "b", "b")];
    assert_eq!(rig.events(), told);
    assert_eq!(rig.sent_via(Via::Next), "PING\r\n");
    rig.receive_via(Via::Next, "MSG a 1 1\n2\nPONG\nMSG a 1 1\n3");
    assert_eq!(rig.events(), []);
    assert_eq!(rig.sent(), "UNSUB 1\r\nPING\r\n");
    // Both have the fourth, only the next one has the fifth.
    rig.receive_via(Via::Next, "MSG a 1 1\n4\nMSG a 1 1\n5");
    assert_eq!(rig.events(), [], "it is not its turn yet");
    rig.receive("MSG a 1 1\n4\nPONG");
    assert_eq!(rig.events(), [message(a, "a", "4"), handed_over(), message(a, "a", "5")]);
    assert_eq!(rig.sent(), "PING\r\nPUB waits 1\r\nx\r\nPING\r\n");
    rig.receive("PONG\nMSG a 1 1\n6\nPONG");
    let flushed = Event::Flushed { flush, result: Ok(Duration::ZERO) };
    assert_eq!(rig.events(), [message(a, "a", "6"), flushed]);
    let statistics = rig.connection.statistics();
    assert_eq!((statistics.duplicates, statistics.possible_duplicates), (4, 0));
    assert_eq!((statistics.connects, statistics.unconfirmed), (2, 0));
    assert!(!rig.connection.handover(rig.now), "copies may still come");
    rig.pass(SECOND);
    assert!(rig.connection.handover(rig.now), "and again");
}

#[test]
fn subscriptions_made_on_the_way_are_completed_before_it_turns() {
    let mut rig = Rig::connected();
    arrive(&mut rig, INFO);
    let late = rig.subscribe("late");
    assert_eq!(rig.sent(), "SUB late 1\r\n");
    rig.receive_via(Via::Next, "PONG");
    assert_eq!(rig.events(), []);
    assert_eq!((rig.sent(), rig.sent_via(Via::Next)), ("PING\r\n".into(), "".into()));
    rig.receive("PONG");
    assert_eq!(rig.events(), []);
    assert_eq!((rig.sent(), rig.sent_via(Via::Next)), ("".into(), "SUB late 1\r\nPING\r\n".into()));
    rig.receive_via(Via::Next, "PONG");
    rig.events();
    assert_eq!(rig.sent(), "PING\r\n");
    rig.connection.unsubscribe(late, None);
    rig.events();
    assert_eq!((rig.sent(), rig.sent_via(Via::Next)), ("UNSUB 1\r\n".into(), "UNSUB 1\r\n".into()));
}

#[test]
fn another_server_of_the_cluster_has_a_second_to_spread_interest() {
    let mut rig = Rig::connected();
    rig.subscribe("a");
    rig.sent();
    arrive(&mut rig, &INFO.replace("S1", "S2"));
    rig.receive_via(Via::Next, "PONG");
    rig.pass(SECOND / 2);
    assert_eq!(rig.events(), []);
    rig.publish("still").unwrap();
    assert_eq!(rig.sent(), "PUB still 1\r\nx\r\n");
    rig.pass(SECOND / 2);
    rig.publish("waits").unwrap();
    assert_eq!(rig.sent(), "PING\r\n");
}

#[test]
fn a_message_whose_copy_came_first_is_delivered_once() {
    let mut rig = Rig::connected();
    let a = rig.subscribe("a");
    rig.sent();
    arrive(&mut rig, INFO);
    rig.receive_via(Via::Next, "PONG\nMSG a 1 5\nearly");
    assert_eq!(rig.events(), []);
    rig.sent();
    rig.receive("PONG\nMSG a 1 5\nearly");
    assert_eq!(rig.events(), [message(a, "a", "early")]);
    rig.sent_via(Via::Next);
    rig.receive_via(Via::Next, "PONG");
    assert_eq!(rig.events(), []);
    rig.receive("PONG");
    assert_eq!(rig.events(), [handed_over()]);
    // Its copy has come and gone, so this is another one.
    rig.receive("MSG a 1 5\nearly\nPONG");
    assert_eq!(rig.events(), [message(a, "a", "early")]);
}

/// A server does many things at once: it may answer a question while a message that came before is
/// still on its way into one of two transports.
#[test]
fn a_server_that_is_late_with_one_of_two_copies_loses_and_repeats_nothing() {
    let mut rig = Rig::connected();
    let a = rig.subscribe("a");
    arrive(&mut rig, INFO);
    // The first is late for the transport that is left, and never gets there; the second is late
    // for the one that takes its place.
    rig.receive_via(Via::Next, "MSG a 1 1\n1");
    up_to_leaving(&mut rig);
    assert_eq!(rig.events(), []);
    rig.receive("MSG a 1 1\n2\nPONG");
    assert_eq!(rig.events(), [message(a, "a", "2"), handed_over(), message(a, "a", "1")]);
    rig.receive("PONG\nMSG a 1 1\n3\nMSG a 1 1\n2");
    assert_eq!(rig.events(), [message(a, "a", "3")]);
    rig.pass(SECOND);
    rig.receive("MSG a 1 1\n2");
    assert_eq!(rig.events(), [message(a, "a", "2")], "another one that is alike");
}

#[test]
fn members_of_a_queue_group_get_what_either_transport_brings() {
    let mut rig = Rig::connected();
    let group = Subject::from_static("q");
    let sid = rig.connection.subscribe(&Subject::from_static("a"), Some(&group)).unwrap();
    rig.sent();
    arrive(&mut rig, INFO);
    rig.receive("MSG a 1 1\n1");
    rig.receive_via(Via::Next, "MSG a 1 1\n1");
    assert_eq!(rig.events(), [message(sid, "a", "1"), message(sid, "a", "1")]);
    up_to_leaving(&mut rig);
    rig.events();
    rig.receive_via(Via::Next, "MSG a 1 1\n2");
    rig.receive("MSG a 1 1\n2\nPONG");
    let events = [message(sid, "a", "2"), handed_over(), message(sid, "a", "2")];
    assert_eq!(rig.events(), events);
    assert_eq!(rig.connection.statistics().duplicates, 0);
}

#[test]
fn a_limit_on_messages_counts_each_once() {
    let mut rig = Rig::connected();
    let sid = rig.subscribe("a");
    rig.connection.unsubscribe(sid, Some(5));
    rig.receive("MSG a 1 1\n1");
    rig.events();
    rig.sent();
    assert!(arrive(&mut rig, INFO).ends_with("SUB a 1\r\nPING\r\n"), "its limit comes later");
    rig.receive("MSG a 1 1\n2");
    rig.receive_via(Via::Next, "MSG a 1 1\n2");
    assert_eq!(numbers(&rig.events()), ["2"]);
    up_to_leaving(&mut rig);
    rig.events();
    rig.receive_via(Via::Next, "MSG a 1 1\n3");
    rig.receive("PONG");
    assert_eq!(numbers(&rig.events()[1..]), ["3"]);
    rig.sent();
    rig.receive("PONG");
    assert_eq!(rig.events(), []);
    // When no copy can come any more: the new server has sent two, and is to send two more.
    rig.pass(SECOND);
    assert_eq!(rig.sent(), "UNSUB 1 4\r\n");
    rig.receive("MSG a 1 1\n4\nMSG a 1 1\n5\nMSG a 1 1\n6");
    let events = rig.events();
    assert_eq!(numbers(&events[..2]), ["4", "5"]);
    let reason = EndReason::MaxDelivered { max: 5 };
    assert_eq!(events[2..], [Event::SubscriptionEnded { sid, reason }]);
}

/// A server takes two transports for two clients, so that each gets what was published over the other.
#[test]
fn what_the_client_does_not_want_back_does_not_come_by_the_other_way() {
    let mut rig = Rig::with(Config { echo: false, ..Config::default() });
    rig.connect();
    let a = rig.subscribe("a");
    assert!(arrive(&mut rig, INFO).contains(r#""echo":false"#));
    rig.publish("a").unwrap();
    rig.receive_via(Via::Next, "MSG a 1 1\nx\nMSG a 1 6\ntheirs");
    rig.receive("MSG a 1 6\ntheirs");
    assert_eq!(rig.events(), [message(a, "a", "theirs")]);
    up_to_leaving(&mut rig);
    assert_eq!(rig.events(), []);
    rig.receive_via(Via::Next, "MSG a 1 1\nx");
    rig.receive("PONG");
    assert_eq!(rig.events(), [handed_over()]);
    rig.publish("a").unwrap();
    rig.receive("PONG");
    assert_eq!(rig.events(), []);
    rig.pass(SECOND);
    rig.receive("MSG a 1 1\nx");
    assert_eq!(rig.events(), [message(a, "a", "x")], "somebody else's");
}

#[test]
fn a_limit_allows_for_what_the_client_does_not_want_back() {
    let mut rig = Rig::with(Config { echo: false, ..Config::default() });
    rig.connect();
    let sid = rig.subscribe("a");
    rig.connection.unsubscribe(sid, Some(2));
    arrive(&mut rig, INFO);
    rig.publish("a").unwrap();
    rig.receive_via(Via::Next, "MSG a 1 1\nx");
    up_to_leaving(&mut rig);
    rig.events();
    rig.receive("PONG");
    assert_eq!(rig.events(), [handed_over()]);
    rig.receive("PONG");
    assert_eq!(rig.events(), []);
    rig.sent();
    rig.pass(SECOND);
    // The new server has counted one that was left out.
    assert_eq!(rig.sent(), "UNSUB 1 3\r\n");
}

#[test]
fn requests_are_answered_over_either_transport_once() {
    let mut rig = Rig::connected();
    let (first, first_reply) = rig.request("q");
    let (second, second_reply) = rig.request("q");
    arrive(&mut rig, INFO);
    rig.receive(&format!("MSG {first_reply} 1 1\n1"));
    rig.receive_via(Via::Next, &format!("MSG {first_reply} 1 1\n1"));
    let events = rig.events();
    assert!(matches!(&events[..], [Event::Response { request, .. }] if *request == first));
    up_to_leaving(&mut rig);
    rig.events();
    rig.receive("PONG");
    rig.receive_via(Via::Next, &format!("MSG {second_reply} 1 1\n2"));
    let events = rig.events();
    let [handed, Event::Response { request, result: Ok(_) }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((handed, *request), (&handed_over(), second));
}

#[test]
fn what_fails_on_the_way_leaves_the_present_transport_as_it_was() {
    for step in 0..=3 {
        let mut rig = Rig::connected();
        let a = rig.subscribe("a");
        rig.sent();
        arrive(&mut rig, INFO);
        for (index, via) in ANSWERS.into_iter().take(step).enumerate() {
            answer(&mut rig, via);
            if index == 0 {
                rig.sent();
                rig.publish("waits").unwrap();
                rig.subscribe("late");
            }
        }
        if step == 3 {
            assert_eq!(rig.sent(), "UNSUB 1\r\nPING\r\n");
        }
        rig.connection.handle_closed(rig.now, Via::Next, closed());
        let reason = DisconnectReason::TransportClosed { closed: closed(), error: None };
        assert_eq!(rig.events(), [Event::HandoverFailed { reason }], "{step}");
        let said = rig.sent();
        let expected = match step {
            0 => "",
            1 | 2 => "SUB late 2\r\nPUB waits 1\r\nx\r\n",
            _ => "SUB a 1\r\nSUB late 2\r\nPUB waits 1\r\nx\r\nPING\r\n",
        };
        assert_eq!(said, expected, "{step}");
        rig.receive("MSG a 1 1\n1");
        assert_eq!(rig.events(), [message(a, "a", "1")]);
        // An answer to an old question means nothing.
        rig.receive("PONG");
        assert_eq!(rig.events(), []);
        rig.receive("PONG");
        let expected = match step {
            3 => vec![gap(0, 0, 0, &[(a, "a"), (2, "late")])],
            _ => vec![],
        };
        assert_eq!(rig.events(), expected, "it was without the subscriptions for a while");
        assert!(rig.connection.is_connected());
    }
}

#[test]
fn a_transport_that_breaks_off_is_replaced_and_nothing_comes_twice() {
    let mut rig = Rig::connected();
    let a = rig.subscribe("a");
    arrive(&mut rig, INFO);
    rig.publish("sent").unwrap();
    rig.sent();
    rig.receive_via(Via::Next, "PONG\nMSG a 1 1\n1\nMSG a 1 1\n2");
    rig.receive("MSG a 1 1\n1");
    assert_eq!(rig.events(), [message(a, "a", "1")]);
    rig.publish("waits").unwrap();
    rig.close_transport();
    let reason = DisconnectReason::TransportClosed { closed: closed(), error: None };
    let events = rig.events();
    assert_eq!(
        events,
        [Event::HandedOver { broke: Some(reason), unconfirmed: 1 }, message(a, "a", "2")]
    );
    assert_eq!(rig.sent(), "PING\r\nPUB waits 1\r\nx\r\n");
    rig.receive("MSG a 1 1\n3\nPONG");
    assert_eq!(rig.events(), [message(a, "a", "3"), gap(0, 0, 0, &[(a, "a")])]);
}

#[test]
fn a_request_that_is_now_or_never_goes_over_the_transport_that_takes_the_others_place() {
    let plan = RequestPlan { now_or_never: true, ..RequestPlan::one(SECOND) };
    let subject = Subject::from_static("q");
    let ask = |rig: &mut Rig| rig.connection.request(rig.now, &subject, None, b"?", plan).unwrap();
    let mut rig = Rig::connected();
    ask(&mut rig);
    arrive(&mut rig, INFO);
    ask(&mut rig);
    rig.receive_via(Via::Next, "PONG");
    ask(&mut rig);
    rig.close_transport();
    let reason = DisconnectReason::TransportClosed { closed: closed(), error: None };
    assert_eq!(rig.events(), [Event::HandedOver { broke: Some(reason), unconfirmed: 0 }]);
    assert_eq!(rig.sent().matches("PUB q").count(), 2);

    // Where none takes its place, none is sent by a later one.
    let mut rig = Rig::connected();
    arrive(&mut rig, INFO);
    rig.receive_via(Via::Next, "PONG");
    let waiting = ask(&mut rig);
    rig.connection.handle_closed(rig.now, Via::Next, closed());
    rig.close_transport();
    let unsent = Err(PublishError::NotConnected.into());
    assert!(rig.events().contains(&Event::Response { request: waiting, result: unsent }));
    rig.connect();
    assert!(!rig.sent().contains("PUB q"));
}

#[test]
fn a_transport_that_breaks_off_too_early_is_not_replaced() {
    let mut rig = Rig::connected();
    rig.subscribe("a");
    rig.sent();
    arrive(&mut rig, INFO);
    rig.close_transport();
    let reason = DisconnectReason::TransportClosed { closed: closed(), error: None };
    assert_eq!(rig.events(), [Event::HandoverFailed { reason }, broken(0)]);
    assert!(rig.connect().ends_with("SUB a 1\r\nPING\r\n"));
}

#[test]
fn silence_is_bounded_at_each_step() {
    let timeout = Config::default().connect_timeout;
    for step in 0..4 {
        let mut rig = Rig::connected();
        rig.subscribe("a");
        rig.sent();
        assert!(rig.connection.handover(rig.now));
        rig.receive("PONG");
        rig.events();
        if step > 0 {
            rig.receive_via(Via::Next, INFO);
            rig.event();
            rig.connection.authenticate(rig.now, Via::Next, Auth::default());
        }
        for via in ANSWERS.into_iter().take(step) {
            answer(&mut rig, via);
        }
        rig.pass(5 * SECOND);
        let stale = DisconnectReason::Stale { unanswered: 1 };
        let expected = match step {
            0 => Event::HandoverFailed {
                reason: DisconnectReason::ConnectTimeout { timeout, error: None },
            },
            2 => Event::HandoverFailed { reason: stale },
            // It is the present one that does not answer.
            _ => Event::HandedOver { broke: Some(stale), unconfirmed: 0 },
        };
        assert_eq!(rig.events(), [expected], "{step}");
        assert!(rig.connection.is_connected());
    }
}

#[test]
fn a_refusal_by_the_next_server_ends_the_subscription_everywhere() {
    let mut rig = Rig::connected();
    let sid = rig.subscribe("secret");
    rig.sent();
    arrive(&mut rig, INFO);
    rig.receive_via(Via::Next, "-ERR 'Permissions Violation for Subscription to \"secret\"'");
    let error = violation(Operation::Subscribe, "secret");
    let reason = EndReason::Refused(error.clone());
    assert_eq!(rig.events(), [Event::ServerError(error), Event::SubscriptionEnded { sid, reason }]);
    assert_eq!(rig.sent(), "UNSUB 1\r\n");
    // A refused login ends the handover alone.
    rig.receive_via(Via::Next, "-ERR 'Authorization Violation'");
    rig.connection.handle_closed(rig.now, Via::Next, closed());
    let error = ServerError::AuthorizationViolation;
    let reason = DisconnectReason::TransportClosed { closed: closed(), error: Some(error.clone()) };
    assert_eq!(rig.events(), [Event::ServerError(error), Event::HandoverFailed { reason }]);
    assert!(rig.connection.is_connected());
}

#[test]
fn a_subscription_drained_on_the_way_gets_what_was_on_its_way() {
    for step in 0..4 {
        let mut rig = Rig::connected();
        let sid = rig.subscribe("a");
        rig.sent();
        arrive(&mut rig, INFO);
        for via in ANSWERS.into_iter().take(step) {
            answer(&mut rig, via);
        }
        if step > 2 {
            // On its way over the next transport, which waits for its turn.
            rig.receive_via(Via::Next, "MSG a 1 4\nlast");
        } else {
            rig.receive("MSG a 1 4\nlast");
        }
        rig.connection.drain(rig.now, sid);
        let pongs = rig.sent().matches("PING").count();
        rig.receive(&["PONG"; 4][..pongs].join("\n"));
        let pongs = rig.sent_via(Via::Next).matches("PING").count();
        let via = if step > 2 { Via::Present } else { Via::Next };
        let mut events = rig.events();
        if pongs > 0 {
            rig.receive_via(via, &["PONG"; 4][..pongs].join("\n"));
            events.extend(rig.events());
        }
        let told: Vec<_> =
            events.into_iter().filter(|event| !matches!(event, Event::HandedOver { .. })).collect();
        let ended = Event::SubscriptionEnded { sid, reason: EndReason::Drained };
        assert_eq!(told, [message(sid, "a", "last"), ended], "{step}");
    }
}

#[test]
fn a_drain_goes_on_over_the_transport_that_takes_the_place_of_one_that_broke() {
    let mut rig = Rig::connected();
    let sid = rig.subscribe("a");
    arrive(&mut rig, INFO);
    rig.receive_via(Via::Next, "PONG\nMSG a 1 1\n1");
    assert_eq!(rig.events(), []);
    rig.connection.drain(rig.now, sid);
    rig.close_transport();
    let reason = DisconnectReason::TransportClosed { closed: closed(), error: None };
    let handed_over = Event::HandedOver { broke: Some(reason), unconfirmed: 0 };
    assert_eq!(rig.events(), [handed_over, message(sid, "a", "1")]);
    assert!(rig.sent().ends_with("UNSUB 1\r\nPING\r\nPING\r\n"));
    rig.receive("MSG a 1 1\n2\nPONG\nPONG");
    let ended = Event::SubscriptionEnded { sid, reason: EndReason::Drained };
    assert_eq!(rig.events(), [message(sid, "a", "2"), ended]);
}

#[test]
fn closing_ends_both_transports() {
    let mut rig = Rig::connected();
    arrive(&mut rig, INFO);
    rig.connection.close(rig.now);
    let reason = DisconnectReason::ClosedByCaller;
    let failed = Event::HandoverFailed { reason: reason.clone() };
    assert_eq!(rig.events(), [failed, Event::Disconnected { reason, unconfirmed: 0 }]);
    assert_eq!(rig.sent_via(Via::Next), "");
    assert!(!rig.connection.handover(rig.now));
}
