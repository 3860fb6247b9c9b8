//! A page that reads a stream while everything breaks.

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{self, Context, message::PublishMessage, stream};
use e2e::{Browser, Error, NatsServer, Site, Tab, WireCutter, eventually};
use serde_json::Value;
use tokio::sync::Semaphore;

use crate::{CONNECTED_WITHIN, HEALED_WITHIN, TestResult};

const MESSAGES: u32 = 20_000;
const CUTS: u32 = 50;
const RESTARTS: u32 = 5;

/// How many messages are published between two cuts.
const BETWEEN: u32 = MESSAGES / CUTS;

/// A publisher that gives up soon, to try again.
async fn publisher(server: &NatsServer) -> Context {
    let client = async_nats::ConnectOptions::new()
        .reconnect_delay_callback(|_| Duration::from_millis(50))
        .connect(server.client_url())
        .await
        .expect("the server is there");
    let mut context = jetstream::new(client);
    context.set_timeout(Duration::from_millis(500));
    context
}

/// Has every number stored once and in order, however often that takes, as far as it may. Returns how
/// often one was published again: the stream leaves that out, a plain subscription does not.
async fn publish_numbers(context: Context, allowed: Arc<Semaphore>) -> u64 {
    let mut again = 0;
    for number in 0..MESSAGES {
        allowed.acquire().await.expect("it stays open").forget();
        loop {
            let id = number.to_string();
            let message = PublishMessage::build().message_id(&id).payload(id.clone().into());
            let sent = context.send_publish("numbers", message).await;
            let Ok(ack) = sent else { continue };
            if ack.await.is_ok() {
                break;
            }
            again += 1;
        }
    }
    again
}

async fn told(tab: &Tab) -> Result<Value, Error> {
    let told = tab.evaluate("return globalThis.reader.told()", vec![]).await?;
    Ok(serde_json::from_str(told.as_str().unwrap_or_default()).expect("it is JSON"))
}

/// Waits until the page has read so many messages in both ways that miss none.
async fn has_read(tab: &Tab, messages: u32) -> TestResult {
    let what = format!("the page reads {messages} messages");
    let read = eventually(HEALED_WITHIN, &what, async || {
        let read = tab.evaluate("return globalThis.reader.progress()", vec![]).await?;
        Ok((read.as_u64() >= Some(messages.into())).then_some(()))
    })
    .await;
    if read.is_err() {
        println!("{}", told(tab).await?);
    }
    read
}

/// Twenty thousand messages, while the page's sockets are cut fifty times and the server is killed and
/// started again five times: an ordered consumer and a recovering subscription get each once and in
/// order, and whatever a plain subscription misses was published in a gap that it is told of.
#[tokio::test]
async fn a_page_gets_each_message_once_and_in_order_through_chaos() -> TestResult {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut server = NatsServer::with_streams_in(folder.path())?;
    server.start().await?;
    let wire = WireCutter::to(server.websocket_address()).await?;
    let publisher = publisher(&server).await;
    let config = stream::Config {
        name: "NUMBERS".into(),
        subjects: vec!["numbers".into()],
        ..Default::default()
    };
    publisher.create_stream(config).await.expect("the stream is made");

    let (site, browser) = (Site::chaos().await?, Browser::start().await?);
    let page = format!("{}?server={}&stream=NUMBERS&subject=numbers", site.url(), wire.url());
    let tab = browser.open(&page).await?;
    eventually(CONNECTED_WITHIN, "the page reads", async || {
        let state = tab.text("#state").await?;
        assert!(!state.starts_with("failed"), "{state}");
        Ok((state == "begun").then_some(()))
    })
    .await?;

    let allowed = Arc::new(Semaphore::new(0));
    let publishing = tokio::spawn(publish_numbers(publisher, Arc::clone(&allowed)));
    let mut restarts = 0;
    for round in 0..CUTS {
        // They are published while the connections break.
        allowed.add_permits(BETWEEN as usize);
        has_read(&tab, round * BETWEEN + BETWEEN / 2).await?;
        eventually(HEALED_WITHIN, "both of the page's clients are connected", async || {
            Ok((wire.connections() == 2).then_some(()))
        })
        .await?;
        assert_eq!(wire.cut(), 2);
        if round % (CUTS / RESTARTS) == 5 {
            server.kill()?;
            server.start().await?;
            restarts += 1;
        }
    }
    assert_eq!(restarts, RESTARTS);
    let published_again = publishing.await.expect("the publisher publishes all");
    has_read(&tab, MESSAGES).await?;
    // All may have been read before the last cut, which is then still to be told of.
    let told = eventually(HEALED_WITHIN, "the page is told of each interruption", async || {
        let told = told(&tab).await?;
        Ok((told["gaps"].as_u64() >= Some(CUTS.into())).then_some(told))
    })
    .await?;
    println!("{told}");
    let count = |name: &str| told.pointer(name).and_then(Value::as_u64).expect("it is told");
    assert_eq!(told["troubles"], serde_json::json!([]), "{told}");
    assert_eq!((count("/ordered"), count("/recovering")), (MESSAGES.into(), MESSAGES.into()));
    assert_eq!(count("/possible_duplicates"), 0);
    assert_eq!(count("/gaps"), count("/connects"), "one for each time that it was let in again");
    assert!((1..=count("/connects")).contains(&count("/recoveries")), "{told}");
    assert!(count("/plain/missed") > 0 && count("/recovered") > 0, "nothing was missed: {told}");
    assert_eq!(count("/plain/untold"), 0, "{told}");
    assert!(count("/plain/again") <= published_again, "{told}");
    Ok(())
}
