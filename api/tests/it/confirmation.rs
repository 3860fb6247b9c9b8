//! Who is told that nats-server has a message, and when.

use std::{collections::HashSet, time::Duration};

use api::{
    publish::{Connection, Message, PublishError, Publisher, Update, publisher::Unconfirmed},
    telemetry::Metrics,
};
use bytes::Bytes;
use futures_util::{StreamExt, future::join_all};
use tokio::{
    runtime::Handle,
    sync::mpsc::UnboundedSender,
    task::{JoinHandle, yield_now},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use crate::{
    insider::Insider,
    nats::Nats,
    tap::{Answer, Tap},
    wait::{DEADLINE, until},
};

/// A publisher before a server whose answers wait for the test.
struct Publishing {
    publisher: Publisher,
    tap: Tap,
    answers: UnboundedSender<Answer>,
    connection: Connection,
    stop: CancellationToken,
    nats: Nats,
}

impl Publishing {
    async fn start(deadline: Duration) -> Self {
        let nats = Nats::running().await;
        let (tap, answers) = Tap::start(nats.client_port).await;
        let settings = nats.settings_by(tap.port);
        let stop = CancellationToken::new();
        let (connection, _) = Connection::spawn(settings, stop.clone());
        until("there is a client", || async { connection.client() }).await;
        let publisher = Publisher::new(connection.clone(), deadline, Metrics::new());
        Self { publisher, tap, answers, connection, stop, nats }
    }

    fn publish(&self, payload: &str) -> JoinHandle<Result<(), PublishError>> {
        let publisher = self.publisher.clone();
        let message = Message::own(Update::SUBJECT, Bytes::from(payload.to_owned()));
        tokio::spawn(async move { publisher.publish(message).await })
    }

    fn answer(&self, answer: Answer) {
        self.answers.send(answer).unwrap();
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn result(publish: JoinHandle<Result<(), PublishError>>) -> Result<(), PublishError> {
    timeout(DEADLINE, publish).await.unwrap().unwrap()
}

fn is_overdue(result: &Result<(), PublishError>) -> bool {
    matches!(result, Err(PublishError::Unconfirmed(Unconfirmed::Deadline(_))))
}

fn is_lost(result: &Result<(), PublishError>) -> bool {
    matches!(result, Err(PublishError::Unconfirmed(Unconfirmed::Lost(_))))
}

#[tokio::test]
async fn one_question_is_for_all_that_are_sent_at_a_time() {
    let at = Publishing::start(DEADLINE).await;
    let names: Vec<String> = (0..100).map(|n| format!("message {n}")).collect();
    let all = join_all(names.iter().map(|name| result(at.publish(name))));
    at.answer(Answer::Pass);
    assert!(all.await.iter().all(Result::is_ok));
    let mut expected: Vec<&str> = names.iter().map(String::as_str).collect();
    expected.push("?");
    assert_eq!(at.tap.heard(), expected);
}

#[tokio::test]
async fn only_an_answer_to_a_question_behind_the_message_confirms_it() {
    let at = Publishing::start(DEADLINE).await;
    let first = at.publish("first");
    at.tap.until_heard(&["first", "?"]).await;
    // The answer to this question may be on its way already.
    let second = at.publish("second");
    at.tap.until_heard(&["first", "?", "second", "?"]).await;

    at.answer(Answer::Pass);
    result(first).await.unwrap();
    for _ in 0..100 {
        yield_now().await;
    }
    assert!(!second.is_finished());
    at.answer(Answer::Pass);
    result(second).await.unwrap();
}

#[tokio::test]
async fn what_comes_meanwhile_goes_out_once_the_answer_has_come() {
    let at = Publishing::start(DEADLINE).await;
    for round in 0..50 {
        let (first, second) = (at.publish(&format!("a{round}")), at.publish(&format!("b{round}")));
        at.answer(Answer::Pass);
        at.answer(Answer::Pass);
        result(first).await.unwrap();
        result(second).await.unwrap();
    }
    // Whatever went together: behind each message there is a question.
    assert_eq!(at.tap.heard().last().unwrap(), "?");
}

#[tokio::test]
async fn an_answer_that_does_not_come_holds_up_nobody_else() {
    let at = Publishing::start(Duration::from_secs(2)).await;
    let lost = at.publish("lost");
    at.tap.until_heard(&["lost", "?"]).await;
    at.answer(Answer::Lose);
    for n in 0..3 {
        let next = at.publish(&format!("next {n}"));
        at.answer(Answer::Pass);
        result(next).await.unwrap();
        assert!(!lost.is_finished(), "waiting for the deadline is what is not to happen");
    }
    let lost = result(lost).await;
    assert!(is_overdue(&lost), "{lost:?}");
    at.answer(Answer::Pass);
    result(at.publish("last")).await.unwrap();
}

#[tokio::test]
async fn who_goes_away_holds_up_nobody() {
    let at = Publishing::start(DEADLINE).await;
    let first = at.publish("first");
    let second = at.publish("second");
    at.tap.until_heard(&["first", "second", "?"]).await;
    first.abort();
    assert!(first.await.unwrap_err().is_cancelled());
    let third = at.publish("third");
    let fourth = at.publish("fourth");
    // Before it is sent, if this is soon enough, or after.
    yield_now().await;
    third.abort();
    assert!(third.await.unwrap_err().is_cancelled());
    at.answer(Answer::Pass);
    result(second).await.unwrap();
    at.answer(Answer::Pass);
    result(fourth).await.unwrap();
}

#[tokio::test]
async fn without_an_answer_each_waits_until_its_own_deadline() {
    let at = Publishing::start(Duration::from_millis(500)).await;
    let first = at.publish("first");
    at.tap.until_heard(&["first", "?"]).await;
    let second = at.publish("second");
    let (first, second) = (result(first).await, result(second).await);
    assert!(is_overdue(&first) && is_overdue(&second), "{first:?} {second:?}");
    // What nobody waits for any more confirms nothing else.
    let third = at.publish("third");
    at.tap.until_heard(&["first", "?", "second", "?", "third", "?"]).await;
    at.answer(Answer::Pass);
    at.answer(Answer::Pass);
    at.answer(Answer::Lose);
    let third = result(third).await;
    assert!(is_overdue(&third), "{third:?}");
}

#[tokio::test]
async fn a_lost_connection_is_told_to_all_who_wait_and_the_next_one_is_used() {
    let at = Publishing::start(DEADLINE).await;
    let first = at.publish("first");
    at.tap.until_heard(&["first", "?"]).await;
    let (second, third) = (at.publish("second"), at.publish("third"));
    at.tap.until_heard(&["first", "?", "second", "third", "?"]).await;
    at.tap.cut();
    for publish in [first, second, third] {
        let lost = result(publish).await;
        assert!(is_lost(&lost), "{lost:?}");
    }
    until("there is a client again", || async { at.connection.client() }).await;
    at.answer(Answer::Pass);
    result(at.publish("again")).await.unwrap();
    // Nothing is sent twice.
    assert_eq!(at.tap.heard(), ["first", "?", "second", "third", "?", "again", "?"]);
}

#[tokio::test]
async fn what_is_refused_as_too_much_is_never_sent() {
    let at = Publishing::start(Duration::from_secs(1)).await;
    let watcher = Insider::connect(&at.nats).await.0;
    let mut updates = watcher.subscribe(Update::SUBJECT).await.unwrap();
    // It works through its connection in order.
    watcher.request("insider.nobody", "".into()).await.unwrap_err();

    // More than the queues and the system's buffers hold.
    at.tap.listen(false);
    let filling = "x".repeat(8192);
    let all = (0..7_000).map(|n| result(at.publish(&format!("{n}:{filling}"))));
    let mut refused = HashSet::new();
    for (n, result) in join_all(all).await.into_iter().enumerate() {
        match result {
            Err(PublishError::Busy) => {
                refused.insert(n);
            }
            other => assert!(is_overdue(&other), "{other:?}"),
        }
    }
    assert!(!refused.is_empty() && refused.len() < 7_000, "{}", refused.len());

    at.tap.listen(true);
    (0..7_000).for_each(|_| at.answer(Answer::Pass));
    until("it goes on", || async { result(at.publish("last:")).await.ok() }).await;
    let mut arrived = 0;
    loop {
        let message = timeout(DEADLINE, updates.next()).await.unwrap().unwrap();
        let text = String::from_utf8(message.payload.to_vec()).unwrap();
        let (number, _) = text.split_once(':').unwrap();
        if number == "last" {
            break;
        }
        arrived += 1;
        assert!(!refused.contains(&number.parse().unwrap()), "{number}");
    }
    assert_eq!(arrived, 7_000 - refused.len());
}

#[tokio::test]
async fn nothing_is_left_when_nobody_publishes_any_more() {
    let at = Publishing::start(Duration::from_millis(500)).await;
    let before = Handle::current().metrics().num_alive_tasks();
    let other = Publisher::new(at.connection.clone(), Duration::from_millis(500), Metrics::new());
    assert_eq!(Handle::current().metrics().num_alive_tasks(), before + 1);
    let message = Message::own(Update::SUBJECT, Bytes::from_static(b"unanswered"));
    let publish = tokio::spawn(async move { other.publish(message).await });
    at.tap.until_heard(&["unanswered", "?"]).await;
    publish.abort();
    assert!(publish.await.unwrap_err().is_cancelled());
    until("the task is gone", || async {
        (Handle::current().metrics().num_alive_tasks() == before).then_some(())
    })
    .await;
}
