//! Lines 24 and 25: what happens when things come back, and when rights go.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use e2e::{Browser, Setup, State, Verdict, eventually};
use serde_json::json;

use crate::CONNECTED_WITHIN;
use crate::support::{Answer, HttpServer, Person, REFUSED, Site, TestResult, assert_problem};

/// When nats-server comes back, all clients do, each in its own time and with the credential it
/// has: the API is not asked for one.
#[tokio::test]
async fn c24_a_restart_of_nats_server_is_no_storm_on_the_api() -> TestResult {
    let mut site = Site::start(Setup::new()).await?;
    let browser = Browser::start().await?;
    let mut tabs = Vec::new();
    for _ in 0..3 {
        tabs.push(browser.open(&site.api.url("/")).await?);
    }
    for tab in &tabs {
        tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
    }
    let minted = |site: &Site| site.api.log().matches("minted a credential").count();
    let before = minted(&site);
    assert!(before >= 1);
    site.nats.kill()?;
    for tab in &tabs {
        tab.reaches(State::Reconnecting, CONNECTED_WITHIN).await?;
    }
    site.nats.start().await?;
    for tab in &tabs {
        tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
    }
    assert_eq!(minted(&site), before);
    Ok(())
}

/// A client whose credential nears its end asks an API that fails ever again, never sooner than the
/// API says, one question at a time; a refusal ends it.
#[tokio::test]
async fn c24_an_api_that_fails_is_left_in_peace() -> TestResult {
    let mut site = Site::start(Setup::new().roles("ttl_seconds = 900", "ttl_seconds = 5")).await?;
    let browser = Browser::start().await?;
    let tab = browser.open(&site.api.url("/")).await?;
    tab.reaches(State::Connected, CONNECTED_WITHIN).await?;

    // In the API's place, somebody who is overloaded, and then has enough.
    let asked = Arc::new(Mutex::new(Vec::new()));
    let questions = Arc::clone(&asked);
    let address = site.api.url("").strip_prefix("http://").unwrap().parse().unwrap();
    site.api.kill()?;
    let _overloaded = HttpServer::start_at(address, move |head| {
        let mut asked = questions.lock().unwrap();
        if head.starts_with("POST /v1/credentials ") {
            asked.push(Instant::now());
        }
        let status = if asked.len() <= 3 { "503 Service Unavailable" } else { "403 Forbidden" };
        Answer { status, headers: "Retry-After: 2\r\n", body: String::new() }
    });
    tab.reaches(State::Closed, CONNECTED_WITHIN).await?;
    let asked = asked.lock().unwrap();
    assert_eq!(asked.len(), 4);
    for pair in asked.windows(2) {
        assert!(pair[1] - pair[0] >= Duration::from_secs(2), "{:?}", pair[1] - pair[0]);
    }
    Ok(())
}

/// A change of rights reaches who is connected: they are cut off and come back with the new ones, by
/// themselves and with the token that they have.
#[tokio::test]
async fn c25_a_change_of_rights_reaches_who_is_connected() -> TestResult {
    let site = Site::start(Setup::new()).await?;
    let browser = Browser::start().await?;
    let tab = browser.open(&site.api.url("/")).await?;
    tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
    assert_eq!(tab.probe("com.scaling-ws.news").await?, Verdict::Denied);
    let guest = Person::guest(&site).await?;
    let mut wire = guest.connect(&site.nats).await;
    wire.may("SUB com.scaling-ws.updates 1\r\n").await;
    let mut member = Person::member(&site, "alice", &["7"]).await?.connect(&site.nats).await;

    // One subject is taken away, another given, to guests alone.
    site.api.edit_roles("[\"com.scaling-ws.updates\", ", "[\"com.scaling-ws.news\", ").await?;
    let ran = site.api.run(&["roles", "apply", "--push"]).await?;
    assert!(ran.status.success(), "{}", ran.output);

    wire.until_closed().await;
    let mut wire = guest.connect(&site.nats).await;
    wire.may("SUB com.scaling-ws.news 1\r\n").await;
    wire.may_not_subscribe(&["com.scaling-ws.updates"]).await;
    eventually(CONNECTED_WITHIN, "the page has the new rights", async || {
        tab.reaches(State::Connected, CONNECTED_WITHIN).await?;
        Ok((tab.probe("com.scaling-ws.news").await? == Verdict::Allowed).then_some(()))
    })
    .await?;
    assert_eq!(tab.probe("com.scaling-ws.updates").await?, Verdict::Denied);
    // Whose rights are the same has not noticed.
    member.may("SUB com.scaling-ws.updates 1\r\nSUB rooms.7.> 2\r\n").await;
    Ok(())
}

/// What an issuer takes away from somebody is gone with the next credential, and from the connection
/// when the present one ends.
#[tokio::test]
async fn c25_what_an_issuer_takes_away_is_gone_after_the_ttl() -> TestResult {
    // The second role is the member's.
    let of_members = "given_to = [{ user = true }]\nttl_seconds = ";
    let shortened = Setup::new().roles(format!("{of_members}900"), format!("{of_members}3"));
    let site = Site::start(shortened).await?;
    let alice = Person::member(&site, "alice", &["7"]).await?;
    let mut wire = alice.connect(&site.nats).await;
    wire.may("SUB rooms.7.> 1\r\n").await;

    let token = site.issuer.token(&site.issuer.claims("alice", &["8"]));
    let body = json!({ "nkey": alice.nkey(), "channels": ["room:7"] });
    let answer = site.call("/v1/credentials", Some(&token), &body).await?;
    assert_problem(answer, 403, "channel_not_allowed").await?;
    assert_eq!(wire.until_closed().await, ["-ERR 'User Authentication Expired'"]);
    eventually(Duration::from_secs(5), "the token opens nothing", async || {
        Ok((alice.login(&site.nats).await == REFUSED).then_some(()))
    })
    .await
}
