//! Clients that do anything, on a cluster to which anything happens.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use nats_proto::simulator::{Expulsion, Framing, LinkId, Script, ServerId};
use web_wasm::platform::LocalBoxFuture;
use web_wasm::transport::TransportClosed;
use web_wasm::{Auth, AuthError, Backoff, Challenge, ConnectOptions, State};

use super::actor::Actor;
use super::ledger::Ledger;
use super::machine::Machine;
use super::network::{Route, Trace, with_world};
use super::sim::{Simulation, simulate};
use super::watch::Watch;

const NAMES: [&str; 3] = ["n1", "n2", "n3"];

/// How long it takes at most, once all is well, until every client knows it.
const SETTLING: Duration = Duration::from_secs(120);

/// How many seeds are tried.
const SEEDS: u64 = 300;

fn from_environment(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

/// Says which seed it was, should the test fail.
pub(crate) struct Replay(pub(crate) u64);

impl Drop for Replay {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to see this again: just simulate {}", self.0);
        }
    }
}

/// The seeds to try: those that are asked for, or so many.
pub(crate) fn seeds(count: u64) -> Range<u64> {
    let first = from_environment("SIMULATION_SEED");
    let count = from_environment("SIMULATION_COUNT").unwrap_or(first.map_or(count, |_| 1));
    let first = first.unwrap_or(0);
    first..first + count
}

#[test]
fn whatever_happens_nothing_is_lost_silently_doubled_or_left_hanging() {
    let seeds = seeds(SEEDS);
    let count = usize::try_from(seeds.end - seeds.start).unwrap();
    let mut totals = [0; 4];
    for seed in seeds {
        let _replay = Replay(seed);
        let (run, _) = simulate(seed, run);
        totals = std::array::from_fn(|index| totals[index] + run[index]);
    }
    // Enough happened for that to mean something.
    for (total, least) in totals.into_iter().zip([10, 7, 200, 200]) {
        assert!(count < 100 || total > count * least, "{totals:?}");
    }
}

#[test]
fn a_seed_repeats_its_run_to_the_byte() {
    for seed in 0..10 {
        let (first, second) = (simulate(seed, run), simulate(seed, run));
        assert!(first == second, "seed {seed}");
        assert!(first.1.len() > 100);
    }
}

/// Options of all kinds, and whether the client may give up by itself with them.
fn options(sim: &Simulation, rng: &mut fastrand::Rng) -> (ConnectOptions, bool) {
    let seconds = |rng: &mut fastrand::Rng, range| Duration::from_secs(rng.u64(range));
    let mut options = ConnectOptions::new()
        .retry_on_initial_connect()
        .ping_interval(seconds(rng, 1..10))
        .connection_timeout(seconds(rng, 1..6))
        .outbound_limit(rng.choice([2_000, 50_000, 8 << 20]).unwrap())
        .max_pings_unanswered(rng.usize(1..4));
    if rng.bool() {
        let base = Duration::from_millis(rng.u64(1..500));
        options = options.backoff(Backoff { base, max: base * 10 });
    }
    if rng.bool() {
        options = options.retain_servers_order();
    }
    if rng.bool() {
        options = options.no_echo();
    }
    if rng.bool() {
        options = options.ignore_discovered_servers();
    }
    if rng.u32(0..4) == 0 {
        options = options.reconnect_delay_callback(|attempt| Duration::from_millis(100) * attempt);
    }
    if rng.bool() {
        options = options.auth_callback(moody_credentials(sim, rng.u64(..)));
    }
    let may_give_up = rng.u32(0..8) == 0;
    if may_give_up {
        options = options.max_reconnects(rng.u32(1..10));
    }
    (options, may_give_up)
}

/// Credentials that take their time, and fail now and then.
fn moody_credentials(
    sim: &Simulation,
    seed: u64,
) -> impl Fn(Challenge) -> LocalBoxFuture<'static, Result<Auth, AuthError>> + use<> {
    let (sim, rng) = (sim.clone(), RefCell::new(fastrand::Rng::with_seed(seed)));
    move |_| {
        let mut rng = rng.borrow_mut();
        let pause = sim.sleep(Duration::from_millis(rng.u64(0..300)));
        let fails = rng.u32(0..5) == 0;
        Box::pin(async move {
            pause.await;
            match fails {
                true => Err(AuthError::new("not now")),
                false => Ok(Auth { token: Some("t".into()), ..Auth::default() }),
            }
        })
    }
}

