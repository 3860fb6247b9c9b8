//! A consumer: where it is in its stream, and what it waits for.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde_json::{Value, json};

use super::clock::Clock;
use super::config;
use super::pull::Waiting;
use super::stream::{Stored, Stream};
use crate::jetstream::DateTime;
use crate::jetstream::consumer::{AckPolicy, Config, DeliverPolicy};
use crate::subject;
use crate::time::Instant;

/// A message that was delivered and is not acknowledged.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unacknowledged {
    /// The number of its first delivery.
    pub(super) delivery: u64,
    pub(super) deadline: Instant,
}

#[derive(Clone, Debug)]
pub(super) struct Consumer {
    pub(super) name: String,
    pub(super) config: Config,
    pub(super) created: DateTime,
    filters: Vec<String>,
    /// Those to deliver before all others: the last of each subject, for who asked for them.
    selected: BTreeSet<u64>,
    /// Where it goes on after those.
    resumes: u64,
    /// The number in the stream from which on everything is still to be delivered.
    pub(super) next: u64,
    /// How many deliveries there were.
    pub(super) deliveries: u64,
    pub(super) last_delivery: Option<DateTime>,
    /// The last delivery up to which all are acknowledged, and which message that was.
    pub(super) floor: (u64, u64),
    pub(super) last_ack: Option<DateTime>,
    pub(super) unacknowledged: BTreeMap<u64, Unacknowledged>,
    /// How often each of those was delivered that were delivered more than once.
    pub(super) counts: BTreeMap<u64, u64>,
    /// Those to deliver again now.
    pub(super) again: VecDeque<u64>,
    pub(super) waiting: VecDeque<Waiting>,
    /// Since when nobody has used it.
    pub(super) idle_since: Instant,
}

impl Consumer {
    pub(super) fn new(name: String, config: Config, stream: &Stream, clock: Clock) -> Self {
        let filters = config::filters(&config);
        let mut this = Self {
            name,
            created: clock.date(),
            filters,
            selected: BTreeSet::new(),
            resumes: stream.last + 1,
            next: 1,
            deliveries: 0,
            last_delivery: None,
            floor: (0, 0),
            last_ack: None,
            unacknowledged: BTreeMap::new(),
            counts: BTreeMap::new(),
            again: VecDeque::new(),
            waiting: VecDeque::new(),
            idle_since: clock.now,
            config,
        };
        this.next = this.beginning(stream);
        this.floor = (0, this.next - 1);
        this
    }

    fn beginning(&mut self, stream: &Stream) -> u64 {
        let matching = |(_, message): &(&u64, &Stored)| self.wants(message);
        let begin = match self.config.deliver_policy {
            DeliverPolicy::All => stream.first,
            DeliverPolicy::Last => {
                let last = stream.messages.iter().rfind(matching);
                last.map_or(stream.last, |(&number, _)| number)
            }
            DeliverPolicy::New => stream.last + 1,
            DeliverPolicy::ByStartSequence { start_sequence } => start_sequence,
            DeliverPolicy::ByStartTime { start_time } => {
                let mut later = stream.messages.iter();
                let later = later.find(|(_, message)| message.time >= start_time);
                later.map_or(stream.last + 1, |(&number, _)| number)
            }
            DeliverPolicy::LastPerSubject => {
                let mut last = BTreeMap::new();
                for (&number, message) in stream.messages.iter().filter(matching) {
                    last.insert(message.subject.clone(), number);
                }
                self.selected = last.into_values().collect();
                match self.selected.first() {
                    Some(&first) => first,
                    None => stream.last,
                }
            }
        };
        begin.max(stream.first).max(1)
    }

    pub(super) fn wants(&self, message: &Stored) -> bool {
        self.filters.is_empty()
            || self.filters.iter().any(|filter| subject::matches(filter, &message.subject))
    }

    pub(super) fn acknowledges(&self) -> bool {
        self.config.ack_policy != AckPolicy::None
    }

    /// The messages that were never delivered, in order.
    pub(super) fn undelivered<'a>(
        &'a self,
        messages: &'a BTreeMap<u64, Stored>,
    ) -> impl Iterator<Item = u64> + 'a {
        let selected = self.selected.iter().filter(|number| messages.contains_key(number));
        let from = if self.selected.is_empty() { self.next } else { self.resumes };
        let rest = messages.range(from..).filter(|(_, message)| self.wants(message));
        selected.copied().chain(rest.map(|(&number, _)| number))
    }

    /// A message is delivered for the first time.
    pub(super) fn pass(&mut self, number: u64) {
        let selected = !self.selected.is_empty();
        self.selected.retain(|other| *other > number);
        self.next = number + 1;
        if selected && self.selected.is_empty() {
            self.next = self.next.max(self.resumes);
        }
    }

    /// Messages are gone from the stream, all before `first` and others: none of them is waited for.
    pub(super) fn forget(&mut self, messages: &BTreeMap<u64, Stored>, first: u64) {
        self.next = self.next.max(first);
        let gone: Vec<u64> = self.unacknowledged.keys().copied().collect();
        for number in gone.into_iter().filter(|number| !messages.contains_key(number)) {
            self.give_up(number);
        }
    }

    /// How long an acknowledgement of a message is waited for that was delivered so often.
    pub(super) fn ack_wait(&self, deliveries: u64) -> Duration {
        let index = usize::try_from(deliveries.saturating_sub(1)).unwrap_or(usize::MAX);
        let backoff = self.config.backoff.get(index).or(self.config.backoff.last());
        backoff.copied().unwrap_or(self.config.ack_wait)
    }

    /// When it is deleted because nobody uses it, if nobody asks for anything meanwhile.
    pub(super) fn lapses_at(&self) -> Option<Instant> {
        let lapses = self.waiting.is_empty() && !self.config.inactive_threshold.is_zero();
        lapses.then(|| self.idle_since + self.config.inactive_threshold)
    }

    /// Whether it outlives the server that leads it.
    pub(super) fn is_durable(&self) -> bool {
        self.config.durable_name.is_some()
    }

    /// The consumer as its info has it.
    pub(super) fn info(&self, stream: &Stream, clock: Clock) -> Value {
        let place = |consumer_seq: u64, stream_seq: u64, at: Option<DateTime>| {
            let mut place = json!({ "consumer_seq": consumer_seq, "stream_seq": stream_seq });
            if let Some(at) = at {
                place["last_active"] = json!(at.to_string());
            }
            place
        };
        let pending = self.undelivered(&stream.messages).count();
        json!({
            "stream_name": stream.config.name,
            "name": self.name,
            "created": self.created.to_string(),
            "config": self.config,
            "delivered": place(self.deliveries, self.next - 1, self.last_delivery),
            "ack_floor": place(self.floor.0, self.floor.1, self.last_ack),
            "num_ack_pending": self.unacknowledged.len(),
            "num_redelivered": self.counts.len(),
            "num_waiting": self.waiting.len(),
            "num_pending": pending,
            "ts": clock.date().to_string(),
        })
    }
}
