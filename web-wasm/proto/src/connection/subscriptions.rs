//! The subscriptions that a connection holds, and makes again on the next server.

use alloc::vec::Vec;

use bytes::BytesMut;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::in_order::in_order;
use crate::codec::encode;
use crate::subject::Subject;

/// One subscription.
#[derive(Clone, Debug)]
pub(super) struct Subscription {
    pub(super) subject: Subject,
    pub(super) queue_group: Option<Subject>,
    /// How many messages it is to get in all, if that is limited.
    pub(super) max: Option<u64>,
    /// How many it got, over all transports.
    pub(super) delivered: u64,
    /// How many messages the present server has counted that it did not get: copies of others.
    /// Negative where it got more over earlier transports, which the present server knows nothing of.
    pub(super) counted_beside: i64,
    /// Whether it was given up and only what is on its way is still to come.
    pub(super) draining: bool,
}

impl Subscription {
    /// What a limit on all messages comes to in the count of the present server.
    pub(super) fn as_server_counts(&self, max: u64) -> u64 {
        max.saturating_add_signed(self.counted_beside)
    }
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// All subscriptions by their id. An id is never used twice, so that a message on its way can't
/// reach another subscription than its own.
#[derive(Debug, Default)]
pub(super) struct Subscriptions {
    // The client counts ids itself: nobody can choose them so that they collide.
    by_sid: HashMap<u64, Subscription, FxBuildHasher>,
    last_sid: u64,
}

/// What a message's arrival means for its subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    /// It is for nobody: the subscription ended while the message was on its way.
    Orphan,
    /// More may come.
    Continues,
    /// It was the last.
    Last {
        /// How many came.
        max: u64,
    },
}

impl Subscriptions {
    pub(super) fn add(&mut self, subject: Subject, queue_group: Option<Subject>) -> u64 {
        self.last_sid += 1;
        let subscription = Subscription {
            subject,
            queue_group,
            max: None,
            delivered: 0,
            counted_beside: 0,
            draining: false,
        };
        self.by_sid.insert(self.last_sid, subscription);
        self.last_sid
    }

    pub(super) fn remove(&mut self, sid: u64) -> Option<Subscription> {
        self.by_sid.remove(&sid)
    }

    pub(super) fn get(&self, sid: u64) -> Option<&Subscription> {
        self.by_sid.get(&sid)
    }

    pub(super) fn get_mut(&mut self, sid: u64) -> Option<&mut Subscription> {
        self.by_sid.get_mut(&sid)
    }

    /// Counts a message.
    pub(super) fn deliver(&mut self, sid: u64) -> Delivery {
        let Some(subscription) = self.by_sid.get_mut(&sid) else { return Delivery::Orphan };
        subscription.delivered += 1;
        match subscription.max {
            Some(max) if subscription.delivered >= max => {
                self.by_sid.remove(&sid);
                Delivery::Last { max }
            }
            _ => Delivery::Continues,
        }
    }

    /// A subscription without a limit, whose messages only have to be counted.
    #[inline]
    pub(super) fn unlimited(&mut self, sid: u64) -> Option<&mut Subscription> {
        self.by_sid.get_mut(&sid).filter(|subscription| subscription.max.is_none())
    }

    /// Takes out every subscription that a server's refusal of `subject` is about, oldest first.
    pub(super) fn refused(&mut self, subject: &str, queue_group: Option<&str>) -> Vec<u64> {
        let refused = self.by_sid.iter().filter(|(_, subscription)| {
            subscription.subject == *subject && subscription.queue_group.as_deref() == queue_group
        });
        let sids = in_order(refused.map(|(&sid, _)| sid));
        for sid in &sids {
            self.by_sid.remove(sid);
        }
        sids
    }

    /// Every id, oldest first.
    pub(super) fn sids(&self) -> Vec<u64> {
        in_order(self.by_sid.keys().copied())
    }

    /// Every id but those that were given up, oldest first.
    pub(super) fn wanted(&self) -> Vec<u64> {
        let mut sids = self.sids();
        sids.retain(|sid| self.by_sid.get(sid).is_some_and(|wanted| !wanted.draining));
        sids
    }

