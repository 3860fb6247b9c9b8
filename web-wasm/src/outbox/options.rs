//! How an outbox works.

use core::time::Duration;

use nats_proto::Backoff;
use nats_proto::outbox::{Config, OnRefusal};

use super::storage::Bounds;

/// How an [`Outbox`](super::Outbox) works. All tabs that open the same should say the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) bounds: Bounds,
    pub(super) config: Config,
}

impl Options {
    /// The outbox of this name with the entries of this owner: whoever is signed in, as the application
    /// knows them. Any text will do for both.
    pub fn new(name: impl Into<String>, owner: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            owner: owner.into(),
            bounds: Bounds::default(),
            config: Config::default(),
        }
    }

    /// How many entries there may be, those that were set aside included; 1,000 unless said.
    #[must_use]
    pub fn max_messages(mut self, messages: u64) -> Self {
        self.bounds.messages = messages;
        self
    }

    /// How large all entries may be as they are stored, in bytes; 16 MiB unless said.
    #[must_use]
    pub fn max_bytes(mut self, bytes: u64) -> Self {
        self.bounds.bytes = bytes;
        self
    }

    /// The age at which an entry that is not confirmed is set aside as
    /// [expired](super::SetAside::Expired); none unless said. The tab that sends sees to it, so that it
    /// is noticed while one is connected.
    #[must_use]
    pub fn max_age(mut self, age: Duration) -> Self {
        self.config.max_age = Some(age);
        self
    }

    /// For how long the streams know the ids of messages: their `duplicate_window`, 2 minutes unless
    /// said. One that is longer than theirs can have messages stored twice.
    #[must_use]
    pub fn duplicate_window(mut self, window: Duration) -> Self {
        self.config.duplicate_window = window;
        self
    }

    /// How long a stream's answer is waited for; 5 seconds unless said.
    #[must_use]
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.config.ack_timeout = timeout;
        self
    }

    /// How long to wait before an entry is sent again; from 250 milliseconds to 8 seconds unless said.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.config.backoff = backoff;
        self
    }

    /// After how many answers that no stream stores its subject an entry is set aside; unless said
    /// never, as a stream may have no leader for a while. Until then those behind wait.
    #[must_use]
    pub fn max_no_responders(mut self, answers: u32) -> Self {
        self.config.max_no_responders = Some(answers);
        self
    }

    /// What a refusal means for the entries behind; they are sent unless said.
    #[must_use]
    pub fn on_refusal(mut self, on_refusal: OnRefusal) -> Self {
        self.config.on_refusal = on_refusal;
        self
    }

    /// What database, lock and channel are called. Names and owners can't be taken for each other.
    #[cfg(target_arch = "wasm32")]
    pub(super) fn key(&self) -> String {
        key(&self.name, &self.owner)
    }
}

/// What database, lock and channel of this name and owner are called.
#[cfg(any(target_arch = "wasm32", test))]
pub(super) fn key(name: &str, owner: &str) -> String {
    format!("web-wasm/outbox/{}:{name}/{owner}", name.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_outboxes_share_a_key() {
        let keys = [key("a", "b/c"), key("a/b", "c"), key("", "a/b/c"), key("a/b/c", "")];
        for (at, one) in keys.iter().enumerate() {
            assert!(keys.iter().skip(at + 1).all(|other| other != one), "{one}");
        }
    }
}
