//! What is asked for.

use alloc::string::String;
use core::time::Duration;

/// What a [`Pull`](super::Pull) asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullOptions {
    /// How many messages may wait to be read, those that are asked for included; at least 1. With
    /// `max_bytes` 0 means as many as fit.
    pub max_messages: usize,
    /// How many bytes may wait to be read, as the server counts them; 0 for no limit.
    pub max_bytes: usize,
    /// When so few messages wait or are asked for, more are asked for; `None` for half of
    /// `max_messages`.
    pub threshold_messages: Option<usize>,
    /// When so few bytes wait or are asked for, more are asked for; `None` for half of
    /// `max_bytes`.
    pub threshold_bytes: Option<usize>,
    /// How long one request may wait; at least 1 s.
    pub expires: Duration,
    /// How long the server may be silent before it sends a heartbeat; zero for half of `expires`.
    /// At most that, and 30 s.
    pub idle_heartbeat: Duration,
    /// The consumer's priority group to belong to.
    pub group: Option<String>,
    /// As [`PullRequest::min_pending`](crate::jetstream::consume::PullRequest::min_pending).
    pub min_pending: Option<u64>,
    /// As [`PullRequest::min_ack_pending`](crate::jetstream::consume::PullRequest::min_ack_pending).
    pub min_ack_pending: Option<u64>,
    /// As [`PullRequest::priority`](crate::jetstream::consume::PullRequest::priority).
    pub priority: Option<u8>,
}

impl Default for PullOptions {
    /// 200 messages, asked for when half of them are read; 30 s, with a heartbeat after 15.
    fn default() -> Self {
        Self {
            max_messages: 200,
            max_bytes: 0,
            threshold_messages: None,
            threshold_bytes: None,
            expires: Duration::from_secs(30),
            idle_heartbeat: Duration::ZERO,
            group: None,
            min_pending: None,
            min_ack_pending: None,
            priority: None,
        }
    }
}

impl PullOptions {
    /// The same, with every value where it makes sense.
    pub(super) fn sane(mut self) -> Self {
        if self.max_messages == 0 && self.max_bytes == 0 {
            self.max_messages = 1;
        }
        let half_messages = self.max_messages / 2;
        let messages = self.threshold_messages.unwrap_or(half_messages);
        self.threshold_messages = Some(messages.min(self.max_messages.saturating_sub(1)));
        let bytes = self.threshold_bytes.unwrap_or(self.max_bytes / 2);
        self.threshold_bytes = Some(bytes.min(self.max_bytes.saturating_sub(1)));
        self.expires = self.expires.max(Duration::from_secs(1));
        let longest = (self.expires / 2).min(Duration::from_secs(30));
        if self.idle_heartbeat.is_zero() || self.idle_heartbeat > longest {
            self.idle_heartbeat = longest;
        }
        self
    }
}
