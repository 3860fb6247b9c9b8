//! A crowd of clients that come back at once: too many to be let in at once.

use super::{addr, at};
use crate::pool::{Backoff, Dial, ServerPool};
use alloc::collections::BTreeSet;
use alloc::vec;
use alloc::vec::Vec;
use core::time::Duration;

/// What it takes until all of a crowd are let in by servers that let in so many a second, one after
/// another; one that no longer waits takes a quarter of the time. Seconds, and attempts of each.
fn storm(clients: u64, servers: &[&str], a_second: u64) -> (u64, f64) {
    const PATIENCE: Duration = Duration::from_secs(10);
    let each = Duration::from_secs(1) / u32::try_from(a_second).unwrap();
    let mut pools: Vec<_> = (0..clients)
        .map(|seed| {
            let servers = servers.iter().map(|name| addr(name));
            ServerPool::new(servers, false, Backoff::default(), None, seed)
        })
        .collect();
    let mut busy_until = vec![at(60_000); servers.len()];
    let which = |dial: &Dial| servers.iter().position(|name| addr(name) == dial.addr).unwrap();
    // When which client dials which server.
    let mut agenda = BTreeSet::new();
    for (client, pool) in pools.iter_mut().enumerate() {
        pool.disconnected(&addr("ws://dead"), at(60_000));
        let dial = pool.next(at(60_000)).unwrap();
        agenda.insert((at(60_000) + dial.wait, client, which(&dial)));
    }
    let (mut dials, mut last) = (0_u64, at(60_000));
    while let Some((now, client, server)) = agenda.pop_first() {
        dials += 1;
        assert!(dials < clients * 100, "they never get in");
        let begins = busy_until[server].max(now);
        if begins + each - now <= PATIENCE {
            busy_until[server] = begins + each;
            last = last.max(busy_until[server]);
            continue;
        }
        busy_until[server] = begins + each / 4;
        let now = now + PATIENCE;
        pools[client].failed(&addr(servers[server]), now);
        let dial = pools[client].next(now).unwrap();
        agenda.insert((now + dial.wait, client, which(&dial)));
    }
    ((last - at(60_000)).as_secs(), dials as f64 / clients as f64)
}

#[test]
fn a_crowd_that_is_too_large_to_be_let_in_at_once_wastes_little() {
    let servers = ["ws://a", "ws://b", "ws://c", "ws://d"];
    for (a_second, within, attempts_at_most) in [(250, 25, 1.5), (100, 60, 2.5), (50, 150, 4.5)] {
        let (seconds, attempts) = storm(14_000, &servers, a_second);
        assert!(seconds <= within && attempts <= attempts_at_most, "{seconds} s, {attempts}");
    }
    assert_eq!(storm(3_000, &servers, 250), (3, 1.0), "nobody has to come twice");
}
