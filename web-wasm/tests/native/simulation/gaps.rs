//! What a client says of the times in which it may have missed messages.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use nats_proto::simulator::Script;
use web_wasm::platform::Platform;
use web_wasm::{ConnectOptions, DateTime, Event};

use super::machine::Machine;
use super::network::with_world;
use super::rig::Rig;
use super::sim::{Simulation, simulate};
use super::watch::Watch;

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);

/// The gaps that were told of, from and to.
fn gaps(watch: &Watch) -> Vec<(DateTime, DateTime)> {
    let gaps = watch.events().into_iter().filter_map(|event| match event {
        Event::Gap { from, last_heard, to, .. } => {
            assert!(from <= last_heard && last_heard <= to, "{from:?} {last_heard:?} {to:?}");
            Some((from, to))
        }
        _ => None,
    });
    gaps.collect()
}

fn date(machine: &Machine) -> DateTime {
    DateTime::from_unix_time(machine.unix_time())
}

/// Messages at all times, while lines are cut and fall silent: what does not come was published in a
/// gap. Returns how many did not come.
async fn interrupted(sim: Simulation) -> usize {
    let server = sim.network(|network| {
        network.latency = 5 * MILLI..=50 * MILLI;
        network.add("n1", Script::default())
    });
    let witness = Machine::new(&sim).connect(ConnectOptions::new(), &["n1"]).await.unwrap();
    let machine = Machine::new(&sim);
    let options = ConnectOptions::new().ping_interval(sim.rng(|rng| rng.u32(1..20)) * SECOND);
    let client = machine.connect(options, &["n1"]).await.unwrap();
    let watch = Watch::new(&sim, &client);
    let mut subscriber = client.subscribe("numbers").await.unwrap();
    client.flush().await.unwrap();
    let received = Rc::new(RefCell::new(BTreeSet::new()));
    let numbers = Rc::clone(&received);
    sim.spawn(async move {
        while let Some(message) = subscriber.next().await {
            let text = str::from_utf8(&message.payload).unwrap();
            assert!(numbers.borrow_mut().insert(text.parse::<usize>().unwrap()), "{text} again");
        }
    });
    let mut published = Vec::new();
    let mut interruptions = 0;
    for number in 0..4_000usize {
        published.push(date(&machine));
        witness.publish("numbers", number.to_string().into()).await.unwrap();
        sim.sleep(37 * MILLI).await;
        let link = *sim.network(|network| network.links(server)).last().unwrap();
        let connected = watch.connects() == interruptions;
        match sim.rng(|rng| rng.u32(0..600)) {
            0 if connected => with_world(&sim, |world| world.fall_silent(link)),
            1 if connected => with_world(&sim, |world| world.cut_after(link, 0)),
            2 => machine.sleep_unawares(HOUR),
            _ => continue,
        }
        interruptions = watch.count(|event| matches!(event, Event::Disconnected { .. }));
    }
    sim.sleep(100 * SECOND).await;
    let gaps = gaps(&watch);
    assert_eq!(gaps.len(), watch.connects(), "one for each time that it was let in again");
    let received = received.take();
    let missed: Vec<usize> = (0..published.len()).filter(|n| !received.contains(n)).collect();
    for number in &missed {
        let at = published[*number];
        let told = gaps.iter().any(|(from, to)| (*from..=*to).contains(&at));
        assert!(told, "{number}, published at {at:?}, was missed outside {gaps:?}");
    }
    client.close().await.unwrap();
    witness.close().await.unwrap();
    missed.len()
}

#[test]
fn what_is_missed_is_missed_in_a_gap() {
    let missed: usize = (0..6).map(|seed| simulate(seed, interrupted)).sum();
    assert!(missed > 200, "{missed}");
}

#[test]
fn a_gap_is_as_long_as_the_machine_slept_though_its_clock_stood_still() {
    simulate(1, async |sim| {
        let rig = Rig::new(sim.clone(), Script::default(), ConnectOptions::new()).await;
        let _subscriber = rig.client.subscribe("a").await.unwrap();
        rig.client.flush().await.unwrap();
        sim.sleep(60 * SECOND).await;
        let asleep = date(&rig.machine);
        let link = rig.link();
        with_world(&sim, |world| world.fall_silent(link));
        rig.machine.sleep_unawares(8 * HOUR);
        rig.machine.wake();
        let awake = date(&rig.machine);
        sim.until(60 * SECOND, || !gaps(&rig.watch).is_empty()).await;
        let [(from, to)] = gaps(&rig.watch)[..] else { panic!() };
        let before = asleep.saturating_duration_since(from);
        // The last PING that was answered is at most an interval old, and another second is for caution.
        assert!((SECOND..27 * SECOND).contains(&before), "{before:?}");
        assert!(to >= awake && to.saturating_duration_since(awake) < 10 * SECOND);
    });
}
