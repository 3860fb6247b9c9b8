//! The examples, each in a tab of one browser, all on the subjects of one nats-server: what one of
//! them says the others hear, in whichever language they are.

use std::time::Duration;

use e2e::{Browser, Error, Setup, Stack, State, Tab, UPDATES, eventually};

type TestResult = Result<(), Error>;

/// The examples, below what the API serves.
const EXAMPLES: [&str; 3] = ["plain", "vite", "leptos"];

/// Room for a page to load and connect, and to come back, on a busy machine.
const CONNECTED_WITHIN: Duration = Duration::from_secs(90);

/// Room for something to come up that somebody has done.
const SHOWN_WITHIN: Duration = Duration::from_secs(60);

/// Opens each example and waits until the server has its subscriptions.
async fn open(stack: &Stack, browser: &Browser) -> Result<[Tab; 3], Error> {
    let url = |name: &str| stack.api.url(&format!("/{name}/"));
    let [plain, vite, leptos] = EXAMPLES.map(url);
    let tabs =
        [browser.open(&plain).await?, browser.open(&vite).await?, browser.open(&leptos).await?];
    for tab in &tabs {
        tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
    }
    stack.nats.subscribed(UPDATES, tabs.len()).await?;
    Ok(tabs)
}

/// The texts of all elements that match.
async fn texts(tab: &Tab, css: &str) -> Result<Vec<String>, Error> {
    let script = "return Array.from(document.querySelectorAll(arguments[0]), (e) => e.textContent)";
    let texts = tab.evaluate(script, vec![css.into()]).await?;
    let text = |text: &serde_json::Value| text.as_str().unwrap_or_default().to_owned();
    Ok(texts.as_array().into_iter().flatten().map(text).collect())
}

/// Waits until the page says that something is wrong, in words with these among them.
async fn complains(tab: &Tab, words: &str) -> TestResult {
    eventually(SHOWN_WITHIN, &format!("a complaint about {words:?}"), async || {
        let shown = texts(tab, "#problem:not([hidden])").await?;
        Ok(shown.iter().any(|shown| shown.contains(words)).then_some(()))
    })
    .await
}

#[tokio::test]
async fn a_call_by_one_example_comes_up_in_all() -> TestResult {
    let stack = Stack::start_with_examples(Setup::new()).await?;
    let browser = Browser::start().await?;
    let tabs = open(&stack, &browser).await?;

    for (calls, tab) in (1..).zip(&tabs) {
        tab.click("#call-api").await?;
        let lines = tabs[0].shows_updates(calls, SHOWN_WITHIN).await?;
        assert!(lines[0].contains("sendTime"), "{lines:?}");
        for other in &tabs[1..] {
            assert_eq!(other.shows_updates(calls, SHOWN_WITHIN).await?, lines);
        }
    }
    // The API's content security policy is as strict for the examples as for the page.
    let console = browser.console().await?;
    assert!(!console.iter().any(|line| line.starts_with("SEVERE")), "{console:#?}");
    Ok(())
}

#[tokio::test]
async fn what_one_example_says_comes_up_in_all_under_its_key() -> TestResult {
    let stack = Stack::start_with_examples(Setup::new()).await?;
    let browser = Browser::start().await?;
    let tabs = open(&stack, &browser).await?;

    for (tab, name) in tabs.iter().zip(EXAMPLES) {
        // What would be markup is text.
        tab.fill("#text", &format!("<b>from {name}</b>")).await?;
        tab.click("#publish").await?;
    }
    let mut strangers = Vec::new();
    for (tab, own) in tabs.iter().zip(EXAMPLES) {
        let said = eventually(SHOWN_WITHIN, "all is heard", async || {
            let said = texts(tab, "#said > .said").await?;
            Ok((said.len() == EXAMPLES.len()).then_some(said))
        })
        .await?;
        for name in EXAMPLES {
            let who =
                said.iter().find_map(|line| line.strip_suffix(&format!("<b>from {name}</b>")));
            let who = who.unwrap_or_else(|| panic!("nothing of {name} in {said:?}"));
            if name == own {
                assert_eq!(who, "you");
            } else {
                assert!(who.starts_with('U') && who.ends_with('…'), "{who}");
                strangers.push((name, who.to_owned()));
            }
        }
    }
    // Each is told apart from the others, and is the same one to both of them.
    strangers.sort();
    strangers.dedup();
    assert_eq!(strangers.len(), EXAMPLES.len(), "{strangers:?}");
    Ok(())
}

