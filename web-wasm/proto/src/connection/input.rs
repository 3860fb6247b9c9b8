//! What the server says, taken in.

use core::time::Duration;

use super::error::{EndReason, FlushError, RequestError};
use super::event::{Challenge, Event};
use super::keepalive::{Ping, Purpose};
use super::subscriptions::Delivery;
use super::{Connection, FlushId, Phase};
use crate::codec::encode;
use crate::info::ServerInfo;
use crate::message::Message;
use crate::op::ServerOp;
use crate::server_error::{Operation, ServerError};

impl Connection {
    /// Takes in one operation; the event is its first effect, further ones are queued.
    pub(super) fn handle_op(&mut self, op: ServerOp) -> Option<Event> {
        match op {
            ServerOp::Message { sid, message } => self.handle_message(sid, message),
            ServerOp::Ping => {
                match self.phase {
                    Phase::Connected => self.outbound.control(encode::pong),
                    _ => encode::pong(&mut self.handshake),
                }
                None
            }
            ServerOp::Pong => {
                if let Some(ping) = self.keepalive.pong() {
                    self.handle_pong(ping);
                }
                None
            }
            ServerOp::Info(info) => {
                self.handle_info(*info);
                None
            }
            ServerOp::Ok => None,
            ServerOp::Err(text) => {
                self.handle_error(&ServerError::parse(&text));
                None
            }
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

    fn handle_message(&mut self, sid: u64, message: Message) -> Option<Event> {
        self.statistics.in_messages += 1;
        match self.subscriptions.deliver(sid) {
            Delivery::Orphan => {
                self.statistics.orphaned += 1;
                None
            }
            _ if self.requests.is_inbox(sid) => self.handle_response(sid, message),
            Delivery::Continues => Some(Event::Message { sid, message }),
            Delivery::Last { max } => {
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

    fn handle_pong(&mut self, ping: Ping) {
        let rtt = self.now - ping.at;
        self.statistics.rtt = Some(rtt);
        self.outbound.confirm(ping.covered);
        match ping.purpose {
            Purpose::KeepAlive => {}
            Purpose::Flush(flush) => self.decide_flush(flush, Ok(rtt)),
            Purpose::Drain { sid } => self.end_subscription(sid, EndReason::Drained),
            Purpose::Handshake => {
                self.phase = Phase::Connected;
                self.statistics.connects += 1;
                self.keepalive.start(self.now);
                self.events.push_back(Event::Connected);
                self.ask_waiting_flushes();
            }
        }
    }

    fn handle_info(&mut self, info: ServerInfo) {
        let previous = core::mem::replace(&mut self.info, info);
        if let Phase::Dialing { deadline } = self.phase {
            self.phase = Phase::Challenged { deadline };
            self.events.push_back(Event::Challenge(Challenge {
                nonce: self.info.nonce.clone(),
                auth_required: self.info.auth_required,
            }));
        } else if self.info.nonce.is_none() {
            // The INFO after the login comes without the nonce, which stays what it was.
            self.info.nonce = previous.nonce;
        }
        if !self.info.connect_urls.is_empty() && self.info.connect_urls != previous.connect_urls {
            self.events.push_back(Event::Discovered(self.info.connect_urls.clone()));
        }
        let was_lame = previous.lame_duck_mode && previous.server_id == self.info.server_id;
        if self.info.lame_duck_mode && !was_lame {
            self.events.push_back(Event::LameDuck);
        }
    }

    fn handle_error(&mut self, error: &ServerError) {
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
            error if !error.is_survivable() => self.fatal_error = Some(error.clone()),
            _ => {}
        }
    }

    /// The server refused every subscription to `subject`.
    fn refuse(&mut self, error: &ServerError, subject: &str, queue_group: Option<&str>) {
        for sid in self.subscriptions.refused(subject, queue_group) {
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
    fn ask_waiting_flushes(&mut self) {
        let waiting = self.flushes.iter_mut().filter(|flush| !flush.asked);
        let ids: alloc::vec::Vec<FlushId> = waiting
            .map(|flush| {
                flush.asked = true;
                flush.id
            })
            .collect();
        for id in ids {
            self.send_ping(Purpose::Flush(id));
        }
    }
}
