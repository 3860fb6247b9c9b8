//! JetStream among the servers of a world.

use core::time::Duration;

use super::jetstream::JetStream;
use super::world::World;
use crate::subject::{self, Subject};
use crate::time::Instant;

impl World {
    /// Gives the cluster a JetStream, to which it is `unix_time` since the first moment of 1970 at
    /// [`Instant::ORIGIN`]. It needs to be told what time it is, by [`advance`](Self::advance).
    pub fn enable_jetstream(&mut self, unix_time: Duration) {
        self.jetstream.enable(unix_time);
    }

    /// Looks at the JetStream, or does something to it. What it has to say then it says at once.
    pub fn jetstream<T>(&mut self, act: impl FnOnce(&mut JetStream) -> T) -> T {
        let result = act(&mut self.jetstream);
        self.run_jetstream();
        result
    }

    /// Tells the JetStream what time it is, and has it do what is due. Time does not go back.
    pub fn advance(&mut self, now: Instant) {
        self.jetstream.advance(now);
        self.run_jetstream();
    }

    /// When the JetStream does something by itself, if it does: then it is to be told the time.
    pub fn next_timeout(&self) -> Option<Instant> {
        self.jetstream.next_timeout()
    }

    pub(super) fn run_jetstream(&mut self) {
        let links = &self.links;
        let is_heard = |subject: &Subject| {
            let mut subscriptions = links.values().flat_map(|link| link.subscriptions.values());
            subscriptions.any(|subscribed| subject::matches(&subscribed.subject, subject))
        };
        for outgoing in self.jetstream.work(&is_heard) {
            for (id, sid) in self.choose_receivers(None, &outgoing.to) {
                self.write_message(id, sid, &outgoing.publication);
            }
        }
    }
}
