//! What clients say of what they were delivered.

use core::time::Duration;

use serde::Deserialize;

use super::clock::Clock;
use super::consumer::Consumer;
use crate::jetstream::consumer::AckPolicy;
use crate::jetstream::wire::nanos;

/// With what a delayed repetition is asked for.
#[derive(Deserialize)]
struct Later {
    #[serde(with = "nanos")]
    delay: Duration,
}

/// What is to be done when an acknowledgement was heeded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Then {
    /// It is confirmed, if that was asked for.
    Confirm,
    /// The next message is delivered to where the confirmation would go.
    Next,
}

impl Consumer {
    /// Heeds what is said of a message: by its number in the stream, and that of its delivery.
    pub(super) fn heed(&mut self, clock: Clock, number: u64, delivery: u64, says: &[u8]) -> Then {
        let text = core::str::from_utf8(says).unwrap_or_default().trim();
        if let Some(rest) = text.strip_prefix("-NAK") {
            self.repeat(clock, number, rest.trim());
        } else if text == "+WPI" {
            let wait = self.ack_wait(1);
            if let Some(message) = self.unacknowledged.get_mut(&number) {
                message.deadline = clock.now + wait;
            }
        } else {
            self.acknowledge(clock, number, delivery);
            if text == "+NXT" {
                return Then::Next;
            }
        }
        Then::Confirm
    }

    /// A message is not waited for any more, though nobody acknowledged it.
    pub(super) fn give_up(&mut self, number: u64) {
        self.again.retain(|other| *other != number);
        self.counts.remove(&number);
        if let Some(message) = self.unacknowledged.remove(&number) {
            self.raise_floor(number, message.delivery);
        }
    }

    fn acknowledge(&mut self, clock: Clock, number: u64, delivery: u64) {
        self.last_ack = Some(clock.date());
        if self.config.ack_policy == AckPolicy::All {
            self.unacknowledged.retain(|other, _| *other > number);
            self.counts.retain(|other, _| *other > number);
            self.again.retain(|other| *other > number);
            self.floor = self.floor.max((delivery, number));
        } else {
            self.give_up(number);
        }
    }

    fn repeat(&mut self, clock: Clock, number: u64, delay: &str) {
        let delay = serde_json::from_str::<Later>(delay).map(|later| later.delay).ok();
        let Some(message) = self.unacknowledged.get_mut(&number) else { return };
        match delay.filter(|delay| !delay.is_zero()) {
            Some(delay) => message.deadline = clock.now + delay,
            None if self.again.contains(&number) => {}
            None => self.again.push_back(number),
        }
    }

    fn raise_floor(&mut self, number: u64, delivery: u64) {
        if self.unacknowledged.is_empty() {
            self.floor = (self.deliveries, self.next - 1);
        } else if delivery == self.floor.0 + 1 {
            self.floor = (delivery, number);
            if let Some((&next, message)) = self.unacknowledged.range(number + 1..).next() {
                self.floor = (message.delivery - 1, next - 1);
            }
        }
    }
}
