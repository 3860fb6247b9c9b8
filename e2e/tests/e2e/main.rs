//! The whole system at work: nats-server on this project's configuration, the API, and the page in
//! Chromium.
#![expect(clippy::expect_used, reason = "the helpers of a test may fail it")]

mod accessibility;
mod chaos;
mod cluster;
mod console;
mod demo;
mod leaf;
mod outages;
mod outbox;
mod page;
mod present;
mod proxy;
mod session;
mod stored;
mod tls;
mod updates;

use std::time::Duration;

use e2e::{Api, Browser, Error, Stack, State, Tab, UPDATES, eventually};

type TestResult = Result<(), Error>;

/// Room for an update on a busy machine, from its cause to every open tab; it takes milliseconds.
const UPDATE_WITHIN: Duration = Duration::from_secs(30);

/// Room for a page to load and connect on a busy machine.
const CONNECTED_WITHIN: Duration = Duration::from_secs(90);

/// Room for everybody's reconnection, whose back-off grows while a server is away.
const HEALED_WITHIN: Duration = Duration::from_secs(90);

/// Opens the page and waits until it is connected.
async fn connected_tab(api: &Api, browser: &Browser) -> Result<Tab, Error> {
    let tab = browser.open(&api.url("/")).await?;
    tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
    Ok(tab)
}

/// Opens the page in two tabs and waits until the server has both subscriptions.
async fn two_tabs(stack: &Stack, browser: &Browser) -> Result<[Tab; 2], Error> {
    let tabs = [browser.open(&stack.api.url("/")).await?, browser.open(&stack.api.url("/")).await?];
    for tab in &tabs {
        tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
    }
    stack.nats.subscribed(UPDATES, 2).await?;
    Ok(tabs)
}

/// Asks for an update until the API can publish it: after an outage that takes a moment.
async fn ping_until_taken(api: &Api) -> Result<(), Error> {
    eventually(HEALED_WITHIN, "POST /ping answers 200", async || {
        Ok((api.ping().await?.status() == 200).then_some(()))
    })
    .await
}

/// Asks for an update as somebody.
async fn ping_as(stack: &Stack, key: &str) -> Result<reqwest::Response, Error> {
    Ok(reqwest::Client::new().post(stack.api.url("/ping")).bearer_auth(key).send().await?)
}

/// Splits a line `index - {json}`, and checks that it is one.
fn parse(line: &str) -> (u64, serde_json::Value) {
    let (index, json) = line.split_once(" - ").expect("a line is `index - {json}`");
    let index = index.parse().expect("the index is a number");
    (index, serde_json::from_str(json).expect("the rest is JSON"))
}
