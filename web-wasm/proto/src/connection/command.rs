//! What the application asks for.

use alloc::vec::Vec;
use core::time::Duration;

use super::error::{
    DisconnectReason, EndReason, FlushError, PublishError, RequestError, Response, SubscribeError,
};
use super::event::Event;
use super::handover::Handover;
use super::keepalive::Purpose;
use super::link::{Phase, Via};
use super::requests::{Ended, Waiting};
use super::{Connection, Flush, FlushId, RequestId};
use crate::codec::encode;
use crate::header::HeaderMap;
use crate::subject::{Subject, validate_pattern, validate_publish, validate_queue_group};
use crate::time::Instant;

/// How the answers to a request are waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestPlan<'a> {
    /// How long.
    pub timeout: Duration,
    /// Whether there may be many, which are waited for until the time is over or the caller
    /// [cancels](Connection::cancel_request) the request.
    pub many: bool,
    /// Where they go; `None` is the inbox that all requests share.
    pub inbox: Option<&'a str>,
    /// Whether the subject may have wildcards. Some requests to the server's API have them, since
    /// they name a pattern so that a credential can be for that alone; they are not expanded.
    pub wildcards: bool,
    /// Whether it is for the connection that there is, and for no later one: it is refused where there
    /// is none, and given up where that breaks, and no other has been made ready to take its place,
    /// before the request is handed to a transport.
    pub now_or_never: bool,
}

impl RequestPlan<'_> {
    /// One answer over the shared inbox.
    pub const fn one(timeout: Duration) -> Self {
        Self { timeout, many: false, inbox: None, wildcards: false, now_or_never: false }
    }

    /// Many answers over the shared inbox.
    pub const fn many(timeout: Duration) -> Self {
        Self { timeout, many: true, inbox: None, wildcards: false, now_or_never: false }
    }
}

impl Connection {
    /// Takes a message for publishing: it is sent at once if the server is there, else as soon
    /// as it is again.
    ///
    /// # Errors
    /// - [`PublishError::InvalidSubject`] and [`PublishError::InvalidReplySubject`] when a name
    ///   is malformed or has wildcards.
    /// - [`PublishError::MaxPayloadExceeded`] and [`PublishError::HeadersUnsupported`] when the
    ///   server, as it was when last connected, would not take it.
    /// - [`PublishError::BufferFull`] when `Config::outbound_limit` bytes wait already.
    /// - [`PublishError::Closed`] after [`close`](Self::close).
    pub fn publish(
        &mut self,
        subject: &str,
        reply: Option<&str>,
        headers: Option<&HeaderMap>,
        payload: &[u8],
    ) -> Result<(), PublishError> {
        if self.link.phase == Phase::Closed {
            return Err(PublishError::Closed);
        }
        validate_publish(subject).map_err(PublishError::InvalidSubject)?;
        if let Some(reply) = reply {
            validate_publish(reply).map_err(PublishError::InvalidReplySubject)?;
        }
        self.publish_checked(subject, reply, headers, payload, None)
    }

    /// Publishes to subjects that were checked. A request for the present connection alone is told by
    /// its id.
    fn publish_checked(
        &mut self,
        subject: &str,
        reply: Option<&str>,
        headers: Option<&HeaderMap>,
        payload: &[u8],
        now_or_never: Option<RequestId>,
    ) -> Result<(), PublishError> {
        if self.link.phase == Phase::Closed {
            return Err(PublishError::Closed);
        }
        if now_or_never.is_some() && !self.is_connected() {
            return Err(PublishError::NotConnected);
        }
        let headers = headers.filter(|headers| !headers.is_empty());
        let size = payload.len() + headers.map_or(0, HeaderMap::wire_len);
        // It goes to the next transport's server where that takes what is new.
        let info = match &self.handover {
            Some(handover) if handover.has_turned() => &handover.link.info,
            _ => &self.link.info,
        };
        // Before the first INFO nothing is known of the server.
        if !info.server_id.is_empty() {
            if headers.is_some() && !info.headers {
                return Err(PublishError::HeadersUnsupported);
            }
            let limit = info.max_payload;
            if limit > 0 && size > limit {
                return Err(PublishError::MaxPayloadExceeded { size, limit });
            }
        }
        self.outbound.publish(subject, reply, headers, payload, now_or_never)?;
        if !self.config.echo {
            self.note_own(subject, reply, headers, payload);
        }
        self.statistics.out_messages += 1;
        Ok(())
    }

