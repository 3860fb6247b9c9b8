//! The visitor's connection to NATS.

use std::rc::Rc;
use std::time::Duration;

use futures_util::{StreamExt, future};
use gloo_timers::future::sleep;
use leptos::prelude::*;
use web_wasm::{
    Client, ConnectError, ConnectOptions, DateTime, Event, Events, Grant, HttpCredentials,
    HttpCredentialsError, PageKey, PageKeyError, PublishError, Signer, SubscribeError, Subscriber,
};

use crate::page::{Line, Lines, Page, State};

/// Where `POST /ping` publishes.
const UPDATES: &str = "com.scaling-ws.updates";

/// Guests read all of the playground, and publish below their own key only: a subject tells who spoke.
const PLAYGROUND: &str = "com.scaling-ws.playground";
const SAID: &str = "com.scaling-ws.playground.*.chat";

/// The first and the longest pause between two attempts to reach the API.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("there is no key: {0}")]
    Key(#[from] PageKeyError),
    #[error("{0}")]
    Credentials(#[from] HttpCredentialsError),
    #[error("the API named servers that can't be used: {0}")]
    Connect(#[from] ConnectError),
    #[error("there can be no subscription: {0}")]
    Subscribe(#[from] SubscribeError),
}

/// A visitor who may publish.
#[derive(Clone)]
pub(crate) struct Session {
    client: Client,
    key: String,
}

impl Session {
    /// Says something to every tab. Without a connection it waits in a bounded buffer for the next one.
    pub(crate) async fn say(&self, text: String) -> Result<(), PublishError> {
        self.client.publish(format!("{PLAYGROUND}.{}.chat", self.key), text.into()).await
    }
}

/// Connects, and shows what comes until the connection is closed.
pub(crate) async fn run(
    page: Page,
    session: RwSignal<Option<Session>, LocalStorage>,
) -> Result<(), Error> {
    // The browser keeps it: a visitor is the same one after a reload, and in every tab of this page.
    let key = Rc::new(PageKey::open("leptos example").await?);
    let credentials = Rc::new(HttpCredentials::new("/v1/credentials", Rc::clone(&key)));
    let grant = first_grant(page, &credentials).await?;
    let client = ConnectOptions::new()
        .name("leptos example")
        // Renewed before they expire, without a break.
        .credentials(credentials)
        // Nobody else may read what is answered there.
        .custom_inbox_prefix(grant.inbox_prefix)
        // Returns at once, and what is subscribed to meanwhile travels with the first connection.
        .retry_on_initial_connect()
        .connect(&grant.servers)
        .await?;
    let events = client.events();
    let updates = client.subscribe(UPDATES).await?;
    let said = client.subscribe(SAID).await?;
    let own = key.public_key();
    session.set(Some(Session { client, key: own.clone() }));
    future::join3(
        follow(page, events),
        read(updates, page.updates, |_| None),
        read(said, page.said, |subject| {
            let key = subject.split('.').nth_back(1)?;
            Some(if key == own { "you".to_owned() } else { format!("{key:.7}…") })
        }),
    )
    .await;
    Ok(())
}

/// The first grant. While the API is away it is asked ever more rarely; when it refuses, that is final.
async fn first_grant(
    page: Page,
    credentials: &HttpCredentials,
) -> Result<Grant, HttpCredentialsError> {
    let (mut pause, longest) = PAUSES;
    loop {
        match credentials.grant().await {
            Err(error) if !matches!(error, HttpCredentialsError::Refused { .. }) => {
                page.problem.set(format!("No credential: {error}. Trying again."));
                // Half of the pause is left to chance, lest all tabs come back in step.
                sleep(pause.mul_f64(0.5 + js_sys::Math::random() / 2.0)).await;
                pause = (pause * 2).min(longest);
            }
            outcome => return outcome,
        }
    }
}

async fn read(mut messages: Subscriber, lines: Lines, who: impl Fn(&str) -> Option<String>) {
    while let Some(message) = messages.next().await {
        let text = String::from_utf8_lossy(&message.payload).into_owned();
        lines.add(Line::Message { who: who(&message.subject), text });
    }
    if let Some(reason) = messages.end_reason() {
        lines.add(Line::Note(format!("No more messages: {reason}.")));
    }
}

/// Shows what happens to the connection, which is made again by itself, until it is closed for good.
async fn follow(page: Page, mut events: Events) {
    while let Some(event) = events.next().await {
        match event {
            Event::Connected { server_name, .. } | Event::HandedOver { server_name, .. } => {
                page.problem.set(String::new());
                page.state.set(State::Connected { server: server_name });
            }
            Event::Disconnected { .. } => page.state.set(State::Reconnecting),
            Event::ConnectFailed { server, reason } => {
                page.problem.set(format!("No connection to {server}: {reason}. Trying again."));
            }
            // NATS keeps nothing for who is away, so an honest page says where something may be missing.
            Event::Gap { last_heard, to, subscriptions, .. } => {
                for one in subscriptions {
                    let lines = if one.subject == UPDATES { page.updates } else { page.said };
                    let (from, to) = (clock(last_heard), clock(to));
                    let note = format!("Messages between {from} and {to} may be missing.");
                    lines.add(Line::Note(note));
                }
            }
            Event::SlowConsumer { subject, .. } => page.problem.set(format!(
                "Messages on {subject} are lost: they come faster than they are read."
            )),
            Event::ServerError(error) => page.problem.set(format!("The server refuses: {error}.")),
            Event::Closed { reason, .. } => {
                page.state.set(State::Closed);
                page.problem.set(format!("Closed: {reason}. Reload the page to connect again."));
            }
            _ => {}
        }
    }
}

/// The time of day where the visitor is.
fn clock(moment: DateTime) -> String {
    let millis = (moment.unix_timestamp_nanos() / 1_000_000) as f64;
    js_sys::Date::new(&millis.into()).to_locale_time_string("default").into()
}