/// One run: how much happened, and what passed over the network.
async fn run(sim: Simulation) -> ([usize; 4], Vec<Trace>) {
    let servers = sim.network(|network| NAMES.map(|name| network.add(name, Script::default())));
    let ledger = Ledger::default();
    let mut cast = Vec::new();
    for _ in 0..sim.rng(|rng| rng.usize(2..5)) {
        let machine = Machine::new(&sim);
        let count = sim.rng(|rng| rng.usize(1..4));
        let (options, may_give_up) = sim.rng(|rng| options(&sim, rng));
        let client = machine.connect(options, &NAMES[..count]).await.unwrap();
        let watch = Watch::new(&sim, &client);
        cast.push((Actor::new(&sim, machine, client, ledger.clone(), may_give_up), watch));
    }
    let chaos = Duration::from_secs(sim.rng(|rng| rng.u64(5..40)));
    for (actor, _) in &cast {
        sim.spawn(actor.clone().act(chaos));
    }
    wreak_havoc(&sim, &servers, &cast, &ledger, chaos).await;

    restore(&sim, &servers, &cast);
    sim.sleep(SETTLING).await;
    for (actor, watch) in &cast {
        if actor.is_closing() || (actor.may_give_up() && watch.is_closed()) {
            assert!(watch.is_closed(), "{:?}", watch.events());
            continue;
        }
        let state = actor.client().connection_state();
        assert_eq!(state, State::Connected, "{:?}", watch.events());
        actor.client().flush().await.unwrap();
        check_subscriptions(&sim, actor, &ledger);
    }
    for (actor, _) in cast.iter().filter(|(_, watch)| !watch.is_closed()) {
        for subject in ["a.x", "a.y.z", "b.x", "c"] {
            actor.publish_to(subject, Duration::from_secs(5)).await;
        }
        actor.client().flush().await.unwrap();
    }
    sim.sleep(Duration::from_secs(2)).await;
    close_all(&sim, &cast).await;

    sim.network(|network| {
        for (actor, watch) in &cast {
            watch.assert_well_formed(false);
            assert!(watch.is_closed());
            assert_eq!(actor.machine().listeners(), 0, "nobody listens any more");
            ledger.audit_publishing(actor.number(), watch, network);
        }
        ledger.audit_subscriptions(network);
        ledger.audit_requests(network);
        assert_eq!(network.world.faults(), [], "the clients speak properly");
        assert!(servers.iter().all(|server| network.links(*server).is_empty()));
    });
    (ledger.totals(), sim.network(|network| network.trace().to_vec()))
}

/// The server has exactly the subscriptions that have not ended.
fn check_subscriptions(sim: &Simulation, actor: &Actor, ledger: &Ledger) {
    let known: BTreeMap<u64, String> = sim.network(|network| {
        let link = network.link_of(actor.number()).unwrap();
        let subscriptions = network.world.subscriptions(link);
        let subscriptions = subscriptions.filter(|(_, subject)| !subject.starts_with("_INBOX"));
        subscriptions.map(|(sid, subject)| (sid, subject.to_string())).collect()
    });
    let open: BTreeMap<u64, String> = ledger.books(|books| {
        let own = books.subscriptions.iter().filter(|own| own.client == actor.number());
        let open = own.filter(|own| !own.ended);
        open.map(|own| (own.sid, own.subject.clone())).collect()
    });
    assert_eq!(known, open);
}

async fn close_all(sim: &Simulation, cast: &[(Actor, Watch)]) {
    let left = Rc::new(Cell::new(cast.len()));
    for (actor, _) in cast {
        let (actor, left, drains) = (actor.clone(), Rc::clone(&left), sim.rng(fastrand::Rng::bool));
        sim.spawn(async move {
            match drains {
                true => actor.drain().await,
                false => actor.close().await,
            }
            left.set(left.get() - 1);
        });
    }
    sim.until(Duration::from_secs(60), || left.get() == 0).await;
    sim.sleep(Duration::from_secs(60)).await;
}

/// All is well again.
fn restore(sim: &Simulation, servers: &[ServerId], cast: &[(Actor, Watch)]) {
    for (name, server) in NAMES.iter().zip(servers) {
        sim.network(|network| network.route(name, Route::To(*server)));
        with_world(sim, |world| {
            world.change(*server, |script| {
                let framing = script.framing;
                *script = Script { framing, ..Script::default() };
            });
        });
    }
    sim.network(|network| network.latency = Duration::ZERO..=Duration::from_millis(50));
    for (actor, _) in cast {
        actor.machine().throttle_timers(Duration::ZERO);
    }
}

