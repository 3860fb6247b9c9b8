//! What is stored, as tabs are sent it: a stream's history and the keys of a bucket.

use e2e::{Browser, Error, Stack, Tab, eventually};
use serde_json::Value;

use crate::updates::service;
use crate::{HEALED_WITHIN, TestResult, connected_tab};

/// A tab that has opened what is stored, by the button of this panel.
async fn open_tab(stack: &Stack, browser: &Browser, panel: &str) -> Result<Tab, Error> {
    let tab = connected_tab(&stack.api, browser).await?;
    tab.click(&format!("#{panel}-open")).await?;
    let script =
        "return ['#history-say', '#board-put'].every((id) => !document.querySelector(id).disabled)";
    eventually(HEALED_WITHIN, "both panels are open", async || {
        Ok((tab.evaluate(script, vec![]).await? == true).then_some(()))
    })
    .await?;
    Ok(tab)
}

/// The texts of the cells of each row.
async fn rows(tab: &Tab, css: &str) -> Result<Vec<Vec<String>>, Error> {
    let script = "return [...document.querySelectorAll(arguments[0])].map((row) => \
                  [...row.children].map((cell) => cell.textContent))";
    let rows = tab.evaluate(script, vec![css.into()]).await?;
    let texts = |row: &Value| {
        row.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    Ok(rows.as_array().into_iter().flatten().map(texts).collect())
}

/// Waits until the history is this, and returns its numbers.
async fn history(tab: &Tab, said: &[&str]) -> Result<Vec<String>, Error> {
    eventually(HEALED_WITHIN, &format!("the history is {said:?}"), async || {
        let rows = rows(tab, "#history > .said").await?;
        let is_it = rows.iter().map(|row| row[3].as_str()).eq(said.iter().copied());
        Ok(is_it.then(|| rows.iter().map(|row| row[0].clone()).collect()))
    })
    .await
}

/// Waits until the board has these values, in order.
async fn board(tab: &Tab, values: &[&str]) -> Result<Vec<Vec<String>>, Error> {
    eventually(HEALED_WITHIN, &format!("the board has {values:?}"), async || {
        let rows = rows(tab, "#board > .entry").await?;
        let is_it = rows.iter().map(|row| row[1].as_str()).eq(values.iter().copied());
        Ok(is_it.then_some(rows))
    })
    .await
}

#[tokio::test]
async fn a_tab_is_sent_what_was_said_before_it_came_and_goes_on_after_an_interruption() -> TestResult
{
    let mut stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let first = open_tab(&stack, &browser, "history").await?;
    for said in ["one", "<i>two</i>"] {
        first.fill("#history-text", said).await?;
        first.click("#history-say").await?;
    }
    assert_eq!(history(&first, &["one", "<i>two</i>"]).await?, ["#1", "#2"]);

    let second = open_tab(&stack, &browser, "board").await?;
    assert_eq!(history(&second, &["one", "<i>two</i>"]).await?, ["#1", "#2"]);
    assert_eq!(second.text("#history-count").await?, "From #1, 2 messages");
    second.fill("#history-text", "three").await?;
    second.click("#history-say").await?;
    for tab in [&first, &second] {
        history(tab, &["one", "<i>two</i>", "three"]).await?;
    }

    // The stream is in memory: with the server go the stream and all consumers.
    stack.nats.kill()?;
    stack.nats.start().await?;
    stack.api.ready(true).await?;
    let service = service(&stack).await;
    service.publish("com.scaling-ws.said.service", "four".into()).await.expect("it may");
    service.flush().await.expect("the server answers");
    for tab in [&first, &second] {
        history(tab, &["one", "<i>two</i>", "three", "the stream was made anew", "four"]).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_key_that_one_tab_writes_is_seen_by_the_other_and_vanishes_when_it_is_deleted()
-> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let first = open_tab(&stack, &browser, "board").await?;
    first.fill("#board-value", "curious").await?;
    first.click("#board-put").await?;
    let own = board(&first, &["curious"]).await?;
    assert!(own[0][0].ends_with(".mood") && own[0][4] == "EditDelete", "{own:?}");

    let second = open_tab(&stack, &browser, "board").await?;
    let others = board(&second, &["curious"]).await?;
    assert_eq!((&others[0][0], others[0][4].as_str()), (&own[0][0], ""), "it is another's");
    first.click("#board .entry button").await?;
    first.fill("#board-value", "<b>content</b>").await?;
    first.click("#board-put").await?;
    second.fill("#board-value", "awake").await?;
    let changed = board(&second, &["<b>content</b>"]).await?;
    assert_ne!(changed[0][2], others[0][2], "the revision is another");
    second.click("#board-put").await?;
    for tab in [&first, &second] {
        board(tab, &["<b>content</b>", "awake"]).await?;
    }

    first.click("#board .entry button:last-child").await?;
    for tab in [&first, &second] {
        board(tab, &["awake"]).await?;
    }
    eventually(HEALED_WITHIN, "the tab is told that it is deleted", async || {
        Ok(first.text("#board-result").await?.starts_with("Deleted").then_some(()))
    })
    .await?;
    first.fill("#board-key", "no.name").await?;
    first.click("#board-put").await?;
    assert!(first.text("#board-result").await?.starts_with("Not put"));
    Ok(())
}
