//! What a visitor of this project runs first: `just demo`, and the demos beside it.

use e2e::{Browser, Demo, State, Tab, UPDATES, eventually};

use crate::{CONNECTED_WITHIN, TestResult, UPDATE_WITHIN};

/// Opens the page as the demo says, calls the API as it says, and sees what comes of it.
async fn works(demo: &Demo, browser: &Browser) -> Result<Tab, e2e::Error> {
    let tab = browser.open(&demo.url("/")).await?;
    tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
    let connections = eventually(CONNECTED_WITHIN, "the tab is subscribed", async || {
        let listed = demo.monitor("/connz?subs=1").await?["connections"].to_string();
        // In a cluster it may be on another node.
        let elsewhere = demo.log().contains("nats-server n2");
        Ok((elsewhere || listed.contains(UPDATES)).then_some(listed))
    })
    .await?;
    println!("{connections}");
    // A subscription is known on all nodes a moment after it is on its own.
    eventually(CONNECTED_WITHIN, "what the API publishes comes", async || {
        let answer = reqwest::Client::new().post(demo.url("/ping")).send().await?;
        assert_eq!(answer.status(), 200);
        Ok(tab.shows_updates(1, UPDATE_WITHIN).await.ok())
    })
    .await?;
    tab.click("#call-api").await?;
    tab.shows_updates(2, UPDATE_WITHIN).await?;
    Ok(tab)
}

#[tokio::test]
async fn the_demo_does_what_it_says_and_ends_with_nothing_left() -> TestResult {
    let mut demo = Demo::start(None).await?;
    let said = demo.log();
    assert!(said.contains(&format!("The page:  {}\n", demo.url(""))), "{said}");
    let browser = Browser::start().await?;
    works(&demo, &browser).await?;
    assert!(!demo.left_behind()?.is_empty(), "it is not seen what runs");
    assert!(demo.terminate().await?.success());
    assert_eq!(demo.left_behind()?, [""; 0]);
    Ok(())
}

/// By `just demo-tls`, in a terminal, which is ended by Ctrl-C.
#[tokio::test]
async fn the_demo_with_tls_has_tabs_come_by_wss_and_ends_with_nothing_left() -> TestResult {
    let mut demo = Demo::start_in_terminal("demo-tls").await?;
    let authority = demo.keys().join("tls/ca.pem");
    assert!(authority.is_file() && demo.log().contains(&authority.display().to_string()));
    let browser = Browser::start_trusting(&demo.keys().join("tls/single/server.key")).await?;
    let tab = works(&demo, &browser).await?;
    let listed = demo.monitor("/connz").await?;
    let connections = listed["connections"].as_array().expect("a list");
    let of_kind = |kind| connections.iter().filter(move |one| one["type"] == kind);
    assert_eq!(of_kind("websocket").count(), 1, "{listed}");
    assert!(of_kind("nats").count() > 0, "{listed}");
    for connection in connections {
        assert!(connection["tls_version"].is_string(), "{connection} is without TLS");
    }
    // Who does not trust its authority does not come in.
    let stranger = Browser::start().await?;
    let refused = stranger.open(&demo.url("/")).await?;
    eventually(CONNECTED_WITHIN, "Chromium names the reason in its console", async || {
        let console = stranger.console().await?;
        Ok(console.iter().any(|line| line.contains("ERR_CERT_AUTHORITY_INVALID")).then_some(()))
    })
    .await?;
    assert!(refused.reaches(State::Connected, std::time::Duration::ZERO).await.is_err());

    assert!(demo.press_ctrl_c().await?.success(), "just is not told to fail");
    assert_eq!(demo.left_behind()?, [""; 0]);
    tab.reaches(State::Reconnecting, CONNECTED_WITHIN).await?;
    Ok(())
}

#[tokio::test]
async fn the_demo_of_a_cluster_shows_the_page_and_ends_with_nothing_left() -> TestResult {
    let mut demo = Demo::start(Some("cluster")).await?;
    let browser = Browser::start().await?;
    works(&demo, &browser).await?;
    assert_eq!(demo.monitor("/jsz").await?["meta_cluster"]["cluster_size"], 3);
    assert!(demo.interrupt().await?.success());
    assert_eq!(demo.left_behind()?, [""; 0]);
    Ok(())
}
