//! Messages that were received one after the other and have all but their payloads in common.

use alloc::vec::Vec;
use core::iter::FusedIterator;
use core::ops::Range;

use bytes::Bytes;

use crate::message::Message;
use crate::subject::Subject;

/// Messages for one subscription, in the order in which they came: to one subject, without reply
/// subjects or headers. An iterator over them.
///
/// What they have in common is there once, and a message is made when it is asked for: a server that
/// sends many small ones brings a hundred in a frame. They are views into it, as other messages are.
#[derive(Clone, Debug)]
pub struct Run {
    subject: Subject,
    /// What the payloads lie in.
    bytes: Bytes,
    payloads: Vec<Range<usize>>,
    /// How many of them have been taken.
    taken: usize,
    /// How many bytes the others have.
    length: usize,
}

impl Run {
    /// The ranges lie within the bytes.
    pub(crate) fn new(subject: Subject, bytes: Bytes, payloads: Vec<Range<usize>>) -> Self {
        let length = payloads.iter().map(ExactSizeIterator::len).sum();
        Self { subject, bytes, payloads, taken: 0, length }
    }

    /// The subject that all of them were published to.
    pub fn subject(&self) -> &Subject {
        &self.subject
    }

    /// How many bytes of payload are left.
    pub fn length(&self) -> usize {
        self.length
    }

    /// The payloads that are left, oldest first, without taking them.
    pub fn payloads(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.payloads[self.taken..].iter().map(|range| &self.bytes[range.clone()])
    }
}

impl Iterator for Run {
    type Item = Message;

    #[inline]
    fn next(&mut self) -> Option<Message> {
        let range = self.payloads.get(self.taken)?.clone();
        self.taken += 1;
        self.length -= range.len();
        Some(Message {
            subject: self.subject.clone(),
            reply: None,
            length: range.len(),
            payload: self.bytes.slice(range),
            headers: None,
            status: None,
            description: None,
        })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.payloads.len() - self.taken;
        (left, Some(left))
    }
}

impl ExactSizeIterator for Run {}

impl FusedIterator for Run {}

/// Two are equal if the same messages are left.
impl PartialEq for Run {
    fn eq(&self, other: &Self) -> bool {
        self.subject == other.subject && self.payloads().eq(other.payloads())
    }
}

impl Eq for Run {}
