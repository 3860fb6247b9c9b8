//! What a watcher is told of.

use super::entry::{Entry, Operation};
use super::layout::Layout;
use crate::jetstream::consumer::DeliverPolicy;
use crate::message::Message;

/// What a watcher is told of first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchFrom {
    /// What happens from now on.
    #[default]
    Now,
    /// What happened to each key last.
    Last,
    /// All that happened to each key, as far as the bucket keeps its history.
    History,
    /// What happened in this revision or later.
    Revision(u64),
}

/// What a watcher wants to be told of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WatchOptions {
    /// What first.
    pub from: WatchFrom,
    /// Not of keys that are deleted.
    pub ignore_deletes: bool,
    /// Not what the values are.
    pub meta_only: bool,
}

impl WatchOptions {
    /// Which message is the first for the watcher's consumer.
    pub fn deliver_policy(&self) -> DeliverPolicy {
        match self.from {
            WatchFrom::Now => DeliverPolicy::New,
            WatchFrom::Last => DeliverPolicy::LastPerSubject,
            WatchFrom::History => DeliverPolicy::All,
            WatchFrom::Revision(start_sequence) => {
                DeliverPolicy::ByStartSequence { start_sequence }
            }
        }
    }
}

/// Turns the messages that an ordered consumer delivers into what a watcher is told.
#[derive(Clone, Debug)]
pub struct Watch {
    layout: Layout,
    options: WatchOptions,
    seen_current: bool,
}

impl Watch {
    /// A watcher for which `pending` messages were there when it began.
    pub fn new(layout: Layout, options: WatchOptions, pending: u64) -> Self {
        Self { layout, options, seen_current: pending == 0 }
    }

    /// Whether all was told that there was when it began.
    pub fn seen_current(&self) -> bool {
        self.seen_current
    }

    /// What the watcher is told of a message, if anything.
    pub fn handle_message(&mut self, message: &Message) -> Option<Entry> {
        let mut entry = Entry::delivered(&self.layout, message)?;
        self.seen_current |= entry.delta == 0;
        entry.seen_current = self.seen_current;
        let told = entry.operation == Operation::Put || !self.options.ignore_deletes;
        told.then_some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::HeaderMap;
    use crate::jetstream::{ApiPrefix, stream};
    use crate::kv::Bucket;
    use alloc::format;

    fn watch(options: WatchOptions, pending: u64) -> Watch {
        let bucket = Bucket::new("b").unwrap();
        let layout = Layout::new(bucket, &stream::Config::default(), &ApiPrefix::default());
        Watch::new(layout, options, pending)
    }

    fn message(sequence: u64, pending: u64, operation: Option<&str>) -> Message {
        let mut headers = HeaderMap::new();
        if let Some(operation) = operation {
            headers.insert("KV-Operation", operation).unwrap();
        }
        let reply = format!("$JS.ACK.KV_b.c.1.{sequence}.{sequence}.0.{pending}");
        Message {
            subject: "$KV.b.k".into(),
            reply: Some(reply.into()),
            headers: Some(headers),
            ..Message::default()
        }
    }

    #[test]
    fn a_watcher_knows_when_it_has_seen_what_there_was() {
        let mut started = watch(WatchOptions::default(), 2);
        let mut told = |sequence, pending| {
            let entry = started.handle_message(&message(sequence, pending, None)).unwrap();
            (entry.revision, entry.delta, entry.seen_current)
        };
        assert_eq!(told(4, 1), (4, 1, false));
        assert_eq!(told(7, 0), (7, 0, true));
        // What comes in a bunch later changes nothing about that.
        assert_eq!(told(8, 3), (8, 3, true));
        assert!(watch(WatchOptions::default(), 0).seen_current());
    }

    #[test]
    fn deletes_that_are_ignored_count_all_the_same() {
        let options = WatchOptions { ignore_deletes: true, ..WatchOptions::default() };
        let mut watch = watch(options, 2);
        assert!(watch.handle_message(&message(4, 1, None)).is_some());
        assert_eq!(watch.handle_message(&message(5, 0, Some("DEL"))), None);
        assert!(watch.seen_current());
    }
}
