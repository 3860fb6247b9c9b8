//! Requests without end, so that some messages always wait to be read.

mod options;

use alloc::collections::VecDeque;
use alloc::string::String;
use core::time::Duration;

pub use self::options::PullOptions;

use super::error::PullError;
use super::request::{Action, PullRequest, delivered_bytes, pin_of};
use super::retry::Retry;
use super::status::{Condition, Status};
use crate::message::Message;
use crate::time::Instant;

/// How many requests are remembered by what they asked for. Only one that is refused must be, and
/// that is told before many others are made.
const REMEMBERED: usize = 64;

/// How many messages are asked for where only bytes are limited.
const UNLIMITED: usize = 1_000_000;

/// How much longer than its time a request is believed to wait.
const GRACE: Duration = Duration::from_secs(5);

/// A client that pulls messages from a consumer as they are read, over any number of connections.
///
/// What is asked for and not yet read is counted to the message, so that the memory it takes is
/// bounded by what the options say. Everything that was asked for over an inbox dies with it; so a
/// fresh inbox, after a broken connection or a silence, starts from zero.
///
/// How it is driven: see [the module](super). Never panics, whatever comes in.
#[derive(Debug)]
pub struct Pull {
    options: PullOptions,
    pin: Option<String>,
    connected: bool,
    /// Whether there is an inbox that messages can come for.
    inbox: bool,
    next_token: u64,
    /// Requests with smaller tokens are forgotten.
    floor: u64,
    /// What the latest requests asked for: token, messages, bytes.
    recent: VecDeque<(u64, usize, usize)>,
    /// What is asked for and has not come.
    messages: usize,
    bytes: usize,
    /// When every request is over, whatever the server says.
    over_by: Instant,
    /// When the server was last heard of.
    heard: Instant,
    retry: Retry,
    /// Whether the next message did not fit: then all the room there is will be asked for, which
    /// takes that nothing else is.
    too_large: bool,
    draining: bool,
    ended: bool,
    actions: VecDeque<Action<PullError>>,
}

impl Pull {
    /// One that asks for nothing before [`handle_connected`](Self::handle_connected).
    pub fn new(options: PullOptions) -> Self {
        Self {
            options: options.sane(),
            pin: None,
            connected: false,
            inbox: false,
            next_token: 1,
            floor: 1,
            recent: VecDeque::new(),
            messages: 0,
            bytes: 0,
            over_by: Instant::ORIGIN,
            heard: Instant::ORIGIN,
            retry: Retry::default(),
            too_large: false,
            draining: false,
            ended: false,
            actions: VecDeque::new(),
        }
    }

    /// How many messages and bytes are asked for and have not come.
    pub fn outstanding(&self) -> (usize, usize) {
        (self.messages, self.bytes)
    }

    /// What it asks for, with every value where it makes sense.
    pub fn options(&self) -> &PullOptions {
        &self.options
    }

    /// The id by which the consumer knows this client as the one that it is pinned to.
    pub fn pin_id(&self) -> Option<&str> {
        self.pin.as_deref()
    }

    /// A server let the client in.
    pub fn handle_connected(&mut self, now: Instant) {
        if !self.connected {
            self.connected = true;
            self.heard = now;
            self.retry.hurry();
            self.ask(now);
        }
    }

    /// The connection broke, or the inbox was lost in another way. What had arrived over it was
    /// handed over before.
    pub fn handle_disconnected(&mut self) {
        self.connected = false;
        self.lose_inbox();
        if self.draining {
            self.end(None);
        }
    }

    /// Asks for nothing more; it ends when the inbox is lost, which the caller sees to when all has
    /// arrived.
    pub fn drain(&mut self) {
        self.draining = true;
        if !self.inbox {
            self.end(None);
        }
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
        self.ask(now);
    }

    fn deliver(&mut self, message: Message) {
        self.messages = self.messages.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(delivered_bytes(&message));
        self.retry.succeeded();
        self.too_large = false;
        if let Some(pin) = pin_of(&message).filter(|pin| self.pin.as_deref() != Some(pin)) {
            self.pin = Some(String::from(pin));
        }
        self.actions.push_back(Action::Deliver(message));
    }

    fn handle_status(&mut self, now: Instant, status: Status) {
        if let Condition::Heartbeat { .. } = status.condition {
            return self.retry.succeeded();
        }
        if status.token.is_some_and(|token| token < self.floor) {
            return;
        }
        self.end_request(&status);
        match status.condition {
            Condition::ConsumerDeleted => self.end(Some(PullError::ConsumerDeleted)),
            Condition::PushBased => self.end(Some(PullError::PushBased)),
            Condition::BadRequest(description) => {
                self.end(Some(PullError::BadRequest(description)));
            }
            // A request that was made since goes on and comes on top: better than to count on one
            // that does not.
            Condition::LeadershipChange => self.forget(),
            Condition::WrongPin => self.pin = None,
            Condition::NoResponders => {
                self.forget();
                self.fail(now, PullError::NoResponders);
            }
            Condition::TooManyRequests => self.fail(now, PullError::TooManyRequests),
            Condition::MessageTooLarge => self.message_too_large(now, status.pending),
            Condition::LimitExceeded(description) => {
                self.report_first(now, PullError::LimitExceeded(description));
            }
            Condition::Other { code, description } => {
                self.report_first(now, PullError::Status { code, description });
            }
            Condition::Heartbeat { .. }
            | Condition::NoMessages
            | Condition::Expired
            | Condition::Completed => {}
        }
    }

