//! Numbers that are published with confirmation, and an account of what came of each.

use std::cell::{Cell, RefCell};
use std::ops::RangeInclusive;
use std::rc::Rc;

use futures_util::StreamExt;
use web_wasm::jetstream::consumer::pull::{self, OrderedError, OrderedMessagesError};
use web_wasm::jetstream::{self, Context, DateTime, PublishError, PublishMessage, stream};
use web_wasm::{Client, Event};

use crate::env;

/// How long a publisher rests between two numbers, in milliseconds.
const BETWEEN: u32 = 2;

/// What a client reads of a stream of numbers, by an ordered consumer and by a plain subscription, and
/// what it is told meanwhile.
#[derive(Default)]
pub(crate) struct Ledger {
    /// How many the ordered consumer has delivered.
    delivered: Cell<usize>,
    plain: RefCell<Vec<bool>>,
    events: RefCell<Vec<Event>>,
}

impl Ledger {
    /// Reads with this client from now on. The ordered consumer has to deliver every number once and in
    /// order, or the test fails.
    pub(crate) async fn read(client: &Client, stream: &stream::Stream) -> Rc<Self> {
        let ledger = Rc::new(Self::default());
        let context = jetstream::new(client.clone());
        // What one node of a cluster answers, another may not know yet where to send.
        let consumer = env::made(async || {
            let config = pull::OrderedConfig::default();
            context.create_consumer_on_stream(config, stream.name()).await
        })
        .await;
        let mut messages = consumer.messages().await.unwrap();
        let mut plain = client.subscribe("numbers.>").await.unwrap();
        let mut events = client.events();
        client.flush().await.unwrap();
        let kept = Rc::clone(&ledger);
        env::spawn(async move {
            while let Some(next) = messages.next().await {
                match next {
                    Ok(message) => {
                        assert_eq!(number(&message.payload), kept.delivered.get());
                        kept.delivered.set(kept.delivered.get() + 1);
                    }
                    // As long as nobody can make it another consumer.
                    Err(OrderedMessagesError::Ordered(OrderedError::Unavailable(_))) => {}
                    // Any other trouble ends it, and with it the numbers that are waited for.
                    Err(_) => break,
                }
            }
        });
        let kept = Rc::clone(&ledger);
        env::spawn(async move {
            while let Some(message) = plain.next().await {
                let (number, mut plain) = (number(&message.payload), kept.plain.borrow_mut());
                let len = plain.len().max(number + 1);
                plain.resize(len, false);
                plain[number] = true;
            }
        });
        let kept = Rc::clone(&ledger);
        env::spawn(async move {
            while let Some(event) = events.next().await {
                kept.events.borrow_mut().push(event);
            }
        });
        ledger
    }

    /// How many numbers the ordered consumer has delivered.
    pub(crate) fn delivered(&self) -> usize {
        self.delivered.get()
    }

    /// Waits until the ordered consumer has delivered so many numbers.
    pub(crate) async fn has_delivered(&self, numbers: usize) {
        let what = || format!("{} of {numbers} numbers", self.delivered());
        env::caught_up(what, || self.delivered() >= numbers).await;
    }

    /// The numbers that the plain subscription did not get, of all that were delivered since its first:
    /// it takes a moment until other nodes know of it.
    pub(crate) fn missed(&self) -> Vec<usize> {
        let plain = self.plain.borrow();
        let first = plain.iter().position(|got| *got).expect("it got something");
        (first..self.delivered()).filter(|&number| plain.get(number) != Some(&true)).collect()
    }

    /// When messages may have been missed, as the client was told so far.
    pub(crate) fn gaps(&self) -> Vec<RangeInclusive<DateTime>> {
        let gap = |event: &Event| match event {
            Event::Gap { from, to, .. } => Some(*from..=*to),
            _ => None,
        };
        self.events.borrow().iter().filter_map(gap).collect()
    }

    /// How many of the events so far are such.
    pub(crate) fn count(&self, wanted: impl Fn(&Event) -> bool) -> usize {
        self.events.borrow().iter().filter(|event| wanted(event)).count()
    }
}

fn number(payload: &[u8]) -> usize {
    core::str::from_utf8(payload).unwrap().parse().unwrap()
}

/// Publishes numbers, one after the other, until it is told to stop.
pub(crate) struct Publishing {
    context: Context,
    stopped: Cell<bool>,
    has_stopped: Cell<bool>,
    /// By which number of the stream each was confirmed.
    confirmed: RefCell<Vec<u64>>,
    /// Why attempts failed.
    refused: RefCell<Vec<PublishError>>,
}

impl Publishing {
    pub(crate) fn start(context: Context) -> Rc<Self> {
        let publishing = Rc::new(Self {
            context,
            stopped: Cell::new(false),
            has_stopped: Cell::new(false),
            confirmed: RefCell::default(),
            refused: RefCell::default(),
        });
        let running = Rc::clone(&publishing);
        env::spawn(async move {
            while !running.stopped.get() {
                running.publish_next().await;
                env::pause(BETWEEN).await;
            }
            running.has_stopped.set(true);
        });
        publishing
    }

    /// Has the next number stored, however often that takes. Each attempt ends soon, and says how.
    async fn publish_next(&self) {
        let number = self.confirmed.borrow().len().to_string();
        while !self.stopped.get() {
            let message =
                PublishMessage::build().message_id(&*number).payload(number.clone().into());
            let attempt = async {
                self.context.send_publish(format!("numbers.{number}"), message).await?.await
            };
            match env::within(attempt).await {
                Ok(ack) => return self.confirmed.borrow_mut().push(ack.sequence),
                Err(error) => self.refused.borrow_mut().push(error),
            }
        }
    }

    /// How many numbers are known to be stored.
    pub(crate) fn confirmed(&self) -> usize {
        self.confirmed.borrow().len()
    }

    /// Waits until so many more are.
    pub(crate) async fn confirms(&self, more: usize) {
        let wanted = self.confirmed() + more;
        let what = || format!("{} of {wanted} numbers: {:?}", self.confirmed(), self.refused());
        env::at_last(what, || self.confirmed() >= wanted).await;
    }

    /// Why attempts failed.
    pub(crate) fn refused(&self) -> Vec<PublishError> {
        self.refused.borrow().clone()
    }

    /// Publishes no more; waits for the last attempt. Says how many numbers are known to be stored, each
    /// of which must be in its place.
    pub(crate) async fn stop(&self) -> usize {
        self.stopped.set(true);
        env::eventually(|| "the last attempt ends".to_owned(), || self.has_stopped.get()).await;
        let confirmed = self.confirmed.borrow();
        assert!(confirmed.iter().copied().eq(1..=confirmed.len() as u64), "{confirmed:?}");
        confirmed.len()
    }
}