async fn wreak_havoc(
    sim: &Simulation,
    servers: &[ServerId],
    cast: &[(Actor, Watch)],
    ledger: &Ledger,
    until: Duration,
) {
    let mut rng = fastrand::Rng::with_seed(sim.rng(|rng| rng.u64(..)));
    while sim.elapsed() < until {
        sim.sleep(Duration::from_millis(rng.u64(0..3_000))).await;
        let index = rng.usize(0..servers.len());
        let (server, name) = (servers[index], NAMES[index]);
        let while_it_lasts = Duration::from_millis(rng.u64(10..15_000));
        let links = sim.network(|network| network.links(server));
        match rng.u32(0..20) {
            0 => for_a_while(
                sim,
                server,
                while_it_lasts,
                |script| script.refuses = true,
                |script| {
                    script.refuses = false;
                },
            ),
            1 => for_a_while(
                sim,
                server,
                while_it_lasts,
                |script| script.writes = false,
                |s| {
                    s.writes = true;
                },
            ),
            2 => for_a_while(
                sim,
                server,
                while_it_lasts,
                |script| script.reads = false,
                |script| {
                    script.reads = true;
                },
            ),
            3 => for_a_while(
                sim,
                server,
                while_it_lasts,
                |s| s.answers_pings = false,
                |script| {
                    script.answers_pings = true;
                },
            ),
            4 => for_a_while(
                sim,
                server,
                while_it_lasts,
                |s| s.says_info = false,
                |script| {
                    script.says_info = true;
                },
            ),
            5 => {
                for_a_while(
                    sim,
                    server,
                    while_it_lasts,
                    |s| s.lame_duck = true,
                    |script| {
                        script.lame_duck = false;
                    },
                );
                let sim_then = sim.clone();
                sim.spawn(async move {
                    sim_then.sleep(while_it_lasts / 2).await;
                    kill_all(&sim_then, server);
                });
            }
            6 => {
                kill_all(sim, server);
                for_a_while(
                    sim,
                    server,
                    while_it_lasts,
                    |s| s.refuses = true,
                    |script| {
                        script.refuses = false;
                    },
                );
            }
            7 => {
                let (sim_then, name) = (sim.clone(), name);
                sim.network(|network| network.route(name, Route::BlackHole));
                sim.spawn(async move {
                    sim_then.sleep(while_it_lasts).await;
                    sim_then.network(|network| network.route(name, Route::To(server)));
                });
            }
            8 => {
                let framing = [
                    Framing::Operations,
                    Framing::Joined,
                    Framing::Bytes(rng.usize(8..200)),
                    Framing::Random(rng.usize(16..10_000)),
                ];
                let framing = rng.choice(framing).unwrap();
                with_world(sim, |world| world.change(server, |script| script.framing = framing));
            }
            9 => {
                let listed = NAMES.iter().filter(|_| rng.bool()).map(|name| format!("{name}:5000"));
                let listed = listed.collect();
                with_world(sim, |world| world.change(server, |s| s.connect_urls = listed));
            }
            10 => {
                let slowest = Duration::from_millis(rng.u64(1..800));
                sim.network(|network| network.latency = slowest / 10..=slowest);
            }
            11 => sim.stand_still(Duration::from_millis(rng.u64(1..100_000))),
            12 => {
                let machine = cast[rng.usize(0..cast.len())].0.machine();
                machine.throttle_timers(Duration::from_secs(1));
                machine.wake();
            }
            fault => {
                if let Some(link) = rng.choice(links) {
                    harm(sim, link, ledger, &mut rng, fault);
                }
            }
        }
    }
}

/// Something happens to one connection. All of it is over within seconds, but for silence.
fn harm(sim: &Simulation, link: LinkId, ledger: &Ledger, rng: &mut fastrand::Rng, fault: u32) {
    with_world(sim, |world| match fault {
        13 | 14 => world.cut_after(link, rng.u64(0..500)),
        15 => world.fall_silent(link),
        16 => {
            let rubbish = rng.choice(["\0\u{1}\r\n", "MSG a 1 -1\r\n", "INFO {\r\n", "MSG\r\n"]);
            if let Some(at) = world.say(link, rubbish.unwrap().as_bytes()) {
                ledger.speak_rubbish(link, at);
            }
        }
        17 => {
            let reason = rng.choice([
                Expulsion::StaleConnection,
                Expulsion::ServerShutdown,
                Expulsion::Kicked,
                Expulsion::MaximumAccountConnections,
                Expulsion::SigningKeyRemoved,
            ]);
            world.expel(link, reason.unwrap());
        }
        18 => world.close(link, TransportClosed { code: 1000, reason: "bye".into() }),
        _ => world.ping(link),
    });
    if matches!(fault, 13 | 14) {
        let sim_then = sim.clone();
        sim.spawn(async move {
            sim_then.sleep(Duration::from_secs(5)).await;
            with_world(&sim_then, |world| world.cut_after(link, 0));
        });
    }
}

fn kill_all(sim: &Simulation, server: ServerId) {
    with_world(sim, |world| {
        for link in world.links(server) {
            world.cut_after(link, 0);
        }
    });
}

fn for_a_while(
    sim: &Simulation,
    server: ServerId,
    duration: Duration,
    begin: impl FnOnce(&mut Script),
    end: impl FnOnce(&mut Script) + 'static,
) {
    with_world(sim, |world| world.change(server, begin));
    let sim_then = sim.clone();
    sim.spawn(async move {
        sim_then.sleep(duration).await;
        with_world(&sim_then, |world| world.change(server, end));
    });
}
