//! One transport takes the place of another, without a gap between them.
//!
//! The next transport signs in and subscribes while the present one goes on. When both deliver, the
//! present one is left in steps, each of which is a question to a server whose answer says that all
//! before it is done:
//!
//! 1. The next one has every subscription that the present one has, and had it later than that. Where
//!    some were made on the way this takes a question to each. From here on messages to be
//!    published, and new subscriptions, are the next one's; the former wait.
//! 2. The present one answers. What it delivers from here on, the next one delivers too.
//! 3. The next one answers. What it has delivered up to here, the present one delivers too: it is
//!    put aside.
//! 4. The present one unsubscribes and answers. It has delivered its last message and taken its
//!    last; the next one carries on.
//!
//! Of what the next one brings, copies of what the present one delivered are left out. A server does
//! many things at once, so that a message that is on its way to both transports may be late for one
//! of them: what was put aside and did not come by the present one is delivered after all, and copies
//! are looked for until a second after the new one has answered once more.
//!
//! Members of a queue group get each message once, by whichever transport; theirs are never copies.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use super::copies::{Copies, Verdict};
use super::error::{DisconnectReason, EndReason, FlushError};
use super::event::Event;
use super::keepalive::{Ping, Purpose};
use super::link::{Link, Phase, Via};
use super::outbound::Outbound;
use super::settling::Settling;
use super::{Connection, TransportClosed};
use crate::codec::encode;
use crate::header::HeaderMap;
use crate::message::Message;
use crate::time::Instant;

/// How long a server has for its answer to each question.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a cluster has to spread the subscriptions of a transport to another of its servers.
pub(super) const SPREADING: Duration = Duration::from_secs(1);

/// A transport that is to take the place of the present one.
#[derive(Debug)]
pub(super) struct Handover {
    pub(super) link: Link,
    step: Step,
    /// The question that the present step waits for the answer to.
    question: u32,
    /// The question at the beginning, to the present server.
    opening: u32,
    /// The last subscription when that was asked, and whether it was answered: the present server
    /// has those up to it for certain.
    sounded: (u64, bool),
    /// The last subscription that the next transport was told of while the present one has it too.
    shared: u64,
    /// The last subscription of the present transport: later ones are the next one's alone.
    turned_at: u64,
    /// When the present transport was left.
    left_at: Instant,
    /// What the present transport still has to send, once the next one takes what is new.
    pub(super) rest: Option<Outbound>,
    /// Messages of the next transport that the present one should deliver.
    aside: Vec<(u64, Message)>,
    copies: Copies,
    /// How many messages the next transport brought for each subscription.
    brought: HashMap<u64, u64, FxBuildHasher>,
}

/// How far it has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The next transport is not there yet.
    Arriving,
    /// It is there; its subscriptions spread over the cluster.
    Spreading { until: Instant },
    /// The present one was asked whether it has the subscriptions that were made meanwhile.
    Preparing { until: Instant },
    /// The next one was asked whether it has them.
    Completing { until: Instant },
    /// The present one was asked: step 2.
    Sounding { until: Instant },
    /// The next one was asked: step 3.
    Witnessing { until: Instant },
    /// The present one was left, and asked for the last time: step 4.
    Leaving { until: Instant },
}

impl Step {
    fn until(self) -> Option<Instant> {
        match self {
            Self::Arriving => None,
            Self::Spreading { until }
            | Self::Preparing { until }
            | Self::Completing { until }
            | Self::Sounding { until }
            | Self::Witnessing { until }
            | Self::Leaving { until } => Some(until),
        }
    }
}

impl Handover {
    /// Whether the next transport is the one that takes what is new.
    pub(super) fn has_turned(&self) -> bool {
        !matches!(self.step, Step::Arriving | Step::Spreading { .. })
    }

    /// Whether a subscription is the next transport's alone.
    pub(super) fn is_fresh(&self, sid: u64) -> bool {
        self.has_turned() && sid > self.turned_at
    }

