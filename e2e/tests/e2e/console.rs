//! What a visitor can do on the page beyond calling the API.

use std::time::Duration;

use e2e::{Browser, Error, Stack, State, Tab, eventually};
use serde_json::{Value, json};

use crate::updates::service;
use crate::{HEALED_WITHIN, TestResult, UPDATE_WITHIN, connected_tab};

/// A subject that every guest may read.
const PLAYGROUND: &str = "com.scaling-ws.playground.test";

/// Room for what a form does on a busy machine.
const DONE_WITHIN: Duration = Duration::from_secs(60);

/// Waits until the text of an element holds this.
async fn says(tab: &Tab, css: &str, words: &str, within: Duration) -> Result<String, Error> {
    let what = format!("{css} says {words:?}");
    eventually(within, &what, async || {
        let text = tab.text(css).await?;
        Ok(text.contains(words).then_some(text))
    })
    .await
}

/// Waits for the outcome of a form.
async fn verdict(tab: &Tab, css: &str, wanted: &str) -> Result<String, Error> {
    let what = format!("the verdict of {css} is {wanted}");
    let script = "const e = document.querySelector(arguments[0]); \
                  return [e.dataset.verdict, e.textContent]";
    eventually(DONE_WITHIN, &what, async || {
        let shown = tab.evaluate(script, vec![css.into()]).await?;
        Ok((shown[0] == wanted).then(|| shown[1].as_str().unwrap_or_default().to_owned()))
    })
    .await
}

/// Publishes as the API's own user, and waits until the server has it all.
async fn publish(stack: &Stack, count: usize) {
    let publisher = service(stack).await;
    for number in 0..count {
        let payload = number.to_string().into();
        publisher.publish(PLAYGROUND, payload).await.expect("the service user may publish");
    }
    publisher.flush().await.expect("the server answers");
}

async fn subscribe(tab: &Tab) -> TestResult {
    tab.click("#subscribe").await?;
    verdict(tab, "#subscribe-result", "allowed").await?;
    Ok(())
}

#[tokio::test]
async fn a_subscription_is_counted_paused_and_tells_what_it_drops() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = connected_tab(&stack.api, &browser).await?;
    subscribe(&tab).await?;
    publish(&stack, 20).await;
    says(&tab, "#subscriptions td:nth-child(2)", "20", DONE_WITHIN).await?;
    says(&tab, "#messages > li:last-child .payload", "19", DONE_WITHIN).await?;

    tab.click("#subscriptions .pause").await?;
    publish(&stack, 10_050).await;
    says(&tab, "#subscriptions td:nth-child(4)", "10000", DONE_WITHIN).await?;
    says(&tab, "#subscriptions td:nth-child(5)", "50", DONE_WITHIN).await?;
    says(&tab, "#ledger-lost", "50", DONE_WITHIN).await?;
    assert_eq!(tab.text("#subscriptions td:nth-child(2)").await?, "20");

    tab.click("#subscriptions .pause").await?;
    says(&tab, "#subscriptions td:nth-child(2)", "10020", DONE_WITHIN).await?;
    tab.click("#subscriptions .end").await?;
    says(&tab, "#subscribe-result", "Ended", DONE_WITHIN).await?;
    stack.nats.subscribed("com.scaling-ws.playground.>", 0).await
}

#[tokio::test]
async fn a_hundred_thousand_lines_are_few_in_the_document_and_move_nothing() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = connected_tab(&stack.api, &browser).await?;
    subscribe(&tab).await?;
    tab.evaluate(
        "window.shifts = []; window.loading = 0; const now = performance.now(); \
         new PerformanceObserver((list) => { \
           for (const { hadRecentInput, startTime, value, sources } of list.getEntries()) { \
             if (startTime < now) window.loading += value; \
             else if (!hadRecentInput) shifts.push([value, ...sources.map(({ node }) => \
               (node?.outerHTML ?? node?.parentElement?.outerHTML)?.slice(0, 80))]); \
           } \
         }).observe({ type: 'layout-shift', buffered: true })",
        vec![],
    )
    .await?;
    publish(&stack, 100_000).await;
    says(&tab, "#messages-count", "100000 lines", Duration::from_secs(60)).await?;

    let seen = "const rows = [...document.querySelectorAll('#messages > li')]; \
                return [rows.length, rows.some((row) => row.textContent.endsWith(arguments[0]))]";
    for (place, number) in [("scrollTop = list.scrollHeight", "99999"), ("scrollTop = 0", "test0")]
    {
        let scroll = format!(
            "const list = document.querySelector('#messages-scroll'); list.{place}; \
             list.dispatchEvent(new Event('scroll'))"
        );
        tab.evaluate(&scroll, vec![]).await?;
        let rows = eventually(DONE_WITHIN, &format!("line {number} is there"), async || {
            let rows = tab.evaluate(seen, vec![number.into()]).await?;
            Ok((rows[1] == true).then(|| rows[0].as_u64()))
        })
        .await?;
        assert!(rows.is_some_and(|rows| rows < 40), "{rows:?} rows in the document");
    }
    assert_eq!(tab.evaluate("return window.shifts", vec![]).await?, json!([]));
    // A tenth of what counts as good for a page that loads.
    let loading = tab.evaluate("return window.loading", vec![]).await?;
    assert!(loading.as_f64().is_some_and(|shift| shift < 0.01), "{loading}");
    Ok(())
}

