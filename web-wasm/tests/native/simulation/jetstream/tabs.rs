//! Outboxes of two tabs, of which each has a connection of its own, and which break.

use std::collections::BTreeSet;
use std::time::Duration;

use nats_proto::simulator::{Faults, Script, ServerId};
use web_wasm::jetstream::{self, PublishMessage};
use web_wasm::outbox::{Memory, Outbox, SetAside};

use super::super::machine::Machine;
use super::super::random::{Replay, seeds};
use super::super::sim::{Simulation, simulate};
use super::outboxes;
use super::rig::{MILLI, Rig, SECOND, cut_after, numbers, patient, refuse};
use super::trouble::Trouble;

/// For how long the stream knows ids.
const WINDOW: Duration = Duration::from_secs(120);

/// How long it takes at most, once all is well, until everything is sent.
const SETTLING: Duration = Duration::from_secs(60);

/// A tab, and the server that it is connected to.
struct Tab {
    server: ServerId,
    outbox: Outbox,
}

/// Two tabs with the same entries.
struct Tabs {
    sim: Simulation,
    rig: Rig,
    both: [Tab; 2],
    published: u32,
}

impl Tabs {
    /// The first has begun to send when this returns, and the second waits.
    async fn open(sim: &Simulation) -> Self {
        let rig = Rig::new(sim).await;
        let memory = Memory::new();
        let first = Tab { server: rig.server, outbox: outboxes::open(&rig.jetstream, &memory) };
        sim.sleep(SECOND).await;
        let server = sim.network(|network| network.add("n2", Script::default()));
        let client = Machine::new(sim).connect(patient(), &["n2"]).await.unwrap();
        let outbox = outboxes::open(&jetstream::new(client), &memory);
        sim.sleep(SECOND).await;
        let tabs =
            Self { sim: sim.clone(), rig, both: [first, Tab { server, outbox }], published: 0 };
        assert_eq!([tabs.is_sending(0).await, tabs.is_sending(1).await], [true, false]);
        tabs
    }

    async fn is_sending(&self, tab: usize) -> bool {
        self.both[tab].outbox.state().await.unwrap().sending
    }

    /// Publishes the next number.
    async fn publish(&mut self, tab: usize) {
        let message = PublishMessage::build().payload(self.published.to_string().into());
        self.both[tab].outbox.publish("s.x", message).await.unwrap();
        self.published += 1;
    }

    /// A tab has no connection for so long.
    fn take_away(&self, tab: usize, duration: Duration) {
        let server = self.both[tab].server;
        refuse(&self.sim, server, true);
        cut_after(&self.sim, server, 0);
        self.sim.at(self.sim.now() + duration, move |sim| refuse(sim, server, false));
    }

    /// Checks that each message is stored once and in order, or told to be in doubt. Returns those that
    /// are.
    async fn check(&self) -> BTreeSet<u32> {
        for tab in &self.both {
            assert_eq!(tab.outbox.state().await.unwrap().pending, 0);
        }
        let stored = self.rig.stored();
        let stored: Vec<u32> = stored.iter().map(|text| numbers::of(text.as_bytes())).collect();
        assert!(stored.is_sorted_by(|one, next| one < next), "{stored:?}");
        let mut in_doubt = BTreeSet::new();
        for entry in self.both[0].outbox.list().await.unwrap() {
            let record = entry.record.unwrap();
            let reason = record.set_aside.unwrap();
            assert!(matches!(reason, SetAside::InDoubt { .. }), "{reason:?}");
            in_doubt.insert(numbers::of(&record.payload));
        }
        let known: BTreeSet<u32> = stored.iter().copied().chain(in_doubt.iter().copied()).collect();
        assert!(known.into_iter().eq(0..self.published), "{stored:?}, {in_doubt:?}");
        in_doubt
    }
}

