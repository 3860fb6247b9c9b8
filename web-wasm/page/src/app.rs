//! The page from its start to its end.

use core::time::Duration;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use web_sys::HtmlButtonElement;
use web_wasm::{
    ConnectError, ConnectOptions, Grant, HttpCredentials, HttpCredentialsError, PageKey,
    PageKeyError, Signer,
};

use crate::announce::Announcer;
use crate::dom::{Missing, element};
use crate::expiring::Expiring;
use crate::nodes::Wish;
use crate::session::{Problem, Session};
use crate::status::{Pill, Status};
use crate::{
    call_api, chaos, code, explore, identity, ledger, nodes, present, publish, rates, request,
    status, stored, subscribe, theme, updates,
};

/// The name of this visitor's key.
const KEY: &str = "visitor";

/// Where the API mints credentials.
pub(crate) const CREDENTIALS: &str = "/v1/credentials";

/// The first and the longest pause between two attempts to reach the API.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// What can be pressed as soon as there is a connection to do it with.
const BUTTONS: [&str; 11] = [
    "subscribe",
    "publish",
    "request",
    "probe",
    "history-open",
    "board-open",
    "present-show",
    "chaos-drop",
    "chaos-block",
    "chaos-expire",
    "chaos-renew",
];

/// Why the page can't go on.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("this browser gives no random numbers, so the page has no key: {0}")]
    Key(#[from] PageKeyError),
    #[error("{0}")]
    Credentials(#[from] HttpCredentialsError),
    #[error("the API named servers that can't be used: {0}")]
    Connect(#[from] ConnectError),
    #[error("page and module don't belong together: {0}")]
    Missing(#[from] Missing),
}

/// Runs the page.
pub(crate) async fn run() {
    let (Ok(problem), Ok(pill)) = (Problem::find(), Pill::find()) else { return };
    if let Err(error) = connect(&problem, pill.clone()).await {
        pill.show(&Status::Closed { why: error.to_string() });
        problem.show(&format!("{error}. Reload the page to try again."));
    }
}

/// Connects and sets every part of the page going; returns when the connection is closed.
async fn connect(problem: &Problem, pill: Pill) -> Result<(), Error> {
    // These need no connection.
    theme::serve()?;
    code::serve()?;
    call_api::serve(problem)?;

    let key = Rc::new(PageKey::open(KEY).await?);
    let credentials = Expiring::new(HttpCredentials::new(CREDENTIALS, Rc::clone(&key)));
    let grant = first_grant(problem, credentials.api()).await?;
    let wish = Wish::default();
    let wished = wish.clone();
    let client = ConnectOptions::new()
        .name("scaling-ws page")
        .credentials(Rc::clone(&credentials))
        .custom_inbox_prefix(&grant.inbox_prefix)
        // Older ones have known holes in what a browser can reach.
        .min_server_version(2, 14, 0)
        .reconnect_to_server_callback(move |_, _| wished.take())
        .retry_on_initial_connect()
        .connect(&grant.servers)
        .await?;
    let events = client.events();
    let session = Rc::new(Session {
        client,
        credentials,
        key: key.public_key(),
        inbox_prefix: grant.inbox_prefix,
        node: RefCell::new("–".into()),
        dropped: Cell::new(0),
        announcer: Announcer::find()?,
        problem: problem.clone(),
    });
    updates::serve(&session)?;
    nodes::serve(&session, wish)?;
    identity::serve(&session, key.custody())?;
    subscribe::serve(&session)?;
    publish::serve(&session)?;
    request::serve(&session)?;
    explore::serve(&session)?;
    stored::serve(&session)?;
    present::serve(&session)?;
    ledger::serve(&session)?;
    chaos::serve(&session)?;
    rates::serve(&session)?;
    for id in BUTTONS {
        element::<HtmlButtonElement>(id)?.set_disabled(false);
    }
    status::follow(&session, pill, events).await;
    Ok(())
}

/// The first credential. As long as the API is away the page tries again, ever more rarely; when
/// it refuses, that is final.
async fn first_grant(
    problem: &Problem,
    credentials: &HttpCredentials,
) -> Result<Grant, HttpCredentialsError> {
    let (mut pause, longest) = PAUSES;
    loop {
        match credentials.grant().await {
            Ok(grant) => {
                problem.show("");
                return Ok(grant);
            }
            Err(error @ HttpCredentialsError::Refused { .. }) => return Err(error),
            Err(error) => {
                // Half of the pause is left to chance, lest all tabs come back in step.
                let millis = pause.as_secs_f64() * 500.0 * (1.0 + js_sys::Math::random());
                problem.show(&format!("{error}. Trying again in {:.1} s.", millis / 1_000.0));
                TimeoutFuture::new(millis as u32).await;
                pause = (pause * 2).min(longest);
            }
        }
    }
}
