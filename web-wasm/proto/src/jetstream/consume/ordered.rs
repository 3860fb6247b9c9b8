//! A consumer that is made anew wherever messages went missing.

mod known;
mod running;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;

use bytestring::ByteString;

use self::known::Known;
use self::running::{Running, Verdict};
use super::error::{OrderedError, PullError};
use super::pull::{Pull, PullOptions};
use super::request::{Action, PullRequest};
use super::retry::Retry;
use crate::jetstream::DateTime;
use crate::jetstream::recovery::StreamFacts;
use crate::message::Message;
use crate::time::Instant;

/// How often in a row a server may refuse a consumer before that is the last word.
const REFUSALS: u32 = 5;

/// How an [`Ordered`] consumer is to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderedOptions {
    /// What it asks for at a time.
    pub pull: PullOptions,
    /// What the names of its consumers begin with; a number follows.
    pub name_prefix: String,
}

/// What an [`Ordered`] consumer wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderedAction {
    /// Make this consumer, and answer with [`Ordered::handle_created`]. Whatever was being made
    /// before is of no use any more.
    Create {
        /// Its name.
        name: String,
        /// The number in the stream where it begins; `None` to begin as the application wants.
        start_sequence: Option<u64>,
    },
    /// Delete this consumer. It may be gone, and nobody waits for the answer.
    Delete {
        /// Its name.
        name: String,
    },
    /// Give up the inbox that there is.
    Unsubscribe,
    /// Give up the inbox that there is, and subscribe to another, as [`Action::Subscribe`].
    Subscribe,
    /// Publish a request to the consumer, as [`Action::Request`].
    Request {
        /// The consumer's name.
        consumer: String,
        /// Which request it is, as the last token of the reply subject.
        token: u64,
        /// The request.
        request: PullRequest,
    },
    /// Hand the message to the application.
    Deliver(Message),
    /// Tell the application of a trouble that does not end anything.
    Report(OrderedError),
    /// It is over: unsubscribe.
    End(Option<OrderedError>),
}

/// Why a consumer was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recreation {
    /// The server, or the way to it, may do better later.
    Unavailable(ByteString),
    /// The server says that it will not.
    Refused(ByteString),
}

/// A client that gets each message of a stream once and in order, as long as the stream has it.
///
/// Its consumers number their deliveries and keep nothing. A number that is missing, a heartbeat
/// that counts more deliveries than have come, silence, a consumer that is gone and a connection
/// that broke have the same answer: another consumer, which begins after the last message that was
/// delivered. What comes from consumers before it is passed over.
///
/// A server does not say that the stream was made anew meanwhile, or has lost its last messages: the
/// next consumer would wait for a number that comes late or never. So the stream may be looked at after
/// each consumer that was made ([`handle_stream`](Self::handle_stream)).
///
/// How it is driven: see [the module](super). Never panics, whatever comes in.
#[derive(Debug)]
pub struct Ordered {
    options: OrderedOptions,
    state: State,
    connected: bool,
    /// The smallest number in the stream that is still wanted, once that is known.
    next: Option<u64>,
    known: Known,
    serial: u64,
    /// A consumer that may still be there, though nobody uses it.
    stale: Option<String>,
    retry: Retry,
    refusals: u32,
    draining: bool,
    actions: VecDeque<OrderedAction>,
}

#[derive(Debug)]
enum State {
    /// There is no consumer, until there is a connection and the pause is over.
    Waiting,
    /// One is being made.
    Creating(String),
    /// One is there.
    Running(Box<Running>),
    Ended,
}

impl Ordered {
    /// One that has no consumer, and makes none before
    /// [`handle_connected`](Self::handle_connected).
    pub fn new(options: OrderedOptions) -> Self {
        Self {
            options,
            state: State::Waiting,
            connected: false,
            next: None,
            known: Known::default(),
            serial: 0,
            stale: None,
            retry: Retry::default(),
            refusals: 0,
            draining: false,
            actions: VecDeque::new(),
        }
    }

    /// One that begins with a consumer which was just made, and begins after `delivered` in the
    /// stream, as its [`Info`](crate::jetstream::consumer::Info) says.
    pub fn with_consumer(options: OrderedOptions, name: String, delivered: u64) -> Self {
        let mut ordered = Self::new(options);
        ordered.next = Some(delivered + 1);
        let pull = Pull::new(ordered.options.pull.clone());
        ordered.state = State::Running(Box::new(Running::new(name, pull)));
        ordered
    }

    /// The stream was there at this moment, and has had messages up to this number, as the consumer that
    /// was made first tells: of one that does not begin with a number that it was given.
    pub fn handle_known(&mut self, at: DateTime, last_sequence: u64) {
        self.known.there_at(at);
        self.known.reached(last_sequence);
    }

    /// The stream was looked at after the consumer `name` was made, and before that is told to
    /// [`handle_created`](Self::handle_created). If it is another, or has lost messages, that is
    /// reported, and another consumer begins with its first message.
    pub fn handle_stream(&mut self, now: Instant, name: &str, stream: StreamFacts) {
        if !matches!(&self.state, State::Creating(creating) if creating == name) {
            return;
        }
        if self.known.is_other(stream) {
            self.report(OrderedError::StreamReset);
            self.next = Some(1);
            self.abandon();
            self.advance(now);
        }
    }

    /// The name of the consumer, while there is one.
    pub fn consumer(&self) -> Option<&str> {
        match &self.state {
            State::Running(running) => Some(&running.name),
            _ => None,
        }
    }

    /// A server let the client in.
    pub fn handle_connected(&mut self, now: Instant) {
        if self.connected {
            return;
        }
        self.connected = true;
        if let State::Running(running) = &mut self.state {
            running.pull.handle_connected(now);
        }
        self.retry.hurry();
        self.advance(now);
    }