    /// Subscribes to a subject or pattern, in a queue group if one is given, and returns the
    /// subscription's id. It is made again on each new connection.
    ///
    /// Whether the server allows it shows later, by [`Event::SubscriptionEnded`]; a
    /// [`flush`](Self::flush) tells when it must have shown.
    ///
    /// # Errors
    /// - [`SubscribeError::InvalidSubject`] and [`SubscribeError::InvalidQueueGroup`] when a name
    ///   is malformed.
    /// - [`SubscribeError::Draining`] after [`drain_all`](Self::drain_all).
    /// - [`SubscribeError::Closed`] after [`close`](Self::close).
    pub fn subscribe(
        &mut self,
        subject: &Subject,
        queue_group: Option<&Subject>,
    ) -> Result<u64, SubscribeError> {
        if self.link.phase == Phase::Closed {
            return Err(SubscribeError::Closed);
        }
        if self.draining {
            return Err(SubscribeError::Draining);
        }
        validate_pattern(subject).map_err(SubscribeError::InvalidSubject)?;
        if let Some(group) = queue_group {
            validate_queue_group(group).map_err(SubscribeError::InvalidQueueGroup)?;
        }
        let sid = self.subscriptions.add(subject.clone(), queue_group.cloned());
        let via = self.via_of(sid);
        let group = queue_group.map(Subject::as_str);
        self.control(via, |out| encode::subscribe(out, subject, group, sid));
        Ok(sid)
    }

    /// Ends a subscription: at once, or when it has got `max` messages in all.
    ///
    /// Either way [`Event::SubscriptionEnded`] tells the end. Does nothing for one that has
    /// ended.
    pub fn unsubscribe(&mut self, sid: u64, max: Option<u64>) {
        let Some(subscription) = self.subscriptions.get_mut(sid) else { return };
        let delivered = subscription.delivered;
        match max {
            Some(max) if max > delivered => {
                subscription.max = Some(max);
                // The server counts what it delivered itself. What that comes to is not known while
                // copies come; then it is told when they stop.
                let remaining = subscription.as_server_counts(max);
                if self.settling.is_none() {
                    let via = self.via_of(sid);
                    self.control(via, |out| encode::unsubscribe(out, sid, Some(remaining)));
                }
            }
            max => {
                self.unsubscribe_everywhere(sid);
                let reason = match max {
                    Some(_) => EndReason::MaxDelivered { max: delivered },
                    None => EndReason::Unsubscribed,
                };
                self.end_subscription(sid, reason);
            }
        }
    }

    /// So many messages of an [`Event::Messages`] were for nobody: the subscription was ended because of
    /// one before them.
    pub fn orphaned(&mut self, messages: u64) {
        self.statistics.orphaned += messages;
    }

    /// Unsubscribes, and goes on delivering what the server has sent before it knew; then
    /// [`Event::SubscriptionEnded`] tells [`EndReason::Drained`]. Does nothing for one that has
    /// ended or is draining.
    pub fn drain(&mut self, now: Instant, sid: u64) {
        self.now = now;
        let connected = self.link.phase == Phase::Connected;
        match self.subscriptions.get_mut(sid) {
            Some(subscription) if !subscription.draining => subscription.draining = true,
            _ => return,
        }
        self.unsubscribe_everywhere(sid);
        if connected {
            // What the present transport has still to say of it counts, unless that was left.
            let left = self.handover.as_ref().is_some_and(Handover::is_leaving);
            let via = if left { Via::Next } else { self.via_of(sid) };
            self.send_ping(via, Purpose::Drain { sid });
        } else {
            self.end_subscription(sid, EndReason::Drained);
        }
    }

    /// Which transport a subscription belongs to alone; else the present one.
    fn via_of(&self, sid: u64) -> Via {
        match &self.handover {
            Some(handover) if handover.is_fresh(sid) => Via::Next,
            _ => Via::Present,
        }
    }

    /// No transport has a subscription any more.
    pub(super) fn unsubscribe_everywhere(&mut self, sid: u64) {
        for via in [Via::Present, Via::Next] {
            self.control(via, |out| encode::unsubscribe(out, sid, None));
        }
    }

    /// Drains every subscription and takes no new ones, as the connection is to be closed. The
    /// inboxes of requests go on until then.
    pub fn drain_all(&mut self, now: Instant) {
        self.draining = true;
        for sid in self.subscriptions.sids() {
            if !self.requests.is_inbox(sid) {
                self.drain(now, sid);
            }
        }
    }

