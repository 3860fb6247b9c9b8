//! A queue beside a stream that forgets ids, over a network that loses what it likes.

use std::collections::BTreeMap;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::jetstream::ApiError;
use crate::time::Instant;
use core::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const TODAY: Duration = Duration::from_secs(1_700_000_000);

fn at(since: Duration) -> Instant {
    Instant::from_origin(since)
}

fn queue(config: Config) -> Queue {
    let mut queue = Queue::new(config);
    for number in 1..=3 {
        queue.insert(number, TODAY, None);
    }
    queue.set_online(true);
    queue
}

/// Polls at that time since the beginning.
fn poll(queue: &mut Queue, since: Duration) -> Option<Action> {
    queue.poll(at(since), TODAY + since)
}

fn sent(queue: &mut Queue, since: Duration) -> (u64, Duration, bool) {
    match poll(queue, since) {
        Some(Action::Send { number, sent_since, again }) => (number, sent_since - TODAY, again),
        other => panic!("{other:?}"),
    }
}

fn api_error(code: u16, err_code: u64) -> Outcome {
    let json = std::format!(r#"{{"code":{code},"err_code":{err_code},"description":"no"}}"#);
    Outcome::Refused(serde_json::from_str::<ApiError>(&json).unwrap())
}

#[test]
fn an_entry_waits_for_the_one_before() {
    let mut queue = queue(Config::default());
    assert_eq!(sent(&mut queue, Duration::ZERO), (1, Duration::ZERO, false));
    assert_eq!((queue.in_flight(), poll(&mut queue, SECOND)), (Some(1), None));
    let again = queue.handle_outcome(at(SECOND), Outcome::Lost);
    assert_eq!(again, Some((1, Verdict::Again)));
    assert_eq!(poll(&mut queue, SECOND), None, "not at once");
    let wait = queue.poll_timeout(at(SECOND), TODAY + SECOND);
    assert_eq!(wait, Some(Duration::from_millis(250)));
    assert_eq!(sent(&mut queue, 2 * SECOND), (1, Duration::ZERO, true));
    assert_eq!(queue.handle_outcome(at(2 * SECOND), Outcome::Stored), Some((1, Verdict::Done)));
    assert_eq!(sent(&mut queue, 2 * SECOND).0, 2);
    assert_eq!(queue.len(), 2);
}

#[test]
fn what_the_stream_may_have_forgotten_is_in_doubt() {
    let mut queue = queue(Config::default());
    sent(&mut queue, Duration::ZERO);
    queue.handle_outcome(at(Duration::ZERO), Outcome::Lost);
    let late = 115 * SECOND;
    let reason = SetAside::InDoubt { sent_since: TODAY };
    assert_eq!(poll(&mut queue, late), Some(Action::SetAside { number: 1, reason }));
    assert_eq!(sent(&mut queue, late), (2, late, false));
    // A clock that was set back proves nothing.
    queue.handle_outcome(at(late), Outcome::Lost);
    let before = queue.poll(at(200 * SECOND), TODAY);
    assert!(matches!(before, Some(Action::SetAside { number: 2, .. })), "{before:?}");
}

#[test]
fn an_id_is_known_for_a_window_less_what_a_copy_takes_to_arrive() {
    let config = Config::default();
    let known = |since: Duration| config.is_stored_once(TODAY, TODAY + since);
    assert!(known(Duration::ZERO) && known(115 * SECOND - Duration::from_millis(1)));
    assert!(!known(115 * SECOND) && !known(Duration::MAX - TODAY));
    assert!(!config.is_stored_once(TODAY, TODAY - SECOND), "the clock was set back");
    let hasty = Config { duplicate_window: SECOND, ..Config::default() };
    assert!(!hasty.is_stored_once(TODAY, TODAY), "it never arrives in time");
}

#[test]
fn an_answer_that_says_no_leaves_no_doubt() {
    for outcome in [Outcome::NoResponders, Outcome::NotSent, api_error(503, 10_008)] {
        let mut queue = queue(Config::default());
        sent(&mut queue, Duration::ZERO);
        queue.handle_outcome(at(Duration::ZERO), outcome.clone());
        assert_eq!(sent(&mut queue, 500 * SECOND), (1, 500 * SECOND, false));
        // But it says so of one copy only.
        queue.handle_outcome(at(500 * SECOND), Outcome::Lost);
        sent(&mut queue, 510 * SECOND);
        queue.handle_outcome(at(510 * SECOND), outcome);
        let in_doubt = poll(&mut queue, 900 * SECOND);
        assert!(matches!(in_doubt, Some(Action::SetAside { number: 1, .. })), "{in_doubt:?}");
    }
}

#[test]
fn refusals_are_set_aside_or_stop() {
    let refused = SetAside::Refused { code: 400, err_code: 10_054, description: "no".into() };
    let mut going_on = queue(Config::default());
    sent(&mut going_on, Duration::ZERO);
    let verdict = going_on.handle_outcome(at(Duration::ZERO), api_error(400, 10_054));
    assert_eq!(verdict, Some((1, Verdict::SetAside(refused.clone()))));
    assert_eq!(sent(&mut going_on, Duration::ZERO).0, 2);

    let mut stopping = queue(Config { on_refusal: OnRefusal::Stop, ..Config::default() });
    sent(&mut stopping, Duration::ZERO);
    stopping.handle_outcome(at(Duration::ZERO), api_error(400, 10_054));
    assert_eq!((stopping.stopped_by(), poll(&mut stopping, SECOND)), (Some(1), None));
    // As after a reload.
    stopping.insert_set_aside(1, &refused);
    assert_eq!(poll(&mut stopping, SECOND), None);
    stopping.insert(1, TODAY, None);
    assert_eq!(sent(&mut stopping, SECOND).0, 1);
    stopping.handle_outcome(at(SECOND), api_error(400, 10_054));
    stopping.remove(1);
    assert_eq!(sent(&mut stopping, SECOND).0, 2);
}

#[test]
fn only_what_will_not_change_is_a_refusal() {
    for (code, err_code, temporary) in
        [(503, 10_077, true), (429, 10_167, true), (400, 10_158, true), (400, 10_060, false)]
    {
        let mut queue = queue(Config::default());
        sent(&mut queue, Duration::ZERO);
        let (_, verdict) =
            queue.handle_outcome(at(Duration::ZERO), api_error(code, err_code)).unwrap();
        assert_eq!(verdict == Verdict::Again, temporary, "{err_code}");
    }
    let config = Config { max_no_responders: Some(2), ..Config::default() };
    let mut queue = queue(config);
    sent(&mut queue, Duration::ZERO);
    let first = queue.handle_outcome(at(Duration::ZERO), Outcome::NoResponders);
    assert_eq!(first, Some((1, Verdict::Again)));
    sent(&mut queue, SECOND);
    let second = queue.handle_outcome(at(SECOND), Outcome::NoResponders);
    assert_eq!(second, Some((1, Verdict::SetAside(SetAside::NoStream { attempts: 2 }))));
}

#[test]
fn entries_expire_with_or_without_a_connection() {
    let mut queue = queue(Config { max_age: Some(10 * SECOND), ..Config::default() });
    sent(&mut queue, Duration::ZERO);
    queue.handle_outcome(at(Duration::ZERO), Outcome::Lost);
    sent(&mut queue, SECOND);
    queue.set_online(false);
    assert_eq!(queue.poll_timeout(at(SECOND), TODAY + SECOND), Some(9 * SECOND));
    let expired = |number, may_be_stored| {
        Some(Action::SetAside { number, reason: SetAside::Expired { may_be_stored } })
    };
    assert_eq!(poll(&mut queue, 10 * SECOND), expired(2, false));
    assert_eq!(poll(&mut queue, 10 * SECOND), expired(3, false));
    assert_eq!(poll(&mut queue, 10 * SECOND), None, "the first is on its way");
    queue.handle_outcome(at(10 * SECOND), Outcome::Lost);
    assert_eq!(poll(&mut queue, 10 * SECOND), expired(1, true));
    assert_eq!((queue.is_empty(), queue.poll_timeout(at(SECOND), TODAY)), (true, None));
}

#[test]
fn going_online_does_not_wait() {
    let mut queue = queue(Config::default());
    sent(&mut queue, Duration::ZERO);
    queue.set_online(false);
    queue.handle_outcome(at(Duration::ZERO), Outcome::Lost);
    assert_eq!((poll(&mut queue, SECOND), queue.poll_timeout(at(SECOND), TODAY)), (None, None));
    queue.set_online(true);
    assert_eq!(sent(&mut queue, Duration::ZERO), (1, Duration::ZERO, true));
}

/// A stream with a memory for ids, and what is stored of the entries.
struct World {
    rng: fastrand::Rng,
    now: Duration,
    window: Duration,
    stream: Vec<u64>,
    ids: BTreeMap<u64, Duration>,
    stored: BTreeMap<u64, Option<Duration>>,
    set_aside: BTreeMap<u64, SetAside>,
    config: Config,
}

impl World {
    fn restarted(&self) -> Queue {
        let mut queue = Queue::new(self.config.clone());
        for (&number, &sent_since) in &self.stored {
            queue.insert(number, TODAY, sent_since);
        }
        queue.set_online(true);
        queue
    }

    /// The message reaches the stream, which stores it unless it knows the id.
    fn arrive(&mut self, number: u64) {
        let known = self.ids.get(&number).is_some_and(|&at| self.now < at + self.window);
        if !known {
            self.stream.push(number);
            self.ids.insert(number, self.now);
        }
    }

    fn deliver(&mut self, number: u64) -> Outcome {
        match self.rng.u32(0..10) {
            0 => Outcome::NotSent,
            1 => Outcome::NoResponders,
            2 => Outcome::Lost,
            3 | 4 => {
                self.arrive(number);
                Outcome::Lost
            }
            5 if self.rng.bool() => api_error(503, 10_077),
            _ => {
                self.arrive(number);
                Outcome::Stored
            }
        }
    }

    fn run(&mut self) {
        let mut queue = self.restarted();
        while !queue.is_empty() {
            match queue.poll(at(self.now), TODAY + self.now) {
                Some(Action::Send { number, sent_since, .. }) => {
                    self.stored.insert(number, Some(sent_since));
                    let outcome = self.deliver(number);
                    if self.rng.u32(0..6) == 0 {
                        // The page is gone before it hears of it, for a while or for long.
                        self.now += SECOND * self.rng.u32(0..200);
                        queue = self.restarted();
                        continue;
                    }
                    match queue.handle_outcome(at(self.now), outcome).unwrap() {
                        (number, Verdict::Done) => drop(self.stored.remove(&number)),
                        (_, Verdict::Again) => {}
                        (number, Verdict::SetAside(reason)) => {
                            panic!("{number} was set aside: {reason}")
                        }
                    }
                }
                Some(Action::SetAside { number, reason }) => {
                    self.stored.remove(&number);
                    self.set_aside.insert(number, reason);
                }
                None => {
                    let wait = queue.poll_timeout(at(self.now), TODAY + self.now).unwrap();
                    self.now += wait + SECOND * self.rng.u32(0..2);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn each_is_stored_once_and_in_order_whatever_is_lost(seed: u64) {
        const ENTRIES: u64 = 40;
        let config = Config::default();
        let mut world = World {
            rng: fastrand::Rng::with_seed(seed),
            now: Duration::ZERO,
            window: config.duplicate_window,
            stream: Vec::new(),
            ids: BTreeMap::new(),
            stored: (1..=ENTRIES).map(|number| (number, None)).collect(),
            set_aside: BTreeMap::new(),
            config,
        };
        world.run();
        prop_assert!(world.stream.is_sorted_by(|a, b| a < b), "{:?}", world.stream);
        for number in 1..=ENTRIES {
            match world.set_aside.get(&number) {
                None => prop_assert!(world.stream.contains(&number), "{number} is lost"),
                Some(reason) => {
                    let in_doubt = matches!(reason, SetAside::InDoubt { .. });
                    prop_assert!(in_doubt, "{number}: {reason}");
                }
            }
        }
    }
}
