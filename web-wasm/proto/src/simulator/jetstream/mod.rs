//! JetStream as nats-server 2.15 has it, in memory: streams, consumers that are pulled from, and
//! what goes wrong with them.
//!
//! It is one for all servers of a [`World`](super::World), as that of a cluster is. It hears what
//! clients publish, and answers at the moment in which it is told what time it is. What a test asks
//! of it that it does not simulate it refuses; `tests/native/simulation/jetstream/differential.rs`
//! of the client compares its answers with those of a real server.

mod ack;
mod api;
mod clock;
mod config;
mod consumer;
mod consumers;
mod fault;
mod get;
mod outgoing;
mod publish;
mod pull;
mod refusal;
mod stream;
#[cfg(test)]
mod tests;

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use self::ack::Then;
use self::clock::Clock;
use self::consumer::Consumer;
pub use self::fault::Faults;
pub(super) use self::outgoing::Outgoing;
pub use self::stream::Stored;
use self::stream::Stream;
use super::client_op::Publication;
use crate::jetstream::stream::StorageType;
use crate::subject::Subject;
use crate::time::Instant;

const API: &str = "$JS.API.";
const ACK: &str = "$JS.ACK.";

/// The streams and consumers of a [`World`](super::World), and how they misbehave.
#[derive(Debug)]
pub struct JetStream {
    enabled: bool,
    clock: Clock,
    streams: BTreeMap<String, Stream>,
    faults: Faults,
    rng: fastrand::Rng,
    outbox: Vec<Outgoing>,
    /// How many requests there were, and how many of them were refused.
    calls: (u64, u64),
}

/// How far a consumer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// How many deliveries there were, repeated ones included.
    pub deliveries: u64,
    /// How many messages wait for an acknowledgement.
    pub unacknowledged: usize,
    /// How many messages are still to be delivered for the first time.
    pub undelivered: usize,
}

impl Progress {
    /// Whether all is delivered, and acknowledged where that is wanted.
    pub fn is_done(&self) -> bool {
        self.unacknowledged == 0 && self.undelivered == 0
    }
}

