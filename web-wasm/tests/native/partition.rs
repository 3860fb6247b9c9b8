//! A cluster that falls apart and comes together again.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use web_wasm::jetstream::{self, Context, PublishAck, PublishError, consumer::pull, stream};
use web_wasm::{Client, Event};

use crate::chaos::{hasty, numbers};
use crate::env;
use crate::failure::impatient;
use crate::ledger::{Ledger, Publishing};
use crate::trio::{NODES, Trio, whole};
use crate::wire_cutter::WireCutter;

/// How a node loses the others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// Its routes are reset, and new ones refused.
    Reset,
    /// Nothing arrives any more, and nobody is told.
    Silence,
}

/// Reads with a durable consumer, and acknowledges; gathers the numbers in the order of the stream.
async fn durable(client: &Client, stream: &stream::Stream) -> Rc<RefCell<BTreeSet<u64>>> {
    let config = pull::Config {
        durable_name: Some("durable".into()),
        // What was on its way when the node was cut off is to come again while the test waits.
        ack_wait: Duration::from_secs(2),
        ..Default::default()
    };
    let context = jetstream::new(client.clone());
    let consumer =
        env::made(async || context.create_consumer_on_stream(config.clone(), stream.name()).await)
            .await;
    let read = Rc::new(RefCell::new(BTreeSet::new()));
    let kept = Rc::clone(&read);
    env::spawn(async move {
        let messages = consumer.stream().expires(Duration::from_secs(4));
        let mut messages = messages.messages().await.unwrap();
        // What troubles it while the others are away does not end it.
        while let Some(next) = messages.next().await {
            let Ok(message) = next else { continue };
            kept.borrow_mut().insert(message.info().unwrap().stream_sequence);
            message.ack().await.ok();
        }
    });
    read
}

/// Waits until a durable consumer has read so many numbers, of which none may be missing then.
async fn has_read(read: &RefCell<BTreeSet<u64>>, numbers: usize) {
    let what = || format!("{} of {numbers} numbers by the durable consumer", read.borrow().len());
    env::caught_up(what, || read.borrow().len() >= numbers).await;
    assert!(read.borrow().iter().copied().eq(1..=numbers as u64));
}

/// What was said of attempts to publish has to be true: what is confirmed is stored, and what is said
/// to have found no stream is not.
fn is_true(stored: &[String], attempts: impl IntoIterator<Item = Attempt>) {
    for (note, result) in attempts {
        let is_stored = stored.iter().any(|stored| stored == note);
        match result {
            Ok(_) => assert!(is_stored, "{note} is confirmed"),
            Err(PublishError::StreamNotFound) => assert!(!is_stored, "{note} found no stream"),
            Err(PublishError::TimedOut { .. }) => {}
            Err(error) => panic!("{note}: {error}"),
        }
    }
}

/// What was published, and what was said of it.
type Attempt = (&'static str, Result<PublishAck, PublishError>);

/// A stream for what is published on a node that is cut off.
async fn notes(context: &Context) -> stream::Stream {
    let subjects = vec!["notes".into()];
    let config = stream::Config { subjects, num_replicas: NODES, ..stream::Config::from("NOTES") };
    env::made(async || context.create_stream(config.clone()).await).await
}

/// One attempt, which ends soon.
async fn publish(context: &Context, note: &'static str) -> Result<PublishAck, PublishError> {
    env::within(async { context.publish("notes", note.into()).await?.await }).await
}

/// What a stream holds.
async fn payloads(stream: &stream::Stream) -> Vec<String> {
    let state = env::made(async || stream.get_info().await).await.state;
    let mut payloads = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        let message = env::made(async || stream.get_raw_message(sequence).await).await;
        payloads.push(String::from_utf8(message.payload.to_vec()).unwrap());
    }
    payloads
}

/// Three nodes of which one is to be cut off, and two streams that each has.
struct Divided {
    trio: Trio,
    stream: stream::Stream,
    notes: stream::Stream,
    island: usize,
}

/// The island leads the stream of numbers, or follows.
async fn divided(leads: bool) -> Divided {
    let trio = Trio::divisible().await;
    let context = hasty(trio.client().await);
    let (stream, notes) = (numbers(&context, NODES).await, notes(&context).await);
    whole(&stream).await;
    whole(&notes).await;
    let leader = Trio::leader(&stream).await;
    let island = if leads { leader } else { (leader + 1) % NODES };
    Divided { trio, stream, notes, island }
}

/// The notes are on every node, and hold what was confirmed before the cut; of those that came after it
/// none was confirmed, as nobody was there to do it, and what their publisher was told is true.
async fn is_as_told(notes: &stream::Stream, after: [Attempt; 2]) {
    whole(notes).await;
    let stored = payloads(notes).await;
    assert_eq!(stored[0], "before");
    assert!(after.iter().all(|(_, told)| told.is_err()), "nobody was there to confirm it");
    is_true(&stored, after);
}

