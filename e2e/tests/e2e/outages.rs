//! What breaks heals, with nobody's help.

use e2e::{Browser, Stack, State, UPDATES};

use crate::{HEALED_WITHIN, TestResult, UPDATE_WITHIN, ping_until_taken, two_tabs};

#[tokio::test]
async fn tabs_go_on_receiving_after_nats_server_crashes_and_restarts() -> TestResult {
    let mut stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tabs = two_tabs(&stack, &browser).await?;

    for crash in [true, false] {
        let mut shown = Vec::new();
        for tab in &tabs {
            shown.push(tab.updates().await?.len());
        }

        if crash {
            stack.nats.kill()?;
        } else {
            stack.nats.stop().await?;
        }
        for tab in &tabs {
            tab.reaches(State::Reconnecting, HEALED_WITHIN).await?;
        }
        stack.nats.start().await?;
        for tab in &tabs {
            tab.reaches(State::Connected, HEALED_WITHIN).await?;
        }
        stack.nats.subscribed(UPDATES, 2).await?;

        ping_until_taken(&stack.api).await?;
        for (tab, shown) in tabs.iter().zip(shown) {
            tab.shows_updates(shown + 1, UPDATE_WITHIN).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn an_outage_of_nats_is_told_and_heals() -> TestResult {
    let mut stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let [tab, _] = two_tabs(&stack, &browser).await?;

    stack.nats.kill()?;
    stack.api.ready(false).await?;
    tab.reaches(State::Reconnecting, HEALED_WITHIN).await?;

    let refusal = stack.api.ping().await?;
    assert_eq!(refusal.status(), 503);
    assert_eq!(refusal.headers()["content-type"], "application/problem+json");
    let problem: serde_json::Value = refusal.json().await?;
    assert_eq!(problem["code"], "nats_unavailable", "{problem}");
    assert_eq!(problem["status"], 503, "{problem}");
    assert_eq!(reqwest::get(stack.api.url("/healthz")).await?.status(), 200);

    stack.nats.start().await?;
    stack.api.ready(true).await?;
    tab.reaches(State::Connected, HEALED_WITHIN).await?;
    stack.nats.subscribed(UPDATES, 2).await?;
    assert_eq!(stack.api.ping().await?.status(), 200);
    tab.shows_updates(1, UPDATE_WITHIN).await?;
    Ok(())
}

#[tokio::test]
async fn the_api_comes_back_to_the_same_tabs() -> TestResult {
    let mut stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let [tab, _] = two_tabs(&stack, &browser).await?;

    stack.api.kill()?;
    stack.api.start().await?;
    stack.api.ready(true).await?;
    tab.click("#call-api").await?;
    tab.shows_updates(1, UPDATE_WITHIN).await?;
    Ok(())
}
