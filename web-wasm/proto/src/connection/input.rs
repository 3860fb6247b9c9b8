//! What the server says, taken in.

use core::time::Duration;

use super::error::{DisconnectReason, EndReason, FlushError, RequestError};
use super::event::{Challenge, Event};
use super::keepalive::{Ping, Purpose};
use super::link::{Phase, Via};
use super::subscriptions::Delivery;
use super::{Connection, FlushId};
use crate::codec::{Whole, encode};
use crate::info::ServerInfo;
use crate::message::Message;
use crate::op::ServerOp;
use crate::server_error::{Operation, ServerError};

impl Connection {
    /// Takes in one operation; the event is its first effect, further ones are queued.
    pub(super) fn handle_op(&mut self, via: Via, op: ServerOp) -> Option<Event> {
        match op {
            ServerOp::Message { sid, message } => return self.handle_message(via, sid, message),
            ServerOp::Ping => self.answer_ping(via),
            ServerOp::Pong => {
                if let Some(ping) = self.link_mut(via).and_then(|link| link.keepalive.pong()) {
                    self.handle_pong(via, ping);
                }
            }
            ServerOp::Info(info) => self.handle_info(via, *info),
            ServerOp::Ok => {}
            ServerOp::Err(text) => self.handle_error(via, &ServerError::parse(&text)),
        }
        None
    }

    fn answer_ping(&mut self, via: Via) {
        let signing_in = self.link_mut(via).filter(|link| link.phase != Phase::Connected);
        match signing_in {
            Some(link) => encode::pong(&mut link.control),
            None => self.control(via, encode::pong),
        }
    }

    /// Reads all that has arrived and queues what it means, before the transport is given up.
    pub(super) fn read_ahead(&mut self) {
        let mut events = core::mem::take(&mut self.events);
        while let Some(event) = self.poll_event() {
            events.push_back(event);
        }
        self.events = events;
    }

    /// Takes in a message of the present transport. It is almost all that ever comes, and each time
    /// that one is moved costs more than the rest of what is done here: it is made when it is known
    /// where it goes.
    #[inline]
    pub(super) fn handle_whole(&mut self, whole: &Whole, together: bool) -> Option<Event> {
        let sid = whole.sid;
        let watched = self.handover.is_some() || self.settling.is_some();
        let plain = match watched || self.requests.is_inbox(sid) {
            true => None,
            false => self.subscriptions.unlimited(sid),
        };
        let Some(subscription) = plain else {
            let message = self.link.decoder.take_whole(whole);
            return self.handle_message(Via::Present, sid, message);
        };
        if together && let Some(run) = self.link.decoder.take_run(whole) {
            subscription.delivered += run.len() as u64;
            self.statistics.in_messages += run.len() as u64;
            return Some(Event::Messages { sid, run });
        }
        subscription.delivered += 1;
        self.statistics.in_messages += 1;
        Some(Event::Message { sid, message: self.link.decoder.take_whole(whole) })
    }

    fn handle_message(&mut self, via: Via, sid: u64, message: Message) -> Option<Event> {
        self.statistics.in_messages += 1;
        if self.admit(via, sid, &message) { self.deliver(sid, message) } else { None }
    }

    pub(super) fn deliver(&mut self, sid: u64, message: Message) -> Option<Event> {
        match self.subscriptions.deliver(sid) {
            Delivery::Orphan => {
                self.statistics.orphaned += 1;
                None
            }
            _ if self.requests.is_inbox(sid) => self.handle_response(sid, message),
            Delivery::Continues => Some(Event::Message { sid, message }),
            Delivery::Last { max } => {
                if self.handover.is_some() || self.settling.is_some() {
                    // A server that does not know the limit would go on.
                    self.unsubscribe_everywhere(sid);
                }
                let reason = EndReason::MaxDelivered { max };
                self.events.push_back(Event::SubscriptionEnded { sid, reason });
                Some(Event::Message { sid, message })
            }
        }
    }

    fn handle_response(&mut self, sid: u64, message: Message) -> Option<Event> {
        let no_responders = message.is_no_responders();
        let answered = self.requests.answered(sid, &message.subject, no_responders);
        let Some((request, last)) = answered else {
            // It was cancelled, ran out of time, or has had its answer.
            self.statistics.orphaned += 1;
            return None;
        };
        if last {
            self.cancel_request(request);
        }
        let result = if no_responders { Err(RequestError::NoResponders) } else { Ok(message) };
        Some(Event::Response { request, result })
    }

    fn handle_pong(&mut self, via: Via, ping: Ping) {
        let rtt = self.now - ping.at;
        self.statistics.rtt = Some(rtt);
        let rest = self.handover.as_mut().and_then(|handover| handover.rest.as_mut());
        rest.unwrap_or(&mut self.outbound).confirm(ping.covered);
        if let Some(link) = self.link_mut(via) {
            link.complete_until = ping.at;
        }
        match ping.purpose {
            Purpose::KeepAlive => {}
            Purpose::Flush(flush) => self.decide_flush(flush, Ok(rtt)),
            Purpose::Drain { sid } => self.end_subscription(sid, EndReason::Drained),
            Purpose::Handover { question } => self.handover_answered(question),
            Purpose::Handshake if via == Via::Next => self.next_arrived(),
            Purpose::Handshake => {
                self.link.phase = Phase::Connected;
                self.statistics.connects += 1;
                self.link.keepalive.start(self.now);
                self.events.push_back(Event::Connected);
                self.close_gap();
                self.ask_waiting_flushes();
            }
        }
    }

