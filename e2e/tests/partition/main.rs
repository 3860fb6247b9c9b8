//! A cluster whose nodes are on machines of their own: network namespaces, joined by a bridge. The link of
//! one is taken down under load and up again; its packets vanish, and nobody is told.
//!
//! It needs no rights, and where a system lets nobody make namespaces it says so and does not run: there
//! `web-wasm/tests/native/partition.rs`, where proxies fall silent, says as much as can be said.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod copies;
#[path = "../../../web-wasm/tests/native/env.rs"]
#[expect(dead_code, reason = "these are the surroundings of the client's own tests, too")]
mod env;
mod insider;
#[path = "../../../web-wasm/tests/native/ledger.rs"]
mod ledger;
mod recovering;
mod service;

use std::collections::HashMap;
use std::time::{Duration, Instant};

use e2e::{Error, MachineRoom, SpreadCluster, eventually};
use futures_util::{StreamExt, TryStreamExt, stream as futures};
use web_wasm::jetstream::{self, Context, stream};
use web_wasm::{Backoff, Client, ConnectOptions, Event};

use self::insider::Insider;
use self::ledger::{Ledger, Publishing};
use self::recovering::Recovering;
use self::service::Service;

/// How many questions to a stream are on their way at a time.
const AT_A_TIME: usize = 50;

/// The cluster, two streams that each node has, and who publishes and reads.
struct Scene {
    cluster: SpreadCluster,
    /// A client of the nodes that stay together.
    beside: Client,
    /// Read by plain, ordered and recovering subscriptions.
    numbers: stream::Stream,
    /// What services publish.
    orders: stream::Stream,
    /// Whose link is taken down.
    island: usize,
}

/// Options that do not keep a test waiting, and have the client notice a silence within six seconds.
fn impatient(insider: &Insider) -> ConnectOptions {
    let backoff = Backoff { base: Duration::from_millis(10), max: Duration::from_millis(100) };
    insider.sign_in(ConnectOptions::new().backoff(backoff)).ping_interval(Duration::from_secs(2))
}

/// JetStream with a short patience, to try again.
fn hasty(client: Client) -> Context {
    let timeout = Duration::from_millis(500);
    jetstream::ContextBuilder::new().ack_timeout(timeout).timeout(timeout).build(client)
}

/// A stream that each node has.
async fn stream(context: &Context, name: &str, subjects: &str) -> stream::Stream {
    let subjects = vec![subjects.into()];
    let config = stream::Config { subjects, num_replicas: 3, ..stream::Config::from(name) };
    env::made(async || context.create_stream(config.clone()).await).await
}

/// Which node leads a stream.
async fn leader(stream: &stream::Stream) -> Option<usize> {
    let leader = env::made(async || stream.get_info().await).await.cluster?.leader?;
    Some(leader.strip_prefix('n')?.parse::<usize>().ok()? - 1)
}

/// Waits until a client's server knows so many nodes, itself among them.
async fn sees(client: &Client, nodes: usize) {
    let seen = || client.server_info().connect_urls.len();
    env::at_last(|| format!("{} of {nodes} nodes", seen()), || seen() == nodes).await;
}

impl Scene {
    async fn set(room: &MachineRoom, insider_name: &str, leads: bool) -> (Self, Insider) {
        let cluster = SpreadCluster::start(room).await.unwrap();
        let insider = Insider::of(cluster.keys(), insider_name);
        let urls: Vec<String> = cluster.machines.iter().map(e2e::Machine::websocket_url).collect();
        let mut makers = Vec::new();
        for url in &urls {
            // A node that hears of an account by its routes, before it has read the account's JWT, has been
            // seen to take it for expired for a second.
            makers.push(env::made(async || env::connect_to(impatient(&insider), url).await).await);
        }
        let context = jetstream::new(makers[0].clone());
        let numbers = stream(&context, "NUMBERS", "numbers.>").await;
        let orders = stream(&context, "ORDERS", "orders.>").await;
        copies::agree(&cluster.machines, &["NUMBERS", "ORDERS"]).await.unwrap();
        let leader = leader(&numbers).await.expect("it is led");
        let island = if leads { leader } else { (leader + 1) % 3 };
        // Who is on the island would be of no use, so it is for the others to say.
        let urls: Vec<String> = others(island).map(|node| urls[node].clone()).collect();
        let options = impatient(&insider).ignore_discovered_servers();
        let beside = env::connect_to_all(options, &urls).await.unwrap();
        let context = jetstream::new(beside.clone());
        let numbers = env::made(async || context.get_stream(numbers.name()).await).await;
        let orders = env::made(async || context.get_stream(orders.name()).await).await;
        for maker in makers {
            maker.close().await.unwrap();
        }
        (Self { cluster, beside, numbers, orders, island }, insider)
    }
}

