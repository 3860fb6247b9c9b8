//! The simulation itself: messages arrive in it, time passes as it should, and nothing is left to
//! chance that the seed does not decide.

use std::time::{Duration, Instant as RealTime};

use futures_util::StreamExt;
use nats_proto::simulator::{Framing, Script};
use web_wasm::ConnectOptions;

use super::machine::Machine;
use super::network::{Trace, with_world};
use super::sim::simulate;

const HOUR: Duration = Duration::from_secs(3_600);

/// Two clients talk for a while over a line that is cut now and then.
fn chat(seed: u64) -> Vec<Trace> {
    simulate(seed, async |sim| {
        let script = Script { framing: Framing::Random(50), ..Script::default() };
        let server = sim.network(|network| network.add("n1", script));
        let (alice, bob) = (Machine::new(&sim), Machine::new(&sim));
        let options = || ConnectOptions::new().retry_on_initial_connect();
        let alice = alice.connect(options(), &["n1"]).await.unwrap();
        let bob = bob.connect(options(), &["n1"]).await.unwrap();
        let heard = bob.subscribe("chat").await.unwrap();
        bob.flush().await.unwrap();
        for number in 0..50u8 {
            alice.publish("chat", vec![number; 100].into()).await.unwrap();
            if number % 10 == 9 {
                let link = sim.network(|network| network.links(server)[0]);
                with_world(&sim, |world| world.cut_after(link, u64::from(number)));
                alice.flush().await.ok();
                sim.sleep(Duration::from_secs(1)).await;
            }
        }
        alice.close().await.unwrap();
        bob.close().await.unwrap();
        let heard: Vec<u8> = heard.map(|message| message.payload[0]).collect().await;
        assert!(heard.len() >= 40 && heard.is_sorted(), "{heard:?}");
        sim.network(|network| network.trace().to_vec())
    })
}

#[test]
fn the_same_seed_gives_the_same_run_to_the_byte() {
    for seed in 0..5 {
        let trace = chat(seed);
        assert!(trace.len() > 100);
        assert_eq!(trace, chat(seed));
        assert_ne!(trace, chat(seed + 100));
    }
}

#[test]
fn an_hour_passes_in_no_time_and_an_idle_client_sleeps_through_it() {
    let start = RealTime::now();
    simulate(1, async |sim| {
        sim.network(|network| network.add("n1", Script::default()));
        let machine = Machine::new(&sim);
        let client = machine.connect(ConnectOptions::new(), &["n1"]).await.unwrap();
        let before = sim.polls();
        sim.sleep(HOUR).await;
        // A PING each 25 seconds: the timer, and the PONG.
        let polls = sim.polls() - before;
        assert!((2 * 143..2 * 146).contains(&polls), "{polls}");
        assert!(client.statistics().rtt.unwrap() >= Duration::from_millis(10));
        assert_eq!(machine.listeners(), 1);
        client.close().await.unwrap();
        sim.sleep(Duration::from_secs(1)).await;
        assert_eq!(machine.listeners(), 0, "a closed client listens for nothing");
    });
    assert!(start.elapsed() < Duration::from_secs(60));
}
