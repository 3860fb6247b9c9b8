use alloc::format;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::model::status;
use super::*;
use crate::header::HeaderMap;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u32) -> Instant {
    Instant::from_origin(SECOND * seconds)
}

fn actions(push: &mut Push) -> Vec<PushAction> {
    core::iter::from_fn(|| push.poll_action()).collect()
}

fn connected(shared: bool) -> Push {
    let mut push = Push::new(PushOptions { idle_heartbeat: SECOND, shared });
    push.handle_connected(at(0));
    push
}

fn delivery(number: u64) -> Message {
    let reply = format!("$JS.ACK.S.c.1.{number}.{number}.1772359200500000000.0");
    Message { reply: Some(Subject::from(reply)), ..Message::default() }
}

fn heartbeat(headers: &[(&str, &str)]) -> Message {
    let mut message = status(0, 100, "Idle Heartbeat", None);
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name, value).unwrap();
    }
    message.headers = Some(map);
    message
}

fn missed(deliveries: u64) -> PushAction {
    PushAction::Report(PushError::Missed { deliveries })
}

#[test]
fn a_question_is_answered_when_its_turn_comes() {
    let mut push = connected(false);
    push.handle_message(at(1), delivery(1));
    let question = Subject::from_static("$JS.FC.S.c.x");
    let reply = Some(question.clone());
    push.handle_message(at(1), Message { reply, ..status(0, 100, "FlowControl Request", None) });
    push.handle_message(at(1), delivery(2));
    let done = actions(&mut push);
    assert_eq!(
        done,
        [
            PushAction::Deliver(delivery(1)),
            PushAction::Answer(question.clone()),
            PushAction::Deliver(delivery(2)),
        ]
    );
    push.handle_message(at(2), heartbeat(&[(STALLED, &question)]));
    assert_eq!(actions(&mut push), [PushAction::Answer(question)], "the first answer was lost");
}

#[test]
fn what_did_not_arrive_is_told() {
    let mut push = connected(false);
    // It may begin in the middle of a consumer's life.
    for (number, expected) in [(5, None), (6, None), (9, Some(2)), (10, None)] {
        push.handle_message(at(1), delivery(number));
        let mut done = actions(&mut push);
        assert_eq!(done.pop(), Some(PushAction::Deliver(delivery(number))));
        assert_eq!(done.pop(), expected.map(missed), "before {number}");
    }
    push.handle_message(at(2), heartbeat(&[("Nats-Last-Consumer", "10")]));
    assert_eq!(actions(&mut push), []);
    push.handle_message(at(2), heartbeat(&[("Nats-Last-Consumer", "13")]));
    assert_eq!(actions(&mut push), [missed(3)], "the last ones, too");
    push.handle_message(at(3), delivery(14));
    assert_eq!(actions(&mut push).len(), 1);
    // Another consumer of the same name counts from the beginning.
    push.handle_message(at(3), delivery(1));
    push.handle_message(at(3), delivery(2));
    assert_eq!(actions(&mut push).len(), 2);
}

#[test]
fn others_in_a_group_get_the_rest() {
    let mut push = connected(true);
    for number in [1, 4, 9] {
        push.handle_message(at(1), delivery(number));
    }
    assert!(actions(&mut push).iter().all(|action| matches!(action, PushAction::Deliver(_))));
    assert_eq!(push.poll_timeout(), None, "the heartbeats, too");
}

#[test]
fn silence_is_told_once_each_time_it_is_too_long() {
    let mut push = Push::new(PushOptions { idle_heartbeat: SECOND, shared: false });
    assert_eq!(push.poll_timeout(), None, "there is no connection");
    push.handle_connected(at(10));
    assert_eq!(push.poll_timeout(), Some(at(12)));
    push.handle_timeout(at(11));
    assert_eq!(actions(&mut push), [], "too early");
    for now in [12, 14] {
        push.handle_timeout(at(now));
        assert_eq!(actions(&mut push), [PushAction::Report(PushError::MissingHeartbeat)]);
    }
    push.handle_message(at(15), heartbeat(&[]));
    assert_eq!(push.poll_timeout(), Some(at(17)));
    push.handle_disconnected();
    assert_eq!(push.poll_timeout(), None);
    let mut quiet = Push::new(PushOptions::default());
    quiet.handle_connected(at(0));
    assert_eq!(quiet.poll_timeout(), None, "the consumer has no heartbeats");
}

#[test]
fn it_ends_with_its_consumer() {
    let mut push = connected(false);
    push.handle_message(at(1), status(0, 409, "Leadership Change", None));
    assert_eq!(actions(&mut push), []);
    push.handle_message(at(1), status(0, 499, "Novel", None));
    let novel = PushError::Status { code: 499, description: "Novel".into() };
    assert_eq!(actions(&mut push), [PushAction::Report(novel)]);
    push.handle_message(at(1), status(0, 409, "Consumer Deleted", None));
    assert_eq!(actions(&mut push), [PushAction::End(PushError::ConsumerDeleted)]);
    push.handle_message(at(1), delivery(1));
    assert_eq!((actions(&mut push), push.poll_timeout()), (Vec::new(), None));
}

proptest! {
    /// Whatever is lost, all that arrives is delivered in its order, and the sum is right.
    #[test]
    fn nothing_is_missed_unsaid(arrives in proptest::collection::vec(any::<bool>(), 1..200)) {
        let mut push = connected(false);
        push.handle_message(at(0), delivery(1));
        let mut expected = 0;
        for (number, arrives) in (2..).zip(&arrives) {
            match arrives {
                true => push.handle_message(at(1), delivery(number)),
                false => expected += 1,
            }
        }
        let last = format!("{}", arrives.len() + 1);
        push.handle_message(at(2), heartbeat(&[("Nats-Last-Consumer", &last)]));
        let (mut told, mut delivered) = (0, 0);
        for action in actions(&mut push) {
            match action {
                PushAction::Deliver(_) => delivered += 1,
                PushAction::Report(PushError::Missed { deliveries }) => told += deliveries,
                other => panic!("{other:?}"),
            }
        }
        prop_assert_eq!(told, expected);
        prop_assert_eq!(delivered + told, arrives.len() as u64 + 1);
    }
}
