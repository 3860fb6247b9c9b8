//! What is published while no server is there, and over reloads.

use std::time::Duration;

use futures_util::StreamExt;
use web_wasm::jetstream::{self, Context, PublishMessage, stream::Stream};
use web_wasm::outbox::{
    AckError, Event, Events, OnRefusal, Options, Outbox, PublishError, SetAside,
};
use web_wasm::{ConnectOptions, SubjectError};

use super::jetstream::{jetstream, own_stream};
use crate::env::{self, Shelf};

fn message(number: u32) -> PublishMessage {
    PublishMessage::build().payload(number.to_string().into())
}

/// A JetStream that no server is there for.
async fn nowhere() -> Context {
    let options = ConnectOptions::new().retry_on_initial_connect();
    jetstream::new(env::connect_to(options, "ws://127.0.0.1:1").await.unwrap())
}

fn options(shelf: &Shelf) -> Options {
    Options::new(shelf.name(), "alice")
}

/// What a stream has, in its order.
pub(crate) async fn stored(stream: &Stream) -> Vec<u32> {
    let last = stream.get_info().await.unwrap().state.last_sequence;
    let mut numbers = Vec::new();
    for sequence in 1..=last {
        let message = stream.get_raw_message(sequence).await.unwrap();
        numbers.push(core::str::from_utf8(&message.payload).unwrap().parse().unwrap());
    }
    numbers
}

pub(crate) async fn expect_outbox_event(events: &mut Events, wanted: impl Fn(&Event) -> bool) {
    env::within(async { while !wanted(&events.next().await.expect("the outbox is open")) {} })
        .await;
}

/// What is published without a server survives the page, and is then sent once and in order.
pub(crate) async fn outboxes_over_reloads() {
    const NUMBERS: u32 = 25;
    let shelf = Shelf::new("reloads");
    let online = jetstream("outboxes_over_reloads").await;
    let stream = own_stream(&online, "RELOADS").await;
    let subject = format!("{}.x", stream.name());

    let offline = nowhere().await;
    let outbox = env::open_outbox(&shelf, &offline, options(&shelf)).await;
    for number in 0..NUMBERS {
        let queued = outbox.publish(&*subject, message(number)).await.unwrap();
        assert!(!queued.id().is_empty());
    }
    let state = outbox.state().await.unwrap();
    assert_eq!((state.pending, state.sending, state.in_flight), (NUMBERS.into(), false, None));
    assert!(state.oldest.is_some() && state.bytes > 0, "{state:?}");
    outbox.close().await;
    let closed = outbox.publish(&*subject, message(0)).await.unwrap_err();
    assert_eq!(closed, PublishError::Closed);
    drop(outbox);
    offline.client().close().await.unwrap();

    let outbox = env::open_outbox(&shelf, &online, options(&shelf)).await;
    let last = outbox.publish(&*subject, message(NUMBERS)).await.unwrap();
    let ack = env::within(last.into_future()).await.unwrap();
    assert_eq!((&*ack.stream, ack.duplicate), (stream.name().as_str(), false));
    assert!(stored(&stream).await.into_iter().eq(0..=NUMBERS));
    assert_eq!(outbox.list().await.unwrap(), []);
    assert_eq!(outbox.state().await.unwrap().bytes, 0);
    outbox.close().await;
    online.client().close().await.unwrap();
}

/// Of two tabs one sends, for both; the other takes over when it is closed.
pub(crate) async fn outboxes_in_two_tabs() {
    let shelf = Shelf::new("tabs");
    let (here, there) = (jetstream("first_tab").await, jetstream("second_tab").await);
    let stream = own_stream(&here, "TABS").await;
    let subject = format!("{}.x", stream.name());
    let first = env::open_outbox(&shelf, &here, options(&shelf)).await;
    // When its own is confirmed the first tab sends, and the second can only wait.
    env::within(first.publish(&*subject, message(0)).await.unwrap().into_future()).await.unwrap();
    let second = env::open_outbox(&shelf, &there, options(&shelf)).await;
    let mut queued = Vec::new();
    for number in 1..10 {
        let tab = if number % 2 == 0 { &first } else { &second };
        queued.push(tab.publish(&*subject, message(number)).await.unwrap());
    }
    for queued in queued {
        env::within(queued.into_future()).await.unwrap();
    }
    let sending = async |tab: &Outbox| tab.state().await.unwrap().sending;
    assert_eq!((sending(&first).await, sending(&second).await), (true, false));

    let mut events = second.events();
    env::within(first.close()).await;
    expect_outbox_event(&mut events, |event| *event == Event::Sending).await;
    let queued = second.publish(&*subject, message(10)).await.unwrap();
    env::within(queued.into_future()).await.unwrap();
    assert!(sending(&second).await);
    assert!(stored(&stream).await.into_iter().eq(0..=10));
    second.close().await;
    here.client().close().await.unwrap();
    there.client().close().await.unwrap();
}

