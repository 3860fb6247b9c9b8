//! What the reader of a push consumer does: answer, count, notice silence.

use alloc::collections::VecDeque;
use core::time::Duration;

use super::error::PushError;
use super::status::{Condition, Status};
use crate::jetstream::MessageInfo;
use crate::message::Message;
use crate::status::StatusCode;
use crate::subject::Subject;
use crate::time::Instant;

/// The header of a heartbeat that names the question which the server still waits to be answered.
const STALLED: &str = "Nats-Consumer-Stalled";

/// How a push consumer delivers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PushOptions {
    /// How long the server is silent at most before it sends a heartbeat; zero for none.
    pub idle_heartbeat: Duration,
    /// Whether a queue group shares the messages, so that this reader does not get all of them.
    pub shared: bool,
}

/// What a [`Push`] wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PushAction {
    /// Hand the message to the application.
    Deliver(Message),
    /// Publish nothing to the subject: all that came before was handed over.
    Answer(Subject),
    /// Tell the application of a trouble that does not end anything.
    Report(PushError),
    /// It is over: unsubscribe.
    End(PushError),
}

/// A reader of what a consumer delivers by itself.
///
/// The server asks from time to time whether its reader keeps up, where the consumer has flow
/// control, and waits for the answer before it delivers much more. It is given when the question's
/// turn comes among the messages, so that it says what it means.
///
/// How it is driven: see [the module](super); there is nothing to be asked for, so the subscription
/// outlives connections. Never panics, whatever comes in. Sources: ADR-9 (heartbeats), ADR-15
/// (numbers), and nats-server's `sendFlowControl` and `sendIdleHeartbeat`.
#[derive(Debug)]
pub struct Push {
    options: PushOptions,
    connected: bool,
    /// When the server was last heard, or its silence last told of.
    heard: Instant,
    /// The number of the last delivery.
    last: Option<u64>,
    ended: bool,
    actions: VecDeque<PushAction>,
}

impl Push {
    /// One that expects nothing before [`handle_connected`](Self::handle_connected).
    pub fn new(options: PushOptions) -> Self {
        let (heard, actions) = (Instant::ORIGIN, VecDeque::new());
        Self { options, connected: false, heard, last: None, ended: false, actions }
    }

    /// A server let the client in; the subscription is there.
    pub fn handle_connected(&mut self, now: Instant) {
        self.connected = true;
        self.heard = now;
    }

    /// The connection broke.
    pub fn handle_disconnected(&mut self) {
        self.connected = false;
    }

    /// Something arrived by the subscription.
    pub fn handle_message(&mut self, now: Instant, message: Message) {
        if self.ended {
            return;
        }
        self.heard = now;
        match Status::read(&message) {
            Some(status) => self.handle_status(&status.condition, &message),
            None => {
                let info = message.reply.as_deref().map(MessageInfo::parse);
                if let Some(Ok(info)) = info {
                    self.count(info.consumer_sequence, info.consumer_sequence.saturating_sub(1));
                }
                self.actions.push_back(PushAction::Deliver(message));
            }
        }
    }

    fn handle_status(&mut self, condition: &Condition, message: &Message) {
        match condition {
            Condition::Heartbeat { last_consumer } => {
                if let Some(last) = *last_consumer {
                    self.count(last, last);
                }
                let stalled = message.headers.as_ref().and_then(|headers| headers.get(STALLED));
                let stalled = stalled.map(|subject| Subject::from(&**subject));
                if let Some(question) = message.reply.clone().or(stalled) {
                    self.actions.push_back(PushAction::Answer(question));
                }
            }
            Condition::ConsumerDeleted => {
                self.ended = true;
                self.actions.push_back(PushAction::End(PushError::ConsumerDeleted));
            }
            // The next leader goes on by itself.
            Condition::LeadershipChange => {}
            _ => {
                let code = message.status.map_or(0, StatusCode::as_u16);
                let description = message.description.clone().unwrap_or_default();
                self.actions.push_back(PushAction::Report(PushError::Status { code, description }));
            }
        }
    }

    /// The server's count of deliveries is `last`, and was `before` before what has come now. A
    /// count that is lower than it was is that of a consumer which began anew.
    fn count(&mut self, last: u64, before: u64) {
        if let Some(expected) = self.last.filter(|_| !self.options.shared)
            && before > expected
        {
            let deliveries = before - expected;
            self.actions.push_back(PushAction::Report(PushError::Missed { deliveries }));
        }
        self.last = Some(last);
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.poll_timeout().is_some_and(|at| at <= now) {
            self.heard = now;
            self.actions.push_back(PushAction::Report(PushError::MissingHeartbeat));
        }
    }

    /// What to do next, or `None` until something else happens.
    pub fn poll_action(&mut self) -> Option<PushAction> {
        self.actions.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called, if ever. In a queue group
    /// heartbeats go to others, too, so that silence means nothing there.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let owes = self.connected && !self.ended && !self.options.shared;
        let heartbeat = Some(self.options.idle_heartbeat).filter(|_| owes);
        heartbeat.filter(|heartbeat| !heartbeat.is_zero()).map(|every| self.heard + every * 2)
    }
}

#[cfg(test)]
mod tests;
