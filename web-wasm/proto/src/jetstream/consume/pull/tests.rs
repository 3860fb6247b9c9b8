use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::model::{Model, status};
use super::*;
use crate::header::HeaderMap;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Instant {
    Instant::from_origin(SECOND * u32::try_from(seconds).unwrap())
}

fn actions(pull: &mut Pull) -> Vec<Action<PullError>> {
    core::iter::from_fn(|| pull.poll_action()).collect()
}

/// The requests among what is to be done, by token, messages and bytes.
fn requests(pull: &mut Pull) -> Vec<(u64, usize, usize)> {
    let requests = actions(pull).into_iter().filter_map(|action| match action {
        Action::Request { token, request } => Some((token, request.batch, request.max_bytes)),
        _ => None,
    });
    requests.collect()
}

fn connected(options: PullOptions) -> Pull {
    let mut pull = Pull::new(options);
    pull.handle_connected(Instant::ORIGIN);
    pull
}

fn of(max_messages: usize) -> PullOptions {
    PullOptions { max_messages, ..PullOptions::default() }
}

fn message(len: usize) -> Message {
    Message { length: len, ..Message::default() }
}

#[test]
fn it_asks_when_it_is_connected_and_again_when_half_has_come() {
    let mut pull = Pull::new(of(10));
    assert_eq!((actions(&mut pull), pull.poll_timeout()), (Vec::new(), None));
    pull.handle_connected(at(0));
    let asked = actions(&mut pull);
    let Action::Request { token: 1, request } = &asked[1] else { panic!("{asked:?}") };
    assert_eq!(asked[0], Action::Subscribe);
    assert_eq!((request.batch, request.expires), (10, SECOND * 30));
    assert_eq!(request.idle_heartbeat, SECOND * 15);
    for _ in 0..4 {
        pull.handle_message(at(0), message(1));
    }
    assert!(actions(&mut pull).iter().all(|action| matches!(action, Action::Deliver(_))));
    pull.handle_message(at(0), message(1));
    assert_eq!(requests(&mut pull), [(2, 5, 0)]);
    assert_eq!(pull.outstanding(), (10, 0));
}

#[test]
fn one_at_a_time_is_no_reason_to_stop() {
    let mut pull = connected(of(1));
    for token in 1..5 {
        assert_eq!(requests(&mut pull), [(token, 1, 0)]);
        pull.handle_message(at(0), message(1));
    }
    let mut pull = connected(of(0));
    assert_eq!(requests(&mut pull), [(1, 1, 0)]);
}

#[test]
fn bytes_alone_can_be_limited() {
    let options = PullOptions { max_messages: 0, max_bytes: 100, ..PullOptions::default() };
    let mut pull = connected(options);
    assert_eq!(requests(&mut pull), [(1, UNLIMITED, 100)]);
    pull.handle_message(at(0), message(49));
    assert_eq!(requests(&mut pull), []);
    pull.handle_message(at(0), message(1));
    assert_eq!(requests(&mut pull), [(2, UNLIMITED, 50)]);
}

#[test]
fn what_a_request_had_still_to_get_is_asked_for_again() {
    let mut pull = connected(of(10));
    assert_eq!(requests(&mut pull), [(1, 10, 0)]);
    pull.handle_message(at(1), message(1));
    assert_eq!(requests(&mut pull), []);
    pull.handle_message(at(2), status(1, 408, "Request Timeout", Some((9, 0))));
    assert_eq!(requests(&mut pull), [(2, 10, 0)]);
    pull.handle_message(at(2), status(2, 409, "Leadership Change", None));
    pull.handle_message(at(2), status(1, 408, "Request Timeout", Some((9, 0))));
    assert_eq!(requests(&mut pull), [(3, 10, 0)]);
    assert_eq!(pull.outstanding(), (10, 0), "what is forgotten is not counted again");
}

#[test]
fn a_pin_is_kept_until_it_is_wrong() {
    let mut pull = connected(of(2));
    let pin = |pull: &mut Pull| {
        let asked = actions(pull).into_iter().filter_map(|action| match action {
            Action::Request { request, .. } => Some(request.pin_id),
            _ => None,
        });
        asked.collect::<Vec<_>>()
    };
    assert_eq!(pin(&mut pull), [None]);
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Pin-Id", "xyz").unwrap();
    let pinned = Message { headers: Some(headers), ..message(40) };
    pull.handle_message(at(0), pinned);
    assert_eq!(pull.pin_id(), Some("xyz"));
    assert_eq!(pin(&mut pull), [Some("xyz".into())]);
    pull.handle_message(at(0), status(2, 423, "Nats-Pin-Id mismatch", None));
    assert_eq!((pin(&mut pull), pull.pin_id()), ([None].to_vec(), None));
}

