//! A page that is loaded anew while its outbox has something to send.

use std::ops::Range;

use async_nats::jetstream::{self, stream};
use e2e::{Browser, Error, NatsServer, Site, Tab, eventually};

use crate::{CONNECTED_WITHIN, HEALED_WITHIN, TestResult};

async fn begins(tab: &Tab) -> TestResult {
    eventually(CONNECTED_WITHIN, "the page has opened its outbox", async || {
        let state = tab.text("#state").await?;
        assert!(!state.starts_with("failed"), "{state}");
        Ok((state == "begun").then_some(()))
    })
    .await
}

async fn is_connected(tab: &Tab, wanted: bool) -> TestResult {
    let what = format!("that the page is connected is {wanted}");
    eventually(HEALED_WITHIN, &what, async || {
        let connected = tab.evaluate("return globalThis.writer.connected()", vec![]).await?;
        Ok((connected == wanted).then_some(()))
    })
    .await
}

/// Publishes these; the browser has stored them when this returns.
async fn publish(tab: &Tab, numbers: Range<u32>) -> TestResult {
    let script = "return (async (from, to) => {
      for (let number = from; number < to; number += 1) {
        await globalThis.writer.publish(number);
      }
    })(...arguments)";
    tab.evaluate(script, vec![numbers.start.into(), numbers.end.into()]).await?;
    Ok(())
}

async fn entries(tab: &Tab) -> Result<u64, Error> {
    let entries = tab.evaluate("return globalThis.writer.entries()", vec![]).await?;
    Ok(entries.as_u64().expect("it is a number"))
}

/// What is published while no server is there is sent once and in order when there is one, however often
/// the page is loaded anew meanwhile: before anything is sent, and in the middle of it.
#[tokio::test]
async fn an_outbox_outlives_its_page() -> TestResult {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut server = NatsServer::with_streams_in(folder.path())?;
    server.start().await?;
    let client = async_nats::connect(server.client_url()).await.expect("the server is there");
    let context = jetstream::new(client);
    let config = stream::Config {
        name: "NUMBERS".into(),
        subjects: vec!["numbers".into()],
        ..Default::default()
    };
    let stream = context.create_stream(config).await.expect("the stream is made");

    let (site, browser) = (Site::outbox().await?, Browser::start().await?);
    let page = format!("{}?server=ws://{}&subject=numbers", site.url(), server.websocket_address());
    let tab = browser.open(&page).await?;
    begins(&tab).await?;
    is_connected(&tab, true).await?;
    publish(&tab, 0..1).await?;
    server.kill()?;
    is_connected(&tab, false).await?;

    publish(&tab, 1..20).await?;
    tab.reload().await?;
    begins(&tab).await?;
    // The first may have been confirmed, or not.
    assert!((19..=20).contains(&entries(&tab).await?));
    publish(&tab, 20..400).await?;
    // Elsewhere and back, as links lead.
    tab.load("about:blank").await?;
    tab.load(&page).await?;
    begins(&tab).await?;
    assert!((399..=400).contains(&entries(&tab).await?));

    server.start().await?;
    for left in [350, 250, 150, 50] {
        eventually(HEALED_WITHIN, "some of it is sent", async || {
            Ok((entries(&tab).await? <= left).then_some(()))
        })
        .await?;
        tab.reload().await?;
        begins(&tab).await?;
    }
    publish(&tab, 400..410).await?;
    eventually(
        HEALED_WITHIN,
        "all is sent",
        async || Ok((entries(&tab).await? == 0).then_some(())),
    )
    .await?;
    let mut stored: Vec<u32> = Vec::new();
    for sequence in 1..=410 {
        let message = stream.get_raw_message(sequence).await.expect("it is stored");
        stored.push(String::from_utf8_lossy(&message.payload).parse().expect("it is a number"));
    }
    assert!(stored.iter().copied().eq(0..410), "{stored:?}");
    let info = stream.get_info().await.expect("the stream is there");
    assert_eq!(info.state.last_sequence, 410, "each once");
    Ok(())
}