    /// A request is over, and what it had still to get is not asked for any more.
    fn end_request(&mut self, status: &Status) {
        let index = self.recent.iter().position(|(token, ..)| Some(*token) == status.token);
        let asked = index.and_then(|index| self.recent.remove(index));
        let asked = asked.map(|(_, messages, bytes)| (messages, bytes));
        // Where the server does not say how much that is, it refused the request as a whole.
        let (messages, bytes) = status.pending.or(asked).unwrap_or_default();
        self.messages = self.messages.saturating_sub(messages);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    fn message_too_large(&mut self, now: Instant, pending: Option<(usize, usize)>) {
        let max_bytes = self.options.max_bytes;
        // With less than all the room there is, it only has to be tried again.
        if pending.is_some_and(|(_, bytes)| bytes >= max_bytes) {
            self.report_first(now, PullError::MessageTooLarge { max_bytes });
        }
        self.too_large = true;
    }

    /// Something failed that may pass: it is tried again later, and told if it lasts.
    fn fail(&mut self, now: Instant, error: PullError) {
        if self.retry.failed(now) {
            self.actions.push_back(Action::Report(error));
        }
    }

    /// Something failed that will not pass by itself: it is told at once, and again if it lasts.
    fn report_first(&mut self, now: Instant, error: PullError) {
        let first = self.retry.failures() == 0;
        if self.retry.failed(now) || first {
            self.actions.push_back(Action::Report(error));
        }
    }

    /// Every request is over, without a word about what it had still to get.
    fn forget(&mut self) {
        self.floor = self.next_token;
        self.recent.clear();
        self.messages = 0;
        self.bytes = 0;
    }

    fn lose_inbox(&mut self) {
        self.inbox = false;
        self.forget();
        self.retry.hurry();
    }

    fn end(&mut self, error: Option<PullError>) {
        if !self.ended {
            self.ended = true;
            self.actions.push_back(Action::End(error));
        }
    }

    /// Whether a request is on its way, or messages that answer one.
    fn is_waiting(&self) -> bool {
        if self.options.max_bytes > 0 { self.bytes > 0 } else { self.messages > 0 }
    }

    /// How many messages and bytes to ask for, if enough of those that were asked for have come.
    fn wanted(&self) -> Option<(usize, usize)> {
        let options = &self.options;
        let mut low = false;
        let (mut batch, mut max_bytes) = (UNLIMITED, 0);
        if options.max_messages > 0 {
            low |= self.messages <= options.threshold_messages.unwrap_or_default();
            batch = options.max_messages.saturating_sub(self.messages);
        }
        if options.max_bytes > 0 {
            low |= self.bytes <= options.threshold_bytes.unwrap_or_default();
            max_bytes = options.max_bytes.saturating_sub(self.bytes);
            // None would mean that there is no limit.
            low &= max_bytes > 0;
        }
        let fits = !self.too_large || !self.is_waiting();
        (low && batch > 0 && fits).then_some((batch, max_bytes))
    }

    /// Asks for more if there is room for enough of it.
    fn ask(&mut self, now: Instant) {
        if self.ended || self.draining || !self.connected {
            return;
        }
        // A request that got its last byte is over without a word, whatever messages it had left.
        if !self.is_waiting() {
            self.forget();
        }
        if !self.retry.is_due(now) {
            return;
        }
        let Some((batch, max_bytes)) = self.wanted() else { return };
        if !self.inbox {
            self.inbox = true;
            self.actions.push_back(Action::Subscribe);
        }
        let token = self.next_token;
        self.next_token += 1;
        if !self.is_waiting() {
            self.heard = now;
        }
        self.messages += batch;
        self.bytes += max_bytes;
        let options = &self.options;
        self.over_by = now + options.expires + GRACE;
        if self.recent.len() == REMEMBERED {
            self.recent.pop_front();
        }
        self.recent.push_back((token, batch, max_bytes));
        let request = PullRequest {
            batch,
            max_bytes,
            expires: options.expires,
            no_wait: false,
            idle_heartbeat: options.idle_heartbeat,
            group: options.group.clone(),
            pin_id: self.pin.clone(),
            min_pending: options.min_pending,
            min_ack_pending: options.min_ack_pending,
            priority: options.priority,
        };
        self.actions.push_back(Action::Request { token, request });
    }

    /// When the server has been silent for too long, if it owes a word.
    fn silent_at(&self) -> Option<Instant> {
        let owes = self.connected && !self.ended && !self.draining && self.is_waiting();
        owes.then(|| self.heard + self.options.idle_heartbeat * 2)
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Some(silent_at) = self.silent_at().filter(|silent_at| *silent_at <= now) {
            // A timer that is as late as this one slept with its machine, and the request has
            // expired meanwhile: that is no trouble of the server's.
            let overslept = now - silent_at > self.options.idle_heartbeat;
            if !overslept {
                self.actions.push_back(Action::Report(PullError::MissingHeartbeat));
            }
            self.lose_inbox();
        }
        if self.over_by <= now {
            self.forget();
        }
        self.ask(now);
    }

    /// What to do next, or `None` until something else happens.
    pub fn poll_action(&mut self) -> Option<Action<PullError>> {
        self.actions.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if ever.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.ended || self.draining || !self.connected {
            return None;
        }
        let over_by = self.is_waiting().then_some(self.over_by);
        [self.silent_at(), self.retry.until(), over_by].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests;
