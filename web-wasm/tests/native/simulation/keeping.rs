//! How a client learns that its server is gone, and that it is not.

use std::time::Duration;

use futures_util::StreamExt;
use nats_proto::simulator::{Framing, Script};
use web_wasm::{ConnectOptions, DisconnectReason, Event, FlushError, State};

use super::network::with_world;
use super::rig::Rig;
use super::sim::{Simulation, simulate};

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

impl Rig {
    async fn with(sim: Simulation, options: ConnectOptions) -> Self {
        Self::new(sim, Script::default(), options).await
    }

    /// The line is dead, and neither side is told.
    fn fall_silent(&self) {
        let link = self.link();
        with_world(&self.sim, |world| world.fall_silent(link));
    }

    /// Why the connection was given up last, and how long after `since` that was.
    fn disconnected(&self, since: Duration) -> Option<(Duration, DisconnectReason)> {
        let disconnected = |event: &Event| matches!(event, Event::Disconnected { .. });
        let (at, event) = self.watch.last(disconnected)?;
        let Event::Disconnected { reason, .. } = event else { return None };
        Some((at - nats_proto::Instant::ORIGIN - since, reason))
    }
}

#[test]
fn a_server_that_falls_silent_is_found_by_the_pings_it_leaves_unanswered() {
    for (interval, max) in [(25, 2), (10, 2), (25, 1), (5, 4)] {
        simulate(1, async move |sim| {
            let options = ConnectOptions::new()
                .ping_interval(interval * SECOND)
                .max_pings_unanswered(max as usize);
            let rig = Rig::with(sim.clone(), options).await;
            sim.sleep(HOUR).await;
            assert_eq!(rig.watch.events(), [], "an idle server is no dead server");
            rig.fall_silent();
            let start = sim.elapsed();
            sim.until(HOUR, || rig.watch.connects() == 1).await;
            let (took, reason) = rig.disconnected(start).unwrap();
            assert_eq!(reason, DisconnectReason::Stale { unanswered: max as usize });
            let bounds = interval * SECOND * max..=interval * SECOND * (max + 1);
            assert!(bounds.contains(&took), "{took:?}");
        });
    }
}

#[test]
fn a_server_that_answers_no_ping_is_left_though_it_goes_on_talking() {
    simulate(2, async |sim| {
        let rig = Rig::with(sim.clone(), ConnectOptions::new()).await;
        let subscriber = rig.client.subscribe("a").await.unwrap();
        rig.client.flush().await.unwrap();
        rig.change(|script| script.answers_pings = false);
        let start = sim.elapsed();
        while rig.disconnected(start).is_none() {
            rig.client.publish("a", "x".into()).await.unwrap();
            sim.sleep(SECOND).await;
            assert!(sim.elapsed() - start < 2 * MINUTE);
        }
        assert!(subscriber.pending() > 40);
        let (_, reason) = rig.disconnected(start).unwrap();
        assert_eq!(reason, DisconnectReason::Stale { unanswered: 2 });
    });
}

#[test]
fn a_laptop_that_slept_keeps_a_connection_that_lives() {
    for hours in [1, 8, 72] {
        simulate(3, async move |sim| {
            let rig = Rig::with(sim.clone(), ConnectOptions::new()).await;
            let mut subscriber = rig.client.subscribe("a").await.unwrap();
            rig.client.flush().await.unwrap();
            for second in 0..26 {
                sim.sleep(SECOND).await;
                // At any moment between two PINGs, and with one on its way.
                if second % 5 == 0 {
                    sim.stand_still(HOUR * hours);
                }
            }
            sim.sleep(MINUTE).await;
            assert_eq!(rig.watch.events(), []);
            rig.client.publish("a", "still here".into()).await.unwrap();
            assert_eq!(&subscriber.next().await.unwrap().payload[..], b"still here");
        });
    }
}

#[test]
fn a_laptop_whose_server_went_while_it_slept_knows_within_seconds() {
    for told in [true, false] {
        simulate(4, async move |sim| {
            let rig = Rig::with(sim.clone(), ConnectOptions::new()).await;
            sim.sleep(7 * SECOND).await;
            rig.fall_silent();
            sim.stand_still(8 * HOUR);
            let start = sim.elapsed();
            if told {
                rig.machine.wake();
            }
            sim.until(MINUTE, || rig.watch.connects() == 1).await;
            let (took, reason) = rig.disconnected(start).unwrap();
            assert_eq!(reason, DisconnectReason::Stale { unanswered: 1 });
            assert!(took <= 4 * SECOND, "told: {told}, {took:?}");
        });
    }
}

