//! Clients that do everything at once with a JetStream to which anything happens.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join4;
use web_wasm::Event;
use web_wasm::jetstream::consumer::pull::{OrderedConfig, OrderedError, OrderedMessagesError};
use web_wasm::jetstream::{PublishMessage, RecoverFrom};
use web_wasm::outbox::Memory;

use super::super::random::{Replay, seeds};
use super::super::sim::{Simulation, simulate};
use super::rig::{Rig, SECOND, act_on};
use super::trouble::{Trouble, restore};
use super::{buckets, consuming, outboxes};

/// How many seeds are tried.
const SEEDS: u64 = 100;

/// How long it takes at most, once all is well, until everybody has everything.
const SETTLING: Duration = Duration::from_secs(200);

/// What happened in a run: messages stored, confirmations that did not come, troubles.
type Totals = [usize; 3];

#[test]
fn whatever_happens_each_message_is_stored_once_and_read_by_all_who_should() {
    let mut totals = Totals::default();
    let seeds = seeds(SEEDS);
    let count = usize::try_from(seeds.end - seeds.start).unwrap();
    for seed in seeds {
        let _replay = Replay(seed);
        let run = simulate(seed, run);
        totals = std::array::from_fn(|index| totals[index] + run[index]);
    }
    // Enough happened for that to mean something.
    for (total, least) in totals.into_iter().zip([50, 1, 3]) {
        assert!(count < 100 || total > count * least, "{totals:?}");
    }
}

#[test]
fn a_seed_repeats_its_run() {
    for seed in 0..3 {
        let trace = |seed| {
            simulate(seed, async |sim| {
                run(sim.clone()).await;
                sim.network(|network| network.trace().to_vec())
            })
        };
        assert!(trace(seed) == trace(seed), "seed {seed}");
    }
}

/// A text for each message, the stream's number with it.
type Texts = Rc<RefCell<Vec<(u64, String)>>>;

fn text(payload: &[u8]) -> String {
    String::from_utf8(payload.to_vec()).unwrap()
}

/// What became of each message of a publisher: its number, unless that is in doubt.
type Published = Rc<RefCell<BTreeMap<String, Option<u64>>>>;

