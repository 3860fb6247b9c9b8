//! A pull consumer as nats-server has it, over a line that keeps the order of what it carries.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use core::time::Duration;

use bytes::Bytes;

use super::request::{PullRequest, delivered_bytes};
use crate::header::HeaderMap;
use crate::message::Message;
use crate::status::StatusCode;
use crate::subject::Subject;
use crate::time::Instant;

/// A request that waits at the server.
#[derive(Clone, Debug)]
pub(super) struct Waiting {
    token: u64,
    pub(super) messages: usize,
    pub(super) bytes: usize,
    limited: bool,
    expires: Option<Instant>,
    no_wait: bool,
    heartbeat: Duration,
    heartbeat_at: Option<Instant>,
}

/// A consumer, the requests that wait for its messages, and the line to its client.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) name: String,
    pub(super) waiting: VecDeque<Waiting>,
    /// What is on its way to the client.
    pub(super) line: VecDeque<Message>,
    /// The stream: number and payload length of what is not delivered.
    pub(super) stored: VecDeque<(u64, usize)>,
    delivered: u64,
}

impl Model {
    pub(super) fn new(name: &str) -> Self {
        Self {
            name: name.to_string(),
            waiting: VecDeque::new(),
            line: VecDeque::new(),
            stored: VecDeque::new(),
            delivered: 0,
        }
    }

    /// A message is stored in the stream.
    pub(super) fn store(&mut self, sequence: u64, len: usize) {
        self.stored.push_back((sequence, len));
        self.deliver();
    }

    /// A request arrives.
    pub(super) fn request(&mut self, now: Instant, token: u64, request: &PullRequest) {
        if request.idle_heartbeat * 2 > request.expires {
            return self.say(token, 400, "Bad Request - heartbeat value too large", None);
        }
        if request.no_wait && self.stored.is_empty() && request.expires.is_zero() {
            return self.say(token, 404, "No Messages", None);
        }
        self.waiting.push_back(Waiting {
            token,
            messages: request.batch,
            bytes: request.max_bytes,
            limited: request.max_bytes > 0,
            expires: (!request.expires.is_zero()).then(|| now + request.expires),
            no_wait: request.no_wait,
            heartbeat: request.idle_heartbeat,
            heartbeat_at: (!request.idle_heartbeat.is_zero()).then(|| now + request.idle_heartbeat),
        });
        self.deliver();
    }

    fn deliver(&mut self) {
        while let Some((sequence, len)) = self.stored.front().copied() {
            let message = self.message(sequence, len);
            let size = delivered_bytes(&message);
            let Some(mut request) = self.waiting.pop_front() else { return };
            if request.limited && size > request.bytes {
                let pending = Some((request.messages, request.bytes));
                self.say(request.token, 409, "Message Size Exceeds MaxBytes", pending);
                continue;
            }
            self.stored.pop_front();
            self.delivered += 1;
            self.line.push_back(message);
            request.messages -= 1;
            if request.limited {
                request.bytes -= size;
                if request.bytes == 0 {
                    continue;
                }
            }
            if request.messages > 0 {
                self.waiting.push_back(request);
            } else if request.limited {
                let pending = Some((0, request.bytes));
                self.say(request.token, 409, "Batch Completed", pending);
            }
        }
        let mut at_the_end = VecDeque::new();
        self.waiting.retain(|request| {
            if request.no_wait {
                at_the_end.push_back(request.token);
            }
            !request.no_wait
        });
        for token in at_the_end {
            self.say(token, 404, "No Messages", None);
        }
    }

    /// Time has passed: requests expire, and heartbeats go out.
    pub(super) fn tick(&mut self, now: Instant) {
        let mut waiting = core::mem::take(&mut self.waiting);
        for request in &waiting {
            if request.expires.is_some_and(|at| at <= now) {
                let pending = Some((request.messages, request.bytes));
                self.say(request.token, 408, "Request Timeout", pending);
            } else if request.heartbeat_at.is_some_and(|at| at <= now) {
                let heartbeat = self.heartbeat(request.token);
                self.line.push_back(heartbeat);
            }
        }
        waiting.retain(|request| request.expires.is_none_or(|at| at > now));
        for request in &mut waiting {
            if request.heartbeat_at.is_some_and(|at| at <= now) {
                request.heartbeat_at = Some(now + request.heartbeat);
            }
        }
        self.waiting = waiting;
    }

    /// When [`tick`](Self::tick) has something to do.
    pub(super) fn next_tick(&self) -> Option<Instant> {
        self.waiting
            .iter()
            .flat_map(|request| [request.expires, request.heartbeat_at])
            .flatten()
            .min()
    }

    /// Another server leads the consumer from now on.
    pub(super) fn change_leader(&mut self) {
        for request in core::mem::take(&mut self.waiting) {
            self.say(request.token, 409, "Leadership Change", None);
        }
    }

    /// The consumer is deleted.
    pub(super) fn delete(&mut self) {
        for request in core::mem::take(&mut self.waiting) {
            self.say(request.token, 409, "Consumer Deleted", None);
        }
    }

    /// The client's inbox is gone, and what was on its way to it.
    pub(super) fn lose_inbox(&mut self) {
        self.waiting.clear();
        self.line.clear();
    }

    pub(super) fn say(
        &mut self,
        token: u64,
        code: u16,
        description: &'static str,
        pending: Option<(usize, usize)>,
    ) {
        let status = status(token, code, description, pending);
        self.line.push_back(status);
    }

    fn message(&self, sequence: u64, len: usize) -> Message {
        let delivered = self.delivered + 1;
        let reply = format!("$JS.ACK.S.{}.1.{sequence}.{delivered}.0.0", self.name);
        Message {
            subject: Subject::from_static("a"),
            reply: Some(Subject::from(reply)),
            payload: Bytes::from(vec![0; len]),
            length: len,
            ..Message::default()
        }
    }

    fn heartbeat(&self, token: u64) -> Message {
        let mut heartbeat = status(token, 100, "Idle Heartbeat", None);
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Last-Consumer", &self.delivered.to_string()).unwrap();
        heartbeat.headers = Some(headers);
        heartbeat
    }
}

/// A status as it comes for a request.
pub(super) fn status(
    token: u64,
    code: u16,
    description: &'static str,
    pending: Option<(usize, usize)>,
) -> Message {
    let headers = pending.map(|(messages, bytes)| {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Pending-Messages", &messages.to_string()).unwrap();
        headers.insert("Nats-Pending-Bytes", &bytes.to_string()).unwrap();
        headers
    });
    Message {
        subject: Subject::from(format!("_INBOX.x.{token}")),
        status: StatusCode::from_digits(&code.to_string()),
        description: Some(description.into()),
        headers,
        ..Message::default()
    }
}
