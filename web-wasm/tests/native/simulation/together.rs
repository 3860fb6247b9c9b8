//! Messages that come together in a frame: they are what they would be one by one.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use nats_proto::simulator::{Framing, Script};
use web_wasm::{
    Arrivals, ConnectOptions, EndReason, Event, Message, Overflow, Pace, PendingLimits, Subscriber,
};

use super::rig::Rig;
use super::sim::simulate;

const SECOND: Duration = Duration::from_secs(1);

fn text(payload: &[u8]) -> String {
    String::from_utf8(payload.to_vec()).unwrap()
}

/// What has become of messages.
#[derive(Debug, PartialEq)]
struct Outcome {
    kept: Vec<String>,
    pending: usize,
    dropped: u64,
    /// How many had been dropped when it was told.
    told: Vec<u64>,
    end: Option<EndReason>,
    received: u64,
    orphaned: u64,
}

/// What becomes of twenty messages of one or two bytes that arrive at once, or each in a frame.
fn outcome(framing: Framing, limits: PendingLimits, read_first: usize) -> Outcome {
    let result = Rc::new(RefCell::new(None));
    let outcome = Rc::clone(&result);
    simulate(30, async move |sim| {
        let options = ConnectOptions::new().retry_on_initial_connect();
        let rig = Rig::new(sim.clone(), Script { framing, ..Script::default() }, options).await;
        let mut subscriber = rig.client.subscribe("a").await.unwrap();
        subscriber.set_pending_limits(limits);
        rig.client.flush().await.unwrap();
        let mut events = rig.client.events();
        for part in [0..10, 10..20] {
            rig.change(|script| script.writes = false);
            for number in part {
                rig.client.publish("a", number.to_string().into()).await.unwrap();
            }
            sim.sleep(SECOND).await;
            rig.change(|script| script.writes = true);
            sim.sleep(SECOND).await;
            if subscriber.pending() < 20 {
                for _ in 0..read_first {
                    subscriber.next().now_or_never();
                }
            }
        }
        let (pending, dropped) = (subscriber.pending(), subscriber.dropped());
        let rest = core::iter::from_fn(|| subscriber.next().now_or_never().flatten());
        let kept = rest.map(|message| text(&message.payload)).collect();
        let events = core::iter::from_fn(|| events.next().now_or_never().flatten());
        let told = events.filter_map(|event| match event {
            Event::SlowConsumer { dropped, .. } => Some(dropped),
            _ => None,
        });
        let statistics = rig.client.statistics();
        *outcome.borrow_mut() = Some(Outcome {
            kept,
            pending,
            dropped,
            told: told.collect(),
            end: subscriber.end_reason(),
            received: statistics.in_messages,
            orphaned: statistics.orphaned,
        });
    });
    result.take().unwrap()
}

#[test]
fn limits_hold_as_if_each_had_come_alone() {
    for overflow in [Overflow::DropNewest, Overflow::DropOldest, Overflow::Close] {
        for (messages, bytes) in [(0, 100), (5, 100), (10, 100), (15, 100), (100, 7), (100, 25)] {
            for read_first in [0, 4, 20] {
                let limits = PendingLimits { messages, bytes, overflow };
                let alone = outcome(Framing::Operations, limits, read_first);
                for framing in [Framing::Joined, Framing::Random(40)] {
                    let together = outcome(framing, limits, read_first);
                    assert_eq!(together, alone, "{framing:?}, {limits:?}, {read_first} read");
                }
            }
        }
    }
    let limits = PendingLimits { messages: 5, overflow: Overflow::Close, ..Default::default() };
    let Outcome { kept, dropped, told, end, received, orphaned, .. } =
        outcome(Framing::Joined, limits, 0);
    assert_eq!((kept.len(), dropped, told), (5, 1, vec![1]));
    assert_eq!(end, Some(EndReason::Unsubscribed));
    // The server was told after the first ten.
    assert_eq!((received, orphaned), (10, 4));
}

/// Publishes, and has all of it arrive in one frame.
async fn publish_at_once(rig: &Rig, subjects: &[&'static str]) {
    rig.change(|script| script.writes = false);
    for (number, &subject) in subjects.iter().enumerate() {
        rig.client.publish(subject, number.to_string().into()).await.unwrap();
    }
    rig.sim.sleep(SECOND).await;
    rig.change(|script| script.writes = true);
    rig.sim.sleep(SECOND).await;
}

#[test]
fn a_handler_takes_those_together_that_it_can() {
    simulate(31, async |sim| {
        let script = Script { framing: Framing::Joined, ..Script::default() };
        let options = ConnectOptions::new().retry_on_initial_connect();
        let rig = Rig::new(sim, script, options).await;
        let subscriber = Rc::new(RefCell::new(rig.client.subscribe("*").await.unwrap()));
        rig.client.flush().await.unwrap();
        let taken = Rc::new(RefCell::new(Vec::new()));
        let (own, takes) = (Rc::clone(&subscriber), Rc::clone(&taken));
        let pending = move |subscriber: &RefCell<Subscriber>| subscriber.borrow().pending();
        let note = move |messages: Vec<Message>| {
            let texts = messages.iter().map(|message| text(&message.payload));
            let subject = messages[0].subject.to_string();
            takes.borrow_mut().push((subject, texts.collect::<Vec<_>>(), pending(&own)));
        };
        subscriber.borrow_mut().handle_with(move |messages: &mut Arrivals<'_>| {
            // The first of a run alone, and the rest together.
            if let Some(message) = messages.next() {
                note(vec![message]);
            }
            match messages.next_run() {
                Some(run) => note(run.collect()),
                None => note(messages.take(1).collect()),
            }
            Pace::Continue
        });
        publish_at_once(&rig, &["a", "a", "a", "a", "b", "c"]).await;
        let expected = [
            ("a", vec!["0"], 5),
            ("a", vec!["1", "2", "3"], 2),
            ("b", vec!["4"], 1),
            ("c", vec!["5"], 0),
        ];
        let expected = expected.map(|(subject, texts, left)| {
            (subject.to_owned(), texts.into_iter().map(str::to_owned).collect::<Vec<_>>(), left)
        });
        assert_eq!(*taken.borrow(), expected);
    });
}
