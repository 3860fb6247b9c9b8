//! The page as such.

use e2e::{Browser, Stack, State};

use crate::{CONNECTED_WITHIN, TestResult, UPDATE_WITHIN};

#[tokio::test]
async fn the_page_loads_and_works_without_a_complaint_in_the_console() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = browser.open(&stack.api.url("/")).await?;
    tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
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

/// The page is served with a policy that lets it run its own code and reach its own servers only.
#[tokio::test]
async fn the_page_has_a_strict_content_security_policy() -> TestResult {
    let stack = Stack::start().await?;
    let answer = reqwest::get(stack.api.url("/")).await?;
    assert_eq!(answer.status(), 200);
    let policy = answer
        .headers()
        .get("content-security-policy")
        .and_then(|policy| policy.to_str().ok())
        .expect("the page has a policy");
    for rule in ["default-src 'none'", "frame-ancestors 'none'", &stack.nats.websocket_url()] {
        assert!(policy.contains(rule), "{rule} is not in {policy}");
    }
    for hole in ["'unsafe-inline'", "'unsafe-eval'", " *", " http:", " https:", " ws:", " wss:"] {
        let is_rule = |rule: &str| rule.split(' ').any(|word| word == hole.trim());
        assert!(!policy.split(';').any(is_rule), "{hole} is in {policy}");
    }
    Ok(())
}
