//! Which server is dialled when, and when no more.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use nats_proto::simulator::{Expulsion, Script, ServerId};
use web_wasm::{
    Backoff, Client, ConnectError, ConnectOptions, DisconnectReason, Event, PublishError,
    ServerError, State,
};

use super::machine::Machine;
use super::network::{Route, with_world};
use super::sim::{Simulation, simulate};
use super::watch::Watch;

const MILLI: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);

/// A cluster of servers by their names, on lines of 10 milliseconds each way.
pub(super) fn cluster<const N: usize>(sim: &Simulation, names: [&str; N]) -> [ServerId; N] {
    sim.network(|network| {
        network.latency = 10 * MILLI..=10 * MILLI;
        names.map(|name| network.add(name, Script::default()))
    })
}

/// The server stops, and each connection to it breaks.
pub(super) fn kill(sim: &Simulation, server: ServerId) {
    with_world(sim, |world| {
        world.change(server, |script| script.refuses = true);
        for link in world.links(server) {
            world.cut_after(link, 0);
        }
    });
}

pub(super) fn revive(sim: &Simulation, server: ServerId) {
    with_world(sim, |world| world.change(server, |script| *script = Script::default()));
}

/// Each dial since `since`, as the milliseconds since then and the host.
pub(super) fn dials(sim: &Simulation, since: Duration) -> Vec<(u64, String)> {
    sim.network(|network| {
        let dials = network.dials().map(|(at, _, host)| (at - nats_proto::Instant::ORIGIN, host));
        let recent = dials.filter(|(at, _)| *at >= since);
        recent.map(|(at, host)| ((at - since).as_millis() as u64, host.to_owned())).collect()
    })
}

pub(super) async fn connect(
    sim: &Simulation,
    options: ConnectOptions,
    names: &[&str],
) -> (Client, Watch) {
    let client = Machine::new(sim).connect(options, names).await.unwrap();
    let watch = Watch::new(sim, &client);
    (client, watch)
}

#[test]
fn servers_are_tried_in_the_order_given_or_in_a_random_one() {
    let order = |seed, options: ConnectOptions| {
        simulate(seed, async move |sim| {
            let servers = cluster(&sim, ["n1", "n2", "n3"]);
            for server in servers {
                kill(&sim, server);
            }
            let machine = Machine::new(&sim);
            let error = machine.connect(options, &["n1", "n2", "n3"]).await.unwrap_err();
            assert!(matches!(error, ConnectError::NotConnected(_)), "{error:?}");
            dials(&sim, Duration::ZERO).into_iter().map(|(_, host)| host).collect::<Vec<_>>()
        })
    };
    let mut random = BTreeSet::new();
    for seed in 0..50 {
        let given = order(seed, ConnectOptions::new().retain_servers_order());
        assert_eq!(given, ["n1", "n2", "n3"]);
        random.insert(order(seed, ConnectOptions::new()));
    }
    assert_eq!(random.len(), 6, "each order occurs, and each server once: {random:?}");
}

#[test]
fn a_failing_server_rests_twice_as_long_each_time_until_it_lets_the_client_in() {
    simulate(2, async |sim| {
        let [server] = cluster(&sim, ["n1"]);
        let (client, watch) = connect(&sim, ConnectOptions::new(), &["n1"]).await;
        for _ in 0..2 {
            // Long enough to be trusted.
            sim.sleep(10 * SECOND).await;
            let broken = sim.elapsed();
            kill(&sim, server);
            sim.sleep(60 * SECOND).await;
            let dials = dials(&sim, broken);
            // The break is noticed after 10 ms, a refusal is back after 20.
            assert!(dials[0].0 <= 10 + 250, "{dials:?}");
            for (index, pair) in dials.windows(2).enumerate() {
                let rest = pair[1].0 - pair[0].0;
                let full = (250 << index.min(5)).min(8_000);
                assert!((full / 2 + 19..=full + 21).contains(&rest), "{index}: {dials:?}");
            }
            assert!(dials.len() > 9, "{dials:?}");
            let rests = dials.windows(2).skip(5).map(|pair| pair[1].0 - pair[0].0);
            assert!(rests.collect::<BTreeSet<_>>().len() > 3, "they differ: {dials:?}");
            revive(&sim, server);
            let back = sim.until(9 * SECOND, || client.connection_state() == State::Connected);
            back.await;
        }
        watch.assert_well_formed(true);
        assert_eq!(watch.connects(), 2);
        client.close().await.unwrap();
    });
}

