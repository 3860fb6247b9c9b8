//! Pull consumers: each message at least once, and once if its acknowledgement is confirmed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use futures_util::StreamExt;
use web_wasm::jetstream::Message;
use web_wasm::jetstream::consumer::pull::{Config, MessagesError};

use super::super::sim::{Simulation, simulate};
use super::rig::{MILLI, Rig, SECOND, act_on};
use super::trouble::Trouble;

const NUMBERS: u32 = 40;

/// What was delivered, and what was acknowledged with a confirmation: by then there had been so many
/// deliveries.
#[derive(Clone, Default)]
pub(super) struct Deliveries(Rc<RefCell<Books>>);

#[derive(Default)]
struct Books {
    delivered: BTreeSet<String>,
    confirmed: BTreeMap<String, u64>,
}

impl Deliveries {
    /// Takes a delivery. A copy of what was confirmed since may have waited here to be read; after the
    /// confirmation none is made.
    fn note(&self, text: &str, delivery: u64) {
        let mut books = self.0.borrow_mut();
        let until = books.confirmed.get(text).copied().unwrap_or(u64::MAX);
        assert!(delivery <= until, "{text} is done with");
        books.delivered.insert(text.into());
    }

    fn confirm(&self, text: &str, deliveries: u64) {
        self.0.borrow_mut().confirmed.entry(text.into()).or_insert(deliveries);
    }

    pub(super) fn texts(&self) -> BTreeSet<String> {
        self.0.borrow().delivered.clone()
    }

    fn confirmed(&self) -> usize {
        self.0.borrow().confirmed.len()
    }
}

pub(super) fn worker() -> Config {
    Config { durable_name: Some("worker".into()), ack_wait: 3 * SECOND, ..Config::default() }
}

/// Reads and acknowledges for ever.
pub(super) async fn work(rig: &Rig, twice: bool) -> Deliveries {
    let deliveries = Deliveries::default();
    let consumer = rig.stream.create_consumer(worker()).await.unwrap();
    let mut messages = consumer.messages().await.unwrap();
    let (sim, into) = (rig.sim.clone(), deliveries.clone());
    rig.sim.spawn(async move {
        while let Some(message) = messages.next().await {
            match message {
                Ok(message) => acknowledge(&sim, &into, &message, twice).await,
                Err(MessagesError::Pull(error)) => assert!(!error.is_fatal(), "{error}"),
                // The client was closed.
                Err(_) => return,
            }
        }
    });
    deliveries
}

async fn acknowledge(sim: &Simulation, deliveries: &Deliveries, message: &Message, twice: bool) {
    let text = str::from_utf8(&message.payload).unwrap();
    deliveries.note(text, message.info().unwrap().consumer_sequence);
    if !twice {
        // One that is not sent, or is lost, brings the message again.
        message.ack().await.ok();
    } else if message.double_ack().await.is_ok() {
        let progress = act_on(sim, |jetstream| jetstream.progress("S", "worker"));
        deliveries.confirm(text, progress.unwrap().deliveries);
    }
}

#[test]
fn every_message_is_delivered_at_least_once_and_none_after_a_confirmed_acknowledgement() {
    let cases = [false, true].into_iter();
    for (twice, trouble) in cases.flat_map(|twice| Trouble::ALL.map(|trouble| (twice, trouble))) {
        for seed in 0..2 {
            simulate(seed, async move |sim| {
                let rig = Rig::new(&sim).await;
                let deliveries = work(&rig, twice).await;
                for number in 0..NUMBERS {
                    if number == 10 {
                        sim.sleep(9 * MILLI * u32::try_from(seed).unwrap()).await;
                        trouble.befall(&sim, rig.server);
                    }
                    rig.publish_surely(number).await;
                    sim.sleep(100 * MILLI).await;
                }
                let progress = || rig.act(|jetstream| jetstream.progress("S", "worker"));
                sim.until(200 * SECOND, || progress().is_some_and(|at| at.is_done())).await;
                sim.sleep(10 * SECOND).await;
                let texts = deliveries.texts();
                let all: BTreeSet<String> = (0..NUMBERS).map(|number| number.to_string()).collect();
                assert_eq!(texts, all, "{trouble:?}");
                assert!(!twice || deliveries.confirmed() > 10, "{trouble:?}");
            });
        }
    }
}

#[test]
fn a_consumer_that_is_deleted_ends_who_reads_it() {
    simulate(1, async |sim| {
        let rig = Rig::new(&sim).await;
        let consumer = rig.stream.create_consumer(worker()).await.unwrap();
        let mut messages = consumer.messages().await.unwrap();
        let ended = Rc::new(RefCell::new(None));
        let end = Rc::clone(&ended);
        sim.spawn(async move {
            while let Some(message) = messages.next().await {
                *end.borrow_mut() = message.err();
            }
        });
        sim.sleep(SECOND).await;
        rig.act(|jetstream| jetstream.delete_consumers("S"));
        sim.sleep(SECOND).await;
        let error = ended.take().unwrap();
        assert!(error.is_fatal(), "{error}");
    });
}