/// The nodes that are not this one.
fn others(island: usize) -> impl Iterator<Item = usize> {
    (0..3).filter(move |&node| node != island)
}

/// All that a stream holds, in order, by its leader's copy.
async fn payloads(stream: &stream::Stream) -> Vec<String> {
    let state = env::made(async || stream.get_info().await).await.state;
    futures::iter(state.first_sequence..=state.last_sequence)
        .map(async |sequence| {
            let message = env::made(async || stream.get_raw_message(sequence).await).await;
            assert_eq!(message.sequence, sequence);
            String::from_utf8(message.payload.to_vec()).unwrap()
        })
        .buffered(AT_A_TIME)
        .collect()
        .await
}

/// What a service was told is true: what is confirmed is stored, once and in its place, and what is said to
/// have found no stream is not.
fn is_as_told(stored: &[String], service: &Service) {
    for attempt in service.attempts() {
        let places = (1u64..).zip(stored).filter(|(_, order)| **order == attempt.order);
        let places: Vec<u64> = places.map(|(sequence, _)| sequence).collect();
        match attempt.told {
            Ok(sequence) => assert_eq!(places, [sequence], "{}", attempt.order),
            Err(error) if error.starts_with("no stream found") => {
                assert!(places.is_empty(), "{} found no stream", attempt.order);
            }
            // Nobody can tell; but not twice.
            Err(_) => assert!(places.len() <= 1, "{} is at {places:?}", attempt.order),
        }
    }
}

/// What a plain subscription did not get was published in a gap that was told.
async fn lies_in_gaps(missed: Vec<usize>, ledger: &Ledger, stream: &stream::Stream) {
    let gaps = ledger.gaps();
    let check = async |number: usize| {
        let sequence = number as u64 + 1;
        let at = env::made(async || stream.get_raw_message(sequence).await).await.time;
        let told = gaps.iter().any(|gap| gap.contains(&at));
        if told { Ok(()) } else { Err(format!("{number} was missed at {at}, outside of {gaps:?}")) }
    };
    let checks = futures::iter(missed).map(check).buffered(AT_A_TIME);
    checks.try_collect::<()>().await.unwrap();
}

