//! One request, for so many messages and so long.

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

use super::error::{BatchError, PullError};
use super::request::{Action, PullRequest, delivered_bytes, pin_of};
use super::retry::Retry;
use super::status::{Condition, Status};
use crate::message::Message;
use crate::time::Instant;

/// How much longer than its time a request is waited for.
const GRACE: Duration = Duration::from_secs(5);

/// What a [`Batch`] asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchOptions {
    /// How many messages at most; at least 1.
    pub max_messages: usize,
    /// How many bytes at most, as the server counts them; 0 for no limit.
    pub max_bytes: usize,
    /// How long to wait for them; zero for not at all.
    pub expires: Duration,
    /// Whether to end as soon as there is nothing more to deliver.
    pub no_wait: bool,
    /// How long the server may be silent before it sends a heartbeat; zero for none. At most half
    /// of `expires`.
    pub idle_heartbeat: Duration,
    /// The consumer's priority group to belong to.
    pub group: Option<String>,
    /// The `Nats-Pin-Id` that the client holds.
    pub pin_id: Option<String>,
    /// As [`PullRequest::min_pending`].
    pub min_pending: Option<u64>,
    /// As [`PullRequest::min_ack_pending`].
    pub min_ack_pending: Option<u64>,
    /// As [`PullRequest::priority`].
    pub priority: Option<u8>,
}

/// A client that wants some messages now.
///
/// It never delivers more than it was to get. If the connection breaks, what has not come is asked
/// for again over the next one, for the time that is left.
///
/// How it is driven: see [the module](super). Never panics, whatever comes in.
#[derive(Debug)]
pub struct Batch {
    options: BatchOptions,
    connected: bool,
    /// Which request is on its way, and when it is over whatever the server says.
    asked: Option<(u64, Instant)>,
    next_token: u64,
    /// What has not come.
    messages: usize,
    bytes: usize,
    /// Whether a message has come.
    delivered: bool,
    /// Whether a connection broke meanwhile: then a consumer that is away may come back.
    broken: bool,
    started: Instant,
    /// When the time of the application is up.
    expires_at: Option<Instant>,
    heard: Instant,
    retry: Retry,
    ended: bool,
    actions: VecDeque<Action<BatchError>>,
}

impl Batch {
    /// One that asks for nothing before [`handle_connected`](Self::handle_connected); its time
    /// begins `now`.
    pub fn new(options: BatchOptions, now: Instant) -> Self {
        let options = BatchOptions {
            max_messages: options.max_messages.max(1),
            idle_heartbeat: options.idle_heartbeat.min(options.expires / 2),
            no_wait: options.no_wait || options.expires.is_zero(),
            ..options
        };
        Self {
            connected: false,
            asked: None,
            next_token: 1,
            messages: options.max_messages,
            bytes: options.max_bytes,
            delivered: false,
            broken: false,
            started: now,
            expires_at: (!options.expires.is_zero()).then(|| now + options.expires),
            heard: now,
            retry: Retry::default(),
            ended: false,
            actions: VecDeque::new(),
            options,
        }
    }

    /// A server let the client in.
    pub fn handle_connected(&mut self, now: Instant) {
        if !self.connected {
            self.connected = true;
            self.ask(now);
        }
    }

    /// The connection broke, or the inbox was lost in another way. What had arrived over it was
    /// handed over before.
    pub fn handle_disconnected(&mut self) {
        self.connected = false;
        self.broken |= self.asked.take().is_some();
        self.retry.hurry();
    }

    /// Something arrived in the inbox.
    pub fn handle_message(&mut self, now: Instant, message: Message) {
        if self.ended {
            return;
        }
        self.heard = now;
        match Status::read(&message) {
            Some(status) => self.handle_status(now, status),
            None => self.deliver(message),
        }
    }

    fn deliver(&mut self, message: Message) {
        self.delivered = true;
        self.messages -= 1;
        self.bytes = self.bytes.saturating_sub(delivered_bytes(&message));
        if let Some(pin) = pin_of(&message) {
            self.options.pin_id = Some(String::from(pin));
        }
        self.actions.push_back(Action::Deliver(message));
        if self.messages == 0 || (self.options.max_bytes > 0 && self.bytes == 0) {
            self.end(None);
        }
    }