#[test]
fn another_server_comes_at_once_and_then_the_client_rests_as_with_one() {
    simulate(3, async |sim| {
        let [n1, n2] = cluster(&sim, ["n1", "n2"]);
        let options = ConnectOptions::new().retain_servers_order();
        let (client, _) = connect(&sim, options, &["n1", "n2"]).await;
        sim.sleep(10 * SECOND).await;
        kill(&sim, n1);
        kill(&sim, n2);
        let start = sim.elapsed();
        sim.sleep(10 * SECOND).await;
        let dials = dials(&sim, start);
        assert!(dials.len() >= 7, "{dials:?}");
        for (index, pair) in dials.windows(2).enumerate() {
            assert_ne!(pair[0].1, pair[1].1, "they take turns: {dials:?}");
            let rest = pair[1].0 - pair[0].0;
            match index.checked_sub(1) {
                None => assert!(rest <= 250, "{dials:?}"),
                Some(doublings) => {
                    let full = 250 << doublings;
                    assert!((full / 2 + 19..=full + 45).contains(&rest), "{index}: {dials:?}");
                }
            }
        }
        client.close().await.unwrap();
    });
}

#[test]
fn a_crowd_whose_server_dies_does_not_come_back_in_step() {
    const CROWD: usize = 1_000;
    simulate(4, async |sim| {
        let [server] = cluster(&sim, ["n1"]);
        let mut crowd = Vec::new();
        for _ in 0..CROWD {
            crowd.push(connect(&sim, ConnectOptions::new(), &["n1"]).await);
        }
        sim.sleep(10 * SECOND).await;
        let start = sim.elapsed();
        kill(&sim, server);
        sim.sleep(20 * SECOND).await;
        // No tenth of the time in which all try once sees more than a fifth of them.
        let mut by_machine: BTreeMap<usize, Vec<Duration>> = BTreeMap::new();
        sim.network(|network| {
            for (at, machine, _) in network.dials() {
                let at = at - nats_proto::Instant::ORIGIN;
                if at >= start {
                    by_machine.entry(machine).or_default().push(at - start);
                }
            }
        });
        assert_eq!(by_machine.len(), CROWD);
        for attempt in 0..6 {
            let mut times: Vec<Duration> = by_machine.values().map(|own| own[attempt]).collect();
            times.sort_unstable();
            let span = times[CROWD - 1] - times[0];
            assert!(span >= 200 * MILLI, "attempt {attempt}: {span:?}");
            let densest = times.windows(CROWD / 5).map(|fifth| fifth[CROWD / 5 - 1] - fifth[0]);
            assert!(densest.min().unwrap() >= span / 20, "attempt {attempt}");
        }
        revive(&sim, server);
        let all = || crowd.iter().all(|(client, _)| client.connection_state() == State::Connected);
        sim.until(9 * SECOND, all).await;
        assert!(crowd.iter().all(|(_, watch)| watch.connects() == 1));
    });
}

#[test]
fn a_lame_duck_is_left_without_a_gap_and_what_is_published_then_arrives() {
    simulate(5, async |sim| {
        let [n1, _] = cluster(&sim, ["n1", "n2"]);
        let options = ConnectOptions::new().retain_servers_order();
        let (client, watch) = connect(&sim, options, &["n1", "n2"]).await;
        let mut subscriber = client.subscribe("a").await.unwrap();
        client.flush().await.unwrap();
        with_world(&sim, |world| world.change(n1, |script| script.lame_duck = true));
        let mut published = 0;
        while watch.events().len() < 2 {
            client.publish("a", published.to_string().into()).await.unwrap();
            published += 1;
            sim.sleep(SECOND / 100).await;
        }
        for number in 0..published {
            let message = subscriber.next().await.unwrap();
            assert_eq!(message.payload[..], *number.to_string().as_bytes());
        }
        client.flush().await.unwrap();
        assert_eq!(subscriber.pending(), 0);
        let events = watch.events();
        let Event::HandedOver { server, broke: None, unconfirmed: 0, .. } = &events[1] else {
            panic!("{events:?}")
        };
        assert_eq!((&events[0], server.host()), (&Event::LameDuckMode, "n2"));
        assert!(sim.network(|network| network.links(n1)).is_empty(), "it was left");
        client.close().await.unwrap();
    });
}

