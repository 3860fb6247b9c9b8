//! Which messages came twice, while two transports carried the same subscriptions.

use core::hash::{Hash, Hasher};

use hashbrown::{HashMap, HashSet};
use rustc_hash::FxSeededState;

use crate::message::Message;

/// The messages that one transport delivered while another did so too.
///
/// NATS numbers no messages, so what tells copies from each other is what they say. That is exact
/// for messages that differ. Of those that are alike, as many are taken for copies as must be.
#[derive(Debug)]
pub(super) struct Copies {
    counts: HashMap<Content, Count, FxSeededState>,
    /// What the client published itself over the old transport, and does not want back: the server
    /// takes the new one for somebody else's. Of no subscription in particular.
    own: HashSet<Content, FxSeededState>,
}

/// The subscription of what belongs to none.
const NO_SID: u64 = 0;

/// What a message says to whom.
#[derive(Debug)]
struct Content {
    sid: u64,
    message: Message,
}

impl PartialEq for Content {
    fn eq(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.message, &other.message);
        self.sid == other.sid
            && ours.subject == theirs.subject
            && ours.reply == theirs.reply
            && ours.payload == theirs.payload
            && ours.headers == theirs.headers
    }
}

impl Eq for Content {}

impl Hash for Content {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.sid.hash(state);
        self.message.subject.as_str().hash(state);
        self.message.reply.as_deref().hash(state);
        self.message.payload.hash(state);
    }
}

/// How often the same was said.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    /// By the old transport, when the new one may not yet have been subscribed.
    perhaps: u32,
    /// By the old transport, when the new one certainly was.
    surely: u32,
    /// By the new transport.
    again: u32,
}

/// What a message of the new transport is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The old transport has delivered it.
    Copy,
    /// It has not, as far as that can be told.
    News,
    /// It has delivered one that says the same, which may or may not be this one.
    InDoubt,
}

impl Copies {
    /// None so far. Messages are strangers' words: `seed` is nothing that those know, so that nobody can make
    /// many that are found slowly.
    pub(super) fn new(seed: usize) -> Self {
        let hasher = FxSeededState::with_seed(seed);
        Self { counts: HashMap::with_hasher(hasher.clone()), own: HashSet::with_hasher(hasher) }
    }

    /// The old transport delivered a message, and `surely` the new one does, too.
    pub(super) fn deliver(&mut self, sid: u64, message: &Message, surely: bool) {
        let count = self.count(sid, message);
        match surely {
            true => count.surely += 1,
            false => count.perhaps += 1,
        }
    }

    /// The client published a message over the old transport that it does not want back.
    pub(super) fn published(&mut self, message: Message) {
        self.own.insert(Content { sid: NO_SID, message });
    }

    /// Whether a message that the new transport brings is one that the client published and does not
    /// want back.
    fn is_own(&self, message: &Message) -> bool {
        !self.own.is_empty()
            && self.own.contains(&Content { sid: NO_SID, message: message.clone() })
    }

    /// The new transport brings a message after the old one has delivered everything.
    pub(super) fn judge(&mut self, sid: u64, message: &Message) -> Verdict {
        if self.is_own(message) {
            return Verdict::Copy;
        }
        let count = self.count(sid, message);
        let (surely, perhaps) = (count.surely, count.surely + count.perhaps);
        count.again += 1;
        match count.again {
            again if again <= surely => Verdict::Copy,
            again if again <= perhaps => Verdict::InDoubt,
            _ => Verdict::News,
        }
    }

    /// The new transport brings a message that the old one should have delivered, or broke off
    /// before it could: what says the same as anything that the old one delivered is a copy.
    pub(super) fn judge_all(&mut self, sid: u64, message: &Message) -> Verdict {
        match self.judge(sid, message) {
            Verdict::InDoubt => Verdict::Copy,
            verdict => verdict,
        }
    }

    fn count(&mut self, sid: u64, message: &Message) -> &mut Count {
        // A clone of a message copies nothing that it says.
        self.counts.entry(Content { sid, message: message.clone() }).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn message(payload: &'static str) -> Message {
        Message { payload: Bytes::from_static(payload.as_bytes()), ..Message::default() }
    }

    #[test]
    fn messages_that_differ_are_told_apart() {
        let mut copies = Copies::new(7);
        copies.deliver(1, &message("a"), true);
        copies.deliver(1, &message("b"), true);
        assert_eq!(copies.judge_all(1, &message("a")), Verdict::Copy);
        assert_eq!(copies.judge(1, &message("b")), Verdict::Copy);
        assert_eq!(copies.judge(1, &message("c")), Verdict::News);
        assert_eq!(copies.judge(2, &message("a")), Verdict::News, "another subscription's");
        assert_eq!(copies.judge(1, &message("a")), Verdict::News, "its copy has come");
        let reply = Message { reply: Some("r".into()), ..message("b") };
        assert_eq!(copies.judge(1, &reply), Verdict::News);
    }

    #[test]
    fn of_messages_that_are_alike_none_is_lost() {
        let mut copies = Copies::new(7);
        copies.deliver(1, &message("tick"), false);
        copies.deliver(1, &message("tick"), true);
        assert_eq!(copies.judge(1, &message("tick")), Verdict::Copy);
        assert_eq!(copies.judge(1, &message("tick")), Verdict::InDoubt);
        assert_eq!(copies.judge(1, &message("tick")), Verdict::News);
    }

    #[test]
    fn what_the_client_does_not_want_back_is_left_out() {
        let mut copies = Copies::new(7);
        assert_eq!(copies.judge(1, &message("mine")), Verdict::News);
        copies.published(message("mine"));
        assert_eq!(copies.judge(1, &message("mine")), Verdict::Copy);
        assert_eq!(copies.judge_all(2, &message("mine")), Verdict::Copy, "by each subscription");
        assert_eq!(copies.judge(1, &message("theirs")), Verdict::News);
    }

    #[test]
    fn what_should_have_come_and_is_alike_is_a_copy() {
        let mut copies = Copies::new(7);
        copies.deliver(1, &message("a"), false);
        assert_eq!(copies.judge_all(1, &message("a")), Verdict::Copy);
        assert_eq!(copies.judge_all(1, &message("a")), Verdict::News);
    }
}