#[tokio::test]
async fn each_example_says_where_messages_may_be_missing() -> TestResult {
    let mut stack = Stack::start_with_examples(Setup::new()).await?;
    let browser = Browser::start().await?;
    let tabs = open(&stack, &browser).await?;

    stack.nats.kill()?;
    for tab in &tabs {
        tab.reaches(State::Reconnecting, CONNECTED_WITHIN).await?;
        // What is published meanwhile waits for the next connection.
        tab.fill("#text", "while away").await?;
        tab.click("#publish").await?;
    }
    stack.nats.start().await?;
    for tab in &tabs {
        tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
        for list in ["#updates > .note", "#said > .note"] {
            eventually(SHOWN_WITHIN, "a gap is told", async || {
                let gaps = texts(tab, list).await?;
                Ok(gaps.iter().any(|gap| gap.contains("may be missing")).then_some(()))
            })
            .await?;
        }
        eventually(SHOWN_WITHIN, "what waited is sent", async || {
            let said = texts(tab, "#said > .said").await?;
            Ok(said.contains(&"youwhile away".to_owned()).then_some(()))
        })
        .await?;
    }
    Ok(())
}

#[tokio::test]
async fn each_example_says_what_is_refused_and_stays_connected() -> TestResult {
    let mut stack = Stack::start_with_examples(Setup::new()).await?;
    let browser = Browser::start().await?;
    let tabs = open(&stack, &browser).await?;

    for tab in &tabs {
        // A guest may publish 1,024 bytes at once.
        tab.fill("#text", &"long".repeat(300)).await?;
        tab.click("#publish").await?;
        complains(tab, "Not published").await?;
    }
    stack.api.kill()?;
    for tab in &tabs {
        tab.click("#call-api").await?;
        complains(tab, "API was not reached").await?;
        tab.reaches(State::Connected, Duration::ZERO).await?;
    }
    Ok(())
}

#[tokio::test]
async fn each_example_says_what_it_may_not_read_and_reads_the_rest() -> TestResult {
    let subscribe = "subscribe = { allow = [\"com.scaling-ws.updates\", ";
    let playground = format!("{subscribe}\"com.scaling-ws.playground.>\", ");
    let setup = Setup::new().roles(playground, subscribe);
    let stack = Stack::start_with_examples(setup).await?;
    let browser = Browser::start().await?;
    let tabs = open(&stack, &browser).await?;

    stack.api.ping().await?;
    for tab in &tabs {
        eventually(SHOWN_WITHIN, "the refusal is told where messages would be", async || {
            let notes = texts(tab, "#said > .note").await?;
            Ok(notes.iter().any(|note| note.starts_with("No more messages")).then_some(()))
        })
        .await?;
        tab.shows_updates(1, SHOWN_WITHIN).await?;
        tab.reaches(State::Connected, Duration::ZERO).await?;
    }
    Ok(())
}

/// Has a page remember every state that its connection is shown to be in from now on.
const REMEMBER_STATES: &str = "
    const shown = document.getElementById('connection');
    window.states = [];
    new MutationObserver(() => window.states.push(shown.dataset.state))
        .observe(shown, { attributes: true, attributeFilter: ['data-state'] });";

/// By another connection, before the one before ends: nothing is missed.
#[tokio::test]
async fn each_example_outlives_its_credential_without_a_break() -> TestResult {
    // Short, and yet such that a busy machine has time to renew it.
    let setup = Setup::new().roles("ttl_seconds = 900", "ttl_seconds = 30");
    let stack = Stack::start_with_examples(setup).await?;
    let browser = Browser::start().await?;
    let tabs = open(&stack, &browser).await?;
    let url = format!("http://{}/connz?sort=cid", stack.nats.monitor_address());
    let connections = async || -> Result<Vec<(String, u64)>, Error> {
        let all: serde_json::Value = reqwest::get(&url).await?.json().await?;
        let named = |one: &serde_json::Value| {
            let name = one["name"].as_str()?.strip_suffix(" example")?.to_owned();
            Some((name, one["cid"].as_u64()?))
        };
        Ok(all["connections"].as_array().into_iter().flatten().filter_map(named).collect())
    };

    for tab in &tabs {
        tab.evaluate(REMEMBER_STATES, Vec::new()).await?;
    }
    let first = connections().await?;
    for (tab, example) in tabs.iter().zip(EXAMPLES) {
        // By other connections than the first, of which none lasts longer than its credential.
        eventually(CONNECTED_WITHIN, &format!("{example} has moved on"), async || {
            let now = connections().await?;
            let moved = now.iter().any(|one| one.0 == example && !first.contains(one));
            let left = !now.iter().any(|one| one.0 == example && first.contains(one));
            Ok((moved && left).then_some(()))
        })
        .await?;
        tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
    }
    stack.api.ping().await?;
    for (tab, example) in tabs.iter().zip(EXAMPLES) {
        tab.shows_updates(1, SHOWN_WITHIN).await?;
        let states = tab.evaluate("return window.states.join()", Vec::new()).await?;
        let states = states.as_str().unwrap_or_default();
        assert!(states.split(',').all(|state| matches!(state, "" | "connected")), "{states}");
        let notes = texts(tab, ".note").await?;
        assert!(notes.is_empty(), "{example} may have missed something: {notes:?}");
    }
    Ok(())
}
