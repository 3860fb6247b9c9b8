//! One of the consumers of an ordered one.

use alloc::string::String;

use crate::jetstream::MessageInfo;
use crate::jetstream::consume::pull::Pull;
use crate::jetstream::consume::status::{Condition, Status};
use crate::message::Message;

/// The present consumer, and what its client knows of it.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) name: String,
    pub(super) pull: Pull,
    /// The number of its last delivery.
    delivered: u64,
    /// Whether it has done anything.
    pub(super) worked: bool,
}

/// What is to be done with a message.
pub(super) enum Verdict {
    /// It is the next one, or a status.
    Take {
        /// The smallest number in the stream that is wanted after it, if it changes that.
        next: Option<u64>,
    },
    /// It is nothing to this consumer.
    PassOver,
    /// Something before it is missing, or the consumer is gone.
    Lost,
}

impl Running {
    pub(super) fn new(name: String, pull: Pull) -> Self {
        Self { name, pull, delivered: 0, worked: false }
    }

    /// Says what is to be done with a message, where `next` is the smallest number in the stream that
    /// is wanted.
    pub(super) fn judge(&mut self, message: &Message, next: Option<u64>) -> Verdict {
        if let Some(status) = Status::read(message) {
            return match status.condition {
                Condition::Heartbeat { last_consumer: Some(last) } if last > self.delivered => {
                    Verdict::Lost
                }
                Condition::Heartbeat { .. } => {
                    self.worked = true;
                    Verdict::Take { next: None }
                }
                Condition::ConsumerDeleted | Condition::NoResponders => Verdict::Lost,
                _ => Verdict::Take { next: None },
            };
        }
        // Whoever learns of the inbox can publish to it, and must not do harm.
        let reply = message.reply.as_deref().unwrap_or_default();
        let Ok(info) = MessageInfo::parse(reply) else { return Verdict::PassOver };
        if info.consumer != self.name || info.consumer_sequence <= self.delivered {
            return Verdict::PassOver;
        }
        if info.consumer_sequence != self.delivered + 1 {
            return Verdict::Lost;
        }
        self.delivered = info.consumer_sequence;
        self.worked = true;
        if next.is_some_and(|next| info.stream_sequence < next) {
            return Verdict::PassOver;
        }
        Verdict::Take { next: Some(info.stream_sequence + 1) }
    }
}