#[test]
fn a_lame_duck_without_a_second_is_kept_to_the_end() {
    simulate(6, async |sim| {
        let [server] = cluster(&sim, ["n1"]);
        let (client, watch) = connect(&sim, ConnectOptions::new(), &["n1"]).await;
        with_world(&sim, |world| world.change(server, |script| script.lame_duck = true));
        sim.sleep(30 * SECOND).await;
        assert_eq!(watch.events(), [Event::LameDuckMode]);
        client.flush().await.unwrap();
        let link = sim.network(|network| network.links(server)[0]);
        with_world(&sim, |world| world.expel(link, Expulsion::ServerShutdown));
        revive(&sim, server);
        sim.until(SECOND, || watch.connects() == 1).await;
        watch.assert_well_formed(true);
    });
}

#[test]
fn every_way_in_which_a_server_ends_a_connection_is_told_and_survived() {
    for expulsion in Expulsion::ALL {
        simulate(10, async move |sim| {
            let [server] = cluster(&sim, ["n1"]);
            let (client, watch) = connect(&sim, ConnectOptions::new(), &["n1"]).await;
            let mut subscriber = client.subscribe("a").await.unwrap();
            client.flush().await.unwrap();
            let link = sim.network(|network| network.links(server)[0]);
            with_world(&sim, |world| world.expel(link, expulsion));
            sim.until(SECOND, || watch.connects() == 1).await;
            let disconnected = |event: &Event| matches!(event, Event::Disconnected { .. });
            let (_, Event::Disconnected { reason, .. }) = watch.last(disconnected).unwrap() else {
                unreachable!()
            };
            let DisconnectReason::TransportClosed { closed, error } = reason else {
                panic!("{expulsion:?}: {reason:?}")
            };
            assert_eq!(closed, expulsion.closed());
            assert_eq!(error.is_some(), expulsion.text().is_some());
            client.publish("a", "back".into()).await.unwrap();
            assert_eq!(&subscriber.next().await.unwrap().payload[..], b"back");
        });
    }
}

#[test]
fn the_deadline_covers_each_stage_of_an_attempt() {
    let timeout = 3 * SECOND;
    let silent = async move |sim: &Simulation, options: ConnectOptions| {
        let start = sim.elapsed();
        let options = options.connection_timeout(timeout);
        let error = Machine::new(sim).connect(options, &["n1"]).await.unwrap_err();
        let reason = DisconnectReason::ConnectTimeout { timeout, error: None };
        assert_eq!(error, ConnectError::NotConnected(reason));
        assert_eq!(sim.elapsed() - start, timeout);
    };
    simulate(11, async move |sim| {
        let [server] = cluster(&sim, ["n1"]);
        sim.network(|network| network.route("n1", Route::BlackHole));
        silent(&sim, ConnectOptions::new()).await;
        sim.network(|network| network.route("n1", Route::To(server)));
        with_world(&sim, |world| world.change(server, |script| script.says_info = false));
        silent(&sim, ConnectOptions::new()).await;
        revive(&sim, server);
        let hanging = ConnectOptions::new().auth_callback(|_| core::future::pending());
        silent(&sim, hanging).await;
        with_world(&sim, |world| world.change(server, |script| script.answers_pings = false));
        silent(&sim, ConnectOptions::new()).await;
        // What the server said before it fell silent is the better reason.
        with_world(&sim, |world| world.change(server, |script| script.writes = false));
        let machine = Machine::new(&sim);
        let options = ConnectOptions::new().connection_timeout(timeout);
        let connecting = machine.connect(options, &["n1"]);
        let (error, ()) = futures_util::future::join(connecting, async {
            sim.sleep(SECOND).await;
            let link = *sim.network(|network| network.links(server)).last().unwrap();
            with_world(&sim, |world| {
                world.say(link, "-ERR 'maximum connections exceeded'\r\n");
                world.change(server, |script| script.writes = true);
            });
        })
        .await;
        let error_said = Some(ServerError::MaximumConnectionsExceeded);
        let reason = DisconnectReason::ConnectTimeout { timeout, error: error_said };
        assert_eq!(error.unwrap_err(), ConnectError::NotConnected(reason));
    });
}

