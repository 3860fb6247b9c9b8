//! Outboxes: everything once, in order.

use nats_proto::simulator::Faults;
use web_wasm::ConnectOptions;
use web_wasm::jetstream::{self, Context, PublishMessage};
use web_wasm::outbox::{Memory, Options, Outbox};

use super::super::machine::Machine;
use super::super::sim::simulate;
use super::rig::{MILLI, Rig, SECOND, numbers};
use super::trouble::Trouble;

pub(super) fn open(jetstream: &Context, memory: &Memory) -> Outbox {
    let options = Options::new("tests", "alice").ack_timeout(2 * SECOND);
    Outbox::open_with(jetstream, memory.backing(), options)
}

#[test]
fn an_outbox_stores_everything_once_and_in_order() {
    for (seed, trouble) in (0..4).flat_map(|seed| Trouble::ALL.map(|trouble| (seed, trouble))) {
        simulate(seed, async move |sim| {
            let rig = Rig::new(&sim).await;
            let memory = Memory::new();
            let outbox = open(&rig.jetstream, &memory);
            for number in 0..30u32 {
                if number == 10 {
                    trouble.befall(&sim, rig.server);
                }
                let message = PublishMessage::build().payload(number.to_string().into());
                outbox.publish("s.x", message).await.unwrap();
                sim.sleep(20 * MILLI * u32::try_from(seed).unwrap()).await;
            }
            sim.until(100 * SECOND, || rig.stored().len() >= 30).await;
            sim.sleep(20 * SECOND).await;
            let stored = rig.stored();
            let stored: Vec<u32> = stored.iter().map(|text| numbers::of(text.as_bytes())).collect();
            assert!(stored.iter().copied().eq(0..30), "{trouble:?}: {stored:?}");
            assert_eq!(outbox.state().await.unwrap().pending, 0);
        });
    }
}

/// Half of what is published waits for an outbox that is opened later, and none is sent twice.
#[test]
fn an_outbox_that_is_opened_again_goes_on_where_it_was() {
    for trouble in Trouble::ALL {
        simulate(1, async move |sim| {
            let rig = Rig::new(&sim).await;
            let memory = Memory::new();
            let outbox = open(&rig.jetstream, &memory);
            trouble.befall(&sim, rig.server);
            for number in 0..20u32 {
                let message = PublishMessage::build().payload(number.to_string().into());
                outbox.publish("s.x", message).await.unwrap();
            }
            sim.sleep(50 * MILLI).await;
            outbox.close().await;
            let outbox = open(&rig.jetstream, &memory);
            sim.until(100 * SECOND, || rig.stored().len() >= 20).await;
            sim.sleep(20 * SECOND).await;
            let stored = rig.stored();
            let stored: Vec<u32> = stored.iter().map(|text| numbers::of(text.as_bytes())).collect();
            assert!(stored.iter().copied().eq(0..20), "{trouble:?}: {stored:?}");
            outbox.close().await;
        });
    }
}

/// What comes back when the stream may have forgotten what it has is set aside, and not sent again.
#[test]
fn an_outbox_sends_nothing_again_once_its_id_may_be_forgotten() {
    for offline in [60, 116, 117, 118, 119, 120, 121, 600].map(|seconds| seconds * SECOND) {
        simulate(1, async move |sim| {
            let rig = Rig::new(&sim).await;
            let memory = Memory::new();
            let outbox = open(&rig.jetstream, &memory);
            rig.fail(Faults { loses_confirmations: 1_000, ..Faults::default() });
            let message = PublishMessage::build().payload("0".into());
            outbox.publish("s.x", message).await.unwrap();
            sim.sleep(SECOND / 2).await;
            rig.mend();
            Trouble::Away(offline).befall(&sim, rig.server);
            sim.sleep(offline + 60 * SECOND).await;
            assert_eq!(rig.stored(), ["0"], "{offline:?}");
            assert_eq!(outbox.state().await.unwrap().pending, 0);
        });
    }
}

/// Before an entry is sent again the connection is asked for whatever is still on its way, which takes
/// time: the stream may have forgotten the id when the answer is there.
#[test]
fn an_outbox_looks_at_the_time_again_when_it_has_waited_for_its_connection() {
    for away in (80..=115).map(|seconds| seconds * SECOND) {
        simulate(1, async move |sim| {
            let rig = Rig::new(&sim).await;
            let options = ConnectOptions::new().connection_timeout(60 * SECOND);
            let client = Machine::new(&sim).connect(options, &["n1"]).await.unwrap();
            let (memory, options) = (Memory::new(), Options::new("tests", "alice"));
            let outbox = Outbox::open_with(&jetstream::new(client), memory.backing(), options);
            rig.fail(Faults { loses_confirmations: 1_000, ..Faults::default() });
            let message = PublishMessage::build().payload("0".into());
            outbox.publish("s.x", message).await.unwrap();
            sim.sleep(SECOND / 2).await;
            rig.mend();
            Trouble::Away(away).befall(&sim, rig.server);
            sim.sleep(SECOND / 2).await;
            // Slow, but not so slow that anything is given up.
            let latency = 4 * SECOND;
            sim.network(|network| network.latency = latency..=latency);
            sim.sleep(away + 120 * SECOND).await;
            assert_eq!(rig.stored(), ["0"], "{away:?}");
            assert_eq!(outbox.state().await.unwrap().pending, 0, "{away:?}");
        });
    }
}
