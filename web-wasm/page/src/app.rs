//! The page from its start to its end.

use core::time::Duration;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use web_wasm::{
    Client, ConnectError, ConnectOptions, Grant, HttpCredentials, HttpCredentialsError, PageKey,
    PageKeyError,
};

use crate::status::Status;
use crate::view::View;
use crate::{ping, probe, status, updates};

/// What the API publishes updates on.
pub(crate) const UPDATES: &str = "com.scaling-ws.updates";

/// The name of this visitor's key.
const KEY: &str = "visitor";

/// Where the API mints credentials.
const CREDENTIALS: &str = "/v1/credentials";

/// The first and the longest pause between two attempts to reach the API.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Why the page can't go on.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("this browser gives no random numbers, so the page has no key: {0}")]
    Key(#[from] PageKeyError),
    #[error("{0}")]
    Credentials(#[from] HttpCredentialsError),
    #[error("the API named servers that can't be used: {0}")]
    Connect(#[from] ConnectError),
}

/// Runs the page.
pub(crate) async fn run() {
    let Some(document) = web_sys::window().and_then(|window| window.document()) else { return };
    match View::find(document) {
        Ok(view) => {
            if let Err(error) = connect(&view).await {
                status::show(&view, &Status::Closed);
                view.problem(&format!("{error}. Reload the page to try again."));
            }
        }
        Err(error) => wasm_bindgen::throw_str(&error.to_string()),
    }
}

/// Connects and sets every part of the page going; returns when the connection is closed.
async fn connect(view: &View) -> Result<(), Error> {
    // These two need no connection: the API answers for itself.
    ping::serve(view);
    let key = Rc::new(PageKey::open(KEY).await?);
    let credentials = Rc::new(HttpCredentials::new(CREDENTIALS, key));
    let grant = first_grant(view, &credentials).await?;
    let client = ConnectOptions::new()
        .name("scaling-ws page")
        .credentials(Rc::clone(&credentials))
        .custom_inbox_prefix(grant.inbox_prefix)
        // Older ones have known holes in what a browser can reach.
        .min_server_version(2, 14, 0)
        .retry_on_initial_connect()
        .connect(&grant.servers)
        .await?;
    let events = client.events();
    subscribe(view, &client).await;
    probe::serve(view, &client);
    status::follow(view, events).await;
    Ok(())
}

/// The first credential. As long as the API is away the page tries again, ever more rarely; when
/// it refuses, that is final.
async fn first_grant(
    view: &View,
    credentials: &HttpCredentials,
) -> Result<Grant, HttpCredentialsError> {
    let (mut pause, longest) = PAUSES;
    loop {
        match credentials.grant().await {
            Ok(grant) => {
                view.problem("");
                return Ok(grant);
            }
            Err(error @ HttpCredentialsError::Refused { .. }) => return Err(error),
            Err(error) => {
                // Half of the pause is left to chance, lest all tabs come back in step.
                let millis = pause.as_secs_f64() * 500.0 * (1.0 + js_sys::Math::random());
                view.problem(&format!("{error}. Trying again in {:.1} s.", millis / 1_000.0));
                TimeoutFuture::new(millis as u32).await;
                pause = (pause * 2).min(longest);
            }
        }
    }
}

async fn subscribe(view: &View, client: &Client) {
    match client.subscribe(UPDATES).await {
        Ok(subscriber) => updates::show_all(view.clone(), subscriber),
        Err(error) => view.problem(&error.to_string()),
    }
}
