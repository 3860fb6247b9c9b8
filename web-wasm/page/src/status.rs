//! Whether the page is connected, to what, and if not, why.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::StreamExt;
use web_sys::Element;
use web_wasm::{Event, Events};

use crate::dom::{Missing, Text, attribute, element, every, now};
use crate::session::Session;
use crate::words;

/// What the page says of its connection.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Status {
    /// There has been no connection yet.
    Connecting,
    /// A server has let the page in.
    Connected,
    /// The connection broke and is being made again.
    Reconnecting {
        /// Why it broke.
        why: String,
        /// When the next attempt is due, on the page's clock in milliseconds.
        due: f64,
        /// Which attempt that is.
        attempt: u32,
    },
    /// There will be no connection.
    Closed {
        /// Why.
        why: String,
    },
}

/// The element that says it.
#[derive(Clone)]
pub(crate) struct Pill(Rc<Inner>);

struct Inner {
    pill: Element,
    words: Text,
    why: Text,
    status: RefCell<Status>,
}

impl Pill {
    /// # Errors
    /// [`Missing`].
    pub(crate) fn find() -> Result<Self, Missing> {
        let pill = Self(Rc::new(Inner {
            pill: element("connection")?,
            words: Text::of("connection")?,
            why: Text::of("why")?,
            status: RefCell::new(Status::Connecting),
        }));
        let counting = pill.clone();
        every(250, move || counting.draw());
        Ok(pill)
    }

    pub(crate) fn show(&self, status: &Status) {
        self.0.status.replace(status.clone());
        let name = match status {
            Status::Connecting => "connecting",
            Status::Connected => "connected",
            Status::Reconnecting { .. } => "reconnecting",
            Status::Closed { .. } => "closed",
        };
        attribute(&self.0.pill, "data-state", name);
        self.draw();
    }

    fn draw(&self) {
        let (words, why) = match &*self.0.status.borrow() {
            Status::Connecting => ("connecting".to_owned(), String::new()),
            Status::Connected => ("connected".to_owned(), String::new()),
            Status::Reconnecting { why, due, attempt } => {
                let seconds = (due - now()) / 1_000.0;
                let words = if seconds > 0.05 {
                    format!("retrying in {:.0} s", seconds.ceil())
                } else {
                    "retrying now".to_owned()
                };
                (words, format!("{why} (try {attempt})"))
            }
            Status::Closed { why } => ("closed".to_owned(), why.clone()),
        };
        self.0.words.set(&words);
        self.0.why.set(&why);
    }
}

/// Shows what happens to the connection until it is closed.
pub(crate) async fn follow(session: &Session, pill: Pill, mut events: Events) {
    let Ok(server) = Text::of("server") else { return };
    let problem = &session.problem;
    let mut why = None;
    while let Some(event) = events.next().await {
        match event {
            Event::Connected { server_name, .. } | Event::HandedOver { server_name, .. } => {
                why = Some(String::new());
                problem.show("");
                server.set(&server_name);
                session.node.replace(server_name.into());
                pill.show(&Status::Connected);
            }
            Event::Connecting { wait, attempt, .. } => {
                let status = match &why {
                    Some(why) => Status::Reconnecting {
                        why: why.clone(),
                        due: now() + wait.as_secs_f64() * 1_000.0,
                        attempt,
                    },
                    None => Status::Connecting,
                };
                pill.show(&status);
            }
            Event::Disconnected { reason, .. } => {
                let words = words::why(&reason);
                pill.show(&Status::Reconnecting { why: words.clone(), due: now(), attempt: 1 });
                why = Some(words);
                session.credentials.leave_alone(false);
            }
            Event::ConnectFailed { server, reason } => {
                let words = words::why(&reason);
                problem.show(&format!("No connection to {server}: {words}. Trying again."));
                if let Some(why) = &mut why {
                    *why = words;
                }
            }
            Event::HandoverFailed { reason, .. } => {
                session.credentials.leave_alone(false);
                let words = words::why(&reason);
                problem.show(&format!("The credential was not renewed: {words}. Trying again."));
            }
            Event::SlowConsumer { subject, .. } => {
                problem.show(&format!(
                    "Messages on {subject} are dropped: they come faster than they are read. \
                     Resume or end the subscription."
                ));
            }
            Event::Closed { reason, .. } => {
                let words = words::why(&reason);
                problem.show(&format!("Closed: {words}. Reload the page to connect again."));
                pill.show(&Status::Closed { why: words });
            }
            // What was denied is told where it was tried; the others change nothing to see.
            _ => {}
        }
    }
}
