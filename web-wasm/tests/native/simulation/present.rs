//! Presence while tabs crash, fall silent and come back.

use std::time::Duration;

use nats_proto::simulator::{Script, ServerId};
use serde_json::json;
use web_wasm::presence::{Channel, Presence, PresenceExt};
use web_wasm::{Client, ConnectOptions};

use super::machine::Machine;
use super::network::with_world;
use super::sim::{Simulation, simulate};

const SECOND: Duration = Duration::from_secs(1);
/// How long who says nothing is believed to be there.
const TTL: Duration = Duration::from_secs(90);

fn channel() -> Channel {
    Channel::new("room", "7").unwrap()
}

fn user(number: usize) -> String {
    let letter = char::from(b'A' + u8::try_from(number).unwrap());
    format!("U{}", String::from(letter).repeat(55))
}

async fn client(machine: &Machine) -> Client {
    let options = ConnectOptions::new().retry_on_initial_connect().ping_interval(2 * SECOND);
    machine.connect(options, &["n1"]).await.unwrap()
}

/// The users that a tab sees, each with how many tabs it has.
fn seen(presence: &Presence) -> Vec<(String, usize)> {
    let mut members: Vec<_> = presence
        .members()
        .into_iter()
        .map(|member| (member.user.to_string(), member.tabs))
        .collect();
    members.sort();
    members
}

/// Some tabs of which the first two are one user's, and each sees all.
async fn tabs(sim: &Simulation, count: usize) -> (ServerId, Vec<(Machine, Client, Presence)>) {
    let server = sim.network(|network| network.add("n1", Script::default()));
    let mut tabs = Vec::new();
    for number in 0..count {
        let machine = Machine::new(sim);
        let client = client(&machine).await;
        let builder = client.presence(channel()).ttl(TTL);
        let presence = builder.join(user(number.saturating_sub(1)), json!(number)).await.unwrap();
        tabs.push((machine, client, presence));
    }
    (server, tabs)
}

#[test]
fn after_any_break_all_see_all_again() {
    for cut in (0..2_000).step_by(50) {
        simulate(cut, async move |sim| {
            let (server, tabs) = tabs(&sim, 4).await;
            // Nobody tells newcomers here, so that they learn of the others when those speak again.
            sim.sleep(TTL).await;
            let all = vec![(user(0), 2), (user(1), 1), (user(2), 1)];
            for (.., presence) in &tabs {
                assert_eq!(seen(presence), all);
            }
            with_world(&sim, |world| {
                for link in world.links(server) {
                    world.cut_after(link, cut);
                }
            });
            sim.sleep(TTL).await;
            for (.., presence) in &tabs {
                assert_eq!(seen(presence), all, "cut after {cut} bytes");
            }
        });
    }
}

#[test]
fn a_tab_that_crashes_is_gone_within_its_ttl_and_its_user_with_the_last() {
    for seed in 0..10 {
        simulate(seed, async |sim| {
            let (server, mut tabs) = tabs(&sim, 4).await;
            let links = sim.network(|network| network.links(server));
            sim.sleep(TTL).await;
            for left in [
                vec![(user(0), 1), (user(1), 1), (user(2), 1)],
                vec![(user(1), 1), (user(2), 1)],
                vec![(user(2), 1)],
            ] {
                // Without a word: its line goes dead, and its timers never fire again.
                let (machine, ..) = tabs.remove(0);
                machine.throttle_timers(1_000_000 * SECOND);
                with_world(&sim, |world| world.fall_silent(links[3 - tabs.len()]));
                sim.sleep(TTL + SECOND).await;
                for (.., presence) in &tabs {
                    assert_eq!(seen(presence), left);
                }
            }
        });
    }
}
