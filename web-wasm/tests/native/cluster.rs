//! Two nodes of a cluster, one of which stops or is about to.

use std::cell::Cell;
use std::time::Duration;

use futures_util::StreamExt;
use web_wasm::Event;

use crate::common::{expect_event, expect_numbers};
use crate::env::{self, NatsServer};
use crate::failure::{OPEN, impatient, is_connected};

/// Two nodes of a cluster.
fn pair() -> [NatsServer; 2] {
    let routes = [env::free_port(), env::free_port()];
    let node = |name: &str, own: u16| {
        let cluster = format!(
            "cluster {{ name: pair, listen: \"127.0.0.1:{own}\", routes: {:?} }}",
            routes.map(|port| format!("nats://127.0.0.1:{port}")),
        );
        NatsServer::start(&[&OPEN.replace("test-server", name), &*cluster].concat())
    };
    [node("first", routes[0]), node("second", routes[1])]
}

/// Waits until a client knows both nodes.
async fn knows_both(client: &web_wasm::Client) {
    env::within(async {
        while client.server_info().connect_urls.len() < 2 {
            client.flush().await.unwrap();
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_lame_duck_is_left_without_a_gap() {
    env::local(async {
        let [lame, other] = pair();
        let client = env::connect_to(impatient(), &lame.url()).await.unwrap();
        let feeder = env::connect_to(impatient(), &other.url()).await.unwrap();
        let mut events = client.events();
        let mut subscriber = client.subscribe("updates").await.unwrap();
        // The interest in what was subscribed to later has spread to the other node after that in
        // the updates.
        let mut ready = client.subscribe("ready").await.unwrap();
        knows_both(&client).await;
        env::within(async {
            while ready.pending() == 0 {
                feeder.publish("ready", "?".into()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        ready.unsubscribe();
        lame.lame_duck();
        let sent = Cell::new(0u32);
        let stop = Cell::new(false);
        let feeding = async {
            while !stop.get() {
                let number = sent.replace(sent.get() + 1);
                feeder.publish("updates", number.to_string().into()).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let moving = async {
            expect_event(&mut events, |event| *event == Event::LameDuckMode).await;
            let handed_over = |event: &Event| matches!(event, Event::HandedOver { .. });
            let event = expect_event(&mut events, handed_over).await;
            let Event::HandedOver { server, server_name, broke: None, .. } = event else {
                panic!("{event:?}")
            };
            assert_eq!((server.to_string(), &*server_name), (other.url(), "second"));
            stop.set(true);
        };
        futures_util::future::join(feeding, moving).await;
        feeder.publish("updates", "end".into()).await.unwrap();
        expect_numbers(&mut subscriber, &client, sent.get()).await;
        client.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_cluster_is_learnt_of_and_its_nodes_stand_in_for_each_other() {
    env::local(async {
        let [first, second] = pair();
        // The path says which way in the client came, and is kept.
        let dialled = [first.url(), "/way/in?a=b".into()].concat();
        let client = env::connect_to(impatient(), &dialled).await.unwrap();
        let mut events = client.events();
        let mut subscriber = client.subscribe("updates").await.unwrap();
        knows_both(&client).await;
        for (gone, left) in [(&first, &second), (&second, &first)] {
            gone.kill();
            let Event::Connected { server, .. } = expect_event(&mut events, is_connected).await
            else {
                unreachable!()
            };
            assert_eq!(server.to_string(), [left.url(), "/way/in?a=b".into()].concat());
            client.publish("updates", "here".into()).await.unwrap();
            let message = env::within(subscriber.next()).await.unwrap();
            assert_eq!(&message.payload[..], b"here");
            gone.restart();
            knows_both(&client).await;
        }
        client.close().await.unwrap();
    })
    .await;
}
