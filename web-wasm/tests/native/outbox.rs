//! Outboxes whose server dies, whose wire is cut, and whose entries are damaged.

use std::cell::Cell;
use std::time::Duration;

use web_wasm::jetstream::{self, PublishMessage, stream};
use web_wasm::outbox::{Bounds, Event, Memory, Options, Outbox, RecordError};

use crate::common::{expect_outbox_event, stored};
use crate::env::{self, NatsServer};
use crate::failure::impatient;
use crate::jetstream::JETSTREAM;
use crate::wire_cutter::WireCutter;

fn options() -> Options {
    Options::new("tests", "alice").ack_timeout(Duration::from_secs(2))
}

#[tokio::test]
async fn an_outbox_stores_once_and_in_order_whatever_breaks() {
    const NUMBERS: u32 = 300;
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let wire = WireCutter::to(&server.url()).await;
        let client = env::connect_to(impatient(), wire.url()).await.unwrap();
        let jetstream = jetstream::new(client.clone());
        let config = stream::Config { subjects: vec!["numbers.>".into()], .."NUMBERS".into() };
        let stream = jetstream.create_stream(config).await.unwrap();
        let memory = Memory::new();
        let outbox = Outbox::open_with(&jetstream, memory.backing(), options());
        let done = Cell::new(false);
        let publishing = async {
            let mut queued = Vec::new();
            for number in 0..NUMBERS {
                let message = PublishMessage::build().payload(number.to_string().into());
                queued.push(outbox.publish("numbers.x", message).await.unwrap());
                env::pause(1).await;
            }
            for queued in queued {
                env::within(queued.into_future()).await.unwrap();
            }
            done.set(true);
        };
        let breaking = async {
            for turn in 0.. {
                env::pause(150).await;
                match turn {
                    _ if done.get() => break,
                    0..4 => server.restart(),
                    4..20 => wire.cut(),
                    _ => {}
                }
            }
        };
        futures_util::future::join(publishing, breaking).await;
        outbox.close().await;
        env::within(async { while client.flush().await.is_err() {} }).await;
        let stored = stored(&stream).await;
        assert!(stored.iter().copied().eq(0..NUMBERS), "{stored:?}");
        client.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_damaged_entry_is_told_and_blocks_nothing() {
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let client = env::connect_to(impatient(), &server.url()).await.unwrap();
        let jetstream = jetstream::new(client.clone());
        let config = stream::Config { subjects: vec!["numbers.>".into()], .."NUMBERS".into() };
        let stream = jetstream.create_stream(config).await.unwrap();
        let memory = Memory::new();
        let storage = memory.backing().storage;
        let damaged = storage.add(b"\x01junk", Bounds::default()).await.unwrap();
        let outbox = Outbox::open_with(&jetstream, memory.backing(), options());
        let mut events = outbox.events();
        let error = RecordError::Truncated { len: 5 };
        let corrupt = Event::Corrupt { number: damaged, error: error.clone() };
        expect_outbox_event(&mut events, |event| *event == corrupt).await;
        let message = PublishMessage::build().payload("1".into());
        let queued = outbox.publish("numbers.x", message).await.unwrap();
        env::within(queued.into_future()).await.unwrap();
        assert_eq!(stored(&stream).await, [1]);
        assert_eq!(outbox.state().await.unwrap().corrupt, 1);
        assert_eq!(outbox.list().await.unwrap()[0].record, Err(error));
        assert!(outbox.remove(damaged).await.unwrap());
        client.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_subject_without_a_stream_waits_for_one() {
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let client = env::connect_to(impatient(), &server.url()).await.unwrap();
        let jetstream = jetstream::new(client.clone());
        let memory = Memory::new();
        let outbox = Outbox::open_with(&jetstream, memory.backing(), options());
        let message = PublishMessage::build().payload("1".into());
        let queued = outbox.publish("numbers.x", message).await.unwrap();
        // It is known not to have been stored as soon as the server has said that nobody listens.
        let tried = async {
            loop {
                let entries = outbox.list().await.unwrap();
                let since = entries[0].record.as_ref().unwrap().sent_since;
                if client.statistics().in_messages > 0 && since.is_none() {
                    return;
                }
                env::pause(1).await;
            }
        };
        env::within(tried).await;
        let config = stream::Config { subjects: vec!["numbers.>".into()], .."NUMBERS".into() };
        let stream = jetstream.create_stream(config).await.unwrap();
        env::within(queued.into_future()).await.unwrap();
        assert_eq!(stored(&stream).await, [1]);
        client.close().await.unwrap();
    })
    .await;
}
