use alloc::vec::Vec;

use proptest::prelude::*;

use super::super::model::{Model, status};
use super::*;
use crate::jetstream::MessageInfo;
use core::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn at(seconds: u64) -> Instant {
    Instant::from_origin(SECOND * u32::try_from(seconds).unwrap())
}

fn options() -> OrderedOptions {
    let pull = PullOptions { max_messages: 10, ..PullOptions::default() };
    OrderedOptions { pull, name_prefix: "o".into() }
}

fn actions(ordered: &mut Ordered) -> Vec<OrderedAction> {
    core::iter::from_fn(|| ordered.poll_action()).collect()
}

fn create(name: &str, start_sequence: impl Into<Option<u64>>) -> OrderedAction {
    OrderedAction::Create { name: name.into(), start_sequence: start_sequence.into() }
}

fn delete(name: &str) -> OrderedAction {
    OrderedAction::Delete { name: name.into() }
}

fn delivery(consumer: &str, stream_sequence: u64, consumer_sequence: u64) -> Message {
    let reply = format!("$JS.ACK.S.{consumer}.1.{stream_sequence}.{consumer_sequence}.0.0");
    Message { reply: Some(reply.into()), ..Message::default() }
}

/// One whose first consumer begins at the stream's beginning.
fn running() -> Ordered {
    let mut ordered = Ordered::new(options());
    ordered.handle_connected(at(0));
    assert_eq!(actions(&mut ordered), [create("o_1", None)]);
    ordered.handle_created(at(0), "o_1", Ok(0));
    let asked = actions(&mut ordered);
    let [OrderedAction::Subscribe, OrderedAction::Request { consumer, token: 1, .. }] = &asked[..]
    else {
        panic!("{asked:?}")
    };
    assert_eq!((&**consumer, ordered.consumer()), ("o_1", Some("o_1")));
    ordered
}

#[test]
fn a_gap_is_answered_with_another_consumer_that_begins_after_the_last_message() {
    let mut ordered = running();
    for (stream_sequence, consumer_sequence) in [(1, 1), (5, 2)] {
        let message = delivery("o_1", stream_sequence, consumer_sequence);
        ordered.handle_message(at(0), message.clone());
        assert_eq!(actions(&mut ordered), [OrderedAction::Deliver(message)]);
    }
    ordered.handle_message(at(0), delivery("o_1", 9, 4));
    let lost = [OrderedAction::Unsubscribe, delete("o_1"), create("o_2", 6)];
    assert_eq!(actions(&mut ordered), lost);
    ordered.handle_message(at(0), delivery("o_1", 10, 5));
    assert_eq!(actions(&mut ordered), [], "what comes from the one before is passed over");
}

#[test]
fn the_last_message_is_missed_by_a_heartbeat_that_counts_it() {
    let mut ordered = running();
    ordered.handle_message(at(0), delivery("o_1", 1, 1));
    actions(&mut ordered);
    let heartbeat = |delivered| {
        let mut heartbeat = status(1, 100, "Idle Heartbeat", None);
        let mut headers = crate::header::HeaderMap::new();
        headers.insert("Nats-Last-Consumer", delivered).unwrap();
        heartbeat.headers = Some(headers);
        heartbeat
    };
    ordered.handle_message(at(15), heartbeat("1"));
    assert_eq!(actions(&mut ordered), []);
    ordered.handle_message(at(30), heartbeat("2"));
    assert_eq!(actions(&mut ordered)[2], create("o_2", 2));
}

#[test]
fn a_consumer_that_is_gone_or_silent_is_replaced() {
    for gone in [status(1, 409, "Consumer Deleted", None), status(1, 503, "", None)] {
        let mut ordered = running();
        ordered.handle_message(at(0), delivery("o_1", 7, 1));
        actions(&mut ordered);
        ordered.handle_message(at(1), gone);
        assert_eq!(actions(&mut ordered)[2], create("o_2", 8));
    }
    let mut ordered = running();
    let due = ordered.poll_timeout().unwrap();
    ordered.handle_timeout(due);
    assert_eq!(actions(&mut ordered), [OrderedAction::Unsubscribe]);
    let due = ordered.poll_timeout().unwrap();
    ordered.handle_timeout(due);
    assert_eq!(actions(&mut ordered), [delete("o_1"), create("o_2", 1)]);
}