/// Refusals are told by name and kept, and hold up the others only if that is wanted.
pub(crate) async fn outboxes_and_refusals() {
    let shelf = Shelf::new("refusals");
    let jetstream = jetstream("outboxes_and_refusals").await;
    let stream = own_stream(&jetstream, "REFUSED").await;
    let subject = format!("{}.x", stream.name());
    let outbox = env::open_outbox(&shelf, &jetstream, options(&shelf)).await;
    let wrong = outbox.publish(&*subject, message(0).expected_stream("other")).await.unwrap();
    let number = wrong.number();
    let good = outbox.publish(&*subject, message(1)).await.unwrap();
    let refused = env::within(wrong.into_future()).await.unwrap_err();
    let AckError::SetAside(SetAside::Refused { err_code: 10_060, .. }) = refused else {
        panic!("{refused:?}")
    };
    env::within(good.into_future()).await.unwrap();
    assert_eq!(outbox.state().await.unwrap().refused, 1);
    let entries = outbox.list().await.unwrap();
    let kept = entries[0].record.as_ref().unwrap();
    assert_eq!((entries[0].number, &*kept.payload), (number, &b"0"[..]));
    assert!(kept.set_aside.is_some());
    outbox.close().await;

    let stopping = options(&shelf).on_refusal(OnRefusal::Stop);
    let outbox = env::open_outbox(&shelf, &jetstream, stopping).await;
    let mut events = outbox.events();
    expect_outbox_event(&mut events, |event| *event == Event::Sending).await;
    let behind = outbox.publish(&*subject, message(2)).await.unwrap();
    assert!(outbox.retry(number).await.unwrap());
    assert!(!outbox.retry(behind.number()).await.unwrap(), "it was not set aside");
    let again = |event: &Event| matches!(event, Event::SetAside { number: n, .. } if *n == number);
    expect_outbox_event(&mut events, again).await;
    assert!(outbox.remove(number).await.unwrap());
    assert!(!outbox.remove(number).await.unwrap(), "it is gone");
    env::within(behind.into_future()).await.unwrap();
    assert_eq!(stored(&stream).await, [1, 2]);
    outbox.close().await;
    jetstream.client().close().await.unwrap();
}

/// A full outbox says so, what is too old is told and kept, and nothing is stored that can't be sent.
pub(crate) async fn outboxes_have_bounds() {
    let shelf = Shelf::new("bounds");
    let offline = nowhere().await;
    let small = options(&shelf).max_messages(3).max_bytes(1_000);
    let outbox = env::open_outbox(&shelf, &offline, small).await;
    let first = outbox.publish("a", message(0)).await.unwrap();
    let large = PublishMessage::build().payload(vec![0; 900].into());
    let full = outbox.publish("a", large).await.unwrap_err();
    assert!(matches!(full, PublishError::MaxBytes { limit: 1_000, .. }), "{full:?}");
    outbox.publish("a", message(1)).await.unwrap();
    outbox.publish("a", message(2)).await.unwrap();
    let full = outbox.publish("a", message(3)).await.unwrap_err();
    assert_eq!(full, PublishError::MaxMessages { limit: 3 });
    assert!(outbox.remove(first.number()).await.unwrap());
    assert_eq!(env::within(first.into_future()).await, Err(AckError::Removed));
    outbox.publish("a", message(3)).await.unwrap();

    let wildcard = outbox.publish("a.*", message(0)).await.unwrap_err();
    assert_eq!(wildcard, PublishError::InvalidSubject(SubjectError::Wildcard { at: 2 }));
    let expecting = outbox.publish("a", message(0).expected_last_sequence(1)).await.unwrap_err();
    assert_eq!(expecting, PublishError::NotRepeatable);
    assert_eq!(outbox.clear().await.unwrap(), 3);
    assert_eq!(outbox.state().await.unwrap(), Default::default());
    outbox.close().await;
    offline.client().close().await.unwrap();
}

/// What is too old when a server comes is not sent; it is told, kept, and sent if asked for.
pub(crate) async fn outboxes_forget_nothing_old() {
    const AGE: Duration = Duration::from_millis(50);
    let shelf = Shelf::new("old");
    let (offline, online) = (nowhere().await, jetstream("outboxes_forget_nothing_old").await);
    let stream = own_stream(&online, "OLD").await;
    let subject = format!("{}.x", stream.name());
    let outbox = env::open_outbox(&shelf, &offline, options(&shelf)).await;
    let number = outbox.publish(&*subject, message(7)).await.unwrap().number();
    outbox.close().await;
    offline.client().close().await.unwrap();
    env::pause(100).await;

    let outbox = env::open_outbox(&shelf, &online, options(&shelf).max_age(AGE)).await;
    let waited = outbox.acknowledged(number).await.unwrap();
    let expired = AckError::SetAside(SetAside::Expired { may_be_stored: false });
    assert_eq!(env::within(waited).await, Err(expired));
    assert_eq!(outbox.state().await.unwrap().expired, 1);
    outbox.close().await;

    let outbox = env::open_outbox(&shelf, &online, options(&shelf)).await;
    assert!(outbox.retry(number).await.unwrap());
    let waited = outbox.acknowledged(number).await.unwrap();
    match env::within(waited).await {
        Ok(_) | Err(AckError::Gone) => {}
        Err(error) => panic!("{error:?}"),
    }
    assert_eq!(stored(&stream).await, [7]);
    outbox.close().await;
    online.client().close().await.unwrap();
}