    /// The connection broke, or the inbox was lost in another way. What had arrived over it was
    /// handed over before.
    pub fn handle_disconnected(&mut self) {
        self.connected = false;
        self.retry.hurry();
        self.abandon();
        if self.draining {
            self.end(None);
        }
    }

    /// Asks for nothing more; it ends when the inbox is lost, which the caller sees to when all has
    /// arrived.
    pub fn drain(&mut self) {
        self.draining = true;
        match &mut self.state {
            State::Running(running) => running.pull.drain(),
            _ => self.end(None),
        }
        self.take_over();
    }

    /// A consumer was made, and begins after `delivered` in the stream, as its
    /// [`Info`](crate::jetstream::consumer::Info) says; or it was not.
    pub fn handle_created(&mut self, now: Instant, name: &str, result: Result<u64, Recreation>) {
        if !matches!(&self.state, State::Creating(creating) if creating == name) {
            return;
        }
        match result {
            Ok(delivered) => self.run(now, name, delivered),
            Err(error) => self.creation_failed(now, name, error),
        }
        self.advance(now);
    }

    fn run(&mut self, now: Instant, name: &str, delivered: u64) {
        self.refusals = 0;
        // The server moves the beginning to the first message that there is.
        if let Some(first) = self.next.filter(|first| *first <= delivered) {
            self.report(OrderedError::Gap { first, last: delivered });
        }
        self.next = self.next.max(Some(delivered + 1));
        let mut pull = Pull::new(self.options.pull.clone());
        pull.handle_connected(now);
        let name = String::from(name);
        self.state = State::Running(Box::new(Running::new(name, pull)));
    }

    fn creation_failed(&mut self, now: Instant, name: &str, error: Recreation) {
        // It may have been made all the same.
        self.stale = Some(String::from(name));
        self.state = State::Waiting;
        let tell = self.retry.failed(now);
        match error {
            Recreation::Refused(reason) => {
                self.refusals += 1;
                if self.refusals == REFUSALS {
                    self.end(Some(OrderedError::Refused(reason)));
                }
            }
            Recreation::Unavailable(reason) => {
                self.refusals = 0;
                if tell {
                    self.report(OrderedError::Unavailable(reason));
                }
            }
        }
    }

    /// Something arrived in the inbox.
    pub fn handle_message(&mut self, now: Instant, message: Message) {
        let State::Running(running) = &mut self.state else { return };
        match running.judge(&message, self.next) {
            Verdict::Take { next } => {
                self.next = next.or(self.next);
                self.known.reached(next.map_or(0, |next| next - 1));
                running.pull.handle_message(now, message);
            }
            Verdict::PassOver => {}
            Verdict::Lost => self.reset(now),
        }
        self.advance(now);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let State::Running(running) = &mut self.state {
            running.pull.handle_timeout(now);
        }
        self.advance(now);
    }

    /// Moves on as far as it goes without anybody's word.
    fn advance(&mut self, now: Instant) {
        if self.take_over() {
            self.reset(now);
        }
        let waiting = matches!(self.state, State::Waiting);
        if !waiting || !self.connected || !self.retry.is_due(now) {
            return;
        }
        if let Some(name) = self.stale.take() {
            self.actions.push_back(OrderedAction::Delete { name });
        }
        self.serial += 1;
        let name = format!("{}_{}", self.options.name_prefix, self.serial);
        self.state = State::Creating(name.clone());
        self.actions.push_back(OrderedAction::Create { name, start_sequence: self.next });
    }

    /// Takes over what the present consumer's client wants done. Says whether it is of no more
    /// use.
    fn take_over(&mut self) -> bool {
        let State::Running(running) = &mut self.state else { return false };
        let Running { name, pull, .. } = &mut **running;
        while let Some(action) = pull.poll_action() {
            let action = match action {
                Action::Subscribe => OrderedAction::Subscribe,
                Action::Request { token, request } => {
                    OrderedAction::Request { consumer: name.clone(), token, request }
                }
                Action::Deliver(message) => OrderedAction::Deliver(message),
                Action::Report(PullError::MissingHeartbeat | PullError::NoResponders) => {
                    return true;
                }
                Action::Report(error) => OrderedAction::Report(error.into()),
                Action::End(error) => {
                    self.end(error.map(OrderedError::Pull));
                    return false;
                }
            };
            self.actions.push_back(action);
        }
        false
    }

    /// The present consumer is of no more use: another takes its place, at once if it had done
    /// anything.
    fn reset(&mut self, now: Instant) {
        let State::Running(running) = &self.state else { return };
        if running.worked {
            self.retry.succeeded();
        } else {
            self.retry.failed(now);
        }
        self.abandon();
        if self.draining {
            self.end(None);
        }
    }

    /// Lets go of the present consumer, or the one that is being made.
    fn abandon(&mut self) {
        match core::mem::replace(&mut self.state, State::Waiting) {
            State::Waiting => {}
            State::Creating(name) => self.stale = Some(name),
            State::Running(running) => {
                self.stale = Some(running.name);
                self.actions.push_back(OrderedAction::Unsubscribe);
            }
            State::Ended => self.state = State::Ended,
        }
    }

    fn report(&mut self, error: OrderedError) {
        self.actions.push_back(OrderedAction::Report(error));
    }

    fn end(&mut self, error: Option<OrderedError>) {
        if !matches!(self.state, State::Ended) {
            self.state = State::Ended;
            self.actions.push_back(OrderedAction::End(error));
        }
    }

    /// What to do next, or `None` until something else happens.
    pub fn poll_action(&mut self) -> Option<OrderedAction> {
        self.actions.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if ever.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Waiting if self.connected => self.retry.until(),
            State::Running(running) => running.pull.poll_timeout(),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