async fn run(sim: Simulation) -> Totals {
    let rig = Rig::new(&sim).await;
    let end = sim.now() + sim.rng(|rng| rng.u32(10..60)) * SECOND;
    let store = buckets::bucket(&rig).await;
    let known = buckets::watch(&sim, &store).await;
    let twice = sim.rng(fastrand::Rng::bool);
    let deliveries = consuming::work(&rig, twice).await;
    let (ordered, told) = read_in_order(&rig).await;
    let recovered = read_with_recovery(&rig).await;
    let published = Published::default();
    let memory = Memory::new();
    let outbox = outboxes::open(&rig.jetstream, &memory);

    let publishing = async {
        for number in 0.. {
            if sim.now() >= end {
                return;
            }
            let id = format!("p{number}");
            let message = PublishMessage::build().payload(id.clone().into()).message_id(&id);
            let context = rig.hasty(sim.rng(|rng| rng.u32(1..5)) * SECOND);
            // Nobody waits for one before the next is published.
            let sent = context.send_publish("s.p", message).await.unwrap();
            let published = Rc::clone(&published);
            published.borrow_mut().insert(id.clone(), None);
            sim.spawn(async move {
                if let Ok(ack) = sent.await {
                    published.borrow_mut().insert(id, Some(ack.sequence));
                }
            });
            pause(&sim, 400).await;
        }
    };
    let queueing = async {
        let mut number = 0;
        while sim.now() < end {
            let message = PublishMessage::build().payload(format!("o{number}").into());
            outbox.publish("s.o", message).await.unwrap();
            number += 1;
            pause(&sim, 1_000).await;
        }
        number
    };
    let changing = async {
        let mut number = 0;
        while sim.now() < end {
            buckets::change(&sim, &store, number).await;
            number += 1;
            pause(&sim, 1_000).await;
        }
    };
    let breaking = async {
        let mut troubles = 0;
        while sim.now() < end {
            sim.rng(Trouble::any).befall(&sim, rig.server);
            troubles += 1;
            pause(&sim, 10_000).await;
        }
        troubles
    };
    let ((), queued, (), troubles) = join4(publishing, queueing, changing, breaking).await;

    sim.sleep(Trouble::LONGEST).await;
    restore(&sim, rig.server);
    sim.sleep(SETTLING).await;

    let stored: Vec<(u64, String)> = act_on(&sim, |jetstream| {
        let messages = jetstream.messages("S");
        messages.map(|(number, message)| (number, text(&message.payload))).collect()
    });
    let texts: Vec<&str> = stored.iter().map(|(_, text)| text.as_str()).collect();
    let different: BTreeSet<&str> = texts.iter().copied().collect();
    assert_eq!(different.len(), texts.len(), "each is stored once: {texts:?}");
    let doubts = check_published(&published.take(), &stored);
    let by_outbox = texts.iter().filter(|text| text.starts_with('o'));
    let expected: Vec<String> = (0..queued).map(|number| format!("o{number}")).collect();
    assert!(by_outbox.eq(expected.iter()), "the outbox sends all, in order: {texts:?}");
    assert_eq!(outbox.state().await.unwrap().pending, 0);

    assert_eq!(*ordered.borrow(), stored, "an ordered consumer reads all: {:?}", told.borrow());
    let lost = |error: &OrderedError| {
        matches!(error, OrderedError::Gap { .. } | OrderedError::StreamReset)
    };
    assert!(!told.borrow().iter().any(lost), "{:?}", told.borrow());
    let recovers = rig.watch.events().iter().all(|event| match event {
        Event::Recovery { verdict, .. } => verdict.is_recovered(),
        _ => true,
    });
    assert!(!recovers || *recovered.borrow() == stored, "{:?}", recovered.borrow());
    let worked = deliveries.texts();
    assert!(worked.iter().eq(different.iter()), "a consumer delivers all: {worked:?}");
    let progress = act_on(&sim, |jetstream| jetstream.progress("S", "worker")).unwrap();
    assert!(progress.is_done(), "{progress:?}");
    let contents = buckets::contents(&store).await;
    assert_eq!(*known.borrow(), contents);
    [stored.len(), doubts, troubles]
}

/// Lets up to so many milliseconds pass.
async fn pause(sim: &Simulation, millis: u64) {
    let pause = sim.rng(|rng| rng.u64(0..millis));
    sim.sleep(Duration::from_millis(pause)).await;
}

/// What was confirmed is where the confirmation says. Returns how many were not.
fn check_published(published: &BTreeMap<String, Option<u64>>, stored: &[(u64, String)]) -> usize {
    for (id, number) in published {
        let Some(number) = number else { continue };
        assert!(stored.contains(&(*number, id.clone())), "{id} is said to be {number}");
    }
    published.values().filter(|number| number.is_none()).count()
}

async fn read_in_order(rig: &Rig) -> (Texts, Rc<RefCell<Vec<OrderedError>>>) {
    let (texts, told) = (Texts::default(), Rc::<RefCell<Vec<OrderedError>>>::default());
    let consumer = rig.stream.create_consumer(OrderedConfig::default()).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    let (into, errors) = (Rc::clone(&texts), Rc::clone(&told));
    rig.sim.spawn(async move {
        while let Some(message) = messages.next().await {
            match message {
                Ok(message) => {
                    let number = message.info().unwrap().stream_sequence;
                    into.borrow_mut().push((number, text(&message.payload)));
                }
                Err(OrderedMessagesError::Ordered(error)) => errors.borrow_mut().push(error),
                Err(error) => panic!("{error}"),
            }
        }
    });
    (texts, told)
}

async fn read_with_recovery(rig: &Rig) -> Texts {
    let texts = Texts::default();
    let from = RecoverFrom::stream("S").timeout(60 * SECOND);
    let mut subscriber = rig.client.subscribe_recovering("s.>", from).await.unwrap();
    let into = Rc::clone(&texts);
    rig.sim.spawn(async move {
        while let Some(message) = subscriber.next().await {
            let reply = message.reply.as_deref().unwrap_or_default();
            let info = nats_proto::jetstream::MessageInfo::parse(reply);
            let number = info.map_or(0, |info| info.stream_sequence);
            into.borrow_mut().push((number, text(&message.payload)));
        }
    });
    texts
}