#[test]
fn an_address_that_leads_nowhere_or_is_forbidden_fails_and_the_next_is_tried() {
    simulate(12, async |sim| {
        cluster(&sim, ["n1"]);
        sim.network(|network| network.route("walled", Route::Forbidden));
        let options = ConnectOptions::new().retain_servers_order();
        let names = ["nowhere", "walled", "n1"];
        let (client, _) = connect(&sim, options, &names).await;
        assert_eq!(client.server().unwrap().host(), "n1");
        let dialled: Vec<_> = dials(&sim, Duration::ZERO);
        assert_eq!(dialled.iter().map(|(_, host)| host).collect::<Vec<_>>(), names.each_ref());
        let walled = Machine::new(&sim).connect(ConnectOptions::new(), &["walled"]).await;
        let Err(ConnectError::NotConnected(reason)) = walled else { panic!("{walled:?}") };
        assert_eq!(reason.to_string(), "closed with code 1006");
    });
}

#[test]
fn attempts_end_where_the_caller_says() {
    simulate(13, async |sim| {
        let [server] = cluster(&sim, ["n1"]);
        for (options, attempts) in [
            (ConnectOptions::new().max_reconnects(4), 4),
            (ConnectOptions::new().max_reconnects(1), 1),
            (ConnectOptions::new().no_reconnect(), 0),
        ] {
            revive(&sim, server);
            let (client, watch) = connect(&sim, options, &["n1"]).await;
            let mut subscriber = client.subscribe("a").await.unwrap();
            let broken = sim.elapsed();
            kill(&sim, server);
            sim.until(60 * SECOND, || watch.is_closed()).await;
            assert_eq!(dials(&sim, broken).len(), attempts);
            assert_eq!(subscriber.next().await, None);
            assert_eq!(client.publish("a", "x".into()).await, Err(PublishError::Closed));
            watch.assert_well_formed(true);
            let Some(Event::Closed { reason, .. }) = watch.events().pop() else { panic!() };
            assert!(matches!(reason, DisconnectReason::TransportClosed { .. }), "{reason:?}");
        }
    });
}

#[test]
fn without_reconnects_a_first_connection_is_still_made() {
    simulate(14, async |sim| {
        let [server] = cluster(&sim, ["n1"]);
        kill(&sim, server);
        let options = ConnectOptions::new().no_reconnect().retry_on_initial_connect();
        let (client, watch) = connect(&sim, options, &["n1"]).await;
        sim.sleep(5 * SECOND).await;
        revive(&sim, server);
        sim.until(9 * SECOND, || client.connection_state() == State::Connected).await;
        kill(&sim, server);
        sim.until(SECOND, || watch.is_closed()).await;
    });
}

