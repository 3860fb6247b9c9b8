//! Services that are found and asked while connections break.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use nats_proto::simulator::{Script, ServerId};
use web_wasm::service::{Config, Selector, ServiceExt};
use web_wasm::{Client, ConnectOptions};

use super::machine::Machine;
use super::network::with_world;
use super::sim::{Simulation, simulate};

const SECOND: Duration = Duration::from_secs(1);

async fn client(sim: &Simulation) -> Client {
    let options = ConnectOptions::new().retry_on_initial_connect().ping_interval(2 * SECOND);
    Machine::new(sim).connect(options, &["n1"]).await.unwrap()
}

/// Breaks all connections of a server after so many more bytes that it says.
fn cut_after(sim: &Simulation, server: ServerId, bytes: u64) {
    with_world(sim, |world| {
        for link in world.links(server) {
            world.cut_after(link, bytes);
        }
    });
}

/// Serves doubled numbers, and counts how often each was asked for.
async fn doubler(sim: &Simulation, client: &Client, asked: &Rc<Cell<u64>>) {
    let config = Config { name: "doubler".into(), version: "1.0.0".into(), ..Default::default() };
    let service = client.add_service(config).await.unwrap();
    let mut endpoint = service.endpoint("double").await.unwrap();
    let asked = Rc::clone(asked);
    sim.spawn(async move {
        // The service lasts as long as somebody holds it.
        let _service = service;
        while let Some(request) = endpoint.next().await {
            asked.set(asked.get() + 1);
            let number: u64 = str::from_utf8(&request.message.payload).unwrap().parse().unwrap();
            // An answer without a connection is lost like a request, and the asker learns of it.
            request.respond(Ok((2 * number).to_string().into())).await.ok();
        }
    });
}

#[test]
fn services_are_asked_and_found_again_after_connections_broke_at_any_byte() {
    for cut in (0..600).step_by(25) {
        simulate(cut, async move |sim| {
            let server = sim.network(|network| network.add("n1", Script::default()));
            let (one, other, asker) = (client(&sim).await, client(&sim).await, client(&sim).await);
            let asked = Rc::new(Cell::new(0));
            doubler(&sim, &one, &asked).await;
            doubler(&sim, &other, &asked).await;
            one.flush().await.unwrap();
            other.flush().await.unwrap();

            let mut answered = 0;
            for number in 0..30u64 {
                if number == 10 {
                    cut_after(&sim, server, cut);
                }
                match asker.request("double", number.to_string().into()).await {
                    Ok(answer) => {
                        assert_eq!(answer.payload, (2 * number).to_string());
                        answered += 1;
                    }
                    // Told, rather than answered by what was meant for another.
                    Err(_) => sim.sleep(SECOND / 10).await,
                }
            }
            assert!(answered >= 20, "{answered} answered");

            sim.sleep(60 * SECOND).await;
            let finder = asker.service_client();
            let found = finder.stats(Selector::Name("doubler".into())).await.unwrap();
            let found: Vec<_> = found.map(Result::unwrap).collect().await;
            let by_id: BTreeMap<_, _> =
                found.iter().map(|stats| (&stats.id, stats.endpoints[0].requests)).collect();
            assert_eq!((found.len(), by_id.len()), (2, 2), "each answers once");
            // Who waits for an answer is counted when it is given; all have been by now.
            assert_eq!(by_id.values().sum::<u64>(), asked.get());
            assert!(asked.get() >= answered && asked.get() <= 30, "asked once at most");
        });
    }
}

#[test]
fn a_service_that_has_gone_is_not_found_and_who_asks_it_is_told() {
    simulate(1, async |sim| {
        sim.network(|network| network.add("n1", Script::default()));
        let (one, asker) = (client(&sim).await, client(&sim).await);
        let asked = Rc::new(Cell::new(0));
        doubler(&sim, &one, &asked).await;
        one.flush().await.unwrap();
        asker.request("double", "1".into()).await.unwrap();
        one.close().await.unwrap();
        // The server has yet to hear of it.
        sim.sleep(SECOND).await;
        let refused = asker.request("double", "2".into()).await.unwrap_err();
        assert_eq!(refused, web_wasm::RequestError::NoResponders);
        let found = asker.service_client().ping(Selector::All).await.unwrap();
        assert_eq!(found.count().await, 0);
        assert_eq!(asked.get(), 1);
    });
}
