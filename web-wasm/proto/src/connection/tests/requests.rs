//! Requests and their answers.

use super::*;

#[test]
fn requests_share_one_inbox_and_get_their_own_answers() {
    let mut rig = Rig::connected();
    let (first, first_reply) = rig.request("q");
    let (second, second_reply) = rig.request("q");
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
    let (nobody, reply) = rig.request("nobody");
    let (denied, _) = rig.request("denied");
    let (slow, _) = rig.request("slow");
    let (forgotten, _) = rig.request("forgotten");
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
    let many = |rig: &mut Rig| rig.ask("q", RequestPlan::many(SECOND));
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
    let (first, reply) = rig.request("q");
    let inbox = [reply.rsplit_once('.').unwrap().0, ".*"].concat();
    rig.receive(&format!("-ERR 'Permissions Violation for Subscription to \"{inbox}\"'"));
    let events = rig.events();
    let [Event::ServerError(_), Event::Response { request: failed, result }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(*failed, first);
    assert!(matches!(result, Err(RequestError::Denied(_))));
    let subject = Subject::from_static("q");
    let plan = RequestPlan::one(SECOND);
    rig.connection.request(rig.now, &subject, None, b"?", plan).unwrap();
    assert!(rig.sent().starts_with(&format!("SUB {inbox} 2\r\n")));
}

#[test]
fn a_request_with_an_inbox_of_its_own_leaves_nothing_behind() {
    let plan = RequestPlan { inbox: Some("my.inbox"), ..RequestPlan::one(SECOND) };
    let subject = Subject::from_static("q");
    let response = |request, error| Event::Response { request, result: Err(error) };
    let mut rig = Rig::connected();
    let asked = rig.connection.request(rig.now, &subject, None, b"?", plan).unwrap();
    assert_eq!(rig.sent(), "SUB my.inbox 1\r\nPUB q my.inbox 1\r\n?\r\n");
    rig.receive("MSG my.inbox 1 1\n!");
    let event = rig.event();
    assert!(matches!(event, Some(Event::Response { request, result: Ok(_) }) if request == asked));
    assert_eq!(rig.sent(), "UNSUB 1\r\n");

    let (nobody, _) = rig.ask("q", plan);
    rig.receive("HMSG my.inbox 2 16 16\nNATS/1.0 503\n\n");
    assert_eq!(rig.events(), [response(nobody, RequestError::NoResponders)]);
    let (slow, _) = rig.ask("q", plan);
    rig.pass(SECOND);
    assert_eq!(rig.events(), [response(slow, RequestError::TimedOut { timeout: SECOND })]);
    let (forgotten, _) = rig.ask("q", plan);
    rig.connection.cancel_request(forgotten);
    assert!(rig.sent().ends_with("UNSUB 4\r\n"));

    let (shared, _) = rig.request("q");
    let (refused, _) = rig.ask("q", plan);
    rig.receive("-ERR 'Permissions Violation for Subscription to \"my.inbox\"'");
    let error = violation(Operation::Subscribe, "my.inbox");
    let denied = response(refused, RequestError::Denied(error.clone()));
    assert_eq!(rig.events(), [Event::ServerError(error), denied]);

    let wildcard = RequestPlan { inbox: Some("my.*"), ..plan };
    let invalid = rig.connection.request(rig.now, &subject, None, b"?", wildcard);
    let problem = PublishError::InvalidReplySubject(SubjectError::Wildcard { at: 3 });
    assert_eq!(invalid, Err(RequestError::Publish(problem)));
    let invalid = rig.connection.request(rig.now, &"a b".into(), None, b"?", plan);
    assert!(matches!(invalid, Err(RequestError::Publish(PublishError::InvalidSubject(_)))));
    let pattern = Subject::from("api.create.a.*");
    let invalid = rig.connection.request(rig.now, &pattern, None, b"?", plan);
    assert!(matches!(invalid, Err(RequestError::Publish(PublishError::InvalidSubject(_)))));
    let with_pattern = RequestPlan { wildcards: true, ..RequestPlan::one(SECOND) };
    rig.connection.request(rig.now, &pattern, None, b"?", with_pattern).unwrap();
    let invalid = rig.connection.request(rig.now, &"a b".into(), None, b"?", with_pattern);
    assert!(matches!(invalid, Err(RequestError::Publish(PublishError::InvalidSubject(_)))));
    assert!(rig.sent().contains("PUB api.create.a.* _INBOX."));
    rig.close_transport();
    rig.events();
    let said = rig.connect();
    assert!(said.contains("SUB _INBOX.") && !said.contains("my.inbox"), "{said}");
    rig.connection.close(rig.now);
    assert_eq!(rig.events()[0], response(shared, RequestError::Closed));
}

#[test]
fn a_request_waits_through_a_broken_connection() {
    let mut rig = Rig::connected();
    let (id, reply) = rig.request("q");
    rig.close_transport();
    assert_eq!(rig.events(), [broken(1)]);
    assert!(rig.connect().contains("SUB _INBOX."));
    rig.receive(&format!("MSG {reply} 1 1\n!"));
    let event = rig.event();
    assert!(matches!(event, Some(Event::Response { request, result: Ok(_) }) if request == id));
}

#[test]
fn inboxes_are_fresh_and_carry_the_prefix() {
    let mut rig = Rig::with(Config { inbox_prefix: "_INBOX.UABC".into(), ..Config::default() });
    let first = rig.connection.new_inbox();
    assert!(first.starts_with("_INBOX.UABC."));
    assert_ne!(first, rig.connection.new_inbox());
}

/// Requests for one connection alone: no later one sends them, whenever it breaks.
#[test]
fn a_request_that_is_now_or_never_waits_for_no_later_connection() {
    let plan = RequestPlan { now_or_never: true, ..RequestPlan::one(SECOND) };
    let subject = Subject::from_static("q");
    let unsent = |request| Event::Response {
        request,
        result: Err(RequestError::Publish(PublishError::NotConnected)),
    };
    let mut rig = Rig::connected();
    let now_or_never = |rig: &mut Rig| rig.connection.request(rig.now, &subject, None, b"?", plan);
    // What was handed over may have arrived.
    let sent = now_or_never(&mut rig).unwrap();
    assert!(rig.sent().contains("PUB q"));
    let waiting = now_or_never(&mut rig).unwrap();
    let forgotten = now_or_never(&mut rig).unwrap();
    rig.connection.cancel_request(forgotten);
    rig.publish("kept").unwrap();
    rig.close_transport();
    assert_eq!(rig.events(), [unsent(waiting), broken(1)]);
    assert_eq!(now_or_never(&mut rig), Err(RequestError::Publish(PublishError::NotConnected)));

    rig.connect();
    let said = rig.sent();
    assert!(said.contains("PUB kept") && !said.contains("PUB q"), "{said}");
    rig.pass(2 * SECOND);
    let timed_out = RequestError::TimedOut { timeout: SECOND };
    let events = rig.events();
    assert!(
        events.contains(&Event::Response { request: sent, result: Err(timed_out) }),
        "{events:?}"
    );
    now_or_never(&mut rig).unwrap();
    assert!(rig.sent().contains("PUB q"));
}