#[test]
fn a_broken_connection_is_answered_as_soon_as_there_is_another() {
    let mut ordered = running();
    ordered.handle_message(at(0), delivery("o_1", 7, 1));
    actions(&mut ordered);
    ordered.handle_disconnected();
    assert_eq!(actions(&mut ordered), [OrderedAction::Unsubscribe]);
    assert_eq!(ordered.poll_timeout(), None);
    ordered.handle_connected(at(9));
    assert_eq!(actions(&mut ordered), [delete("o_1"), create("o_2", 8)]);
    ordered.handle_disconnected();
    ordered.handle_created(at(9), "o_2", Ok(7));
    assert_eq!(actions(&mut ordered), [], "nobody waits for that one");
    ordered.handle_connected(at(10));
    assert_eq!(actions(&mut ordered), [delete("o_2"), create("o_3", 8)]);
}

#[test]
fn what_was_to_begin_with_new_messages_misses_none_before_the_first() {
    let mut ordered = Ordered::with_consumer(options(), "mine".into(), 41);
    ordered.handle_connected(at(0));
    assert_eq!(actions(&mut ordered).len(), 2);
    ordered.handle_disconnected();
    ordered.handle_connected(at(1));
    assert_eq!(actions(&mut ordered)[2], create("o_1", 42));
}

#[test]
fn a_stream_that_begins_anew_is_read_from_its_beginning() {
    let facts = |created, last_sequence| StreamFacts {
        created: DateTime::from_unix_time(SECOND * created),
        last_sequence,
    };
    let mut ordered = running();
    ordered.handle_message(at(0), delivery("o_1", 7, 1));
    ordered.handle_disconnected();
    ordered.handle_connected(at(9));
    actions(&mut ordered);
    ordered.handle_stream(at(9), "o_1", facts(5, 0));
    assert_eq!(actions(&mut ordered), [], "that is of one before");
    ordered.handle_stream(at(9), "o_2", facts(5, 7));
    ordered.handle_created(at(9), "o_2", Ok(7));
    assert_eq!(ordered.consumer(), Some("o_2"), "it is the same");
    ordered.handle_disconnected();
    ordered.handle_connected(at(10));
    actions(&mut ordered);

    ordered.handle_stream(at(10), "o_3", facts(6, 99));
    ordered.handle_created(at(10), "o_3", Ok(7));
    let reset = OrderedError::StreamReset;
    assert!(!reset.is_fatal());
    let anew = [OrderedAction::Report(reset.clone()), delete("o_3"), create("o_4", 1)];
    assert_eq!(actions(&mut ordered), anew);
    ordered.handle_stream(at(10), "o_4", facts(6, 99));
    ordered.handle_created(at(10), "o_4", Ok(0));
    actions(&mut ordered);
    let first = delivery("o_4", 1, 1);
    ordered.handle_message(at(10), first.clone());
    assert_eq!(actions(&mut ordered), [OrderedAction::Deliver(first)]);
    ordered.handle_disconnected();
    ordered.handle_connected(at(11));
    actions(&mut ordered);
    // As one in memory, after its server was started again.
    ordered.handle_stream(at(11), "o_5", facts(6, 0));
    assert_eq!(
        actions(&mut ordered),
        [OrderedAction::Report(reset), delete("o_5"), create("o_6", 1)]
    );
}

#[test]
fn a_consumer_may_be_ahead_of_its_stream() {
    let mut ordered = Ordered::with_consumer(options(), "mine".into(), 41);
    ordered.handle_known(DateTime::from_unix_time(SECOND * 9), 0);
    ordered.handle_connected(at(0));
    ordered.handle_disconnected();
    ordered.handle_connected(at(1));
    actions(&mut ordered);
    let created = DateTime::from_unix_time(SECOND * 5);
    ordered.handle_stream(at(1), "o_1", StreamFacts { created, last_sequence: 3 });
    assert_eq!(actions(&mut ordered), []);
}

#[test]
fn messages_that_the_stream_dropped_meanwhile_are_told() {
    let mut ordered = running();
    ordered.handle_message(at(0), delivery("o_1", 7, 1));
    ordered.handle_disconnected();
    ordered.handle_connected(at(9));
    actions(&mut ordered);
    ordered.handle_created(at(9), "o_2", Ok(99));
    let gap = OrderedError::Gap { first: 8, last: 99 };
    assert!(!gap.is_fatal());
    assert_eq!(actions(&mut ordered)[0], OrderedAction::Report(gap));
}

