use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::StreamExt;
use web_wasm::jetstream::{RecoverFrom, Verdict};
use web_wasm::{Client, Event};

use crate::env;

/// What a recovering subscription of the stream of numbers delivers, from the first number on.
#[derive(Default)]
pub(crate) struct Recovering {
    delivered: Cell<usize>,
    verdicts: RefCell<Vec<Verdict>>,
}

impl Recovering {
    /// Reads with this client. Every number has to come once and in order, or the test fails.
    pub(crate) async fn read(client: &Client) -> Rc<Self> {
        // While the others choose a leader nobody answers.
        let from = || RecoverFrom::stream("NUMBERS").after(0).timeout(env::LATER);
        let subscribe = async || client.subscribe_recovering("numbers.>", from()).await;
        let (mut events, mut subscriber) = (client.events(), env::made(subscribe).await);
        let recovering = Rc::new(Self::default());
        let kept = Rc::clone(&recovering);
        env::spawn(async move {
            while let Some(message) = subscriber.next().await {
                let number = kept.delivered.get();
                assert_eq!(message.payload, number.to_string());
                kept.delivered.set(number + 1);
            }
        });
        let kept = Rc::clone(&recovering);
        env::spawn(async move {
            while let Some(event) = events.next().await {
                if let Event::Recovery { verdict, .. } = event {
                    kept.verdicts.borrow_mut().push(verdict);
                }
            }
        });
        recovering
    }

    /// Waits until so many numbers are delivered.
    pub(crate) async fn has_delivered(&self, numbers: usize) {
        let delivered = || self.delivered.get();
        let what = || {
            let verdicts = self.verdicts.borrow();
            format!(
                "{} of {numbers} numbers by the recovering subscription: {verdicts:?}",
                delivered()
            )
        };
        env::caught_up(what, || delivered() >= numbers).await;
    }

    /// Waits until it is told what an interruption has cost it, which must be nothing in the end. Where
    /// something `was_missed`, so it is told.
    pub(crate) async fn is_whole(&self, was_missed: bool) {
        let what = || format!("a verdict among {:?}", self.verdicts.borrow());
        let missed = |verdict: &Verdict| matches!(verdict, Verdict::Recovered { missed: 1.. });
        let told = || {
            let verdicts = self.verdicts.borrow();
            // The first is on the beginning, before which nothing was.
            verdicts.len() > 1 && (!was_missed || verdicts.iter().any(missed))
        };
        env::caught_up(what, told).await;
        assert!(self.verdicts.borrow().iter().all(Verdict::is_recovered), "{}", what());
    }
}
