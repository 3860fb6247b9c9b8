//! What is told of the times in which messages may have been missed.

use super::*;

#[test]
fn a_gap_lasts_from_the_last_answer_until_the_subscriptions_are_back() {
    let mut rig = Rig::connected();
    let (a, b) = (rig.subscribe("a"), rig.subscribe("b"));
    rig.pass(10 * SECOND);
    let flush = rig.connection.flush(rig.now, 99 * SECOND).unwrap();
    rig.pass(SECOND);
    rig.receive("PONG");
    let result = Ok(SECOND);
    assert_eq!(rig.events(), [Event::Flushed { flush, result }]);
    rig.pass(2 * SECOND);
    rig.receive("MSG a 1 1\n1");
    assert_eq!(rig.events(), [message(a, "a", "1")]);
    rig.pass(4 * SECOND);
    rig.close_transport();
    assert_eq!(rig.events(), [broken(0)]);
    // An attempt that fails is a part of it.
    rig.connection.dialing(rig.now);
    rig.close_transport();
    assert_eq!(rig.events(), [broken(0)]);
    // What is subscribed to meanwhile was never there, and what is given up is missed by nobody.
    rig.subscribe("late");
    rig.connection.unsubscribe(b, None);
    rig.events();
    rig.pass(3 * SECOND);
    rig.connect();
    assert_eq!(rig.events(), [gap(9, 13, 20, &[(a, "a")])]);
    // The next one is a gap of its own.
    rig.pass(SECOND);
    rig.connection.reconnect(rig.now);
    rig.events();
    rig.connect();
    assert_eq!(rig.events(), [gap(19, 20, 21, &[(a, "a"), (3, "late")])]);
}

#[test]
fn who_misses_nothing_is_told_nothing() {
    let mut rig = Rig::connected();
    rig.close_transport();
    rig.events();
    rig.connect();
    assert_eq!(rig.events(), [], "nothing was subscribed to");
    let (_, _) = rig.request("a");
    rig.close_transport();
    rig.events();
    rig.connect();
    assert_eq!(rig.events(), [], "a request has a time-out of its own");
    let sid = rig.subscribe("a");
    rig.close_transport();
    rig.connection.unsubscribe(sid, None);
    rig.events();
    rig.connect();
    assert_eq!(rig.events(), []);
}

#[test]
fn members_of_a_queue_group_are_told_of_it() {
    let mut rig = Rig::connected();
    let sid = rig.connection.subscribe(&"a".into(), Some(&"q".into())).unwrap();
    rig.close_transport();
    rig.events();
    rig.connect();
    let (subject, queue_group) = (Subject::from_static("a"), Some(Subject::from_static("q")));
    let subscriptions = vec![Interrupted { sid, subject, queue_group }];
    let (from, last_heard, to) = (Instant::ORIGIN, Instant::ORIGIN, Instant::ORIGIN);
    assert_eq!(rig.events(), [Event::Gap(Gap { from, last_heard, to, subscriptions })]);
}

#[test]
fn a_cluster_has_a_second_to_spread_interest() {
    let mut rig = Rig::connected();
    let a = rig.subscribe("a");
    rig.close_transport();
    rig.events();
    rig.connection.dialing(rig.now);
    rig.receive(r#"INFO {"server_id":"S1","cluster":"c"}"#);
    rig.events();
    rig.connection.authenticate(rig.now, Via::Present, Auth::default());
    rig.receive("PONG");
    assert_eq!(rig.events(), [Event::Connected, gap(0, 0, 1, &[(a, "a")])]);
}