#[tokio::test]
async fn publishing_says_what_came_of_it() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = connected_tab(&stack.api, &browser).await?;
    subscribe(&tab).await?;

    tab.click("#publish").await?;
    let words = verdict(&tab, "#publish-result", "allowed").await?;
    assert!(words.starts_with("1 message published"), "{words}");
    says(&tab, "#messages", "hello from this tab", DONE_WITHIN).await?;

    tab.fill("#publish-count", "5000").await?;
    tab.click("#publish").await?;
    says(&tab, "#publish-result", "5000 messages published", DONE_WITHIN).await?;
    says(&tab, "#subscriptions td:nth-child(2)", "5001", DONE_WITHIN).await?;

    tab.fill("#publish-count", "1").await?;
    tab.fill("#publish-subject", "com.scaling-ws.updates").await?;
    tab.click("#publish").await?;
    let words = verdict(&tab, "#publish-result", "denied").await?;
    assert!(words.contains("your role does not allow you to publish to"), "{words}");
    tab.fill("#publish-subject", "two words").await?;
    tab.click("#publish").await?;
    verdict(&tab, "#publish-result", "invalid").await?;
    tab.reaches(State::Connected, Duration::ZERO).await
}

#[tokio::test]
async fn another_tab_answers_requests_and_nobody_elses() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let (asker, answerer) =
        (connected_tab(&stack.api, &browser).await?, connected_tab(&stack.api, &browser).await?);
    asker.click("#request").await?;
    let words = verdict(&asker, "#request-result", "unknown").await?;
    assert!(words.contains("Nobody answers there"), "{words}");

    let subject = asker.evaluate("return document.querySelector('#request-subject').value", vec![]);
    let subject = subject.await?.as_str().unwrap_or_default().to_owned();
    answerer.click("#respond").await?;
    stack.nats.subscribed(&subject, 1).await?;
    asker.click("#request").await?;
    let words = verdict(&asker, "#request-result", "allowed").await?;
    assert!(words.ends_with("you said: is anybody there?"), "{words}");
    says(&answerer, "#answered", "1 answered", DONE_WITHIN).await?;

    // A stranger names a reply subject of its own: nothing is published there.
    let stranger = service(&stack).await;
    stranger
        .publish_with_reply(subject, "com.scaling-ws.updates", "hi".into())
        .await
        .expect("the service user may publish");
    stranger.flush().await.expect("the server answers");
    says(&answerer, "#answered", "1 left", DONE_WITHIN).await?;
    assert!(asker.updates().await?.is_empty());

    asker.fill("#request-subject", "com.scaling-ws.api").await?;
    asker.click("#request").await?;
    verdict(&asker, "#request-result", "denied").await?;
    Ok(())
}