    /// The id of the subscription that was made last.
    pub(super) fn last_sid(&self) -> u64 {
        self.last_sid
    }

    /// Whether a subscription shares its messages with a queue group.
    pub(super) fn is_grouped(&self, sid: u64) -> bool {
        self.by_sid.get(&sid).is_some_and(|subscription| subscription.queue_group.is_some())
    }

    /// Writes what puts every subscription in place on a new transport, oldest first. A server
    /// counts from zero there, so a limit is what remains of it.
    pub(super) fn write(&mut self, out: &mut BytesMut) {
        for sid in self.sids() {
            let Some(subscription) = self.by_sid.get_mut(&sid) else { continue };
            if subscription.draining {
                continue;
            }
            subscription.counted_beside = signed(subscription.delivered).saturating_neg();
            let group = subscription.queue_group.as_deref();
            encode::subscribe(out, &subscription.subject, group, sid);
            if let Some(max) = subscription.max {
                encode::unsubscribe(out, sid, Some(subscription.as_server_counts(max)));
            }
        }
    }

    /// Writes what puts the subscriptions made after `first`, up to `last`, in place on a second
    /// transport, oldest first and without their limits: what counts there is only known when copies
    /// stop to come.
    pub(super) fn write_between(&self, first: u64, last: u64, out: &mut BytesMut) {
        for sid in self.sids().into_iter().filter(|&sid| first < sid && sid <= last) {
            let Some(subscription) = self.by_sid.get(&sid) else { continue };
            if !subscription.draining {
                let group = subscription.queue_group.as_deref();
                encode::subscribe(out, &subscription.subject, group, sid);
            }
        }
    }

    /// The present server has `brought` so many messages for a subscription by now, copies included.
    /// Returns what its limit comes to in that count, if it has one.
    pub(super) fn recount(&mut self, sid: u64, brought: u64) -> Option<u64> {
        let subscription = self.by_sid.get_mut(&sid)?;
        subscription.counted_beside =
            signed(brought).saturating_sub_unsigned(subscription.delivered);
        subscription.max.map(|max| subscription.as_server_counts(max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(subscriptions: &mut Subscriptions) -> BytesMut {
        let mut out = BytesMut::new();
        subscriptions.write(&mut out);
        out
    }

    #[test]
    fn a_new_transport_gets_every_subscription_with_what_remains_of_its_limit() {
        let mut subscriptions = Subscriptions::default();
        let first = subscriptions.add("a".into(), None);
        let second = subscriptions.add("b".into(), Some("q".into()));
        subscriptions.get_mut(second).unwrap().max = Some(5);
        assert_eq!(subscriptions.deliver(second), Delivery::Continues);
        assert_eq!(subscriptions.deliver(second), Delivery::Continues);
        assert_eq!(&written(&mut subscriptions)[..], b"SUB a 1\r\nSUB b q 2\r\nUNSUB 2 3\r\n");
        subscriptions.remove(first);
        assert_eq!(subscriptions.deliver(first), Delivery::Orphan);
    }

    #[test]
    fn the_last_message_ends_the_subscription() {
        let mut subscriptions = Subscriptions::default();
        let sid = subscriptions.add("a".into(), None);
        subscriptions.get_mut(sid).unwrap().max = Some(1);
        assert_eq!(subscriptions.deliver(sid), Delivery::Last { max: 1 });
        assert_eq!(subscriptions.deliver(sid), Delivery::Orphan);
        assert_ne!(subscriptions.add("a".into(), None), sid);
    }

    #[test]
    fn a_refusal_ends_exactly_what_it_is_about() {
        let mut subscriptions = Subscriptions::default();
        let plain = subscriptions.add("a".into(), None);
        let queued = subscriptions.add("a".into(), Some("q".into()));
        let again = subscriptions.add("a".into(), None);
        let other = subscriptions.add("b".into(), None);
        assert_eq!(subscriptions.refused("a", None), [plain, again]);
        assert_eq!(subscriptions.sids(), [queued, other]);
        assert_eq!(subscriptions.refused("a", Some("q")), [queued]);
    }
}
