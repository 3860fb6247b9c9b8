//! Ordered consumers and subscriptions that recover: each message once and in order, whatever
//! happens, or it is said what is missing.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::StreamExt;
use nats_proto::simulator::JetStream;
use web_wasm::Event;
use web_wasm::jetstream::consumer::pull::{OrderedConfig, OrderedError, OrderedMessagesError};
use web_wasm::jetstream::{NotRecovered, RecoverFrom, Verdict};

use super::super::sim::{Simulation, simulate};
use super::rig::{MILLI, Rig, SECOND, numbers};
use super::trouble::Trouble;

/// What a reader was given: numbers, and what it was told of troubles.
#[derive(Clone, Default)]
struct Read {
    numbers: Rc<RefCell<Vec<u32>>>,
    told: Rc<RefCell<Vec<OrderedError>>>,
}

impl Read {
    fn is_all(&self, count: u32) -> bool {
        self.numbers.borrow().len() >= count as usize
    }
}

/// Reads a stream in order from its beginning.
async fn read_in_order(rig: &Rig) -> Read {
    let read = Read::default();
    let consumer = rig.stream.create_consumer(OrderedConfig::default()).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    let into = read.clone();
    rig.sim.spawn(async move {
        while let Some(message) = messages.next().await {
            match message {
                Ok(message) => into.numbers.borrow_mut().push(numbers::of(&message.payload)),
                Err(OrderedMessagesError::Ordered(error)) => into.told.borrow_mut().push(error),
                Err(error) => panic!("{error}"),
            }
        }
    });
    read
}

/// Has trouble befall a reader of a stream that is published to all the time.
async fn through(rig: &Rig, seed: u64, trouble: Trouble, is_all: impl Fn(u32) -> bool) {
    const NUMBERS: u32 = 40;
    for number in 0..NUMBERS {
        if number == 10 {
            // At another moment of the conversation each time.
            rig.sim.sleep(7 * MILLI * u32::try_from(seed).unwrap()).await;
            trouble.befall(&rig.sim, rig.server);
        }
        rig.publish_surely(number).await;
        rig.sim.sleep(100 * MILLI).await;
    }
    rig.sim.until(200 * SECOND, || is_all(NUMBERS)).await;
}

#[test]
fn an_ordered_consumer_gives_each_message_once_and_in_order() {
    for (seed, trouble) in (0..4).flat_map(|seed| Trouble::ALL.map(|trouble| (seed, trouble))) {
        simulate(seed, async move |sim| {
            let rig = Rig::new(&sim).await;
            let read = read_in_order(&rig).await;
            through(&rig, seed, trouble, |count| read.is_all(count)).await;
            let numbers = read.numbers.take();
            assert!(numbers.iter().copied().eq(0..40), "{trouble:?}: {numbers:?}");
            let told = read.told.take();
            let lost = |error: &OrderedError| {
                matches!(error, OrderedError::Gap { .. } | OrderedError::StreamReset)
            };
            assert!(!told.iter().any(lost), "{trouble:?}: {told:?}");
        });
    }
}

#[test]
fn a_subscription_that_recovers_misses_nothing_and_says_so() {
    for (seed, trouble) in (0..4).flat_map(|seed| Trouble::ALL.map(|trouble| (seed, trouble))) {
        simulate(seed, async move |sim| {
            let rig = Rig::new(&sim).await;
            // A leader that is away for longer is given up.
            let from = RecoverFrom::stream("S").timeout(60 * SECOND);
            let mut subscriber = rig.client.subscribe_recovering("s.>", from).await.unwrap();
            let read = Read::default();
            let into = read.clone();
            sim.spawn(async move {
                while let Some(message) = subscriber.next().await {
                    into.numbers.borrow_mut().push(numbers::of(&message.payload));
                    assert!(subscriber.is_recovering());
                }
            });
            through(&rig, seed, trouble, |count| read.is_all(count)).await;
            let numbers = read.numbers.take();
            assert!(numbers.iter().copied().eq(0..40), "{trouble:?}: {numbers:?}");
            for event in rig.watch.events() {
                if let Event::Recovery { verdict, .. } = event {
                    assert!(verdict.is_recovered(), "{trouble:?}: {verdict:?}");
                }
            }
        });
    }
}

/// Something is done to the stream while the client is away, after five messages; then comes a last
/// one.
async fn meanwhile(rig: &Rig, act: fn(&mut JetStream)) {
    for number in 0..5 {
        rig.publish_surely(number).await;
    }
    rig.sim.sleep(SECOND).await;
    rig.refuse(true);
    rig.cut_after(0);
    rig.sim.sleep(SECOND).await;
    rig.act(act);
    rig.sim.sleep(SECOND).await;
    rig.refuse(false);
    // Where there is no stream any more, nobody stores it.
    rig.jetstream.publish("s.x", "9".into()).await.unwrap().await.ok();
    rig.sim.sleep(60 * SECOND).await;
}

#[test]
fn a_stream_that_was_made_anew_is_read_from_its_beginning_and_that_is_told() {
    simulate(1, async |sim| {
        let rig = Rig::new(&sim).await;
        let read = read_in_order(&rig).await;
        meanwhile(&rig, |jetstream| jetstream.recreate_stream("S")).await;
        assert_eq!(read.numbers.take(), [0, 1, 2, 3, 4, 9]);
        let told = read.told.take();
        assert!(told.contains(&OrderedError::StreamReset), "{told:?}");
    });
}

/// Publishes to a stream after its messages were deleted, while nobody reads.
async fn purged(sim: Simulation) -> (Rig, Read) {
    let rig = Rig::new(&sim).await;
    let read = read_in_order(&rig).await;
    for number in 0..5 {
        rig.publish_surely(number).await;
    }
    sim.sleep(SECOND).await;
    // It hears nothing of the next three.
    rig.fail(nats_proto::simulator::Faults { stalls: true, ..Default::default() });
    for number in 5..8 {
        rig.publish_surely(number).await;
    }
    rig.act(|jetstream| jetstream.purge("S"));
    rig.act(JetStream::lose_leader);
    rig.mend();
    rig.publish_surely(9).await;
    sim.sleep(60 * SECOND).await;
    (rig, read)
}

#[test]
fn what_a_stream_has_dropped_before_it_was_read_is_told() {
    simulate(1, async |sim| {
        let (_rig, read) = purged(sim).await;
        assert_eq!(read.numbers.take(), [0, 1, 2, 3, 4, 9]);
        let told = read.told.take();
        assert!(told.contains(&OrderedError::Gap { first: 6, last: 8 }), "{told:?}");
    });
}

#[test]
fn a_subscription_says_what_it_could_not_recover() {
    let recreated: fn(&mut JetStream) = |jetstream| jetstream.recreate_stream("S");
    let deleted: fn(&mut JetStream) = |jetstream| jetstream.delete_stream("S");
    for (act, is_told) in [
        (recreated, (|told| *told == NotRecovered::StreamReset) as fn(&NotRecovered) -> bool),
        (deleted, |told| *told == NotRecovered::StreamGone),
    ] {
        simulate(1, async move |sim| {
            let rig = Rig::new(&sim).await;
            let from = RecoverFrom::stream("S");
            let mut subscriber = rig.client.subscribe_recovering("s.>", from).await.unwrap();
            sim.spawn(async move { while subscriber.next().await.is_some() {} });
            meanwhile(&rig, act).await;
            let events = rig.watch.events();
            let told = events.iter().any(|event| match event {
                Event::Recovery { verdict: Verdict::NotRecovered(why), .. } => is_told(why),
                _ => false,
            });
            assert!(told, "{events:?}");
        });
    }
}