    fn handle_status(&mut self, now: Instant, status: Status) {
        let asked = self.asked.map(|(token, _)| token);
        if status.token.is_some() && status.token != asked {
            return;
        }
        match status.condition {
            Condition::Heartbeat { .. } => {}
            Condition::NoMessages | Condition::Expired | Condition::Completed => self.end(None),
            Condition::MessageTooLarge if self.delivered => self.end(None),
            Condition::MessageTooLarge => {
                let max_bytes = self.options.max_bytes;
                self.end(Some(PullError::MessageTooLarge { max_bytes }.into()));
            }
            Condition::LeadershipChange => {
                self.broken = true;
                self.asked = None;
                self.ask(now);
            }
            Condition::WrongPin => {
                self.options.pin_id = None;
                self.asked = None;
                self.ask(now);
            }
            Condition::NoResponders if self.broken => {
                self.asked = None;
                self.retry.failed(now);
            }
            Condition::NoResponders => self.end(Some(PullError::NoResponders.into())),
            Condition::ConsumerDeleted => self.end(Some(PullError::ConsumerDeleted.into())),
            Condition::PushBased => self.end(Some(PullError::PushBased.into())),
            Condition::TooManyRequests => self.end(Some(PullError::TooManyRequests.into())),
            Condition::LimitExceeded(text) => self.end(Some(PullError::LimitExceeded(text).into())),
            Condition::BadRequest(text) => self.end(Some(PullError::BadRequest(text).into())),
            Condition::Other { code, description } => {
                self.end(Some(PullError::Status { code, description }.into()));
            }
        }
    }

    fn end(&mut self, error: Option<BatchError>) {
        if !self.ended {
            self.ended = true;
            self.actions.push_back(Action::End(error));
        }
    }

    /// Asks for what has not come, unless that is asked for already.
    fn ask(&mut self, now: Instant) {
        if self.ended || !self.connected || self.asked.is_some() || !self.retry.is_due(now) {
            return;
        }
        let left = self.expires_at.map_or(Duration::ZERO, |at| at - now);
        if left.is_zero() && self.expires_at.is_some() {
            return self.end(None);
        }
        let token = self.next_token;
        self.next_token += 1;
        self.asked = Some((token, now + left + GRACE));
        self.heard = now;
        self.actions.push_back(Action::Subscribe);
        let request = PullRequest {
            batch: self.messages,
            max_bytes: self.bytes,
            expires: left,
            no_wait: self.options.no_wait,
            idle_heartbeat: self.options.idle_heartbeat.min(left / 2),
            group: self.options.group.clone(),
            pin_id: self.options.pin_id.clone(),
            min_pending: self.options.min_pending,
            min_ack_pending: self.options.min_ack_pending,
            priority: self.options.priority,
        };
        self.actions.push_back(Action::Request { token, request });
    }

    /// When the server has been silent for too long, if it owes a word.
    fn silent_at(&self) -> Option<Instant> {
        let owes = self.asked.is_some() && !self.options.idle_heartbeat.is_zero();
        owes.then(|| self.heard + self.options.idle_heartbeat * 2)
    }

    /// When it is over, whatever happens.
    fn given_up_at(&self) -> Instant {
        match self.asked {
            Some((_, over_by)) => over_by,
            None => self.expires_at.unwrap_or(self.started + GRACE),
        }
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.given_up_at() <= now {
            let answered = self.delivered || (self.asked.is_none() && self.expires_at.is_some());
            return self.end((!answered).then_some(BatchError::TimedOut));
        }
        if self.silent_at().is_some_and(|at| at <= now) {
            return self.end(Some(PullError::MissingHeartbeat.into()));
        }
        self.ask(now);
    }

    /// What to do next, or `None` until something else happens.
    pub fn poll_action(&mut self) -> Option<Action<BatchError>> {
        self.actions.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if ever.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.ended {
            return None;
        }
        let retry = self.retry.until().filter(|_| self.connected && self.asked.is_none());
        [self.silent_at(), Some(self.given_up_at()), retry].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;
