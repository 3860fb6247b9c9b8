//! What clients ask of a consumer, and what it delivers.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use serde::Deserialize;

use super::clock::Clock;
use super::consumer::{Consumer, Unacknowledged};
use super::outgoing::{Outgoing, with_headers};
use super::stream::Stored;
use crate::jetstream::headers;
use crate::jetstream::wire::nanos;
use crate::simulator::Publication;
use crate::subject::Subject;
use crate::time::Instant;

/// A request as it came.
#[derive(Debug, Deserialize)]
#[serde(default)]
struct Asked {
    batch: usize,
    max_bytes: usize,
    #[serde(with = "nanos")]
    expires: Duration,
    no_wait: bool,
    #[serde(with = "nanos")]
    idle_heartbeat: Duration,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            batch: 1,
            max_bytes: 0,
            expires: Duration::ZERO,
            no_wait: false,
            idle_heartbeat: Duration::ZERO,
        }
    }
}

/// A request that waits for messages.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) inbox: Subject,
    left: usize,
    /// How many bytes it may still get, where that is limited.
    bytes: Option<usize>,
    expires: Option<Instant>,
    no_wait: bool,
    heartbeat: Option<Duration>,
    last_heard: Instant,
    /// Whether it got something.
    served: bool,
}

impl Waiting {
    fn pending(&self) -> String {
        format!(
            "Nats-Pending-Messages: {}\r\nNats-Pending-Bytes: {}",
            self.left,
            self.bytes.unwrap_or(0)
        )
    }

    fn says(&self, words: &str) -> Outgoing {
        Outgoing::status(self.inbox.clone(), &format!("{words}\r\n{}", self.pending()))
    }

    fn next_heartbeat(&self) -> Option<Instant> {
        self.heartbeat.map(|interval| self.last_heard + interval)
    }

    /// When it has something to hear though nothing happens.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        [self.expires, self.next_heartbeat()].into_iter().flatten().min()
    }
}

/// The number of a message, whether it was delivered before, and what of it is delivered.
struct Next<'a> {
    number: u64,
    again: bool,
    message: &'a Stored,
}

impl Consumer {
    /// Somebody asks for messages.
    pub(super) fn ask(&mut self, clock: Clock, body: &[u8], inbox: Subject) -> Option<Outgoing> {
        self.idle_since = clock.now;
        let refused = |words: &str| Some(Outgoing::status(inbox.clone(), words));
        let asked = match core::str::from_utf8(body).map(str::trim) {
            Ok("") => Asked::default(),
            Ok(text) => match text.parse() {
                Ok(batch) => Asked { batch, ..Asked::default() },
                Err(_) => match serde_json::from_str(text) {
                    Ok(asked) => asked,
                    Err(_) => return refused("400 Bad Request - invalid JSON"),
                },
            },
            Err(_) => return refused("400 Bad Request - invalid JSON"),
        };
        if !asked.idle_heartbeat.is_zero() && asked.idle_heartbeat * 2 > asked.expires {
            return refused("400 Bad Request - heartbeat value too large");
        }
        if self.waiting.len() >= usize::try_from(self.config.max_waiting).unwrap_or(usize::MAX) {
            return refused("409 Exceeded MaxWaiting");
        }
        self.waiting.push_back(Waiting {
            inbox,
            left: asked.batch.max(1),
            bytes: (asked.max_bytes > 0).then_some(asked.max_bytes),
            expires: (!asked.expires.is_zero()).then(|| clock.now + asked.expires),
            no_wait: asked.no_wait,
            heartbeat: (!asked.idle_heartbeat.is_zero()).then_some(asked.idle_heartbeat),
            last_heard: clock.now,
            served: false,
        });
        None
    }

    /// Serves those who wait. `is_heard` says whether anybody listens at an inbox.
    pub(super) fn serve(
        &mut self,
        clock: Clock,
        stream: &str,
        messages: &BTreeMap<u64, Stored>,
        is_heard: &dyn Fn(&Subject) -> bool,
        out: &mut Vec<Outgoing>,
    ) {
        self.waiting.retain(|waiting| is_heard(&waiting.inbox));
        if !self.waiting.is_empty() {
            self.idle_since = clock.now;
        }
        self.repeat_what_is_overdue(clock);
        self.end_what_has_expired(clock, out);
        while !self.waiting.is_empty()
            && let Some(next) = self.next(messages)
        {
            self.serve_front(clock, stream, messages, &next, out);
        }
        self.send_away_who_does_not_wait(out);
        for waiting in &mut self.waiting {
            if waiting.next_heartbeat().is_some_and(|at| at <= clock.now) {
                waiting.last_heard = clock.now;
                let line = format!(
                    "100 Idle Heartbeat\r\nNats-Last-Consumer: {}\r\nNats-Last-Stream: {}",
                    self.deliveries,
                    self.next - 1
                );
                out.push(Outgoing::status(waiting.inbox.clone(), &line));
            }
        }
    }

    /// Ends every request, since the consumer is no more.
    pub(super) fn tell_deleted(&mut self, out: &mut Vec<Outgoing>) {
        let requests = self.waiting.drain(..);
        out.extend(requests.map(|one| Outgoing::status(one.inbox, "409 Consumer Deleted")));
    }

