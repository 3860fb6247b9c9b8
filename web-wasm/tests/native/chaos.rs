//! Streams that are read while everything breaks.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use web_wasm::jetstream::{self, Context, PublishMessage, RecoverFrom, consumer::pull, stream};
use web_wasm::{Client, Event};

use crate::env::{self, NatsServer};
use crate::failure::impatient;
use crate::trio::{Trio, whole};
use crate::wire_cutter::WireCutter;

const JETSTREAM: &str = include_str!("../common/jetstream.conf");

const MESSAGES: u32 = 20_000;
const CUTS: u32 = 50;
const RESTARTS: u32 = 5;

/// A stream that is kept in files, on so many servers.
pub(super) async fn numbers(context: &Context, num_replicas: usize) -> stream::Stream {
    let subjects = vec!["numbers.>".into()];
    let config = stream::Config { subjects, num_replicas, ..stream::Config::from("NUMBERS") };
    // The servers of a cluster have to find each other first.
    env::made(async || context.create_stream(config.clone()).await).await
}

/// Options that give up soon, to try again.
pub(super) fn hasty(client: Client) -> Context {
    let timeout = Duration::from_millis(500);
    jetstream::ContextBuilder::new().ack_timeout(timeout).timeout(timeout).build(client)
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

/// Waits for a connection that has lasted for a question and its answer: the last thing that broke may
/// not be made anew yet.
async fn connected(client: &Client) {
    env::within(async {
        while client.flush().await.is_err() {
            env::pause(10).await;
        }
    })
    .await;
}

/// Twenty thousand messages, while the socket is cut fifty times and the server killed and started
/// again five times: each is received once and in order.
#[tokio::test]
async fn an_ordered_consumer_gets_each_message_once_and_in_order_through_chaos() {
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let wire = WireCutter::to(&server.url()).await;
        let publisher = env::connect_to(impatient(), &server.url()).await.unwrap();
        let publisher = hasty(publisher);
        let stream = numbers(&publisher, 1).await;

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
        connected(&client).await;
        client.close().await.unwrap();
    })
    .await;
}

/// Reads a number and acknowledges it, if the server is still there to confirm it, and notes how often
/// that had been killed by then. None comes again that this server is known to have been told of.
async fn acknowledge(messages: &mut pull::Stream, acknowledged: &mut [Option<u32>], kills: u32) {
    let message = env::within(messages.next()).await.unwrap().unwrap();
    let number: usize = core::str::from_utf8(&message.payload).unwrap().parse().unwrap();
    let before = acknowledged[number];
    assert!(before.is_none_or(|before| before < kills), "{number} comes again");
    if message.double_ack().await.is_ok() {
        acknowledged[number] = Some(kills);
    }
}

/// A consumer that outlives its client, whose connections break: every message is got, and none again
/// that is known to be acknowledged. A server that is killed forgets what it was told last.
#[tokio::test]
async fn a_durable_consumer_loses_nothing_through_chaos() {
    const MESSAGES: u32 = 3_000;
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let wire = WireCutter::to(&server.url()).await;
        let publisher = env::connect_to(impatient(), &server.url()).await.unwrap();
        let publisher = hasty(publisher);
        let stream = numbers(&publisher, 1).await;
        let options = impatient().request_timeout(Duration::from_millis(500));
        let client = env::connect_to(options, wire.url()).await.unwrap();
        let reader = jetstream::new(client.clone());
        let config = pull::Config {
            durable_name: Some("durable".into()),
            // Far longer than what is fetched waits here to be acknowledged: a second copy that was
            // on its way already would come after the acknowledgement of the first.
            ack_wait: Duration::from_secs(5),
            ..Default::default()
        };
        let consumer = reader.create_consumer_on_stream(config, stream.name()).await.unwrap();
        let mut messages = consumer.stream().max_messages_per_batch(20).messages().await.unwrap();
        env::spawn(publish_numbers(publisher.clone(), 0, MESSAGES));
        let mut acknowledged: Vec<Option<u32>> = vec![None; MESSAGES as usize];
        let (mut received, mut kills) = (0, 0);
        while !acknowledged.iter().all(Option::is_some) {
            acknowledge(&mut messages, &mut acknowledged, kills).await;
            received += 1;
            if received % 500 == 250 {
                wire.cut();
            } else if received % 1_000 == 999 {
                server.restart();
                kills += 1;
            }
        }
        connected(&client).await;
        loop {
            let info = consumer.get_info().await.unwrap();
            match (info.num_pending, info.num_ack_pending) {
                (0, 0) => break,
                // The last kill may have been so late that what it made the server forget is to come.
                (0, _) => acknowledge(&mut messages, &mut acknowledged, kills).await,
                (left, _) => panic!("{left} are left of what was received"),
            }
        }
        client.close().await.unwrap();
    })
    .await;
}

