//! Who is here, as each tab shows it.

use e2e::{Browser, Error, Stack, Tab, eventually};

use crate::{HEALED_WITHIN, TestResult, connected_tab};

/// Waits until a tab shows so many visitors, its own browser first and with so many tabs, and says
/// whom: what each is called.
async fn shows(tab: &Tab, visitors: usize, own_tabs: &str) -> Result<Vec<String>, Error> {
    let script = "return [...document.querySelectorAll('#present > .member')].map((row) => \
                  [...row.children].map((cell) => cell.textContent))";
    let what = format!("{visitors} visitors, this browser with {own_tabs}");
    eventually(HEALED_WITHIN, &what, async || {
        let rows = tab.evaluate(script, vec![]).await?;
        let rows = rows.as_array().cloned().unwrap_or_default();
        let own = rows.first().map(|row| row[2].as_str() == Some(own_tabs));
        let names = rows.iter().filter_map(|row| row[0].as_str().map(str::to_owned)).collect();
        Ok((rows.len() == visitors && own == Some(true)).then_some(names))
    })
    .await
}

#[tokio::test]
async fn everybody_is_seen_to_come_to_be_called_something_and_to_leave() -> TestResult {
    let stack = Stack::start().await?;
    let [anns, bobs] = [Browser::start().await?, Browser::start().await?];
    let ann = connected_tab(&stack.api, &anns).await?;
    shows(&ann, 1, "this browser, 1 tab").await?;
    let bob = connected_tab(&stack.api, &bobs).await?;
    let second = connected_tab(&stack.api, &anns).await?;
    for tab in [&ann, &second] {
        shows(tab, 2, "this browser, 2 tabs").await?;
    }
    shows(&bob, 2, "this browser, 1 tab").await?;
    eventually(HEALED_WITHIN, "it is told to those who hear the page", async || {
        Ok(ann.text("#announce").await?.ends_with(" came").then_some(()))
    })
    .await?;

    // What somebody is called comes from outside: it is a text, whatever it looks like.
    bob.fill("#present-name", "<b>Bob</b>").await?;
    bob.click("#present-show").await?;
    for tab in [&ann, &second] {
        eventually(HEALED_WITHIN, "the name is seen", async || {
            let names = shows(tab, 2, "this browser, 2 tabs").await?;
            Ok((names[1] == "<b>Bob</b>").then_some(()))
        })
        .await?;
    }

    second.close().await?;
    shows(&ann, 2, "this browser, 1 tab").await?;
    bob.close().await?;
    shows(&ann, 1, "this browser, 1 tab").await?;
    assert_eq!(ann.text("#present-count").await?, "1 visitor");
    Ok(())
}
