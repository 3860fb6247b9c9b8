//! Subscriptions: how they share, end and overflow.

use futures_util::StreamExt;
use web_wasm::{ConnectOptions, EndReason, Event, Overflow, PendingLimits};

use super::{client, expect_event, next, unique};
use crate::env;

/// Of a queue group only one gets each message; beside it everybody does.
pub(crate) async fn queue_groups() {
    let client = client("queue_groups").await;
    let subject = unique(&client, "work");
    let mut first = client.queue_subscribe(&*subject, "workers").await.unwrap();
    let mut second = client.queue_subscribe(&*subject, "workers").await.unwrap();
    let mut watcher = client.subscribe(&*subject).await.unwrap();
    for number in 0..100u8 {
        client.publish(&*subject, vec![number].into()).await.unwrap();
    }
    for number in 0..100u8 {
        assert_eq!(next(&mut watcher).await.payload[..], [number]);
    }
    client.flush().await.unwrap();
    first.unsubscribe();
    second.unsubscribe();
    let (first, second): (Vec<_>, Vec<_>) =
        env::within(futures_util::future::join(first.collect(), second.collect())).await;
    let mut all: Vec<u8> = first.iter().chain(&second).map(|m| m.payload[0]).collect();
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<u8>>());
    client.close().await.unwrap();
}

/// A subscription ends when it was unsubscribed, or has had its number of messages.
pub(crate) async fn unsubscribing() {
    let client = client("unsubscribing").await;
    let subject = unique(&client, "ending");
    let mut counted = client.subscribe(&*subject).await.unwrap();
    let mut stopped = client.subscribe(&*subject).await.unwrap();
    let mut going_on = client.subscribe(&*subject).await.unwrap();
    counted.unsubscribe_after(2);
    assert_eq!(counted.end_reason(), None);
    for _ in 0..3 {
        client.publish(&*subject, "x".into()).await.unwrap();
    }
    next(&mut stopped).await;
    client.flush().await.unwrap();
    stopped.unsubscribe();
    client.publish(&*subject, "late".into()).await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(env::within(counted.by_ref().collect::<Vec<_>>()).await.len(), 2);
    assert_eq!(counted.end_reason(), Some(EndReason::MaxDelivered { max: 2 }));
    assert_eq!(env::within(stopped.by_ref().collect::<Vec<_>>()).await.len(), 2);
    assert_eq!(stopped.end_reason(), Some(EndReason::Unsubscribed));
    for _ in 0..4 {
        next(&mut going_on).await;
    }
    drop(going_on);
    client.publish(&*subject, "nobody reads".into()).await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(client.statistics().orphaned, 0, "the server knows that nobody listens");
    client.close().await.unwrap();
}

/// A reader that is too slow loses the newest messages, is told so once, and goes on.
pub(crate) async fn slow_consumers() {
    let options = ConnectOptions::new().name("slow_consumers").subscription_capacity(10);
    let client = env::connect(options).await.unwrap();
    let mut events = client.events();
    let subject = unique(&client, "flood");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    for number in 0..25u8 {
        client.publish(&*subject, vec![number].into()).await.unwrap();
    }
    client.flush().await.unwrap();
    assert_eq!(subscriber.dropped(), 15);
    let slow = expect_event(&mut events, |_| true).await;
    let Event::SlowConsumer { subject: slow, dropped: 1, .. } = slow else { panic!("{slow:?}") };
    assert_eq!(slow, *subject);
    for number in 0..10u8 {
        assert_eq!(next(&mut subscriber).await.payload[..], [number]);
    }
    client.publish(&*subject, vec![99].into()).await.unwrap();
    assert_eq!(next(&mut subscriber).await.payload[..], [99]);
    client.close().await.unwrap();
    assert_eq!(env::within(events.count()).await, 2, "disconnected and closed");
}

/// A reader that is too slow may rather lose the oldest, or the subscription; bytes count too.
pub(crate) async fn overflow_policies() {
    let client = client("overflow_policies").await;
    let mut events = client.events();
    let subject = unique(&client, "overflow");
    let limits = PendingLimits { messages: 1_000, bytes: 30, overflow: Overflow::DropOldest };
    let mut newest = client.subscribe(&*subject).await.unwrap();
    newest.set_pending_limits(limits);
    let mut whole = client.subscribe(&*subject).await.unwrap();
    whole.set_pending_limits(PendingLimits { overflow: Overflow::Close, ..limits });
    for number in 0..10u8 {
        client.publish(&*subject, vec![number; 10].into()).await.unwrap();
    }
    client.flush().await.unwrap();
    assert_eq!((newest.pending(), newest.dropped()), (3, 7));
    for number in 7..10u8 {
        assert_eq!(next(&mut newest).await.payload[..], [number; 10]);
    }
    let held = env::within(whole.by_ref().collect::<Vec<_>>()).await;
    assert_eq!((held.len(), whole.dropped()), (3, 1));
    assert_eq!(whole.end_reason(), Some(EndReason::Unsubscribed));
    client.publish(&*subject, vec![0; 100].into()).await.unwrap();
    assert_eq!(next(&mut newest).await.payload.len(), 100, "one that is too large still fits");
    client.close().await.unwrap();
    let slow = |event: &Event| matches!(event, Event::SlowConsumer { .. });
    let all: Vec<Event> = env::within(events.by_ref().collect()).await;
    assert_eq!(all.into_iter().filter(slow).count(), 2);
}
