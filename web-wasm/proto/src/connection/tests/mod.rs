//! The connection against a scripted server and a clock that stands until it is moved.

mod gaps;
mod handover;
mod handovers;
mod handshake;
mod keepalive;
mod properties;
mod publish;
mod requests;
mod subscriptions;

use alloc::string::{String, ToString};
use alloc::vec;

use super::*;
use crate::header::HeaderMap;
use crate::server_error::{Operation, ServerError};
use crate::subject::{Subject, SubjectError};

const INFO: &str = r#"INFO {"server_id":"S1","server_name":"n1","headers":true,"max_payload":1024,"nonce":"abc","auth_required":true}"#;
const SECOND: Duration = Duration::from_secs(1);

/// A connection with its surroundings.
struct Rig {
    connection: Connection,
    now: Instant,
}

impl Rig {
    fn new() -> Self {
        Self::with(Config::default())
    }

    fn with(config: Config) -> Self {
        Self { connection: Connection::new(config, [1; 32]), now: Instant::ORIGIN }
    }

    /// One that a server has let in.
    fn connected() -> Self {
        let mut rig = Self::new();
        rig.connect();
        rig
    }

    /// Dials, logs in, and returns what was said to the server on the way.
    fn connect(&mut self) -> String {
        self.connection.dialing(self.now);
        self.receive(INFO);
        let Some(Event::Challenge { via: Via::Present, challenge }) = self.event() else {
            panic!("no challenge")
        };
        assert_eq!(challenge.nonce.as_deref(), Some("abc"));
        let auth = Auth { jwt: Some("J".into()), signature: Some("S".into()), ..Auth::default() };
        self.connection.authenticate(self.now, Via::Present, auth);
        let said = self.sent();
        self.receive("PONG");
        assert_eq!(self.event(), Some(Event::Connected));
        said
    }

    /// The server says a line, or several.
    fn receive(&mut self, lines: &str) {
        self.receive_via(Via::Present, lines);
    }

    fn receive_via(&mut self, via: Via, lines: &str) {
        let bytes = lines.split('\n').map(|line| [line, "\r\n"].concat()).collect::<String>();
        self.connection.handle_input(self.now, via, Bytes::from(bytes));
    }

    fn event(&mut self) -> Option<Event> {
        self.connection.poll_event()
    }

    fn events(&mut self) -> Vec<Event> {
        core::iter::from_fn(|| self.connection.poll_event()).collect()
    }

    fn sent(&mut self) -> String {
        self.sent_via(Via::Present)
    }

    fn sent_via(&mut self, via: Via) -> String {
        let parts = core::iter::from_fn(|| self.connection.poll_transmit(via, 1 << 20));
        String::from_utf8(parts.flat_map(|part| part.to_vec()).collect()).unwrap()
    }

    fn publish(&mut self, subject: &str) -> Result<(), PublishError> {
        self.connection.publish(subject, None, None, b"x")
    }

    fn subscribe(&mut self, subject: &'static str) -> u64 {
        self.connection.subscribe(&Subject::from_static(subject), None).unwrap()
    }

    /// Sends a request and tells where its answer has to go.
    fn ask(&mut self, subject: &'static str, plan: RequestPlan<'_>) -> (RequestId, String) {
        let subject = Subject::from_static(subject);
        let id = self.connection.request(self.now, &subject, None, b"?", plan).unwrap();
        let said = self.sent();
        let line = said.lines().find(|line| line.starts_with("PUB")).unwrap();
        (id, line.split(' ').nth(2).unwrap().into())
    }

    fn request(&mut self, subject: &'static str) -> (RequestId, String) {
        self.ask(subject, RequestPlan::one(SECOND))
    }

    /// Lets time pass up to each deadline on the way, as a timer would.
    fn pass(&mut self, duration: Duration) {
        let end = self.now + duration;
        while let Some(deadline) = self.connection.poll_timeout().filter(|&at| at <= end) {
            self.now = self.now.max(deadline);
            self.connection.handle_timeout(self.now);
        }
        self.now = end;
    }

    fn close_transport(&mut self) {
        self.connection.handle_closed(self.now, Via::Present, closed());
    }
}

fn closed() -> TransportClosed {
    TransportClosed { code: 1006, reason: "".into() }
}

fn broken(unconfirmed: u64) -> Event {
    let reason = DisconnectReason::TransportClosed { closed: closed(), error: None };
    Event::Disconnected { reason, unconfirmed }
}

fn message(sid: u64, subject: &'static str, payload: &'static str) -> Event {
    let message = crate::Message {
        subject: Subject::from_static(subject),
        payload: Bytes::from_static(payload.as_bytes()),
        length: payload.len(),
        ..crate::Message::default()
    };
    Event::Message { sid, message }
}

/// A gap in what came for subscriptions to these subjects, in seconds.
fn gap(from: u32, last_heard: u32, to: u32, subscriptions: &[(u64, &'static str)]) -> Event {
    let at = |seconds| Instant::ORIGIN + SECOND * seconds;
    let interrupted = |&(sid, subject)| {
        let subject = Subject::from_static(subject);
        Interrupted { sid, subject, queue_group: None }
    };
    let subscriptions = subscriptions.iter().map(interrupted).collect();
    Event::Gap(Gap { from: at(from), last_heard: at(last_heard), to: at(to), subscriptions })
}

fn violation(operation: Operation, subject: &'static str) -> ServerError {
    ServerError::PermissionsViolation { operation, subject: subject.into(), queue_group: None }
}
