//! Where a subscription gets what it misses.

use core::time::Duration;

use crate::jetstream::context::Context;

/// Where a subscription gets what it misses.
#[derive(Clone, Debug)]
pub struct RecoverFrom {
    pub(super) stream: String,
    pub(super) context: Option<Context>,
    pub(super) max_missed: Option<u64>,
    pub(super) timeout: Duration,
    pub(super) after: Option<u64>,
}

impl RecoverFrom {
    /// From a stream, which must store what is subscribed to.
    pub fn stream(name: impl Into<String>) -> Self {
        Self {
            stream: name.into(),
            context: None,
            max_missed: None,
            timeout: Duration::from_secs(10),
            after: None,
        }
    }

    /// The JetStream that has the stream. Default: that of the client's account.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = Some(context);
        self
    }

    /// How many missed messages to get at most. If it were more, none is, and the subscription goes on
    /// with what is new. Default: no limit.
    #[must_use]
    pub fn max_missed(mut self, messages: u64) -> Self {
        self.max_missed = Some(messages);
        self
    }

    /// How long to wait for the stream after an interruption. Then the subscription goes on without
    /// it. Default: 10 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Everything after this message was missed, by its number in the stream: the last that was read
    /// before the page was left, say. Default: nothing was missed, and the subscription begins with
    /// what is new.
    #[must_use]
    pub fn after(mut self, stream_sequence: u64) -> Self {
        self.after = Some(stream_sequence);
        self
    }
}
