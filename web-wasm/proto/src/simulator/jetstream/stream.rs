//! A stream: what it stores, and for how long.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::consumer::Consumer;
use crate::jetstream::DateTime;
use crate::jetstream::stream::{Config, DiscardPolicy, StorageType};
use crate::subject::{self, Subject};
use crate::time::Instant;

/// A message of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What it was published to.
    pub subject: Subject,
    /// Its header block as it stands on the wire.
    pub headers: Option<Bytes>,
    /// The body.
    pub payload: Bytes,
    /// When it was stored.
    pub time: DateTime,
    at: Instant,
}

impl Stored {
    pub(super) fn new(
        subject: Subject,
        headers: Option<Bytes>,
        payload: Bytes,
        (time, at): (DateTime, Instant),
    ) -> Self {
        Self { subject, headers, payload, time, at }
    }

    /// How many bytes its headers and payload have.
    pub(super) fn len(&self) -> usize {
        self.headers.as_ref().map_or(0, Bytes::len) + self.payload.len()
    }

    /// How many bytes it counts for. Source: nats-server's `fileStoreMsgSize`, `memStoreMsgSize`.
    fn size(&self, storage: StorageType) -> usize {
        let own = self.subject.len() + self.len();
        match storage {
            StorageType::Memory => own + 16,
            StorageType::File => own + 30 + if self.headers.is_some() { 4 } else { 0 },
        }
    }
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) config: Config,
    pub(super) created: DateTime,
    pub(super) messages: BTreeMap<u64, Stored>,
    pub(super) first: u64,
    pub(super) last: u64,
    pub(super) last_time: DateTime,
    /// The ids of messages, their numbers, and until when they are remembered.
    pub(super) ids: BTreeMap<String, (u64, Instant)>,
    pub(super) last_id: String,
    pub(super) consumers: BTreeMap<String, Consumer>,
}

impl Stream {
    pub(super) fn new(config: Config, created: DateTime) -> Self {
        Self {
            config,
            created,
            messages: BTreeMap::new(),
            first: 0,
            last: 0,
            last_time: DateTime::ZERO,
            ids: BTreeMap::new(),
            last_id: String::new(),
            consumers: BTreeMap::new(),
        }
    }

    pub(super) fn stores(&self, subject: &str) -> bool {
        self.config.subjects.iter().any(|pattern| subject::matches(pattern, subject))
    }

    /// Stores a message and returns its number. What it displaces goes.
    pub(super) fn store(&mut self, message: Stored) -> u64 {
        self.last += 1;
        self.first = self.first.max(1);
        self.last_time = message.time;
        let subject = message.subject.clone();
        self.messages.insert(self.last, message);
        self.keep_limits(&subject);
        self.last
    }

    /// The numbers of the messages of a subject or pattern, in order.
    pub(super) fn numbers<'a>(&'a self, pattern: &'a str) -> impl DoubleEndedIterator<Item = u64> {
        let matching = move |(_, message): &(&u64, &Stored)| {
            pattern.is_empty() || subject::matches(pattern, &message.subject)
        };
        self.messages.iter().filter(matching).map(|(&number, _)| number)
    }

    pub(super) fn last_of(&self, pattern: &str) -> Option<u64> {
        self.numbers(pattern).next_back()
    }

    pub(super) fn count(&self, pattern: &str) -> u64 {
        self.numbers(pattern).count() as u64
    }

    pub(super) fn bytes(&self) -> u64 {
        self.messages.values().map(|message| self.size_of(message)).sum()
    }

    pub(super) fn size_of(&self, message: &Stored) -> u64 {
        message.size(self.config.storage) as u64
    }

    /// Deletes a message and says whether it was there.
    pub(super) fn remove(&mut self, number: u64) -> bool {
        let removed = self.messages.remove(&number).is_some();
        self.settle_first();
        removed
    }

    /// Deletes messages of a subject or pattern before a number, all but the newest `keep`.
    pub(super) fn purge(&mut self, pattern: &str, before: Option<u64>, keep: u64) -> u64 {
        let doomed: Vec<u64> = self
            .numbers(pattern)
            .filter(|number| before.is_none_or(|before| *number < before))
            .collect();
        let keep = usize::try_from(keep).unwrap_or(usize::MAX);
        let doomed = &doomed[..doomed.len().saturating_sub(keep)];
        for number in doomed {
            self.messages.remove(number);
        }
        self.settle_first();
        for consumer in self.consumers.values_mut() {
            consumer.forget(&self.messages, self.first);
        }
        doomed.len() as u64
    }

    /// What is too old goes, and the ids that are remembered no longer.
    pub(super) fn advance(&mut self, now: Instant) {
        if self.config.max_age > Duration::ZERO {
            let max_age = self.config.max_age;
            self.messages.retain(|_, message| now < message.at + max_age);
            self.settle_first();
        }
        self.ids.retain(|_, (_, until)| now < *until);
    }

    /// Goes on with another configuration.
    pub(super) fn reconfigure(&mut self, config: Config) {
        self.config = config;
        let subjects: BTreeSet<Subject> =
            self.messages.values().map(|message| message.subject.clone()).collect();
        for subject in &subjects {
            self.keep_limits(subject);
        }
    }

    fn settle_first(&mut self) {
        if self.last > 0 {
            self.first = self.messages.keys().next().copied().unwrap_or(self.last + 1);
        }
    }

    fn keep_limits(&mut self, subject: &Subject) {
        if let Ok(max) = u64::try_from(self.config.max_messages_per_subject) {
            while self.count(subject) > max {
                let Some(oldest) = self.numbers(subject).next() else { break };
                self.messages.remove(&oldest);
            }
        }
        let max = u64::try_from(self.config.max_messages).unwrap_or(u64::MAX);
        let max_bytes = u64::try_from(self.config.max_bytes).unwrap_or(u64::MAX);
        if self.config.discard == DiscardPolicy::Old {
            while self.messages.len() as u64 > max || self.bytes() > max_bytes {
                self.messages.pop_first();
            }
        }
        self.settle_first();
    }

    /// The stream's state as its info has it.
    pub(super) fn state(&self, deleted_details: bool, subjects_filter: Option<&str>) -> Value {
        let mut counts = BTreeMap::<&str, u64>::new();
        for message in self.messages.values() {
            *counts.entry(&message.subject).or_default() += 1;
        }
        let deleted: Vec<u64> = (self.first.max(1)..=self.last)
            .filter(|number| !self.messages.contains_key(number))
            .collect();
        let first_time = self.messages.values().next().map_or(DateTime::ZERO, |first| first.time);
        let mut state = json!({
            "messages": self.messages.len(),
            "bytes": self.bytes(),
            "first_seq": self.first,
            "first_ts": first_time.to_string(),
            "last_seq": self.last,
            "last_ts": self.last_time.to_string(),
            "num_subjects": counts.len(),
            "num_deleted": deleted.len(),
            "consumer_count": self.consumers.len(),
        });
        if deleted_details {
            state["deleted"] = json!(deleted);
        }
        if let Some(filter) = subjects_filter {
            counts.retain(|subject, _| subject::matches(filter, subject));
            state["subjects"] = json!(counts);
        }
        state
    }
}