/// A node that leads the stream, or follows, is cut off with the browsers that are on it, while the services
/// on its own machine keep it; then it is back.
async fn cut_off_and_back(room: MachineRoom, leads: bool) -> Result<(), Error> {
    let (scene, insider) = Scene::set(&room, "insider", leads).await;
    let Scene { cluster, beside, numbers, orders, island } = &scene;
    let (machines, island) = (&cluster.machines, *island);
    let own = format!("n{}", island + 1);
    let first = machines[island].websocket_url();
    let stranded = env::connect_to(impatient(&insider), &first).await.unwrap();
    sees(&stranded, 3).await;
    let ledger = Ledger::read(&stranded, numbers).await;
    let recovering = Recovering::read(&stranded).await;
    let publishing = Publishing::start(hasty(beside.clone()));
    let on_island = Service::start(&machines[island], "island", insider.clone());
    let elsewhere = others(island).next().unwrap();
    let elsewhere = Service::start(&machines[elsewhere], "elsewhere", insider.clone());
    for service in [&on_island, &elsewhere] {
        service.confirms(20).await;
    }
    ledger.has_delivered(200).await;
    recovering.has_delivered(200).await;

    machines[island].cut()?;
    let cut = Instant::now();
    let since = || format!("{:.1} s after the cut", cut.elapsed().as_secs_f32());
    // By its own signs of life, as nobody tells it.
    let left = || {
        let is_elsewhere = |event: &Event| matches!(event, Event::Connected { server_name, .. } if *server_name != own);
        let noticed = ledger.count(|event| matches!(event, Event::Disconnected { .. })) > 0;
        noticed && ledger.count(is_elsewhere) > 0
    };
    env::at_last(|| "the client moves to another node".to_owned(), left).await;
    println!("the client has moved {}", since());
    let told = |event: &Event| matches!(event, Event::Gap { .. });
    env::at_last(|| "the gap is told".to_owned(), || ledger.count(told) > 0).await;
    // The others go on, once they have a leader.
    publishing.confirms(500).await;
    println!("500 numbers are confirmed {}", since());
    elsewhere.confirms(20).await;
    // Before it is back, all have given up the connections that it had.
    sees(beside, 2).await;
    eventually(env::LATER, "the node knows that it is alone", async || {
        Ok((machines[island].monitor("/routez").await?["num_routes"] == 0).then_some(()))
    })
    .await?;
    println!("the cluster has come apart {}", since());
    on_island.is_refused(5).await;
    // All that is confirmed reaches who has moved, while the node is still away.
    let confirmed = publishing.confirmed();
    ledger.has_delivered(confirmed).await;
    recovering.has_delivered(confirmed).await;
    let mended = Instant::now();
    assert!(on_island.attempts().iter().all(|attempt| {
        let meanwhile = attempt.began > cut && attempt.ended < mended;
        !meanwhile || attempt.told.is_err()
    }));

    machines[island].mend()?;
    sees(beside, 3).await;
    publishing.confirms(200).await;
    elsewhere.confirms(20).await;
    on_island.confirms(20).await;
    println!("the node serves again {:.1} s after the mend", mended.elapsed().as_secs_f32());
    let published = publishing.stop().await;
    for service in [&on_island, &elsewhere] {
        service.stop().await;
    }
    ledger.has_delivered(published).await;
    recovering.has_delivered(published).await;
    // Where the leader is gone nothing is stored before there is another, by when the client has moved.
    recovering.is_whole(!leads).await;
    copies::agree(machines, &["NUMBERS", "ORDERS"]).await?;
    println!("{published} numbers agree {:.1} s after the mend", mended.elapsed().as_secs_f32());

    // From its own copy the node serves what was stored while it was away, as the leader of both.
    for stream in [numbers, orders] {
        hand_over(stream, beside, island).await;
    }
    let expected: Vec<String> = (0..published).map(|number| number.to_string()).collect();
    assert!(payloads(numbers).await.starts_with(&expected));
    let stored = payloads(orders).await;
    for service in [&on_island, &elsewhere] {
        is_as_told(&stored, service);
        println!("{}: {:?}", service.name(), summary(service));
    }
    let missed = ledger.missed();
    println!("{} missed by the plain subscription, {:?}", missed.len(), ledger.gaps());
    assert!(leads || !missed.is_empty(), "much was published while it was cut off");
    lies_in_gaps(missed, &ledger, numbers).await;

    // New clients are let in, and hear what is published elsewhere.
    let late = env::connect_to(impatient(&insider).ignore_discovered_servers(), &first).await;
    let late = late.unwrap();
    let mut heard = late.subscribe("late").await.unwrap();
    let hears = async {
        while heard.pending() == 0 {
            beside.publish("late", "?".into()).await.unwrap();
            env::pause(20).await;
        }
        heard.next().await
    };
    env::within(hears).await.expect("it goes on");
    assert_eq!(late.server_info().server_name, own);
    for client in [&late, &stranded, beside] {
        client.close().await.unwrap();
    }
    Ok(())
}

/// Has a node lead a stream.
async fn hand_over(stream: &stream::Stream, client: &Client, node: usize) {
    let subject = format!("$JS.API.STREAM.LEADER.STEPDOWN.{}", stream.name());
    let preferred = format!(r#"{{"placement":{{"preferred":"n{}"}}}}"#, node + 1);
    let asked = async {
        while leader(stream).await != Some(node) {
            // Whether it is taken shows in who leads then.
            client.request(&*subject, preferred.clone().into()).await.ok();
            env::pause(200).await;
        }
    };
    tokio::time::timeout(env::LATER, asked).await.expect("it leads in time");
}

/// How many attempts of a service were told what.
fn summary(service: &Service) -> HashMap<String, usize> {
    let mut summary = HashMap::new();
    for attempt in service.attempts() {
        let told = attempt.told.map_or_else(|error| error, |_| "confirmed".to_owned());
        *summary.entry(told).or_default() += 1;
    }
    summary
}

#[tokio::test]
async fn a_leader_whose_packets_vanish_is_left_and_catches_up() -> Result<(), Error> {
    let test = "a_leader_whose_packets_vanish_is_left_and_catches_up";
    let body = async |room| run(cut_off_and_back(room, true)).await;
    MachineRoom::around(test, body).await
}

#[tokio::test]
async fn a_follower_whose_packets_vanish_is_left_and_catches_up() -> Result<(), Error> {
    let test = "a_follower_whose_packets_vanish_is_left_and_catches_up";
    let body = async |room| run(cut_off_and_back(room, false)).await;
    MachineRoom::around(test, body).await
}

/// On one thread, as in a browser.
async fn run(part: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
    tokio::task::LocalSet::new().run_until(part).await
}
