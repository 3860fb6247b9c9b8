//! A cluster that falls apart and comes together again.

use web_wasm::Event;
use web_wasm::jetstream::{Context, PublishAck, PublishError, stream};

use crate::chaos::{hasty, numbers};
use crate::env;
use crate::failure::impatient;
use crate::ledger::{Ledger, Publishing};
use crate::trio::{NODES, Trio, whole};

/// A stream for what is published on a node that is cut off.
async fn notes(context: &Context) -> stream::Stream {
    let subjects = vec!["notes".into()];
    let config = stream::Config { subjects, num_replicas: NODES, ..stream::Config::from("NOTES") };
    made(async || context.create_stream(config.clone()).await).await
}

/// What a cluster answers, which takes a moment to agree on who leads it.
async fn made<T, E>(attempt: impl AsyncFn() -> Result<T, E>) -> T {
    env::within(async {
        loop {
            match attempt().await {
                Ok(made) => break made,
                Err(_) => env::pause(50).await,
            }
        }
    })
    .await
}

/// One attempt, which ends soon.
async fn publish(context: &Context, note: &'static str) -> Result<PublishAck, PublishError> {
    env::within(async { context.publish("notes", note.into()).await?.await }).await
}

/// What a stream holds.
async fn payloads(stream: &stream::Stream) -> Vec<String> {
    let state = made(async || stream.get_info().await).await.state;
    let mut payloads = Vec::new();
    for sequence in state.first_sequence..=state.last_sequence {
        let message = made(async || stream.get_raw_message(sequence).await).await;
        payloads.push(String::from_utf8(message.payload.to_vec()).unwrap());
    }
    payloads
}

/// One node is cut off from the two others, that which leads the stream or one that follows. Its clients
/// stay connected: what they publish with confirmation fails soon and by name, and their ordered
/// consumers get everything once and in order when the node is back. A plain subscription there misses
/// what was published elsewhere, and no gap is told, as its connection never broke: all that the client
/// can hear is that the other nodes are gone, and are back.
async fn cut_off_and_back(leads: bool) {
    let trio = Trio::divisible().await;
    let context = hasty(trio.client().await);
    let (stream, notes) = (numbers(&context, NODES).await, notes(&context).await);
    whole(&stream).await;
    whole(&notes).await;
    let leader = Trio::leader(&stream).await;
    let island = if leads { leader } else { (leader + 1) % NODES };
    let stranded = env::connect_to(impatient(), &trio.node(island).url()).await.unwrap();
    Trio::sees(&stranded, NODES).await;
    let ledger = Ledger::read(&stranded, &stream).await;
    let publishing = Publishing::start(hasty(trio.client_beside(island).await));
    ledger.has_delivered(200).await;
    let writer = hasty(stranded.clone());
    publish(&writer, "before").await.unwrap();

    trio.isolate(island);
    Trio::sees(&stranded, 1).await;
    let first = publish(&writer, "meanwhile").await;
    // The others go on, once they have a leader.
    publishing.confirms(500).await;
    let second = publish(&writer, "later").await;

    trio.rejoin();
    Trio::sees(&stranded, NODES).await;
    publishing.confirms(200).await;
    let published = publishing.stop().await;
    ledger.has_delivered(published).await;
    whole(&notes).await;
    let stored = payloads(&notes).await;
    assert_eq!(stored[0], "before");
    for (note, result) in [("meanwhile", first), ("later", second)] {
        match result.unwrap_err() {
            PublishError::StreamNotFound => assert!(!stored.contains(&note.to_owned())),
            PublishError::TimedOut { .. } => {}
            error => panic!("{error}"),
        }
    }
    assert_eq!(ledger.count(|event| matches!(event, Event::Disconnected { .. })), 0);
    assert!(ledger.count(|event| *event == Event::ServersChanged) >= 2);
    assert!(!ledger.missed().is_empty(), "much was published while it was cut off");
    stranded.close().await.unwrap();
}

#[tokio::test]
async fn a_leader_that_is_cut_off_stores_nothing_and_catches_up() {
    env::local(cut_off_and_back(true)).await;
}

#[tokio::test]
async fn a_follower_that_is_cut_off_stores_nothing_and_catches_up() {
    env::local(cut_off_and_back(false)).await;
}