#[test]
fn timers_that_fire_once_a_minute_condemn_nobody() {
    simulate(5, async |sim| {
        let rig = Rig::with(sim.clone(), ConnectOptions::new()).await;
        rig.machine.throttle_timers(MINUTE);
        sim.sleep(12 * HOUR).await;
        assert_eq!(rig.watch.events(), []);
        // And who is really gone is found out all the same.
        rig.fall_silent();
        let start = sim.elapsed();
        sim.until(HOUR, || rig.client.connection_state() == State::Disconnected).await;
        let (took, reason) = rig.disconnected(start).unwrap();
        assert!(matches!(reason, DisconnectReason::Stale { .. }), "{reason:?}");
        assert!(took <= 4 * MINUTE, "{took:?}");
        sim.until(HOUR, || rig.client.connection_state() == State::Connected).await;
        // Shown again, it is on time.
        rig.machine.throttle_timers(Duration::ZERO);
        rig.machine.wake();
        rig.fall_silent();
        rig.machine.wake();
        sim.until(5 * SECOND, || rig.client.connection_state() == State::Disconnected).await;
    });
}

#[test]
fn coming_online_tests_the_connection_and_keeps_one_that_lives() {
    simulate(6, async |sim| {
        let rig = Rig::with(sim.clone(), ConnectOptions::new()).await;
        for _ in 0..20 {
            rig.machine.wake();
            sim.sleep(Duration::from_millis(700)).await;
        }
        sim.sleep(HOUR).await;
        assert_eq!(rig.watch.events(), []);
        rig.fall_silent();
        let start = sim.elapsed();
        rig.machine.wake();
        sim.until(5 * SECOND, || rig.watch.connects() == 1).await;
        let (took, reason) = rig.disconnected(start).unwrap();
        assert_eq!((took, reason), (3 * SECOND, DisconnectReason::Stale { unanswered: 1 }));
    });
}

#[test]
fn a_flood_that_takes_a_minute_to_arrive_is_no_silence() {
    simulate(7, async |sim| {
        let rig = Rig::with(sim.clone(), ConnectOptions::new()).await;
        let subscriber = rig.client.subscribe("a").await.unwrap();
        rig.client.flush().await.unwrap();
        rig.change(|script| {
            script.framing = Framing::Bytes(100);
            script.writes = false;
        });
        for _ in 0..500 {
            rig.client.publish("a", vec![b'x'; 1_000].into()).await.unwrap();
        }
        sim.sleep(20 * SECOND).await;
        rig.change(|script| script.writes = true);
        sim.sleep(MINUTE).await;
        assert_eq!(subscriber.pending(), 500);
        assert_eq!(rig.watch.events(), []);
    });
}

#[test]
fn a_server_that_reads_nothing_makes_publishers_wait_and_is_left_in_time() {
    simulate(8, async |sim| {
        let options = ConnectOptions::new().outbound_limit(100_000);
        let rig = Rig::with(sim.clone(), options).await;
        rig.change(|script| script.reads = false);
        let client = rig.client.clone();
        sim.spawn(async move {
            for number in 0..1_000u32 {
                let payload = number.to_be_bytes().repeat(250);
                client.publish("a", payload.into()).await.unwrap();
            }
        });
        sim.sleep(10 * SECOND).await;
        let published = rig.client.statistics().out_messages;
        assert!((300..500).contains(&published), "a network full and a buffer full: {published}");
        rig.change(|script| script.reads = true);
        sim.until(MINUTE, || rig.client.statistics().out_messages == 1_000).await;
        rig.client.flush().await.unwrap();
        assert_eq!(rig.watch.events(), []);
        assert_eq!(sim.network(|network| network.world.taken().len()), 1_000);

        rig.change(|script| script.reads = false);
        rig.client.publish("a", "in doubt".into()).await.unwrap();
        let flushed = rig.client.flush().await;
        let timeout = 10 * SECOND;
        assert_eq!(flushed, Err(FlushError::TimedOut { timeout }));
        sim.until(2 * MINUTE, || rig.client.connection_state() == State::Disconnected).await;
        let disconnected = |event: &Event| matches!(event, Event::Disconnected { .. });
        let (_, event) = rig.watch.last(disconnected).unwrap();
        let reason = DisconnectReason::Stale { unanswered: 2 };
        assert_eq!(event, Event::Disconnected { reason, unconfirmed: 1 });
    });
}
