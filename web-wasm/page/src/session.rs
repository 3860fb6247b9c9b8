//! What the parts of the page share.

use core::fmt::Display;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::{FutureExt, StreamExt};
use web_sys::HtmlElement;
use web_wasm::{Client, Event, Events, Operation, ServerError};

use crate::announce::Announcer;
use crate::dom::{Missing, element};
use crate::expiring::Expiring;

/// The tree of subjects that guests publish in, each below its own key.
const PLAYGROUND: &str = "com.scaling-ws.playground";

/// A connected tab.
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) credentials: Rc<Expiring>,
    /// The public key of this browser.
    pub(crate) key: String,
    /// What its inboxes begin with.
    pub(crate) inbox_prefix: String,
    /// The name of the server that the tab is connected to.
    pub(crate) node: RefCell<Rc<str>>,
    /// How many messages subscriptions of this tab have dropped.
    pub(crate) dropped: Cell<u64>,
    pub(crate) announcer: Announcer,
    pub(crate) problem: Problem,
}

impl Session {
    /// A subject that this tab may publish to.
    pub(crate) fn own(&self, name: impl Display) -> String {
        format!("{PLAYGROUND}.{}.{name}", self.key)
    }
}

/// Whether the server has refused to take a message to this subject, by the events since it was
/// published. To be asked after a flush.
pub(crate) fn refused(events: &mut Events, subject: &str) -> bool {
    let mut refused = false;
    while let Some(Some(event)) = events.next().now_or_never() {
        if let Event::ServerError(ServerError::PermissionsViolation {
            operation: Operation::Publish,
            subject: named,
            ..
        }) = event
        {
            refused |= named == subject;
        }
    }
    refused
}

/// The place where the page says what went wrong and what to do.
#[derive(Clone)]
pub(crate) struct Problem(HtmlElement);

impl Problem {
    /// # Errors
    /// [`Missing`].
    pub(crate) fn find() -> Result<Self, Missing> {
        element("problem").map(Self)
    }

    /// Says it; an empty text takes it back.
    pub(crate) fn show(&self, words: &str) {
        self.0.set_text_content(Some(words));
        self.0.set_hidden(words.is_empty());
    }
}
