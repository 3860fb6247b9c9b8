//! What a machine and its inbox have to do with each other.

use core::task::{Context as TaskContext, Poll, ready};

use nats_proto::jetstream::consume::Action;

use super::InboxError;
use super::inbox::{Inbox, Machine};
use crate::jetstream::Message;

/// A machine that asks one consumer for messages.
pub(super) trait Puller: Machine {
    type Error;

    fn poll_action(&mut self) -> Option<Action<Self::Error>>;
}

/// Reads one consumer's messages, as a machine has it.
#[derive(Debug)]
pub(super) struct Reader<M> {
    consumer: String,
    pub(super) machine: M,
    pub(super) inbox: Inbox,
    ended: bool,
}

impl<M: Puller> Reader<M> {
    pub(super) fn new(consumer: String, machine: M, inbox: Inbox) -> Self {
        Self { consumer, machine, inbox, ended: false }
    }

    fn end(&mut self) {
        self.ended = true;
        self.inbox.unsubscribe();
    }

    pub(super) fn poll_next<E>(
        &mut self,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Message, E>>>
    where
        E: From<M::Error> + From<InboxError>,
    {
        if self.ended {
            return Poll::Ready(None);
        }
        loop {
            while let Some(action) = self.machine.poll_action() {
                match action {
                    Action::Subscribe => {
                        if let Err(error) = self.inbox.subscribe() {
                            self.end();
                            return Poll::Ready(Some(Err(error.into())));
                        }
                    }
                    Action::Request { token, request } => {
                        self.inbox.request(&self.consumer, token, &request);
                    }
                    Action::Deliver(message) => {
                        let context = self.inbox.context.clone();
                        return Poll::Ready(Some(Ok(Message { message, context })));
                    }
                    Action::Report(error) => return Poll::Ready(Some(Err(error.into()))),
                    Action::End(error) => {
                        self.end();
                        return Poll::Ready(error.map(|error| Err(error.into())));
                    }
                }
            }
            if let Err(error) = ready!(self.inbox.drive(&mut self.machine, cx)) {
                self.end();
                return Poll::Ready(Some(Err(error.into())));
            }
        }
    }
}