/// One node is cut off from the two others, that which leads the stream or one that follows. Its clients
/// stay connected: what they publish with confirmation fails soon and by name, and their ordered and
/// durable consumers get everything when the node is back, the former once and in order. A plain
/// subscription there misses what was published elsewhere, and no gap is told, as its connection never
/// broke: all that the client can hear is that the other nodes are gone, and are back.
async fn cut_off_and_back(cut: Cut, leads: bool) {
    let Divided { trio, stream, notes, island } = divided(leads).await;
    let stranded = env::connect_to(impatient(), &trio.node(island).url()).await.unwrap();
    Trio::sees(&stranded, NODES).await;
    let ledger = Ledger::read(&stranded, &stream).await;
    let durable = durable(&stranded, &stream).await;
    let publishing = Publishing::start(hasty(trio.client_beside(island).await));
    ledger.has_delivered(200).await;
    let writer = hasty(stranded.clone());
    publish(&writer, "before").await.unwrap();

    let first = match cut {
        Cut::Reset => {
            trio.isolate(island);
            Trio::sees(&stranded, 1).await;
            publish(&writer, "meanwhile").await
        }
        Cut::Silence => {
            trio.silence(island);
            // As the node is still taken for one of three.
            let first = publish(&writer, "meanwhile").await;
            Trio::sees(&stranded, 1).await;
            first
        }
    };
    // The others go on, once they have a leader.
    publishing.confirms(500).await;
    let second = publish(&writer, "later").await;

    trio.rejoin();
    Trio::sees(&stranded, NODES).await;
    publishing.confirms(200).await;
    let published = publishing.stop().await;
    ledger.has_delivered(published).await;
    has_read(&durable, published).await;
    is_as_told(&notes, [("meanwhile", first), ("later", second)]).await;
    assert_eq!(ledger.count(|event| matches!(event, Event::Disconnected { .. })), 0);
    assert!(ledger.count(|event| *event == Event::ServersChanged) >= 2);
    assert!(!ledger.missed().is_empty(), "much was published while it was cut off");
    stranded.close().await.unwrap();
}

#[tokio::test]
async fn a_leader_that_is_cut_off_stores_nothing_and_catches_up() {
    env::local(cut_off_and_back(Cut::Reset, true)).await;
}

#[tokio::test]
async fn a_follower_that_is_cut_off_stores_nothing_and_catches_up() {
    env::local(cut_off_and_back(Cut::Reset, false)).await;
}

#[tokio::test]
async fn a_leader_that_nobody_hears_any_more_stores_nothing_and_catches_up() {
    env::local(cut_off_and_back(Cut::Silence, true)).await;
}

#[tokio::test]
async fn a_follower_that_nobody_hears_any_more_stores_nothing_and_catches_up() {
    env::local(cut_off_and_back(Cut::Silence, false)).await;
}

/// A node falls silent towards everybody, its clients included. They find out by themselves, are told
/// how much of what they published is in doubt, and when the node is back what they may have missed:
/// plain subscriptions nothing outside a gap that is told, ordered and durable consumers nothing at all.
async fn cut_off_with_a_node(leads: bool) {
    let Divided { trio, stream, notes, island } = divided(leads).await;
    let line = WireCutter::to(&trio.node(island).url()).await;
    // It knows no other way.
    let options = impatient()
        .ignore_discovered_servers()
        .ping_interval(Duration::from_secs(1))
        .connection_timeout(Duration::from_secs(2));
    let stranded = env::connect_to(options, line.url()).await.unwrap();
    let beside = env::connect_to(impatient(), &trio.node(island).url()).await.unwrap();
    Trio::sees(&stranded, NODES).await;
    let ledger = Ledger::read(&stranded, &stream).await;
    let durable = durable(&stranded, &stream).await;
    let publishing = Publishing::start(hasty(trio.client_beside(island).await));
    ledger.has_delivered(200).await;
    let writer = hasty(stranded.clone());
    publish(&writer, "before").await.unwrap();

    trio.silence(island);
    line.hush();
    let first = publish(&writer, "meanwhile").await;
    let in_doubt = |event: &Event| matches!(event, Event::Disconnected { unconfirmed: 1.., .. });
    let what = || "the client finds that nobody answers".to_owned();
    env::at_last(what, || ledger.count(in_doubt) == 1).await;
    publishing.confirms(500).await;
    let second = publish(&writer, "later").await;

    // Who is let in by a node that is not back yet misses what is published elsewhere until it is.
    Trio::sees(&beside, 1).await;
    trio.rejoin();
    Trio::sees(&beside, NODES).await;
    line.mend();
    let told = |event: &Event| matches!(event, Event::Gap { .. });
    env::at_last(|| "the gap is told".to_owned(), || ledger.count(told) >= 1).await;
    Trio::sees(&stranded, NODES).await;
    publishing.confirms(200).await;
    let published = publishing.stop().await;
    ledger.has_delivered(published).await;
    has_read(&durable, published).await;
    is_as_told(&notes, [("meanwhile", first), ("later", second)]).await;
    let missed = ledger.missed();
    assert!(!missed.is_empty(), "much was published while it was cut off");
    let gaps = ledger.gaps();
    for number in missed {
        let sequence = number as u64 + 1;
        let stored = env::made(async || stream.get_raw_message(sequence).await).await.time;
        let is_told = gaps.iter().any(|gap| gap.contains(&stored));
        assert!(is_told, "{number} was missed at {stored}, outside of {gaps:?}");
    }
    for client in [stranded, beside] {
        client.close().await.unwrap();
    }
}

/// What is published meanwhile waits for another leader.
#[tokio::test]
async fn whoever_is_cut_off_with_a_leader_is_told_of_the_gap() {
    env::local(cut_off_with_a_node(true)).await;
}

/// What is published meanwhile is missed from the first moment on, long before anybody notices.
#[tokio::test]
async fn whoever_is_cut_off_with_a_follower_is_told_of_the_gap() {
    env::local(cut_off_with_a_node(false)).await;
}
