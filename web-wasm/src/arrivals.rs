//! What a subscription's handler is called with, and what it says to it.

use core::fmt;

use nats_proto::{Message, Run};

use crate::platform::LocalBoxFuture;
use crate::queue::Queue;

/// Is called with the messages that have come, and says when it wants more.
pub(crate) type Handler = Box<dyn FnMut(&mut Arrivals<'_>) -> Pace>;

/// The messages that wait for a handler, oldest first; see
/// [`Subscriber::handle_with`](crate::Subscriber::handle_with). Those that it does not take stay.
#[derive(Debug)]
pub struct Arrivals<'a> {
    queue: &'a Queue,
    taken: usize,
}

impl<'a> Arrivals<'a> {
    pub(crate) fn new(queue: &'a Queue) -> Self {
        Self { queue, taken: 0 }
    }

    /// The next messages all at once, if they came one after the other and have all but their payloads
    /// in common; otherwise [`next`](Iterator::next) has what is next, if anything is. That saves who
    /// only passes payloads on from making a message of each.
    pub fn next_run(&mut self) -> Option<Run> {
        let run = self.queue.pop_run()?;
        self.taken += run.len();
        Some(run)
    }

    /// How many messages were taken.
    pub(crate) fn taken(&self) -> usize {
        self.taken
    }
}

impl Iterator for Arrivals<'_> {
    type Item = Message;

    fn next(&mut self) -> Option<Message> {
        let message = self.queue.pop()?;
        self.taken += 1;
        Some(message)
    }
}

/// When a handler is to be called again.
pub enum Pace {
    /// When there is something for it.
    Continue,
    /// Then too, but not before this is over; until then messages wait, and what has no room is
    /// treated as [`Overflow`](crate::Overflow) says.
    After(LocalBoxFuture<'static, ()>),
}

impl fmt::Debug for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Continue => "Continue",
            Self::After(_) => "After(..)",
        })
    }
}