/// The tab that sends has an entry stored, and loses the connection before it hears of that. Whichever
/// tab is back first goes on, the other publishes meanwhile, and comes back later.
#[test]
fn tabs_send_nothing_again_once_its_id_may_be_forgotten() {
    for away in [1, 60, 117, 118, 119, 120, 121, 122, 130, 600].map(|seconds| seconds * SECOND) {
        for (first, later) in [(0, 1), (1, 0)] {
            simulate(1, async move |sim| {
                let mut tabs = Tabs::open(&sim).await;
                tabs.rig.fail(Faults { loses_confirmations: 1_000, ..Faults::default() });
                tabs.publish(later).await;
                sim.sleep(SECOND / 2).await;
                assert_eq!(tabs.rig.stored(), ["0"]);
                tabs.rig.mend();
                tabs.take_away(first, away);
                tabs.take_away(later, away + WINDOW);
                for number in 0..10 {
                    tabs.publish(number % 2).await;
                }
                sim.sleep(away + SETTLING).await;
                assert!(tabs.is_sending(first).await, "{away:?}");
                let in_doubt = tabs.check().await;
                // What is certain is sent; a tab is back some seconds after its server.
                assert!(in_doubt.is_empty() || away > 100 * SECOND, "{away:?}");
                assert!(!in_doubt.is_empty() || away < WINDOW, "{away:?}");
                for number in 0..10 {
                    tabs.publish(number % 2).await;
                }
                sim.sleep(WINDOW + SETTLING).await;
                assert_eq!(tabs.check().await, in_doubt, "{away:?}");
            });
        }
    }
}

/// The connection of the tab that sends is dead without anybody knowing; the other, whose connection is
/// not, goes on, and the first finds nothing left when it comes back.
#[test]
fn a_tab_takes_over_from_one_that_is_cut_off_for_longer_than_ids_are_known() {
    for away in [10, 119, 121, 600].map(|seconds| seconds * SECOND) {
        simulate(1, async move |sim| {
            let mut tabs = Tabs::open(&sim).await;
            let server = tabs.both[0].server;
            tabs.rig.fail(Faults { loses_confirmations: 1_000, ..Faults::default() });
            tabs.publish(0).await;
            sim.sleep(SECOND / 2).await;
            tabs.rig.mend();
            refuse(&sim, server, true);
            Trouble::Silence.befall(&sim, server);
            sim.at(sim.now() + away, move |sim| refuse(sim, server, false));
            for number in 0..10 {
                tabs.publish(number % 2).await;
                sim.sleep(100 * MILLI).await;
            }
            sim.sleep(away + SETTLING).await;
            assert!(tabs.is_sending(1).await, "{away:?}");
            assert_eq!(tabs.check().await, BTreeSet::new(), "{away:?}");
            // It is the first one's turn again.
            tabs.take_away(1, WINDOW);
            tabs.publish(1).await;
            sim.sleep(SETTLING).await;
            assert!(tabs.is_sending(0).await, "{away:?}");
            assert_eq!(tabs.check().await, BTreeSet::new(), "{away:?}");
        });
    }
}

/// How many seeds are tried.
const SEEDS: u64 = 100;

#[test]
fn whatever_breaks_tabs_store_everything_once_or_tell_their_doubt() {
    let (mut published, mut in_doubt) = (0, 0);
    let seeds = seeds(SEEDS);
    let count = seeds.end - seeds.start;
    for seed in seeds {
        let _replay = Replay(seed);
        let [all, doubts] = simulate(seed, run);
        published += all;
        in_doubt += doubts;
    }
    // Enough happened for that to mean something.
    assert!(count < 100 || published > 4_000 && in_doubt > 8, "{published}, {in_doubt}");
}

/// How much was published, and how much of that is in doubt.
async fn run(sim: Simulation) -> [usize; 2] {
    let mut tabs = Tabs::open(&sim).await;
    for _ in 0..sim.rng(|rng| rng.u32(2..10)) {
        let [loses_messages, loses_confirmations] =
            sim.rng(|rng| [rng.u32(0..200), rng.u32(0..200)]);
        tabs.rig.fail(Faults { loses_messages, loses_confirmations, ..Faults::default() });
        for tab in [0, 1] {
            if sim.rng(fastrand::Rng::bool) {
                let away = sim.rng(|rng| [rng.u64(0..10_000), rng.u64(100_000..200_000)]);
                let away = away[sim.rng(|rng| rng.usize(0..2))];
                tabs.take_away(tab, Duration::from_millis(away));
            }
        }
        for _ in 0..sim.rng(|rng| rng.u32(0..20)) {
            tabs.publish(sim.rng(|rng| rng.usize(0..2))).await;
            let pause = sim.rng(|rng| rng.u64(0..500));
            sim.sleep(Duration::from_millis(pause)).await;
        }
        let pause = sim.rng(|rng| rng.u64(0..150_000));
        sim.sleep(Duration::from_millis(pause)).await;
    }
    tabs.rig.mend();
    sim.sleep(200 * SECOND + SETTLING).await;
    let in_doubt = tabs.check().await;
    [tabs.published as usize, in_doubt.len()]
}