/// Each node of a cluster is lost once, that to which the client is connected among them: an ordered
/// consumer goes on, though its consumer is lost too.
#[tokio::test]
async fn lost_nodes_leave_no_gap() {
    const MESSAGES: u32 = 3_000;
    env::local(async {
        let trio = Trio::start();
        let publisher = hasty(trio.client().await);
        let stream = numbers(&publisher, 3).await;
        let client = trio.client().await;
        let config = pull::OrderedConfig::default();
        let consumer = jetstream::new(client.clone())
            .create_consumer_on_stream(config, stream.name())
            .await
            .unwrap();
        let mut messages = consumer.messages().await.unwrap();
        env::spawn(publish_numbers(publisher, 0, MESSAGES));
        let mut lost = None;
        for number in 0..MESSAGES {
            let message = env::within(messages.next()).await.unwrap().unwrap();
            let received: u32 = core::str::from_utf8(&message.payload).unwrap().parse().unwrap();
            assert_eq!(received, number);
            let (round, at) = (number as usize / 1_000, number % 1_000);
            if at == 300 {
                // The client's own node is the first to go.
                let node = trio.node((Trio::node_of(&client) + round) % 3);
                node.kill();
                lost = Some(node);
            } else if at == 600 {
                lost.take().unwrap().restart();
            } else if at == 900 {
                whole(&stream).await;
            }
        }
        client.close().await.unwrap();
    })
    .await;
}

/// A subscription that recovers is whole after each interruption, and says so.
#[tokio::test]
async fn a_recovering_subscription_gets_each_message_once_and_in_order_through_chaos() {
    const MESSAGES: u32 = 4_000;
    env::local(async {
        let server = NatsServer::start(JETSTREAM);
        let wire = WireCutter::to(&server.url()).await;
        let publisher = env::connect_to(impatient(), &server.url()).await.unwrap();
        let publisher = hasty(publisher);
        let stream = numbers(&publisher, 1).await;
        let client = env::connect_to(impatient(), wire.url()).await.unwrap();
        let told = Rc::new(RefCell::new(Vec::new()));
        let (mut events, telling) = (client.events(), Rc::clone(&told));
        env::spawn(async move {
            while let Some(event) = events.next().await {
                telling.borrow_mut().push(event);
            }
        });
        let from = RecoverFrom::stream(stream.name().as_str());
        let mut subscriber = client.subscribe_recovering("numbers.>", from).await.unwrap();
        env::spawn(publish_numbers(publisher, 0, MESSAGES));
        let mut interruptions = 0;
        for number in 0..MESSAGES {
            let message = env::within(subscriber.next()).await.unwrap();
            let received: u32 = core::str::from_utf8(&message.payload).unwrap().parse().unwrap();
            assert_eq!(received, number);
            match number % 1_000 {
                199 | 399 | 599 => wire.cut(),
                899 => server.restart(),
                _ => continue,
            }
            interruptions += 1;
            // Only what is there can be broken by the next one.
            let connects = || client.statistics().connects;
            env::eventually(|| "a connection".to_owned(), || connects() > interruptions).await;
        }
        assert!(subscriber.is_recovering());
        let broken = |event: &Event| matches!(event, Event::Disconnected { .. });
        let verdict = |event: &Event| matches!(event, Event::Recovery { .. });
        let last = |wanted: &dyn Fn(&Event) -> bool| told.borrow().iter().rposition(wanted);
        env::eventually(
            || "a verdict on the last interruption".to_owned(),
            || last(&verdict) > last(&broken),
        )
        .await;
        connected(&client).await;
        client.close().await.unwrap();
        let told = told.borrow();
        assert!(told.iter().filter(|event| broken(event)).count() >= interruptions as usize);
        for event in told.iter() {
            if let Event::Recovery { verdict, .. } = event {
                assert!(verdict.is_recovered(), "{verdict:?}");
            }
        }
    })
    .await;
}
