//! Updates reach every open tab, whoever causes them.

use e2e::{Browser, Stack, UPDATES, eventually};

use crate::{TestResult, UPDATE_WITHIN, parse, two_tabs};

#[tokio::test]
async fn a_click_in_one_tab_reaches_both() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let [first, second] = two_tabs(&stack, &browser).await?;

    first.click("#call-api").await?;
    let in_first = first.shows_updates(1, UPDATE_WITHIN).await?;
    let in_second = second.shows_updates(1, UPDATE_WITHIN).await?;

    assert_eq!(in_first, in_second);
    let (_, update) = parse(&in_first[0]);
    let send_time = update["sendTime"].as_str().expect("an update has a sendTime");
    assert_eq!(send_time.len(), "2026-11-25T07:00:00.123Z".len(), "{send_time}");

    eventually(UPDATE_WITHIN, "the clicked tab counts it", async || {
        Ok((first.text("#result").await? == "Result from API: (1)").then_some(()))
    })
    .await?;
    Ok(())
}

#[tokio::test]
async fn a_ping_from_outside_reaches_both_tabs_in_order() -> TestResult {
    let stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tabs = two_tabs(&stack, &browser).await?;

    for _ in 0..3 {
        let answer = stack.api.ping().await?;
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.json::<serde_json::Value>().await?["message"], "pong");
    }

    for tab in &tabs {
        let lines = tab.shows_updates(3, UPDATE_WITHIN).await?;
        let lines: Vec<_> = lines.iter().map(|line| parse(line)).collect();
        assert_eq!(lines.len(), 3);
        for pair in lines.windows(2) {
            let [(index, update), (next_index, next_update)] = pair else { unreachable!() };
            assert_eq!(index + 1, *next_index);
            assert!(update["sendTime"].as_str() <= next_update["sendTime"].as_str());
        }
    }
    Ok(())
}

#[tokio::test]
async fn tabs_do_not_need_the_api_to_receive() -> TestResult {
    let mut stack = Stack::start().await?;
    let browser = Browser::start().await?;
    let tabs = two_tabs(&stack, &browser).await?;

    stack.api.kill()?;
    let publisher = service(&stack).await;
    publisher
        .publish(UPDATES, r#"{"sendTime":"2026-11-25T07:00:00.123Z"}"#.into())
        .await
        .expect("the service user may publish");
    publisher.flush().await.expect("the server answers");

    for tab in &tabs {
        let lines = tab.shows_updates(1, UPDATE_WITHIN).await?;
        assert_eq!(parse(&lines[0]).1["sendTime"], "2026-11-25T07:00:00.123Z");
    }
    Ok(())
}

/// A service on the TCP port, with the API's own rights.
pub(crate) async fn service(stack: &Stack) -> async_nats::Client {
    async_nats::ConnectOptions::with_credentials_file(stack.service_credentials())
        .await
        .expect("`api init` has made the credentials")
        .connect(stack.nats.client_url())
        .await
        .expect("the server takes them")
}
