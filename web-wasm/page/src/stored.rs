//! The second connection of the tab, for what is stored: with a key of its own, so that it is sent
//! everything from the beginning, and only when the visitor wants it, since there are not many readers
//! at a time.

use std::rc::Rc;

use futures_util::StreamExt;
use gloo_timers::future::TimeoutFuture;
use web_sys::{Element, HtmlButtonElement};
use web_wasm::jetstream::Message;
use web_wasm::{
    Client, ConnectError, ConnectOptions, Event, Grant, HttpCredentials, HttpCredentialsError,
    UserKey, UserKeyError,
};

use crate::app::CREDENTIALS;
use crate::dom::{Missing, Outcome, Verdict, element, on};
use crate::session::Session;
use crate::{board, history, words};

/// The role that may say something and write on the board, and is sent both.
const ROLE: &str = "demo";

/// What opens it, in either panel; what can be pressed then; and where it is told how that went.
const OPENERS: [&str; 2] = ["history-open", "board-open"];
const BUTTONS: [&str; 2] = ["history-say", "board-put"];
const OUTCOMES: [&str; 2] = ["history-result", "board-result"];

/// The pause before the API is asked again, in milliseconds.
const PAUSE: u32 = 2_000;

/// A connection as a holder of that role.
pub(crate) struct Stored {
    pub(crate) client: Client,
    pub(crate) key: String,
    pub(crate) grant: Grant,
    credentials: Rc<HttpCredentials>,
    pub(crate) session: Rc<Session>,
}

impl Stored {
    /// Hands on what a stream has and gets for as long as it comes; `Err` says why it no longer does,
    /// unless the connection is closed.
    pub(crate) async fn read(
        &self,
        stream: &str,
        mut take: impl FnMut(&Message),
    ) -> Result<(), String> {
        let Some(delivery) = self.grant.consumer(stream) else {
            return Err("the role is sent nothing of it".to_owned());
        };
        let messages = self.client.subscribe_delivery(delivery).await;
        let mut messages = messages.map_err(|error| error.to_string())?;
        while let Some(message) = messages.next().await {
            match message {
                Ok(message) => take(&message),
                // What was missed is told by the numbers, or the values, of what comes next.
                Err(error) if !error.is_fatal() => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        Ok(())
    }
}

/// Why there is none.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("this browser gives no random numbers: {0}")]
    Key(#[from] UserKeyError),
    #[error("{0}")]
    Credentials(#[from] HttpCredentialsError),
    #[error("the API named servers that can't be used: {0}")]
    Connect(#[from] ConnectError),
    #[error("page and module don't belong together: {0}")]
    Missing(#[from] Missing),
}

/// Serves the buttons that open it.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(session: &Rc<Session>) -> Result<(), Missing> {
    for id in OPENERS {
        let (session, button): (_, Element) = (Rc::clone(session), element(id)?);
        on(&button, "click", move |_| {
            wasm_bindgen_futures::spawn_local(open(Rc::clone(&session)));
        });
    }
    Ok(())
}

async fn open(session: Rc<Session>) {
    enable(&OPENERS, false);
    tell(&Verdict::Waiting("Opening…".to_owned()));
    match connect(session).await {
        Ok(stored) => {
            tell(&Verdict::Waiting(String::new()));
            enable(&BUTTONS, true);
            follow(&stored).await;
            enable(&BUTTONS, false);
        }
        Err(error) => {
            tell(&Verdict::Unknown(format!("Not open: {error} Open it again in a moment.")));
            enable(&OPENERS, true);
        }
    }
}

async fn connect(session: Rc<Session>) -> Result<Rc<Stored>, Error> {
    let key = Rc::new(UserKey::generate()?);
    let credentials = Rc::new(HttpCredentials::new(CREDENTIALS, Rc::clone(&key)));
    credentials.set_role(ROLE);
    let grant = credentials.grant().await?;
    let client = ConnectOptions::new()
        .name("scaling-ws page, stored")
        .credentials(Rc::clone(&credentials))
        .custom_inbox_prefix(&grant.inbox_prefix)
        .min_server_version(2, 14, 0)
        .connect(&grant.servers)
        .await?;
    let stored = Rc::new(Stored { client, key: key.public_key(), grant, credentials, session });
    history::serve(&stored)?;
    board::serve(&stored)?;
    Ok(stored)
}

/// Has the API make again what was deleted in an interruption, until the connection is closed.
async fn follow(stored: &Stored) {
    let client = &stored.client;
    let mut events = client.events();
    while let Some(event) = events.next().await {
        match event {
            Event::Connected { .. } => {
                stored.credentials.outdate();
                client.renew_credentials();
            }
            // The API may still be making what a server has lost.
            Event::HandoverFailed { .. } => {
                TimeoutFuture::new(PAUSE).await;
                client.renew_credentials();
            }
            Event::Closed { reason, .. } => {
                let words = words::why(&reason);
                tell(&Verdict::Unknown(format!("Closed: {words}. Reload the page to go on.")));
            }
            _ => {}
        }
    }
}

fn enable(buttons: &[&'static str], enabled: bool) {
    for id in buttons {
        if let Ok(button) = element::<HtmlButtonElement>(id) {
            button.set_disabled(!enabled);
        }
    }
}

fn tell(verdict: &Verdict) {
    for outcome in OUTCOMES.into_iter().filter_map(|id| Outcome::of(id).ok()) {
        outcome.show(verdict);
    }
}