    /// Ends every request, since another server has to be asked.
    pub(super) fn tell_leadership_change(&mut self, out: &mut Vec<Outgoing>) {
        out.extend(self.waiting.drain(..).map(|waiting| waiting.says("409 Leadership Change")));
    }

    /// The earliest moment at which something happens by itself.
    pub(super) fn next_timeout(&self) -> Option<Instant> {
        let waiting = self.waiting.iter().filter_map(Waiting::next_timeout).min();
        let overdue = self.unacknowledged.values().map(|message| message.deadline).min();
        // Nothing comes of what is overdue while nobody asks.
        let overdue = overdue.filter(|_| !self.waiting.is_empty());
        [waiting, overdue, self.lapses_at()].into_iter().flatten().min()
    }

    fn repeat_what_is_overdue(&mut self, clock: Clock) {
        for (&number, message) in &self.unacknowledged {
            if message.deadline <= clock.now && !self.again.contains(&number) {
                self.again.push_back(number);
            }
        }
    }

    fn end_what_has_expired(&mut self, clock: Clock, out: &mut Vec<Outgoing>) {
        self.waiting.retain(|waiting| {
            let expired = waiting.expires.is_some_and(|at| at <= clock.now);
            if expired {
                out.push(waiting.says("408 Request Timeout"));
            }
            !expired
        });
    }

    fn send_away_who_does_not_wait(&mut self, out: &mut Vec<Outgoing>) {
        self.waiting.retain(|waiting| {
            let leaves = waiting.no_wait && (waiting.served || waiting.expires.is_none());
            if leaves {
                out.push(Outgoing::status(waiting.inbox.clone(), "404 No Messages"));
            }
            !leaves
        });
    }

    /// What is delivered next, if anything may be.
    fn next<'a>(&mut self, messages: &'a BTreeMap<u64, Stored>) -> Option<Next<'a>> {
        while let Some(&number) = self.again.front() {
            let deliveries = self.deliveries_of(number);
            let max = u64::try_from(self.config.max_deliver).unwrap_or(u64::MAX);
            match messages.get(&number) {
                Some(message) if deliveries < max => {
                    return Some(Next { number, again: true, message });
                }
                _ => self.give_up(number),
            }
        }
        let max = usize::try_from(self.config.max_ack_pending).unwrap_or(usize::MAX);
        if self.acknowledges() && self.unacknowledged.len() >= max {
            return None;
        }
        let number = self.undelivered(messages).next()?;
        messages.get(&number).map(|message| Next { number, again: false, message })
    }

    fn deliveries_of(&self, number: u64) -> u64 {
        match self.counts.get(&number) {
            Some(&count) => count,
            None => u64::from(self.unacknowledged.contains_key(&number)),
        }
    }

    fn serve_front(
        &mut self,
        clock: Clock,
        stream: &str,
        messages: &BTreeMap<u64, Stored>,
        next: &Next<'_>,
        out: &mut Vec<Outgoing>,
    ) {
        let Some(mut waiting) = self.waiting.pop_front() else { return };
        let Next { number, again, message } = *next;
        let undelivered = self.undelivered(messages).count() - usize::from(!again);
        let count = if again { self.deliveries_of(number) + 1 } else { 1 };
        let reply = format!(
            "$JS.ACK.{stream}.{}.{count}.{number}.{}.{}.{undelivered}",
            self.name,
            self.deliveries + 1,
            message.time.unix_timestamp_nanos(),
        );
        let publication = self.delivered(message, reply.into());
        let size = message.subject.len()
            + publication.reply.as_ref().map_or(0, |reply| reply.len())
            + message.len();
        if waiting.bytes.is_some_and(|left| size > left) {
            return out.push(waiting.says("409 Message Size Exceeds MaxBytes"));
        }
        self.note_delivery(clock, number, again, count);
        out.push(Outgoing { to: waiting.inbox.clone(), publication });
        waiting.left -= 1;
        waiting.bytes = waiting.bytes.map(|left| left - size);
        waiting.last_heard = clock.now;
        waiting.served = true;
        if waiting.left > 0 {
            self.waiting.push_back(waiting);
        } else if waiting.bytes.is_some_and(|left| left > 0) {
            out.push(waiting.says("409 Batch Completed"));
        }
    }

    fn note_delivery(&mut self, clock: Clock, number: u64, again: bool, count: u64) {
        self.deliveries += 1;
        self.last_delivery = Some(clock.date());
        if again {
            self.again.pop_front();
            self.counts.insert(number, count);
        } else {
            self.pass(number);
        }
        if self.acknowledges() {
            let deadline = clock.now + self.ack_wait(count);
            let delivery = self.deliveries;
            self.unacknowledged
                .entry(number)
                .or_insert(Unacknowledged { delivery, deadline })
                .deadline = deadline;
        } else {
            self.floor = (self.deliveries, number);
        }
    }

    /// A message as it is delivered.
    fn delivered(&self, message: &Stored, reply: Subject) -> Publication {
        let (mut headers, mut payload) = (message.headers.clone(), message.payload.clone());
        if self.config.headers_only {
            let size: &dyn ToString = &payload.len();
            headers = Some(with_headers(headers.as_ref(), &[(headers::MESSAGE_SIZE, size)]));
            payload.clear();
        }
        Publication { subject: message.subject.clone(), reply: Some(reply), headers, payload }
    }
}
