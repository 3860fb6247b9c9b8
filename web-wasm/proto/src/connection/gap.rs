//! What may have been missed while a connection was interrupted.
//!
//! NATS numbers no messages, so nobody can say which were missed; but from when to when can be said,
//! and that nothing was missed otherwise. A gap begins with the last PING that was answered: a server's
//! answers come after all that it had to say before, so what it had for the client until that PING was
//! sent has come. It ends when a server has answered the PING after the subscriptions.
//!
//! A server does many things at once, and a cluster passes messages on from one to another: a message
//! may be a moment late after what was said since, and it takes a moment to spread the interest in
//! new subscriptions. So a gap begins a second earlier, and in a cluster it ends a second later.
//!
//! A handover leaves no gap: the next transport has the subscriptions before the present one is left. It
//! does where the present one breaks off before that, and where the next one does after it.

use alloc::vec::Vec;

use super::Connection;
use super::event::Event;
use super::handover::SPREADING;
use super::settling::LATENESS;
use crate::subject::Subject;
use crate::time::Instant;

/// A time in which messages may have been missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// What was published until then has come: a second before the last question to the server that
    /// it has answered.
    pub from: Instant,
    /// When anything came from the server for the last time.
    pub last_heard: Instant,
    /// What is published from then on comes. In a cluster this is a second after the connection is
    /// there.
    pub to: Instant,
    /// The subscriptions that it is about, oldest first: those that were there before and still are.
    pub subscriptions: Vec<Interrupted>,
}

/// A subscription that may have missed messages.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Interrupted {
    /// The subscription.
    pub sid: u64,
    /// What it is subscribed to.
    pub subject: Subject,
    /// The queue group that it is a member of: other members may have had the messages.
    pub queue_group: Option<Subject>,
}

/// A gap that has not ended.
#[derive(Debug)]
pub(super) struct OpenGap {
    from: Instant,
    last_heard: Instant,
    /// The subscriptions that were in place when it began; some may have ended since.
    sids: Vec<u64>,
    /// The question whose answer ends it, where that is not the next handshake.
    question: Option<u32>,
}

impl Connection {
    /// What the present server has to say from now on may be lost, and so may what it has said since
    /// it answered for the last time.
    pub(super) fn open_gap(&mut self) {
        let (from, last_heard) = (self.link.complete_until, self.link.last_heard);
        self.open_gap_from(from, last_heard, None);
    }

    /// The same since a moment that is known, until a question is answered.
    pub(super) fn open_gap_from(
        &mut self,
        from: Instant,
        last_heard: Instant,
        question: Option<u32>,
    ) {
        let wanted = self.subscriptions.wanted();
        let sids = wanted.into_iter().filter(|&sid| !self.requests.is_inbox(sid));
        let from = from.saturating_sub(LATENESS);
        match &mut self.gap {
            Some(gap) => {
                gap.question = question;
                for sid in sids {
                    if !gap.sids.contains(&sid) {
                        gap.sids.push(sid);
                    }
                }
            }
            gap => *gap = Some(OpenGap { from, last_heard, sids: sids.collect(), question }),
        }
    }

    /// A question was answered.
    pub(super) fn gap_answered(&mut self, question: u32) {
        if self.gap.as_ref().is_some_and(|gap| gap.question == Some(question)) {
            self.close_gap();
        }
    }

    /// The present server has every subscription.
    pub(super) fn close_gap(&mut self) {
        let Some(gap) = self.gap.take() else { return };
        let subscription = |sid| {
            let subscription = self.subscriptions.get(sid)?;
            let (subject, queue_group) =
                (subscription.subject.clone(), subscription.queue_group.clone());
            Some(Interrupted { sid, subject, queue_group })
        };
        let subscriptions: Vec<_> = gap.sids.into_iter().filter_map(subscription).collect();
        if subscriptions.is_empty() {
            return;
        }
        let to = match self.link.info.cluster {
            Some(_) => self.now + SPREADING,
            None => self.now,
        };
        let (from, last_heard) = (gap.from, gap.last_heard);
        self.events.push_back(Event::Gap(Gap { from, last_heard, to, subscriptions }));
    }
}
