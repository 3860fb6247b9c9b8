//! The page as such.

use std::time::Duration;

use e2e::{Browser, Stack, State, UPDATES, Verdict};

use crate::{TestResult, UPDATE_WITHIN, connected_tab, parse};

#[tokio::test]
async fn the_page_loads_and_works_without_a_complaint_in_the_console() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = connected_tab(&stack.api, &browser).await?;
    tab.click("#call-api").await?;
    tab.shows_updates(1, UPDATE_WITHIN).await?;

    assert_eq!(tab.text("#server").await?, "single");
    assert_eq!(tab.text("#problem").await?, "");
    // Errors of scripts, refused or failed requests and violations of the content security policy.
    let complaints: Vec<_> = browser
        .console()
        .await?
        .into_iter()
        .filter(|line| line.starts_with("SEVERE") || line.starts_with("WARNING"))
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    Ok(())
}

#[tokio::test]
async fn the_page_is_told_what_it_may_not_subscribe_to_and_stays_connected() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = connected_tab(&stack.api, &browser).await?;

    for (subject, expected) in [
        (">", Verdict::Denied),
        (UPDATES, Verdict::Allowed),
        ("$SYS.>", Verdict::Denied),
        ("com..updates", Verdict::Invalid),
        ("com.scaling-ws.*", Verdict::Denied),
        ("two words", Verdict::Invalid),
        ("_INBOX.>", Verdict::Denied),
        (">.updates", Verdict::Invalid),
    ] {
        assert_eq!(tab.probe(subject).await?, expected, "{subject}");
    }

    tab.reaches(State::Connected, Duration::ZERO).await?;
    assert_eq!(stack.api.ping().await?.status(), 200);
    let lines = tab.shows_updates(1, UPDATE_WITHIN).await?;
    assert!(parse(&lines[0]).1["sendTime"].is_string());
    Ok(())
}
