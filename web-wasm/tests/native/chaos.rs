//! Streams that are read while everything breaks.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use web_wasm::jetstream::{self, Context, PublishMessage, consumer::pull, stream};

use crate::env::{self, NatsServer};
use crate::failure::impatient;
use crate::wire_cutter::WireCutter;

const JETSTREAM: &str = include_str!("../common/jetstream.conf");

const MESSAGES: u32 = 20_000;
const CUTS: u32 = 50;
const RESTARTS: u32 = 5;

/// A stream that is kept in files.
async fn numbers(context: &Context) -> stream::Stream {
    let subjects = vec!["numbers.>".into()];
    let config = stream::Config { subjects, ..stream::Config::from("NUMBERS") };
    context.create_stream(config).await.unwrap()
}

/// Publishes every number once and in order, however often that takes.
async fn publish_numbers(context: Context, from: u32, to: u32) {
    for number in from..to {
        loop {
            let message = PublishMessage::build()
                .message_id(number.to_string())
                .payload(number.to_string().into());
            let sent = context.send_publish(format!("numbers.{}", number % 7), message).await;
            let Ok(ack) = sent else { continue };
            if ack.await.is_ok() {
                break;
            }
        }
    }
}

/// Twenty thousand messages, while the socket is cut fifty times and the server killed and started
/// again five times: each is received once and in order.
#[tokio::test]
async fn an_ordered_consumer_gets_each_message_once_and_in_order_through_chaos() {
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let wire = WireCutter::to(&server.url()).await;
        let publisher = env::connect_to(impatient(), &server.url()).await.unwrap();
        let publisher = jetstream::ContextBuilder::new()
            .ack_timeout(Duration::from_millis(500))
            .timeout(Duration::from_millis(500))
            .build(publisher);
        let stream = numbers(&publisher).await;

        let client = env::connect_to(impatient(), wire.url()).await.unwrap();
        let reader = jetstream::new(client.clone());
        let config = pull::OrderedConfig { max_batch: 200, ..Default::default() };
        let consumer = reader.create_consumer_on_stream(config, stream.name()).await.unwrap();
        let mut messages = consumer.messages().await.unwrap();

        let publishing = Rc::new(Cell::new(true));
        let done = Rc::clone(&publishing);
        let context = publisher.clone();
        env::spawn(async move {
            publish_numbers(context, 0, MESSAGES).await;
            done.set(false);
        });
        let (mut cuts, mut restarts) = (0, 0);
        for number in 0..MESSAGES {
            let message = env::within(messages.next()).await.unwrap().unwrap();
            let received: u32 = core::str::from_utf8(&message.payload).unwrap().parse().unwrap();
            assert_eq!(received, number, "after {cuts} cuts and {restarts} restarts");
            assert_eq!(message.info().unwrap().stream_sequence, u64::from(number) + 1);
            if number % (MESSAGES / CUTS) == 199 {
                wire.cut();
                cuts += 1;
            }
            if number % (MESSAGES / RESTARTS) == 2_099 {
                server.restart();
                restarts += 1;
            }
        }
        assert_eq!((cuts, restarts), (CUTS, RESTARTS));
        assert!(wire.accepted() > CUTS, "{} connections", wire.accepted());
        assert_eq!(client.statistics().possible_duplicates, 0);
        drop(messages);
        client.close().await.unwrap();
    })
    .await;
}