#[test]
fn silence_is_told_and_answered_with_a_fresh_inbox() {
    let mut pull = connected(of(10));
    actions(&mut pull);
    pull.handle_message(at(20), status(1, 100, "Idle Heartbeat", None));
    assert_eq!(pull.poll_timeout(), Some(at(35)), "the request is over by then");
    pull.handle_timeout(at(35));
    assert_eq!(requests(&mut pull), [(2, 10, 0)]);
    assert_eq!(pull.poll_timeout(), Some(at(65)));
    pull.handle_timeout(at(65));
    let told = actions(&mut pull);
    let [Action::Report(error), Action::Subscribe, Action::Request { token: 3, .. }] = &told[..]
    else {
        panic!("{told:?}")
    };
    assert_eq!(*error, PullError::MissingHeartbeat);
}

#[test]
fn a_machine_that_slept_does_not_blame_the_server() {
    let mut pull = connected(of(10));
    actions(&mut pull);
    pull.handle_timeout(at(3_600));
    let told = actions(&mut pull);
    assert!(matches!(told[..], [Action::Subscribe, Action::Request { .. }]), "{told:?}");
}

#[test]
fn a_consumer_without_a_leader_is_asked_at_growing_intervals_and_told_of_if_it_lasts() {
    let mut pull = connected(of(10));
    let mut now = at(0);
    let (mut asked, mut told) = (0, 0);
    while now < at(60) {
        for action in actions(&mut pull) {
            match action {
                Action::Request { token, .. } => {
                    asked += 1;
                    pull.handle_message(now, status(token, 503, "", None));
                }
                Action::Report(error) => {
                    assert_eq!(error, PullError::NoResponders);
                    told += 1;
                }
                _ => {}
            }
        }
        now = pull.poll_timeout().unwrap();
        pull.handle_timeout(now);
    }
    assert_eq!((asked, told), (12, 4), "after 12.7 s, 22.7 s and so on");
}

#[test]
fn what_can_not_be_mended_ends_it() {
    for (code, words, error) in [
        (409, "Consumer Deleted", PullError::ConsumerDeleted),
        (409, "Consumer is push based", PullError::PushBased),
        (400, "Bad Request - x", PullError::BadRequest("Bad Request - x".into())),
    ] {
        let mut pull = connected(of(10));
        actions(&mut pull);
        pull.handle_message(at(0), status(1, code, words, None));
        assert!(error.is_fatal());
        assert_eq!(actions(&mut pull), [Action::End(Some(error))]);
        pull.handle_message(at(0), message(1));
        assert_eq!((actions(&mut pull), pull.poll_timeout()), (Vec::new(), None));
    }
}

#[test]
fn a_message_without_room_is_asked_for_with_all_the_room_and_then_told() {
    let options = PullOptions { max_messages: 0, max_bytes: 100, ..PullOptions::default() };
    let mut pull = connected(options);
    actions(&mut pull);
    pull.handle_message(at(0), message(60));
    assert_eq!(requests(&mut pull), [(2, UNLIMITED, 60)]);
    let too_large = "Message Size Exceeds MaxBytes";
    pull.handle_message(at(0), status(1, 409, too_large, Some((UNLIMITED - 1, 40))));
    assert_eq!(actions(&mut pull), [], "what the other brings is awaited");
    pull.handle_message(at(0), status(2, 409, too_large, Some((UNLIMITED, 60))));
    assert_eq!(requests(&mut pull), [(3, UNLIMITED, 100)]);
    pull.handle_message(at(0), status(3, 409, too_large, Some((UNLIMITED, 100))));
    let error = PullError::MessageTooLarge { max_bytes: 100 };
    assert_eq!(actions(&mut pull), [Action::Report(error)]);
    assert!(pull.poll_timeout().is_some_and(|at| at > Instant::ORIGIN), "it is tried again later");
}

#[test]
fn a_drained_one_asks_no_more_and_ends_with_its_inbox() {
    let mut pull = connected(of(2));
    actions(&mut pull);
    pull.drain();
    pull.handle_message(at(0), message(1));
    assert!(matches!(actions(&mut pull)[..], [Action::Deliver(_)]));
    pull.handle_disconnected();
    assert_eq!(actions(&mut pull), [Action::End(None)]);
    let mut idle = Pull::new(of(2));
    idle.drain();
    assert_eq!(actions(&mut idle), [Action::End(None)]);
}

/// What may happen between a client and a consumer.
#[derive(Clone, Debug)]
enum Happening {
    Store(usize),
    Read(usize),
    Pass(u64),
    ChangeLeader,
    Break,
    Return,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (0..60usize).prop_map(Happening::Store),
        6 => (1..20usize).prop_map(Happening::Read),
        2 => (1..20_000u64).prop_map(Happening::Pass),
        1 => Just(Happening::ChangeLeader),
        1 => Just(Happening::Break),
        2 => Just(Happening::Return),
    ]
}

/// Does what a client wants, and returns what it delivers.
fn act(pull: &mut Pull, model: &mut Model, now: Instant) -> usize {
    let mut delivered = 0;
    while let Some(action) = pull.poll_action() {
        match action {
            Action::Subscribe => model.lose_inbox(),
            Action::Request { token, request } => model.request(now, token, &request),
            Action::Deliver(_) => delivered += 1,
            Action::Report(PullError::MessageTooLarge { .. }) => {}
            other => panic!("{other:?}"),
        }
    }
    delivered
}