    pub(super) fn is_leaving(&self) -> bool {
        matches!(self.step, Step::Leaving { .. })
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.step.until().or(self.link.handshake_deadline())
    }
}

impl Connection {
    /// Another transport is being opened, which is to take the place of the present one without a
    /// gap. It has to sign in within [`Config::connect_timeout`](super::Config::connect_timeout).
    ///
    /// [`Event::HandedOver`] or [`Event::HandoverFailed`] tells how it went. Meanwhile
    /// everything goes on; messages to be published wait for about three round trips at its end.
    ///
    /// Says whether it began: not unless there is a connection, and no handover going on.
    pub fn handover(&mut self, now: Instant) -> bool {
        self.now = now;
        let busy = self.handover.is_some() || self.settling.is_some();
        if busy || self.link.phase != Phase::Connected {
            return false;
        }
        let mut link = Link::new(&self.config);
        link.dial(now, &self.config);
        let opening = self.next_question();
        self.handover = Some(Handover {
            link,
            step: Step::Arriving,
            question: opening,
            opening,
            sounded: (self.subscriptions.last_sid(), false),
            shared: 0,
            turned_at: 0,
            left_at: now,
            rest: None,
            aside: Vec::new(),
            copies: Copies::new(self.seed),
            brought: HashMap::default(),
        });
        self.send_ping(Via::Present, Purpose::Handover { question: opening });
        true
    }

    /// The client does not want back what it publishes. A server that gets it over one transport
    /// gives it to the other all the same.
    pub(super) fn note_own(
        &mut self,
        subject: &str,
        reply: Option<&str>,
        headers: Option<&HeaderMap>,
        payload: &[u8],
    ) {
        let Some(handover) = self.handover.as_mut().filter(|handover| !handover.has_turned())
        else {
            return;
        };
        handover.copies.published(Message {
            subject: subject.into(),
            reply: reply.map(Into::into),
            payload: Bytes::copy_from_slice(payload),
            headers: headers.cloned(),
            ..Message::default()
        });
    }

    fn next_question(&mut self) -> u32 {
        self.questions = self.questions.wrapping_add(1);
        self.questions
    }

    /// The next transport is told, as it signs in, of the subscriptions that the present server has
    /// for certain.
    pub(super) fn write_subscriptions_of_next(&mut self) {
        if let Some((last, true)) = self.handover.as_ref().map(|handover| handover.sounded) {
            self.tell_next_of_subscriptions(last);
        }
    }

    /// The next transport was let in.
    pub(super) fn next_arrived(&mut self) {
        let Some(handover) = &mut self.handover else { return };
        handover.link.phase = Phase::Connected;
        let elsewhere = handover.link.info.server_id != self.link.info.server_id;
        if elsewhere {
            handover.step = Step::Spreading { until: self.now + SPREADING };
        } else {
            self.turn();
        }
    }

    /// From now on the next transport takes what is new.
    fn turn(&mut self) {
        let Some(handover) = &mut self.handover else { return };
        handover.turned_at = self.subscriptions.last_sid();
        let until = self.now + PATIENCE;
        handover.step = match handover.shared == handover.turned_at {
            true => Step::Sounding { until },
            false => Step::Preparing { until },
        };
        let mut rest = self.outbound.split();
        rest.control_first(self.link.control.split());
        handover.rest = Some(rest);
        self.ask_in_handover(Via::Present);
    }

    /// Tells the next transport of the subscriptions up to `last` that it does not know.
    fn tell_next_of_subscriptions(&mut self, last: u64) {
        let Some(handover) = &mut self.handover else { return };
        let since = core::mem::replace(&mut handover.shared, last);
        self.subscriptions.write_between(since, last, &mut handover.link.control);
    }

    fn ask_in_handover(&mut self, via: Via) {
        let question = self.next_question();
        let Some(handover) = &mut self.handover else { return };
        handover.question = question;
        let (link, covered) = match via {
            Via::Present => (&mut self.link, handover.rest.as_ref().map_or(0, Outbound::queued)),
            Via::Next => (&mut handover.link, 0),
        };
        link.ask(Ping { purpose: Purpose::Handover { question }, at: self.now, covered });
    }