#[test]
fn a_server_that_refuses_is_not_asked_for_ever() {
    let mut ordered = Ordered::new(options());
    ordered.handle_connected(at(0));
    let mut now = at(0);
    let mut asked = 0;
    let error = loop {
        for action in actions(&mut ordered) {
            match action {
                OrderedAction::Create { name, .. } => {
                    asked += 1;
                    let refused = Recreation::Refused("stream not found".into());
                    ordered.handle_created(now, &name, Err(refused));
                }
                OrderedAction::Delete { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        if let Some(OrderedAction::End(error)) = ordered.poll_action() {
            break error;
        }
        now = ordered.poll_timeout().unwrap();
        ordered.handle_timeout(now);
    };
    assert_eq!(error, Some(OrderedError::Refused("stream not found".into())));
    assert_eq!((asked, ordered.poll_timeout()), (5, None));
}

#[test]
fn an_outage_is_waited_out_and_told_of_now_and_then() {
    let mut ordered = Ordered::new(options());
    ordered.handle_connected(at(0));
    let mut now = at(0);
    let mut told = 0;
    while now < at(60) {
        for action in actions(&mut ordered) {
            match action {
                OrderedAction::Create { name, .. } => {
                    let away = Recreation::Unavailable("no responders".into());
                    ordered.handle_created(now, &name, Err(away));
                    told +=
                        u32::from(matches!(ordered.poll_action(), Some(OrderedAction::Report(_))));
                }
                OrderedAction::Delete { .. } => {}
                other => panic!("{other:?}"),
            }
        }
        now = ordered.poll_timeout().unwrap();
        ordered.handle_timeout(now);
    }
    assert_eq!(told, 5, "after 12.7 s, 22.7 s and so on");
}

#[test]
fn what_strangers_publish_to_the_inbox_does_no_harm() {
    let mut ordered = running();
    for stranger in [
        Message::default(),
        delivery("other", 1, 1),
        Message { reply: Some("$JS.ACK.x".into()), ..Message::default() },
    ] {
        ordered.handle_message(at(0), stranger);
        assert_eq!(actions(&mut ordered), []);
    }
}

/// What may happen between a client, a stream and its consumers.
#[derive(Clone, Debug)]
enum Happening {
    Store(u8),
    Read(usize),
    Pass(u64),
    /// A message on its way is lost, as when a handover breaks off.
    Lose(usize),
    Delete,
    Truncate(u64),
    ChangeLeader,
    Break,
    Return,
    Fail,
}

fn happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        6 => (1..20u8).prop_map(Happening::Store),
        6 => (1..20usize).prop_map(Happening::Read),
        2 => (1..40_000u64).prop_map(Happening::Pass),
        2 => (0..10usize).prop_map(Happening::Lose),
        1 => Just(Happening::Delete),
        1 => (0..10u64).prop_map(Happening::Truncate),
        1 => Just(Happening::ChangeLeader),
        1 => Just(Happening::Break),
        2 => Just(Happening::Return),
        1 => Just(Happening::Fail),
    ]
}

/// A client, its stream and its present consumer.
struct World {
    now: Instant,
    ordered: Ordered,
    /// The numbers of the stream's first message and of the one after its last.
    stream: (u64, u64),
    model: Option<Model>,
    connected: bool,
    /// What is being made, and where it begins.
    creating: Option<(String, u64)>,
    /// What the client has, and what it was told that it will not have.
    delivered: Vec<u64>,
    gaps: Vec<(u64, u64)>,
}

impl World {
    fn act(&mut self) {
        while let Some(action) = self.ordered.poll_action() {
            match action {
                OrderedAction::Create { name, start_sequence } => {
                    assert!(self.connected);
                    self.creating = Some((name, start_sequence.unwrap_or(1)));
                }
                OrderedAction::Delete { name } => {
                    self.model = self.model.take().filter(|model| model.name != name);
                }
                OrderedAction::Unsubscribe | OrderedAction::Subscribe => {
                    if let Some(model) = &mut self.model {
                        model.lose_inbox();
                    }
                }
                OrderedAction::Request { consumer, token, request } => {
                    let now = self.now;
                    match self.model.as_mut().filter(|model| model.name == consumer) {
                        Some(model) => model.request(now, token, &request),
                        None => {
                            self.ordered.handle_message(now, status(token, 503, "", None));
                        }
                    }
                }
                OrderedAction::Deliver(message) => {
                    let info = MessageInfo::parse(message.reply.as_deref().unwrap()).unwrap();
                    self.delivered.push(info.stream_sequence);
                }
                OrderedAction::Report(OrderedError::Gap { first, last }) => {
                    self.gaps.push((first, last));
                }
                OrderedAction::Report(error) => panic!("{error}"),
                OrderedAction::End(error) => panic!("{error:?}"),
            }
        }
    }

    /// The server makes what it was asked to make.
    fn make(&mut self) {
        let Some((name, start)) = self.creating.take() else { return };
        let (first, after) = self.stream;
        let start = start.max(first);
        let mut model = Model::new(&name);
        for sequence in start..after {
            model.store(sequence, 10);
        }
        self.model = Some(model);
        self.ordered.handle_created(self.now, &name, Ok(start - 1));
        self.act();
    }

    fn read(&mut self) -> bool {
        let message = self.model.as_mut().and_then(|model| model.line.pop_front());
        let Some(message) = message else { return false };
        self.ordered.handle_message(self.now, message);
        self.act();
        true
    }

    fn pass(&mut self, until: Instant) {
        loop {
            while self.creating.is_some() || self.read() {
                self.make();
            }
            let tick = self.model.as_ref().and_then(Model::next_tick);
            let due = [tick, self.ordered.poll_timeout()].into_iter().flatten().min();
            let Some(due) = due.filter(|due| *due <= until) else { break };
            self.now = self.now.max(due);
            if let Some(model) = &mut self.model {
                model.tick(self.now);
            }
            while self.read() {}
            self.ordered.handle_timeout(self.now);
            self.act();
        }
        self.now = until;
    }

    fn happen(&mut self, happening: &Happening) {
        match *happening {
            Happening::Store(count) => {
                for _ in 0..count {
                    if let Some(model) = &mut self.model {
                        model.store(self.stream.1, 10);
                    }
                    self.stream.1 += 1;
                }
            }
            Happening::Read(count) => {
                self.make();
                for _ in 0..count {
                    self.read();
                }
            }
            Happening::Pass(millis) => self.pass(self.now + Duration::from_millis(millis)),
            Happening::Lose(index) => {
                if let Some(model) = &mut self.model {
                    model.line.remove(index);
                }
            }
            Happening::Delete => {
                if let Some(model) = &mut self.model {
                    model.delete();
                    model.stored.clear();
                    // What is on its way comes; nobody is there for what is asked next.
                    model.name = "gone".into();
                }
            }
            Happening::Truncate(count) => {
                self.stream.0 = (self.stream.0 + count).min(self.stream.1);
                if let Some(model) = &mut self.model {
                    model.stored.retain(|(sequence, _)| *sequence >= self.stream.0);
                }
            }
            Happening::ChangeLeader => {
                if let Some(model) = &mut self.model {
                    model.change_leader();
                }
            }
            Happening::Break => {
                self.connected = false;
                self.creating = None;
                if let Some(model) = &mut self.model {
                    model.lose_inbox();
                }
                self.ordered.handle_disconnected();
            }
            Happening::Return => {
                self.connected = true;
                self.ordered.handle_connected(self.now);
            }
            Happening::Fail => {
                if let Some((name, _)) = self.creating.take() {
                    let away = Recreation::Unavailable("no responders".into());
                    self.ordered.handle_created(self.now, &name, Err(away));
                }
            }
        }
        self.act();
        assert!(self.ordered.poll_timeout().is_none_or(|due| due > self.now), "no timer spins");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever happens, each message that the stream has comes once and in order, and none that it
    /// had is missed without a word while nothing was dropped under a consumer's hands.
    #[test]
    fn each_message_comes_once_and_in_order(
        happenings in proptest::collection::vec(happening(), 1..150),
    ) {
        let mut world = World {
            now: at(0),
            ordered: Ordered::new(options()),
            stream: (1, 1),
            model: None,
            connected: false,
            creating: None,
            delivered: Vec::new(),
            gaps: Vec::new(),
        };
        let mut dropped = Vec::new();
        for happening in &happenings {
            let first = world.stream.0;
            let had: Vec<u64> = match &world.model {
                Some(model) => model.stored.iter().map(|(sequence, _)| *sequence).collect(),
                None => Vec::new(),
            };
            world.happen(happening);
            let now_dropped = had.into_iter().filter(|sequence| (first..world.stream.0).contains(sequence));
            dropped.extend(now_dropped);
        }
        world.happen(&Happening::Return);
        world.pass(world.now + SECOND * 300);
        prop_assert!(world.delivered.is_sorted_by(|a, b| a < b), "{:?}", world.delivered);
        for sequence in 1..world.stream.1 {
            let told = world.gaps.iter().any(|(first, last)| (*first..=*last).contains(&sequence));
            let delivered = world.delivered.binary_search(&sequence).is_ok();
            let silently = dropped.contains(&sequence) || sequence < world.stream.0;
            prop_assert!(delivered || told || silently, "{sequence} of {:?}", world.stream);
            prop_assert!(!(delivered && told), "{sequence} was delivered and is told as missing");
        }
    }
}
