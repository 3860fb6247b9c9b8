//! Who reads.

use core::time::Duration;
use std::rc::Rc;

use futures_util::StreamExt;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::spawn_local;
use web_wasm::jetstream::consumer::pull;
use web_wasm::jetstream::{self, Message, RecoverFrom, RecoveringSubscriber};
use web_wasm::{Backoff, Client, ConnectOptions, Event, Events, Subscriber};

use crate::{failed, tally::Tally};

/// A page's readers of one stream, whose messages are numbers: an ordered consumer over a connection
/// of its own, and over another one a subscription that recovers and one that does not.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Reader {
    tally: Rc<Tally>,
    clients: [Client; 2],
}

/// Connects as one that reconnects soon: what happens is to happen often.
async fn connect(url: &str) -> Result<Client, JsValue> {
    let backoff = Backoff { base: Duration::from_millis(10), max: Duration::from_millis(100) };
    ConnectOptions::new().backoff(backoff).connect(url).await.map_err(failed)
}

#[wasm_bindgen]
impl Reader {
    /// Connects to `url` and begins to read `subject`, which `stream` stores.
    ///
    /// # Errors
    /// An `Error` if that fails.
    pub async fn begin(url: String, stream: String, subject: String) -> Result<Reader, JsValue> {
        let clients = [connect(&url).await?, connect(&url).await?];
        let [first, second] = &clients;
        let tally = Rc::new(Tally::default());

        let config = pull::OrderedConfig { max_batch: 200, ..pull::OrderedConfig::default() };
        let consumer = jetstream::new(first.clone());
        let consumer = consumer.create_consumer_on_stream(config, &*stream).await;
        let ordered = consumer.map_err(failed)?.messages().await.map_err(failed)?;
        let from = RecoverFrom::stream(stream);
        let events = second.events();
        let recovering = second.subscribe_recovering(&*subject, from).await.map_err(failed)?;
        let plain = second.subscribe(&*subject).await.map_err(failed)?;
        second.flush().await.map_err(failed)?;
        spawn_local(read_ordered(ordered, Rc::clone(&tally)));
        spawn_local(read_recovering(recovering, Rc::clone(&tally)));
        spawn_local(read_plain(plain, Rc::clone(&tally)));
        spawn_local(read_events(events, Rc::clone(&tally)));
        Ok(Self { tally, clients })
    }

    /// How many messages the slower one of the two that miss none has read.
    pub fn progress(&self) -> usize {
        self.tally.progress()
    }

    /// What came of it, as JSON.
    pub fn told(&self) -> String {
        let again = self.clients.iter().map(|client| client.statistics().possible_duplicates).sum();
        self.tally.told(again).to_string()
    }
}

/// The number that is a message's payload.
fn number(payload: &[u8]) -> Option<u32> {
    core::str::from_utf8(payload).ok()?.parse().ok()
}

async fn read_ordered(mut messages: pull::Ordered, tally: Rc<Tally>) {
    while let Some(message) = messages.next().await {
        match message {
            Ok(message) => {
                let sequence = message.info().map(|info| info.stream_sequence).ok();
                tally.ordered(number(&message.payload), sequence);
            }
            Err(error) => tally.trouble(&error),
        }
    }
    tally.trouble(&"the ordered consumer has ended");
}

async fn read_recovering(mut subscriber: RecoveringSubscriber, tally: Rc<Tally>) {
    while let Some(message) = subscriber.next().await {
        let message: Message = message;
        let published = message.info().map(|info| info.published).ok();
        tally.recovering(number(&message.payload), published);
    }
    tally.trouble(&"the recovering subscription has ended");
}

async fn read_plain(mut subscriber: Subscriber, tally: Rc<Tally>) {
    while let Some(message) = subscriber.next().await {
        tally.plain(number(&message.payload));
    }
    tally.trouble(&"the plain subscription has ended");
}

async fn read_events(mut events: Events, tally: Rc<Tally>) {
    while let Some(event) = events.next().await {
        match event {
            Event::Gap { from, to, .. } => tally.gap(from, to),
            Event::Recovery { verdict, .. } => tally.verdict(&verdict),
            Event::Connected { .. } => tally.connected(),
            Event::SlowConsumer { .. } => tally.trouble(&"a reader is too slow"),
            _ => {}
        }
    }
}
