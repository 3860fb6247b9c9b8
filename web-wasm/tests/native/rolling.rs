//! The nodes of a cluster are replaced one after the other, as their operator does it.

use web_wasm::Event;

use crate::chaos::{hasty, numbers};
use crate::env;
use crate::ledger::{Ledger, Publishing};
use crate::trio::{NODES, Trio, whole};

/// Each node is told to send its clients away, ends, and comes back with another configuration, while
/// numbers are published: everybody who reads gets all of them, plain subscribers too, since clients
/// have moved before their node ends.
#[tokio::test]
async fn rolling_every_node_loses_nothing() {
    env::local(async {
        let trio = Trio::start();
        let publisher = trio.client().await;
        let context = hasty(publisher.clone());
        let stream = numbers(&context, NODES).await;
        whole(&stream).await;
        let client = trio.client().await;
        let ledger = Ledger::read(&client, &stream).await;
        let publishing = Publishing::start(context);
        publishing.confirms(200).await;

        let mut rolled = Vec::new();
        while rolled.len() < NODES {
            // Where the reader is comes first, as long as it is where nobody has been.
            let own = Trio::node_of(&client);
            let next = (0..NODES).filter(|node| !rolled.contains(node));
            let next = next.min_by_key(|&node| node != own).unwrap();
            trio.node(next).lame_duck();
            trio.node(next).ended().await;
            trio.restart_with(next, "max_payload: 1MB", "max_payload: 2MB");
            whole(&stream).await;
            publishing.confirms(200).await;
            rolled.push(next);
        }

        let published = publishing.stop().await;
        println!("{published} published, {:?} refused meanwhile", publishing.refused());
        ledger.has_delivered(published).await;
        let moved = ledger.count(|event| matches!(event, Event::HandedOver { broke: None, .. }));
        assert!(moved >= 2, "the reader's node was left {moved} times");
        assert_eq!(ledger.count(|event| matches!(event, Event::Disconnected { .. })), 0);
        assert_eq!(ledger.count(|event| matches!(event, Event::Gap { .. })), 0);
        assert_eq!(ledger.missed(), [0usize; 0], "by the plain subscription");
        assert_eq!(client.max_payload(), 2 << 20, "the new configuration is in force");
        for client in [client, publisher] {
            client.close().await.unwrap();
        }
    })
    .await;
}
