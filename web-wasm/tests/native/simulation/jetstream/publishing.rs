//! Messages are stored once, or it is said why that is not known.

use std::time::Duration;

use nats_proto::simulator::Faults;
use web_wasm::jetstream::{PublishError, PublishMessage};

use super::super::sim::simulate;
use super::rig::{MILLI, Rig, SECOND};

fn message(id: &str) -> PublishMessage {
    PublishMessage::build().payload(id.to_owned().into()).message_id(id)
}

#[test]
fn a_confirmation_that_is_lost_is_asked_for_again() {
    simulate(1, async |sim| {
        let rig = Rig::new(&sim).await;
        let context = rig.hasty(SECOND);
        rig.fail_for(SECOND / 2, Faults { loses_confirmations: 1_000, ..Faults::default() });
        let ack = context.send_publish("s.x", message("1")).await.unwrap().await.unwrap();
        assert_eq!((ack.sequence, ack.duplicate), (1, true));
        assert_eq!(rig.stored(), ["1"]);
    });
}

#[test]
fn a_message_that_is_lost_is_published_again() {
    simulate(1, async |sim| {
        let rig = Rig::new(&sim).await;
        let context = rig.hasty(SECOND);
        rig.fail_for(SECOND / 2, Faults { loses_messages: 1_000, ..Faults::default() });
        let ack = context.send_publish("s.x", message("1")).await.unwrap().await.unwrap();
        assert_eq!((ack.sequence, ack.duplicate), (1, false));
        assert_eq!(rig.stored(), ["1"]);
    });
}

#[test]
fn a_message_without_an_id_is_published_once_and_its_author_told_of_the_doubt() {
    simulate(1, async |sim| {
        let rig = Rig::new(&sim).await;
        let context = rig.hasty(SECOND);
        for (loses_confirmations, loses_messages) in [(1_000, 0), (0, 1_000)] {
            rig.fail(Faults { loses_confirmations, loses_messages, ..Faults::default() });
            let doubt = context.publish("s.x", "1".into()).await.unwrap().await;
            assert_eq!(doubt, Err(PublishError::TimedOut { timeout: SECOND }));
        }
        sim.sleep(10 * SECOND).await;
        assert_eq!(rig.stored(), ["1"]);
    });
}

#[test]
fn a_stream_without_a_leader_is_waited_for() {
    simulate(1, async |sim| {
        let rig = Rig::new(&sim).await;
        rig.fail_for(300 * MILLI, Faults { absent: true, ..Faults::default() });
        let publish = async || rig.jetstream.publish("s.x", "1".into()).await.unwrap().await;
        assert_eq!(publish().await.unwrap().sequence, 1);
        rig.fail(Faults { absent: true, ..Faults::default() });
        assert_eq!(publish().await, Err(PublishError::StreamNotFound));
        rig.mend();
        assert_eq!(rig.stored(), ["1"]);
    });
}

/// The connection breaks at any byte of the confirmation, and at any while the message is on its way.
#[test]
fn a_connection_that_breaks_stores_no_message_twice() {
    for bytes in 0..90 {
        simulate(bytes, async move |sim| {
            let rig = Rig::new(&sim).await;
            rig.cut_after(bytes);
            let published = rig.jetstream.send_publish("s.x", message("1")).await.unwrap().await;
            assert_eq!(published.unwrap().sequence, 1);
            assert_eq!(rig.stored(), ["1"]);
        });
    }
}

#[test]
fn a_server_that_begins_again_remembers_ids() {
    simulate(1, async |sim| {
        let rig = Rig::new(&sim).await;
        rig.fail(Faults { loses_confirmations: 1_000, ..Faults::default() });
        let published = rig.jetstream.send_publish("s.x", message("1")).await.unwrap();
        sim.sleep(SECOND).await;
        rig.mend();
        rig.restart();
        assert!(published.await.unwrap().duplicate);
        assert_eq!(rig.stored(), ["1"]);
    });
}

/// A stream remembers ids for two minutes unless it is told otherwise. Who comes back later does not
/// publish again what may be there.
#[test]
fn what_may_be_stored_is_not_published_again_once_its_id_may_be_forgotten() {
    for offline in [100, 119, 121, 600].map(Duration::from_secs) {
        simulate(1, async move |sim| {
            let rig = Rig::new(&sim).await;
            rig.fail(Faults { loses_confirmations: 1_000, ..Faults::default() });
            let published = rig.jetstream.send_publish("s.x", message("1")).await.unwrap();
            sim.sleep(SECOND).await;
            rig.mend();
            rig.refuse(true);
            rig.cut_after(0);
            let sim_then = sim.clone();
            let server = rig.server;
            sim.spawn(async move {
                sim_then.sleep(offline).await;
                super::rig::refuse(&sim_then, server, false);
            });
            let outcome = published.await;
            sim.sleep(1_000 * SECOND).await;
            assert_eq!(rig.stored(), ["1"], "{offline:?}: {outcome:?}");
            assert!(matches!(outcome, Ok(_) | Err(PublishError::TimedOut { .. })), "{outcome:?}");
        });
    }
}