#[tokio::test]
async fn the_explorer_tells_what_may_be_published_and_why() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = connected_tab(&stack.api, &browser).await?;
    says(&tab, "#role", "guest", DONE_WITHIN).await?;
    tab.evaluate("document.querySelector('#probe-publish').click()", vec![]).await?;
    let key = tab.text("#key").await?;
    let own = format!("com.scaling-ws.playground.{key}.x");
    for (subject, wanted, why) in [
        ("com.scaling-ws.updates", "denied", "your role does not allow you to publish to"),
        (&*own, "allowed", "list allow"),
        ("a.*", "invalid", "Not a subject"),
        ("a", "denied", "Nothing allows it"),
    ] {
        tab.fill("#probe-subject", subject).await?;
        tab.click("#probe").await?;
        let words = verdict(&tab, "#probe-result", wanted).await?;
        assert!(words.contains(why), "{words}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_broken_heals_and_is_accounted_for() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = connected_tab(&stack.api, &browser).await?;
    tab.click("#chaos-traffic").await?;
    says(&tab, "#ledger-numbered", "back", DONE_WITHIN).await?;

    tab.click("#chaos-drop").await?;
    says(&tab, "#ledger-gaps", "1 gap", DONE_WITHIN).await?;
    tab.reaches(State::Connected, HEALED_WITHIN).await?;

    tab.click("#chaos-renew").await?;
    says(&tab, "#chaos-result", "took over before the old one was left", HEALED_WITHIN).await?;
    assert!(tab.text("#ledger-gaps").await?.starts_with("1 gap"), "a renewal makes no gap");

    tab.click("#chaos-block").await?;
    says(&tab, "#chaos-result", "the connection survived", HEALED_WITHIN).await?;

    // Too short to be seen for sure: what is said of it is written down.
    tab.evaluate(
        "window.whys = []; const why = document.querySelector('#why'); \
         new MutationObserver(() => whys.push(why.textContent)).observe(why, { childList: true })",
        vec![],
    )
    .await?;
    tab.click("#chaos-expire").await?;
    says(&tab, "#countdown", "0:0", HEALED_WITHIN).await?;
    says(&tab, "#chaos-result", "back on single", HEALED_WITHIN).await?;
    let whys = tab.evaluate("return window.whys.join()", vec![]).await?.to_string();
    assert!(whys.contains("the credential has expired"), "{whys}");
    says(&tab, "#ledger-gaps", "2 gaps", DONE_WITHIN).await?;
    says(&tab, "#countdown", "14:5", HEALED_WITHIN).await?;
    Ok(())
}

#[tokio::test]
async fn what_is_published_while_the_server_is_away_is_recovered() -> TestResult {
    let mut stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = connected_tab(&stack.api, &browser).await?;
    stack.nats.kill()?;
    tab.reaches(State::Reconnecting, HEALED_WITHIN).await?;
    says(&tab, "#why", "try", HEALED_WITHIN).await?;
    tab.click("#publish").await?;
    stack.nats.start().await?;
    tab.reaches(State::Connected, HEALED_WITHIN).await?;
    says(&tab, "#ledger-recovered", "1", DONE_WITHIN).await?;
    Ok(())
}

#[tokio::test]
async fn the_node_is_chosen_among_those_that_are_known() -> TestResult {
    let mut stack = Stack::start().await?;
    let other = stack.nats.websocket_url().replace("127.0.0.1", "localhost");
    stack.api.kill()?;
    stack.api.add_websocket_url(&other);
    stack.api.start().await?;
    stack.api.ready(true).await?;
    let browser = Browser::start().await?;
    let tab = connected_tab(&stack.api, &browser).await?;

    let chosen = "return [...document.querySelectorAll('#node-list input')]\
                  .map((node) => [node.value, node.checked])";
    let shown = tab.evaluate(chosen, vec![]).await?;
    let nodes = shown.as_array().expect("a list");
    assert_eq!(nodes.len(), 2, "{shown}");
    let target = nodes.iter().find(|node| node[1] == false).expect("one is not in use");
    let pick = "document.querySelector(`#node-list input[value=\"${arguments[0]}\"]`).click()";
    tab.evaluate(pick, vec![target[0].clone()]).await?;
    eventually(HEALED_WITHIN, "the tab is connected to the other node", async || {
        let shown = tab.evaluate(chosen, vec![]).await?;
        let nodes = shown.as_array().cloned().unwrap_or_default();
        Ok(nodes.contains(&json!([target[0], true])).then_some(()))
    })
    .await?;
    tab.reaches(State::Connected, HEALED_WITHIN).await?;
    assert_eq!(stack.api.ping().await?.status(), 200);
    tab.shows_updates(1, UPDATE_WITHIN).await?;
    says(&tab, "#updates .node", "single", UPDATE_WITHIN).await?;
    Ok(())
}

#[tokio::test]
async fn a_visitor_downloads_little_and_keeps_most_of_it() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tab = connected_tab(&stack.api, &browser).await?;
    let script = "return performance.getEntriesByType('navigation')\
                  .concat(performance.getEntriesByType('resource'))\
                  .filter((entry) => !/v1/.test(entry.name))\
                  .map((entry) => [entry.name, entry.encodedBodySize])";
    let files: Vec<(String, u64)> =
        serde_json::from_value(tab.evaluate(script, vec![]).await?).expect("names and sizes");
    let total: u64 = files.iter().map(|(_, size)| size).sum();
    assert!((100_000..=250_000).contains(&total), "{total} bytes: {files:#?}");
    for (name, _) in &files {
        let answer = reqwest::get(name).await?;
        let kept = answer.headers()["cache-control"].to_str().unwrap_or_default().to_owned();
        let for_good = name.contains("/assets/");
        assert_eq!(kept.contains("immutable"), for_good, "{name}: {kept}");
    }
    assert_eq!(tab.evaluate("return document.scripts.length", vec![]).await?, Value::from(2));
    Ok(())
}
