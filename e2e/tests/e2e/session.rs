//! A page that has no credential, only a browser with a cookie.

use std::time::Duration;

use e2e::{Browser, Error, Stack, State, Tab, UPDATES, eventually};

use crate::{CONNECTED_WITHIN, HEALED_WITHIN, TestResult, ping_as};

/// Room for a call of the page.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

async fn answered(tab: &Tab, status: &str) -> Result<(), Error> {
    eventually(ANSWERED_WITHIN, &format!("the API answers {status}"), async || {
        Ok((tab.text("#answer").await? == status).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_page_without_any_credential_gets_in_by_its_browsers_cookie_and_stays() -> TestResult {
    let (stack, key) = Stack::start_with_sessions().await?;
    let browser = Browser::start().await?;
    let page = stack.api.url(&format!("/?server={}", stack.nats.websocket_url()));
    let tab = browser.open(&page).await?;
    tab.reaches(State::Closed, CONNECTED_WITHIN).await?;

    tab.fill("#key", &key).await?;
    tab.click("#begin").await?;
    answered(&tab, "204").await?;
    tab.reload().await?;
    tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
    assert_eq!(tab.text("#cookie").await?, "", "a script sees the session");
    stack.nats.subscribed(UPDATES, 1).await?;
    // The connection is short: one update may fall between two.
    let lines = eventually(HEALED_WITHIN, "an update arrives", async || {
        assert_eq!(ping_as(&stack, &key).await?.status(), 200);
        let lines = tab.updates().await?;
        Ok((!lines.is_empty()).then_some(lines))
    })
    .await?;
    assert!(lines[0].contains("sendTime"), "{lines:?}");

    // The connection has ended meanwhile, and the page has come back with the same cookie.
    eventually(HEALED_WITHIN, "the page has come back", async || {
        let connects = tab.text("#connects").await?;
        Ok((connects.parse::<u32>().is_ok_and(|connects| connects >= 2)).then_some(()))
    })
    .await?;
    let before = tab.updates().await?.len();
    eventually(HEALED_WITHIN, "an update arrives", async || {
        ping_as(&stack, &key).await?;
        Ok((tab.updates().await?.len() > before).then_some(()))
    })
    .await?;

    tab.click("#end").await?;
    answered(&tab, "204").await?;
    tab.reload().await?;
    tab.reaches(State::Closed, CONNECTED_WITHIN).await
}