/// Reads one message. Says whether it is the news of another leader, who has requests already.
fn read(pull: &mut Pull, model: &mut Model, now: Instant) -> bool {
    let Some(message) = model.line.pop_front() else { return false };
    let status = Status::read(&message);
    let news = status.is_some_and(|status| status.condition == Condition::LeadershipChange);
    let asked_since = !model.waiting.is_empty() || !model.line.is_empty();
    let late = news && asked_since;
    pull.handle_message(now, message);
    act(pull, model, now);
    late
}

/// What the server and the line have of what was asked for: messages and bytes. `None` while they
/// carry the news that nobody knows.
fn on_its_way(model: &Model, pull: &Pull) -> Option<(usize, usize)> {
    let mut sum = (0, 0);
    let mut add = |(messages, bytes)| sum = (sum.0 + messages, sum.1 + bytes);
    for request in &model.waiting {
        add((request.messages, request.bytes));
    }
    for message in &model.line {
        match Status::read(message) {
            Some(status) if status.token < Some(pull.floor) => {}
            Some(status) if status.condition == Condition::LeadershipChange => return None,
            Some(status) => add(status.pending.unwrap_or_default()),
            None => add((1, delivered_bytes(message))),
        }
    }
    Some(sum)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever happens, the client knows to the message and the byte what it may still get, never
    /// has asked for more than it wants, and is never stuck.
    #[test]
    fn the_count_is_exact(
        max_messages in 0..20usize,
        max_bytes in prop_oneof![Just(0usize), 60..400usize],
        threshold in proptest::option::of(0..30usize),
        happenings in proptest::collection::vec(happening(), 1..120),
    ) {
        let options = PullOptions {
            max_messages: if max_bytes > 0 { 0 } else { max_messages },
            max_bytes,
            threshold_messages: threshold,
            threshold_bytes: threshold,
            ..PullOptions::default()
        };
        let mut now = at(0);
        let mut pull = Pull::new(options.clone());
        let mut model = Model::new("C");
        let mut sequence = 0;
        // How many leaders may have had requests before the client knew of them.
        let mut late_news = 0;
        for happening in happenings {
            match happening {
                Happening::Store(len) => {
                    sequence += 1;
                    model.store(sequence, len);
                }
                Happening::Read(count) => for _ in 0..count {
                    late_news += usize::from(read(&mut pull, &mut model, now));
                },
                Happening::Pass(millis) => {
                    let until = now + Duration::from_millis(millis);
                    while let Some(next) = model.next_tick().filter(|next| *next <= until) {
                        now = now.max(next);
                        model.tick(now);
                    }
                    now = until;
                    while !model.line.is_empty() {
                        late_news += usize::from(read(&mut pull, &mut model, now));
                    }
                    if pull.poll_timeout().is_some_and(|due| due <= now) {
                        pull.handle_timeout(now);
                    }
                }
                Happening::ChangeLeader => model.change_leader(),
                Happening::Break => {
                    model.lose_inbox();
                    pull.handle_disconnected();
                    late_news = 0;
                }
                Happening::Return => pull.handle_connected(now),
            }
            act(&mut pull, &mut model, now);
            let (messages, bytes) = pull.outstanding();
            if let Some((messages_there, bytes_there)) = on_its_way(&model, &pull) {
                let (asked, there, limit) = match max_bytes {
                    0 => (messages, messages_there, max_messages.max(1)),
                    limit => (bytes, bytes_there, limit),
                };
                prop_assert!(asked == there || (late_news > 0 && asked < there), "{asked} {there}");
                // Of each of these leaders the client has asked for no more than of any.
                let most = (1 + late_news) * limit;
                prop_assert!(asked <= limit && there <= most, "{asked} {there} {limit}");
            }
            prop_assert!(pull.poll_timeout().is_none_or(|due| due > now), "a timer never spins");
        }
        // What is stored in the end arrives, all of it.
        pull.handle_connected(now);
        act(&mut pull, &mut model, now);
        let fits = |len: usize| max_bytes == 0 || len + 60 <= max_bytes;
        for _ in 0..2_000 {
            while !model.line.is_empty() {
                read(&mut pull, &mut model, now);
            }
            if model.stored.is_empty() || model.stored.iter().any(|(_, len)| !fits(*len)) {
                break;
            }
            let due = [pull.poll_timeout(), model.next_tick()].into_iter().flatten().min();
            now = now.max(due.unwrap());
            model.tick(now);
            while !model.line.is_empty() {
                read(&mut pull, &mut model, now);
            }
            pull.handle_timeout(now);
            act(&mut pull, &mut model, now);
        }
        prop_assert!(model.stored.is_empty() || model.stored.iter().any(|(_, len)| !fits(*len)));
    }
}
