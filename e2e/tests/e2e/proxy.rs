//! A reverse proxy in front, as `deploy/proxy` has it: nginx ends TLS, and closes what is silent.

use std::fs;
use std::time::Duration;

use e2e::{Browser, Error, Proxy, Setup, Stack, State, Tab, eventually};
use serde_json::Value;

use crate::{CONNECTED_WITHIN, HEALED_WITHIN, TestResult, UPDATE_WITHIN, ping_until_taken};

/// A page that is connected by way of nginx, which closes what is silent for `idle`; nats-server asks
/// for a sign of life every `ping`.
async fn behind_nginx(idle: &str, ping: &str) -> Result<(Stack, Proxy, Browser, Tab), Error> {
    let mut proxy = Proxy::new()?;
    let setup = Setup::new()
        .origin(proxy.origin())
        .config("trusted_proxies = []", "trusted_proxies = [\"127.0.0.1\"]")
        .environment("API_WEBSOCKET_URLS", proxy.websocket_url());
    let mut stack = Stack::prepare(&setup).await?;
    let limits = stack.api.keys().join("../parts/limits.conf");
    let text = fs::read_to_string(&limits).expect("it was copied");
    let asks = "ping_interval: \"20s\"";
    assert!(text.contains(asks), "limits.conf has no {asks}");
    fs::write(&limits, text.replace(asks, &format!("ping_interval: {ping:?}"))).expect("a file");
    let ran = stack.api.run(&["tls", "add", "127.0.0.1", "localhost"]).await?;
    assert!(ran.status.success(), "{}", ran.output);
    stack.nats.start().await?;
    stack.api.start().await?;
    stack.api.ready(true).await?;
    proxy.start(&stack, idle).await?;
    let browser = Browser::start_trusting(&stack.api.keys().join("tls/single/server.key")).await?;
    let tab = browser.open(&format!("{}/", proxy.origin())).await?;
    tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
    Ok((stack, proxy, browser, tab))
}

/// What nats-server knows of the page's connection, if there is one.
async fn connection(stack: &Stack) -> Result<Option<Value>, Error> {
    let url = format!("http://{}/connz", stack.nats.monitor_address());
    let all: Value = reqwest::get(url).await?.json().await?;
    let mut connections = all["connections"].as_array().into_iter().flatten();
    Ok(connections.find(|connection| connection["type"] == "websocket").cloned())
}

/// What nginx closes by silence stays open by nats-server's asking, over many times that silence.
#[tokio::test]
async fn a_page_stays_behind_nginx_for_longer_than_its_time_out() -> TestResult {
    let (stack, _proxy, _browser, tab) = behind_nginx("3s", "500ms").await?;
    let began = connection(&stack).await?.expect("the page is connected");
    eventually(HEALED_WITHIN, "the connection is three time-outs old", async || {
        let now = connection(&stack).await?.expect("it is there all the time");
        assert_eq!(now["cid"], began["cid"], "nginx has ended the connection");
        // "9.1s", or with minutes on a slow machine.
        let uptime = now["uptime"].as_str().unwrap_or_default();
        let seconds = uptime.trim_end_matches('s').parse::<f64>();
        Ok((uptime.contains('m') || seconds.is_ok_and(|seconds| seconds >= 9.0)).then_some(()))
    })
    .await?;
    assert_eq!(stack.api.ping().await?.status(), 200);
    tab.shows_updates(1, UPDATE_WITHIN).await?;
    Ok(())
}

/// A time-out that is shorter than everybody's asking does end connections, and pages come back.
#[tokio::test]
async fn a_page_that_nginx_cuts_off_for_its_silence_comes_back() -> TestResult {
    let (stack, _proxy, _browser, tab) = behind_nginx("1s", "20s").await?;
    let began = connection(&stack).await?;
    eventually(HEALED_WITHIN, "the page is there by another connection", async || {
        let now = connection(&stack).await?;
        Ok(now.filter(|now| Some(&now["cid"]) != began.as_ref().map(|began| &began["cid"])))
    })
    .await?;
    eventually(Duration::from_secs(40), "an update gets through between two cuts", async || {
        ping_until_taken(&stack.api).await?;
        Ok((!tab.updates().await?.is_empty()).then_some(()))
    })
    .await?;
    Ok(())
}
