//! Messages that wait, in the order in which they came.

use std::collections::VecDeque;

use nats_proto::{Message, Run};

/// Messages that wait, in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    parts: VecDeque<Part>,
    /// How many messages there are.
    messages: usize,
    /// How many bytes of headers and payloads they have.
    bytes: usize,
}

/// What came together.
#[derive(Debug)]
enum Part {
    One(Message),
    Run(Run),
}

impl Pending {
    pub(crate) fn messages(&self) -> usize {
        self.messages
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    #[inline]
    pub(crate) fn push(&mut self, message: Message) {
        self.messages += 1;
        self.bytes += message.length;
        self.parts.push_back(Part::One(message));
    }

    pub(crate) fn push_run(&mut self, run: Run) {
        self.messages += run.len();
        self.bytes += run.length();
        self.parts.push_back(Part::Run(run));
    }

    /// The oldest messages, if they came together.
    pub(crate) fn pop_run(&mut self) -> Option<Run> {
        let Some(Part::Run(_)) = self.parts.front() else { return None };
        let Some(Part::Run(run)) = self.parts.pop_front() else { return None };
        self.messages -= run.len();
        self.bytes -= run.length();
        Some(run)
    }

    /// The oldest message.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Message> {
        let message = match self.parts.front_mut()? {
            Part::Run(run) if run.len() > 1 => run.next()?,
            _ => match self.parts.pop_front()? {
                Part::One(message) => message,
                Part::Run(mut run) => run.next()?,
            },
        };
        self.messages -= 1;
        self.bytes -= message.length;
        Some(message)
    }

    /// Drops the oldest message, and says whether there was one.
    #[cold]
    pub(crate) fn drop_oldest(&mut self) -> bool {
        self.pop().is_some()
    }
}