    /// Publishes a request and waits for its answer or answers, as `plan` says.
    ///
    /// # Errors
    /// Any [`PublishError`] as [`RequestError::Publish`]; what happens later comes as
    /// [`Event::Response`].
    pub fn request(
        &mut self,
        now: Instant,
        subject: &Subject,
        headers: Option<&HeaderMap>,
        payload: &[u8],
        plan: RequestPlan<'_>,
    ) -> Result<RequestId, RequestError> {
        self.now = now;
        let check = if plan.wildcards { validate_pattern } else { validate_publish };
        check(subject).map_err(PublishError::InvalidSubject)?;
        let (id, shared_reply) = self.requests.prepare();
        let (reply, own_sid) = match plan.inbox {
            Some(inbox) => {
                validate_publish(inbox).map_err(PublishError::InvalidReplySubject)?;
                (inbox, Some(self.subscribe_inbox(&Subject::from(inbox))?))
            }
            None => {
                if self.requests.sid.is_none() {
                    self.requests.sid = Some(self.subscribe_inbox(&self.requests.pattern())?);
                }
                (&*shared_reply, None)
            }
        };
        let alone = plan.now_or_never.then_some(id);
        if let Err(error) = self.publish_checked(subject, Some(reply), headers, payload, alone) {
            self.release_inbox(own_sid);
            return Err(error.into());
        }
        let RequestPlan { timeout, many, .. } = plan;
        self.requests.sent(id, Waiting { subject: subject.clone(), timeout, many, own_sid }, now);
        Ok(id)
    }

    fn subscribe_inbox(&mut self, inbox: &Subject) -> Result<u64, RequestError> {
        self.subscribe(inbox, None).map_err(|error| match error {
            SubscribeError::InvalidSubject(error) | SubscribeError::InvalidQueueGroup(error) => {
                RequestError::Publish(PublishError::InvalidReplySubject(error))
            }
            SubscribeError::Draining => RequestError::Draining,
            SubscribeError::Closed => RequestError::Closed,
        })
    }

    /// Nobody waits for the answer to a request any more; no [`Event::Response`] follows, unless
    /// it is queued already.
    pub fn cancel_request(&mut self, id: RequestId) {
        let ended = self.requests.end(id);
        self.release_inbox(ended.and_then(|ended| ended.own_sid));
    }

    /// The connection broke off before these were sent.
    pub(super) fn end_unsent(&mut self, requests: Vec<RequestId>) {
        for request in requests {
            // Nobody may wait for it any more.
            if let Some(ended) = self.requests.end(request) {
                self.end_request(ended, Err(PublishError::NotConnected.into()));
            }
        }
    }

    /// A request is decided.
    pub(super) fn end_request(&mut self, ended: Ended, result: Response) {
        self.release_inbox(ended.own_sid);
        self.events.push_back(Event::Response { request: ended.request, result });
    }

    /// The inbox that a request had to itself is of no use any more.
    pub(super) fn release_inbox(&mut self, own_sid: Option<u64>) {
        if let Some(sid) = own_sid.filter(|&sid| self.subscriptions.remove(sid).is_some()) {
            self.unsubscribe_everywhere(sid);
        }
    }

    /// Asks the server to confirm that it has everything published before, and every
    /// subscription; the answer comes as [`Event::Flushed`].
    ///
    /// While the server is away it waits, `timeout` at most.
    ///
    /// # Errors
    /// [`FlushError::Closed`] after [`close`](Self::close).
    pub fn flush(&mut self, now: Instant, timeout: Duration) -> Result<FlushId, FlushError> {
        self.now = now;
        if self.link.phase == Phase::Closed {
            return Err(FlushError::Closed);
        }
        self.last_flush += 1;
        let id = FlushId(self.last_flush);
        // During a handover the new transport is asked as soon as it is the present one.
        let turned = self.handover.as_ref().is_some_and(Handover::has_turned);
        let asked = self.link.phase == Phase::Connected && !turned;
        self.flushes.push(Flush { id, deadline: now + timeout, timeout, asked });
        if asked {
            self.send_ping(Via::Present, Purpose::Flush(id));
        }
        Ok(id)
    }

    /// Closes the connection for good: every subscription, request and flush ends, and messages
    /// not yet handed to a transport are given up; returns how many those were.
    ///
    /// A caller that wants them sent flushes before.
    pub fn close(&mut self, now: Instant) -> u64 {
        self.now = now;
        if self.link.phase == Phase::Closed {
            return 0;
        }
        self.read_ahead();
        for sid in self.subscriptions.sids() {
            self.subscriptions.remove(sid);
            if !self.requests.is_inbox(sid) {
                let reason = EndReason::Closed;
                self.events.push_back(Event::SubscriptionEnded { sid, reason });
            }
        }
        for ended in self.requests.take_all() {
            self.end_request(ended, Err(RequestError::Closed));
        }
        while let Some(&flush) = self.flushes.first() {
            self.decide_flush(flush.id, Err(FlushError::Closed));
        }
        self.disconnect(DisconnectReason::ClosedByCaller);
        self.link.phase = Phase::Closed;
        let discarded = self.outbound.discard();
        self.statistics.discarded += discarded;
        discarded
    }
}