    /// A question was answered.
    pub(super) fn handover_answered(&mut self, question: u32) {
        self.gap_answered(question);
        if let Some(settling) = &mut self.settling
            && settling.question == question
        {
            settling.answered(self.now);
            return;
        }
        let until = self.now + PATIENCE;
        let Some(handover) = &mut self.handover else { return };
        if handover.opening == question {
            handover.sounded.1 = true;
        }
        if handover.question != question {
            return;
        }
        match handover.step {
            Step::Arriving | Step::Spreading { .. } => {}
            Step::Preparing { .. } => {
                handover.step = Step::Completing { until };
                let last = handover.turned_at;
                self.tell_next_of_subscriptions(last);
                self.ask_in_handover(Via::Next);
            }
            Step::Completing { .. } => {
                handover.step = Step::Sounding { until };
                self.ask_in_handover(Via::Present);
            }
            Step::Sounding { .. } => {
                handover.step = Step::Witnessing { until };
                self.ask_in_handover(Via::Next);
            }
            Step::Witnessing { .. } => {
                handover.step = Step::Leaving { until };
                handover.left_at = self.now;
                let last = handover.turned_at;
                for sid in self.subscriptions.sids().into_iter().filter(|&sid| sid <= last) {
                    encode::unsubscribe(&mut self.link.control, sid, None);
                }
                self.ask_in_handover(Via::Present);
            }
            Step::Leaving { .. } => self.promote(None),
        }
    }

    /// Time has passed.
    pub(super) fn handover_timeout(&mut self) {
        let settled = self.settling.as_ref().and_then(Settling::deadline);
        if settled.is_some_and(|until| until <= self.now) {
            self.settle();
        }
        let Some(handover) = &mut self.handover else { return };
        if handover.deadline().is_none_or(|deadline| deadline > self.now) {
            return;
        }
        let stale = DisconnectReason::Stale { unanswered: 1 };
        match handover.step {
            Step::Arriving => {
                let timeout = self.config.connect_timeout;
                let error = handover.link.fatal_error.take();
                self.fail_handover(&DisconnectReason::ConnectTimeout { timeout, error });
            }
            Step::Spreading { .. } => self.turn(),
            Step::Completing { .. } | Step::Witnessing { .. } => self.fail_handover(&stale),
            Step::Preparing { .. } | Step::Sounding { .. } | Step::Leaving { .. } => {
                self.disconnect(stale);
            }
        }
    }

    /// Whether a message is to be delivered; notes what is needed to tell copies.
    pub(super) fn admit(&mut self, via: Via, sid: u64, message: &Message) -> bool {
        if self.handover.is_none() && self.settling.is_none() {
            return true;
        }
        let grouped = self.subscriptions.is_grouped(sid);
        let Some(handover) = &mut self.handover else {
            return self.admit_settling(sid, grouped, message);
        };
        match via {
            Via::Present => {
                if handover.link.takes_operations() && !grouped {
                    let surely =
                        matches!(handover.step, Step::Witnessing { .. } | Step::Leaving { .. });
                    handover.copies.deliver(sid, message, surely);
                }
                true
            }
            Via::Next => {
                *handover.brought.entry(sid).or_default() += 1;
                if grouped || handover.is_fresh(sid) {
                    return true;
                }
                handover.aside.push((sid, message.clone()));
                false
            }
        }
    }