#[test]
fn coming_online_ends_every_wait_at_once() {
    simulate(15, async |sim| {
        let [n1, n2] = cluster(&sim, ["n1", "n2"]);
        let machine = Machine::new(&sim);
        let backoff = Backoff { base: 3_600 * SECOND, max: 24 * 3_600 * SECOND };
        let options = ConnectOptions::new().backoff(backoff);
        let client = machine.connect(options, &["n1", "n2"]).await.unwrap();
        kill(&sim, n1);
        kill(&sim, n2);
        sim.sleep(24 * 3_600 * SECOND).await;
        revive(&sim, n1);
        revive(&sim, n2);
        machine.wake();
        let took = sim.until(SECOND, || client.connection_state() == State::Connected).await;
        assert!(took <= 62 * MILLI, "three times to and fro: {took:?}");
        // Nothing is dialled twice for it.
        let before = dials(&sim, Duration::ZERO).len();
        machine.wake();
        client.wake();
        sim.sleep(60 * SECOND).await;
        assert_eq!(dials(&sim, Duration::ZERO).len(), before);
        client.close().await.unwrap();
    });
}

#[test]
fn servers_that_gossip_tells_of_are_used_and_those_it_drops_are_forgotten() {
    simulate(16, async |sim| {
        let [n1, n2, n3] = cluster(&sim, ["n1", "n2", "n3"]);
        let list = |names: &'static [&'static str]| {
            with_world(&sim, |world| {
                for server in [n1, n2, n3] {
                    world.change(server, |script| {
                        script.connect_urls = names.iter().map(|n| format!("{n}:5000")).collect();
                    });
                }
            });
        };
        let (client, watch) = connect(&sim, ConnectOptions::new(), &["n1"]).await;
        let ignoring = ConnectOptions::new().ignore_discovered_servers();
        let (deaf, deaf_watch) = connect(&sim, ignoring, &["n1"]).await;
        list(&["n1", "n2"]);
        sim.sleep(SECOND).await;
        assert_eq!(watch.events(), [Event::ServersChanged]);
        assert_eq!(deaf_watch.events(), []);
        kill(&sim, n1);
        sim.until(SECOND, || watch.connects() == 1).await;
        assert_eq!(client.server().unwrap().host(), "n2");
        assert_eq!(deaf.connection_state(), State::Disconnected);
        // The first one, which the caller named, stays known; the second one is replaced.
        list(&["n2", "n3"]);
        sim.sleep(SECOND).await;
        kill(&sim, n2);
        sim.until(9 * SECOND, || watch.connects() == 2).await;
        assert_eq!(client.server().unwrap().host(), "n3");
        list(&["n3"]);
        sim.sleep(SECOND).await;
        let start = sim.elapsed();
        kill(&sim, n3);
        sim.sleep(60 * SECOND).await;
        let tried: BTreeSet<String> =
            dials(&sim, start).into_iter().filter(|_| true).map(|(_, host)| host).collect();
        assert_eq!(tried, ["n1", "n3"].map(String::from).into(), "n2 is forgotten");
    });
}

#[test]
fn the_outbound_buffer_is_bounded_while_nobody_takes_it() {
    simulate(17, async |sim| {
        let [server] = cluster(&sim, ["n1"]);
        let options = ConnectOptions::new().outbound_limit(10_000);
        let (client, _) = connect(&sim, options, &["n1"]).await;
        kill(&sim, server);
        sim.sleep(SECOND).await;
        let sent = Rc::new(RefCell::new(0));
        let (publisher, count) = (client.clone(), Rc::clone(&sent));
        sim.spawn(async move {
            for number in 0..1_000u32 {
                let payload = number.to_be_bytes().repeat(25);
                publisher.publish("a", payload.into()).await.unwrap();
                *count.borrow_mut() += 1;
            }
        });
        sim.sleep(60 * SECOND).await;
        // Each takes 113 bytes with its line.
        assert_eq!(*sent.borrow(), 89);
        let full = client.try_publish("a", None, None, b"x");
        assert_eq!(full, Err(PublishError::BufferFull { limit: 10_000 }));
        revive(&sim, server);
        sim.until(30 * SECOND, || *sent.borrow() == 1_000).await;
        client.flush().await.unwrap();
        let taken = sim.network(|network| {
            let taken = network.world.taken().iter();
            taken.map(|taken| taken.publication.payload[..4].to_vec()).collect::<Vec<_>>()
        });
        assert_eq!(taken, (0..1_000u32).map(|n| n.to_be_bytes().to_vec()).collect::<Vec<_>>());
        client.close().await.unwrap();
    });
}