impl JetStream {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            enabled: false,
            clock: Clock::new(Duration::ZERO),
            streams: BTreeMap::new(),
            faults: Faults::default(),
            rng: fastrand::Rng::with_seed(seed),
            outbox: Vec::new(),
            calls: (0, 0),
        }
    }

    /// Begins to listen. `unix_time` is the date at [`Instant::ORIGIN`].
    pub(super) fn enable(&mut self, unix_time: Duration) {
        self.enabled = true;
        self.clock = Clock::new(unix_time);
    }

    /// How it misbehaves from now on.
    pub fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// The messages of a stream by their numbers; none where there is no such stream.
    pub fn messages(&self, stream: &str) -> impl Iterator<Item = (u64, &Stored)> {
        let stream = self.streams.get(stream).into_iter();
        stream.flat_map(|stream| &stream.messages).map(|(&number, message)| (number, message))
    }

    /// The names of a stream's consumers.
    pub fn consumers(&self, stream: &str) -> Vec<String> {
        self.streams
            .get(stream)
            .map_or_else(Vec::new, |stream| stream.consumers.keys().cloned().collect())
    }

    /// How far a consumer is; `None` where there is no such consumer.
    pub fn progress(&self, stream: &str, consumer: &str) -> Option<Progress> {
        let stream = self.streams.get(stream)?;
        let consumer = stream.consumers.get(consumer)?;
        Some(Progress {
            deliveries: consumer.deliveries,
            unacknowledged: consumer.unacknowledged.len(),
            undelivered: consumer.undelivered(&stream.messages).count(),
        })
    }

    /// Another server leads from now on. Who waits for messages is told; nothing is lost.
    pub fn change_leader(&mut self) {
        for consumer in self.streams.values_mut().flat_map(|stream| stream.consumers.values_mut()) {
            consumer.tell_leadership_change(&mut self.outbox);
        }
    }

    /// The server that led is gone. Nobody is told, and the consumers that it kept for itself, which
    /// are those without a durable name, are gone with it.
    pub fn lose_leader(&mut self) {
        for stream in self.streams.values_mut() {
            stream.consumers.retain(|_, consumer| consumer.is_durable());
            for consumer in stream.consumers.values_mut() {
                consumer.waiting.clear();
            }
        }
    }

    /// The only server begins again: as [`lose_leader`](Self::lose_leader), and streams in memory are
    /// empty. Ids are remembered for as long as they would have been. The clients' connections are
    /// another matter.
    pub fn restart(&mut self) {
        self.lose_leader();
        for stream in self.streams.values_mut() {
            if stream.config.storage == StorageType::Memory {
                *stream = Stream::new(stream.config.clone(), stream.created);
            }
        }
    }

    /// Somebody deletes all consumers of a stream, the durable ones too.
    pub fn delete_consumers(&mut self, stream: &str) {
        let Some(stream) = self.streams.get_mut(stream) else { return };
        for mut consumer in core::mem::take(&mut stream.consumers).into_values() {
            consumer.tell_deleted(&mut self.outbox);
        }
    }

    /// Somebody deletes the consumers of a stream that are not durable.
    pub fn delete_ephemerals(&mut self, stream: &str) {
        let Some(stream) = self.streams.get_mut(stream) else { return };
        for consumer in stream.consumers.values_mut().filter(|consumer| !consumer.is_durable()) {
            consumer.tell_deleted(&mut self.outbox);
        }
        stream.consumers.retain(|_, consumer| consumer.is_durable());
    }

    /// Somebody deletes all messages of a stream.
    pub fn purge(&mut self, stream: &str) {
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.purge("", None, 0);
        }
    }

    /// Somebody deletes one message of a stream.
    pub fn delete_message(&mut self, stream: &str, number: u64) {
        if let Some(stream) = self.streams.get_mut(stream) {
            stream.remove(number);
        }
    }

    /// Somebody deletes a stream.
    pub fn delete_stream(&mut self, stream: &str) {
        self.delete_consumers(stream);
        self.streams.remove(stream);
    }

    /// Somebody deletes a stream and makes it anew, with the same configuration.
    pub fn recreate_stream(&mut self, stream: &str) {
        let Some(config) = self.streams.get(stream).map(|stream| stream.config.clone()) else {
            return;
        };
        self.delete_stream(stream);
        self.streams.insert(stream.into(), Stream::new(config, self.clock.date()));
    }

    pub(super) fn advance(&mut self, now: Instant) {
        self.clock.advance(now);
        for stream in self.streams.values_mut() {
            stream.advance(now);
        }
    }

    /// When something happens though nobody says anything.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        if !self.enabled || self.faults.stalls {
            return None;
        }
        let consumers = self.streams.values().flat_map(|stream| stream.consumers.values());
        consumers.filter_map(Consumer::next_timeout).min()
    }

    /// Whether it listens to a subject.
    pub(super) fn listens(&self, subject: &str) -> bool {
        if !self.enabled || self.faults.absent {
            return false;
        }
        if let Some(request) = subject.strip_prefix(API) {
            let mut tokens = request.split('.');
            return match (tokens.next(), tokens.next(), tokens.next()) {
                (Some("DIRECT"), _, Some(stream)) => {
                    let stream = self.streams.get(stream);
                    stream.is_some_and(|stream| stream.config.allow_direct)
                }
                (Some("CONSUMER"), Some("MSG"), _) => {
                    self.consumer(tokens.next(), tokens.next()).is_some()
                }
                _ => true,
            };
        }
        if let Some(place) = subject.strip_prefix(ACK) {
            let mut tokens = place.split('.');
            return self.consumer(tokens.next(), tokens.next()).is_some_and(Consumer::acknowledges);
        }
        self.streams.values().any(|stream| stream.stores(subject))
    }

    fn consumer(&self, stream: Option<&str>, name: Option<&str>) -> Option<&Consumer> {
        self.streams.get(stream?)?.consumers.get(name?)
    }

    /// Hears a message to which it [`listens`](Self::listens).
    pub(super) fn hear(&mut self, publication: &Publication) {
        if self.faults.deaf {
            return;
        }
        if let Some(request) = publication.subject.strip_prefix(API) {
            let tokens: Vec<&str> = request.split('.').collect();
            self.answer(&tokens, publication);
        } else if let Some(place) = publication.subject.strip_prefix(ACK) {
            if !fault::happens(&mut self.rng, self.faults.loses_acknowledgements) {
                self.acknowledge(place, publication);
            }
        } else {
            self.store(publication);
        }
    }

    fn store(&mut self, publication: &Publication) {
        if fault::happens(&mut self.rng, self.faults.loses_messages) {
            return;
        }
        let mut streams = self.streams.values_mut();
        let Some(stream) = streams.find(|stream| stream.stores(&publication.subject)) else {
            return;
        };
        let outcome = stream.take(self.clock, publication);
        let confirms = !stream.config.no_ack
            && !fault::happens(&mut self.rng, self.faults.loses_confirmations);
        if confirms {
            let name = &stream.config.name;
            self.outbox.extend(publish::confirmation(name, &outcome, publication));
        }
    }

    /// Heeds an acknowledgement: `place` is its subject without the prefix.
    fn acknowledge(&mut self, place: &str, publication: &Publication) {
        let tokens: Vec<&str> = place.split('.').collect();
        let [stream, consumer, _, number, delivery, ..] = tokens[..] else { return };
        let (Ok(number), Ok(delivery)) = (number.parse(), delivery.parse()) else { return };
        let stream = self.streams.get_mut(stream);
        let Some(consumer) = stream.and_then(|stream| stream.consumers.get_mut(consumer)) else {
            return;
        };
        let Some(reply) = &publication.reply else {
            consumer.heed(self.clock, number, delivery, &publication.payload);
            return;
        };
        match consumer.heed(self.clock, number, delivery, &publication.payload) {
            Then::Confirm => self.outbox.push(Outgoing::answer(reply.clone(), "")),
            Then::Next => self.outbox.extend(consumer.ask(self.clock, b"", reply.clone())),
        }
    }

    /// Does what is due, and returns what is to be sent. `is_heard` says whether anybody listens at
    /// a subject.
    pub(super) fn work(&mut self, is_heard: &dyn Fn(&Subject) -> bool) -> Vec<Outgoing> {
        let clock = self.clock;
        for stream in self.streams.values_mut().filter(|_| !self.faults.stalls) {
            let Stream { consumers, messages, config, .. } = stream;
            for consumer in consumers.values_mut() {
                consumer.serve(clock, &config.name, messages, is_heard, &mut self.outbox);
            }
            consumers.retain(|_, one| one.lapses_at().is_none_or(|at| at > clock.now));
        }
        core::mem::take(&mut self.outbox)
    }
}
