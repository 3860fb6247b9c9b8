//! Consumers that deliver what is asked for.

/// The options of a priority group, which everything has that asks a consumer for messages.
macro_rules! group_options {
    ($builder:ident) => {
        impl $builder<'_> {
            /// The consumer's priority group to belong to.
            #[must_use]
            pub fn group(mut self, group: impl Into<String>) -> Self {
                self.options.group = Some(group.into());
                self
            }

            /// How many messages must be undelivered for this client to get any, where the group's
            /// policy is overflow.
            #[must_use]
            pub fn min_pending(mut self, messages: u64) -> Self {
                self.options.min_pending = Some(messages);
                self
            }

            /// How many messages must be unacknowledged for this client to get any, where the
            /// group's policy is overflow.
            #[must_use]
            pub fn min_ack_pending(mut self, messages: u64) -> Self {
                self.options.min_ack_pending = Some(messages);
                self
            }

            /// Where this client stands among others, 0 to 9 and the lowest first, where the
            /// group's policy is prioritized.
            #[must_use]
            pub fn priority(mut self, priority: u8) -> Self {
                self.options.priority = Some(priority);
                self
            }
        }
    };
}

mod batch;
mod config;
mod ordered;
mod stream;

pub use batch::{Batch, BatchBuilder, BatchMessagesError, FetchBuilder, Sequence};
pub use config::{Config, OrderedConfig};
pub use ordered::{Ordered, OrderedMessagesError};
pub use stream::{MessagesError, Stream, StreamBuilder};

pub use nats_proto::jetstream::consume::{BatchError, OrderedError, PullError};