    /// The next transport is the present one from now on. If the present one broke off instead of
    /// having been left, `broke` says why.
    pub(super) fn promote(&mut self, broke: Option<DisconnectReason>) {
        if let Some(handover) = &self.handover {
            let turned = handover.has_turned();
            let last = if turned { handover.turned_at } else { self.subscriptions.last_sid() };
            self.tell_next_of_subscriptions(last);
        }
        let Some(handover) = self.handover.take() else { return };
        // Read before the next transport's own is in its place.
        let (complete_until, last_heard) = (self.link.complete_until, self.link.last_heard);
        let unanswered = self.link.keepalive.stop();
        if let Some(rest) = handover.rest {
            self.outbound.unsplit(rest);
        }
        let unconfirmed = self.reset_outbound();
        self.statistics.connects += 1;
        let previous = core::mem::replace(&mut self.link, handover.link).info;
        self.link.keepalive.start(self.now);
        let question = self.next_question();
        if broke.is_some() {
            self.open_gap_from(complete_until, last_heard, Some(question));
        }
        let mut settling = Settling {
            question,
            until: None,
            copies: handover.copies,
            broke: broke.is_some(),
            shared: handover.shared,
            brought: handover.brought,
        };
        let mut missed = Vec::new();
        for (sid, message) in handover.aside {
            match settling.copies.judge_all(sid, &message) {
                Verdict::Copy => self.statistics.duplicates += 1,
                _ => missed.push((sid, message)),
            }
        }
        self.settling = Some(settling);
        self.events.push_back(Event::HandedOver { broke, unconfirmed });
        for (sid, message) in missed {
            if let Some(event) = self.deliver(sid, message) {
                // Before what the delivery itself has queued, as its end.
                self.events.push_back(event);
            }
        }
        let purpose = Purpose::Handover { question };
        self.link.ask(Ping { purpose, at: self.now, covered: 0 });
        let (drains, lost): (VecDeque<Ping>, VecDeque<Ping>) =
            unanswered.into_iter().partition(|ping| matches!(ping.purpose, Purpose::Drain { .. }));
        self.end_questions(lost);
        // What is still on its way for those comes over the new transport.
        for ping in drains {
            self.send_ping(Via::Present, ping.purpose);
        }
        self.ask_waiting_flushes();
        self.tell_news_of(&previous);
    }

    /// Whether the next transport can take the place of the present one, which broke off.
    pub(super) fn can_be_rescued(&self, reason: &DisconnectReason) -> bool {
        *reason != DisconnectReason::ClosedByCaller
            && self.handover.as_ref().is_some_and(|next| next.link.phase == Phase::Connected)
    }

    /// The next transport ended.
    pub(super) fn next_closed(&mut self, closed: TransportClosed) {
        let error = self.handover.as_mut().and_then(|handover| handover.link.fatal_error.take());
        self.fail_handover(&DisconnectReason::TransportClosed { closed, error });
    }

    /// The next transport does not take the place of the present one, which goes on.
    pub(super) fn fail_handover(&mut self, reason: &DisconnectReason) {
        let Some(mut handover) = self.handover.take() else { return };
        self.end_questions(handover.link.keepalive.stop());
        let leaving = handover.is_leaving();
        if let Some(mut rest) = handover.rest.take() {
            // What was the next one's is the present one's again: after what that has to send
            // already, and ahead of the messages that waited.
            let mut control = self.link.control.split();
            if leaving {
                self.subscriptions.write(&mut control);
            } else {
                let (first, last) = (handover.turned_at, self.subscriptions.last_sid());
                self.subscriptions.write_between(first, last, &mut control);
            }
            rest.control(|out| out.unsplit(control));
            self.outbound.unsplit(rest);
            if leaving && self.link.phase == Phase::Connected {
                // It was unsubscribed for a while, and what the other one had is gone with it.
                let question = self.next_question();
                self.open_gap_from(handover.left_at, self.now, Some(question));
                self.send_ping(Via::Present, Purpose::Handover { question });
            }
            self.ask_waiting_flushes();
        }
        self.events.push_back(Event::HandoverFailed { reason: reason.clone() });
    }

    /// These will not be answered any more.
    pub(super) fn end_questions(&mut self, pings: VecDeque<Ping>) {
        for ping in pings {
            match ping.purpose {
                Purpose::Flush(flush) => self.decide_flush(flush, Err(FlushError::Disconnected)),
                // What was on its way will not come any more.
                Purpose::Drain { sid } => self.end_subscription(sid, EndReason::Drained),
                Purpose::Handshake | Purpose::KeepAlive | Purpose::Handover { .. } => {}
            }
        }
    }
}