    fn handle_info(&mut self, via: Via, info: ServerInfo) {
        let min_version = self.config.min_server_version;
        let Some(link) = self.link_mut(via) else { return };
        let previous = core::mem::replace(&mut link.info, info);
        if let Phase::Dialing { deadline } = link.phase {
            // Before the client has said anything: a server with known holes gets no credential.
            if let Some(required) = min_version
                && !link.info.is_server_compatible(required[0], required[1], required[2])
            {
                let version = link.info.version.as_str().into();
                return self
                    .end_transport(via, DisconnectReason::ServerTooOld { version, required });
            }
            link.phase = Phase::Challenged { deadline };
            let ServerInfo { nonce, auth_required, .. } = &link.info;
            let challenge = Challenge { nonce: nonce.clone(), auth_required: *auth_required };
            self.events.push_back(Event::Challenge { via, challenge });
        } else if link.info.nonce.is_none() {
            // The INFO after the login comes without the nonce, which stays what it was.
            link.info.nonce.clone_from(&previous.nonce);
        }
        // The news of the next transport's server are told when it is the present one's.
        if via == Via::Present {
            self.tell_news_of(&previous);
        }
    }

    /// Tells what the present server says that was not known.
    pub(super) fn tell_news_of(&mut self, previous: &ServerInfo) {
        let info = &self.link.info;
        if !info.connect_urls.is_empty() && info.connect_urls != previous.connect_urls {
            self.events.push_back(Event::Discovered(info.connect_urls.clone()));
        }
        let was_lame = previous.lame_duck_mode && previous.server_id == info.server_id;
        if info.lame_duck_mode && !was_lame {
            self.events.push_back(Event::LameDuck);
        }
    }

    fn handle_error(&mut self, via: Via, error: &ServerError) {
        self.events.push_back(Event::ServerError(error.clone()));
        match error {
            ServerError::PermissionsViolation { operation, subject, queue_group } => {
                match operation {
                    Operation::Subscribe => self.refuse(error, subject, queue_group.as_deref()),
                    Operation::Publish => {
                        for ended in self.requests.denied(subject) {
                            self.end_request(ended, Err(RequestError::Denied(error.clone())));
                        }
                    }
                }
            }
            error if !error.is_survivable() => {
                if let Some(link) = self.link_mut(via) {
                    link.fatal_error = Some(error.clone());
                }
            }
            _ => {}
        }
    }

    /// The server refused every subscription to `subject`.
    fn refuse(&mut self, error: &ServerError, subject: &str, queue_group: Option<&str>) {
        for sid in self.subscriptions.refused(subject, queue_group) {
            if self.handover.is_some() {
                // The other server may have allowed it.
                self.unsubscribe_everywhere(sid);
            }
            if self.requests.is_inbox(sid) {
                // Without the inbox no request can be answered; the next one tries again.
                for ended in self.requests.without_inbox(sid) {
                    self.end_request(ended, Err(RequestError::Denied(error.clone())));
                }
                self.requests.sid = self.requests.sid.filter(|&shared| shared != sid);
            } else {
                let reason = EndReason::Refused(error.clone());
                self.events.push_back(Event::SubscriptionEnded { sid, reason });
            }
        }
    }

    /// Ends a subscription that has not ended yet.
    pub(super) fn end_subscription(&mut self, sid: u64, reason: EndReason) {
        if self.subscriptions.remove(sid).is_some() {
            self.events.push_back(Event::SubscriptionEnded { sid, reason });
        }
    }

    pub(super) fn decide_flush(&mut self, id: FlushId, result: Result<Duration, FlushError>) {
        let before = self.flushes.len();
        self.flushes.retain(|flush| flush.id != id);
        // One that ran out of time has been decided already.
        if self.flushes.len() != before {
            self.events.push_back(Event::Flushed { flush: id, result });
        }
    }

    pub(super) fn expire_flushes(&mut self) {
        let now = self.now;
        while let Some(&flush) = self.flushes.iter().find(|flush| flush.deadline <= now) {
            self.decide_flush(flush.id, Err(FlushError::TimedOut { timeout: flush.timeout }));
        }
    }

    /// Sends the PINGs of the flushes that were asked for while there was no connection.
    pub(super) fn ask_waiting_flushes(&mut self) {
        let waiting = self.flushes.iter_mut().filter(|flush| !flush.asked);
        let ids: alloc::vec::Vec<FlushId> = waiting
            .map(|flush| {
                flush.asked = true;
                flush.id
            })
            .collect();
        for id in ids {
            self.send_ping(Via::Present, Purpose::Flush(id));
        }
    }
}
