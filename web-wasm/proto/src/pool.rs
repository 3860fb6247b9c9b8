//! Which server to dial, and when.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::server_addr::ServerAddr;
use crate::time::Instant;

/// How long to wait before a server is dialled again.
///
/// After its n-th failure in a row a server rests for a random time between half of and all of
/// `base · 2^(n-1)`, but no more than `max`. A connection that breaks before it has lasted for
/// `max` counts as a failure too; a server whose connection lasted longer rests for up to `base`.
/// The randomness keeps a crowd of clients from coming back in step.
///
/// After the first failure another server is tried at once. From the second in a row on the client
/// rests as well, as if all servers were one: a crowd that is more than they can let in at once would
/// else ask them the more often the more they are. An attempt that took
/// [long](Backoff::SLOW) before it failed tells of such a crowd: then the rest is `2^(n-1)` times as long
/// as it took, between half of it and all, up to [`Backoff::LONGEST`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The first delay.
    pub base: Duration,
    /// The longest delay.
    pub max: Duration,
}

impl Default for Backoff {
    /// From 250 milliseconds to 8 seconds.
    fn default() -> Self {
        Self { base: Duration::from_millis(250), max: Duration::from_secs(8) }
    }
}

impl Backoff {
    /// How long an attempt takes at least to be one that took long.
    pub const SLOW: Duration = Duration::from_secs(2);

    /// The longest rest after attempts that took long. Who waits for somebody in particular need not
    /// wait for it: a client dials at once when the machine comes online or the page is shown again.
    pub const LONGEST: Duration = Duration::from_secs(30);

    fn after_failures(&self, failures: u32, rng: &mut fastrand::Rng) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        jittered(self.base.saturating_mul(1 << doublings).min(self.max), rng)
    }
}

/// A random time between half of and all of `limit`.
fn jittered(limit: Duration, rng: &mut fastrand::Rng) -> Duration {
    limit / 2 + random_up_to(limit / 2, rng)
}

fn random_up_to(limit: Duration, rng: &mut fastrand::Rng) -> Duration {
    let limit = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
    Duration::from_micros(rng.u64(0..=limit))
}

/// What to dial next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dial {
    /// Where.
    pub addr: ServerAddr,
    /// How long to wait first.
    pub wait: Duration,
    /// Which attempt it is since the last connection, from 1.
    pub attempt: u32,
}

/// The servers that are known: those that the caller named, and those that servers told of.
///
/// [`ServerPool::next`] chooses the one that may be dialled soonest, in order among equals;
/// then one of [`ServerPool::connected`] and [`ServerPool::failed`] says how it went, and after
/// `connected`, [`ServerPool::disconnected`] that it ended. A server that has been taken out of the
/// pool meanwhile is passed over.
///
/// ```
/// use nats_proto::{Backoff, Instant, ServerPool};
///
/// let servers = ["ws://n1:5000".parse().unwrap(), "ws://n2:5000".parse().unwrap()];
/// let mut pool = ServerPool::new(servers, true, Backoff::default(), None, 42);
/// let first = pool.next(Instant::ORIGIN).unwrap();
/// assert_eq!((first.addr.host(), first.attempt), ("n1", 1));
/// pool.failed(&first.addr, Instant::ORIGIN);
/// assert_eq!(pool.next(Instant::ORIGIN).unwrap().addr.host(), "n2");
/// ```
#[derive(Debug)]
pub struct ServerPool {
    servers: Vec<Server>,
    backoff: Backoff,
    max_attempts: Option<u32>,
    attempts: u32,
    /// When a server was dialled last.
    dialled_at: Instant,
    /// Before when nobody is dialled.
    rests_until: Instant,
    /// What a server listed last.
    listed: Vec<ServerAddr>,
    rng: fastrand::Rng,
}

/// A server that may be dialled.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Server {
    /// Where its listener is.
    pub addr: ServerAddr,
    /// How many attempts in a row have failed, or led to a connection that did not last.
    pub failed_attempts: u32,
    /// Whether it has ever let the client in.
    pub did_connect: bool,
    /// Whether another server told of it, instead of the caller.
    pub is_discovered: bool,
    connected_at: Instant,
    ready_at: Instant,
}

impl Server {
    fn new(addr: ServerAddr, is_discovered: bool) -> Self {
        Self {
            addr,
            failed_attempts: 0,
            did_connect: false,
            is_discovered,
            connected_at: Instant::ORIGIN,
            ready_at: Instant::ORIGIN,
        }
    }
}

impl ServerPool {
    /// A pool of `servers`, tried in random order unless `retain_order`.
    ///
    /// `max_attempts` bounds the failures in a row before [`ServerPool::next`] gives up; `None`
    /// never does. `seed` drives the randomness: the same seed, the same choices.
    pub fn new(
        servers: impl IntoIterator<Item = ServerAddr>,
        retain_order: bool,
        backoff: Backoff,
        max_attempts: Option<u32>,
        seed: u64,
    ) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut servers = without_repeats(servers);
        if !retain_order {
            rng.shuffle(&mut servers);
        }
        Self {
            servers,
            backoff,
            max_attempts,
            attempts: 0,
            dialled_at: Instant::ORIGIN,
            rests_until: Instant::ORIGIN,
            listed: Vec::new(),
            rng,
        }
    }

    /// Puts these servers in the place of all that are known, in this order, and counts attempts
    /// from zero. What is known of those that stay is kept.
    pub fn set_servers(&mut self, servers: impl IntoIterator<Item = ServerAddr>) {
        let mut servers = without_repeats(servers);
        for server in &mut servers {
            if let Some(known) = self.servers.iter().find(|known| known.addr == server.addr) {
                *server = Server { is_discovered: false, ..known.clone() };
            }
        }
        self.servers = servers;
        self.attempts = 0;
        self.rests_until = Instant::ORIGIN;
    }

    /// Bounds the failures in a row from now on, as in [`ServerPool::new`].
    pub fn set_max_attempts(&mut self, max_attempts: Option<u32>) {
        self.max_attempts = max_attempts;
    }

    /// The servers known now, in the order in which they would be tried.
    pub fn servers(&self) -> &[Server] {
        &self.servers
    }

    /// The server that may be dialled soonest of all but `than`, for a move that is no attempt to
    /// reconnect.
    pub fn other(&mut self, than: &ServerAddr, now: Instant) -> Option<ServerAddr> {
        let others = self.servers.iter().enumerate().filter(|(_, server)| server.addr != *than);
        let (index, _) = others.min_by_key(|(_, server)| server.ready_at.max(now))?;
        Some(self.take_turn(index).addr.clone())
    }

    /// What to dial next, or `None` when the pool is empty or `max_attempts` failed in a row.
    pub fn next(&mut self, now: Instant) -> Option<Dial> {
        if self.is_exhausted() {
            return None;
        }
        let soonest = self.servers.iter().map(|server| server.ready_at.max(now)).min()?;
        let index = self.servers.iter().position(|server| server.ready_at <= soonest)?;
        Some(self.dial(index, now))
    }

    /// Dials this server next, whichever [`ServerPool::next`] would choose; `None` when it is not
    /// in the pool, or `max_attempts` failed in a row.
    pub fn next_at(&mut self, addr: &ServerAddr, now: Instant) -> Option<Dial> {
        if self.is_exhausted() {
            return None;
        }
        let index = self.servers.iter().position(|server| server.addr == *addr)?;
        Some(self.dial(index, now))
    }

    /// Whether `max_attempts` failed in a row.
    fn is_exhausted(&self) -> bool {
        self.max_attempts.is_some_and(|max| self.attempts >= max)
    }

    fn dial(&mut self, index: usize, now: Instant) -> Dial {
        let server = self.take_turn(index);
        let (addr, ready_at) = (server.addr.clone(), server.ready_at);
        self.attempts = self.attempts.saturating_add(1);
        let wait = ready_at.max(self.rests_until) - now;
        self.dialled_at = now + wait;
        Dial { addr, wait, attempt: self.attempts }
    }

    /// It goes to the back, so that equals take turns.
    fn take_turn(&mut self, index: usize) -> &Server {
        self.servers[index..].rotate_left(1);
        &self.servers[self.servers.len() - 1]
    }

    fn find(&mut self, addr: &ServerAddr) -> Option<&mut Server> {
        self.servers.iter_mut().find(|server| server.addr == *addr)
    }

    /// A server let the client in.
    pub fn connected(&mut self, addr: &ServerAddr, now: Instant) {
        self.attempts = 0;
        self.rests_until = Instant::ORIGIN;
        if let Some(server) = self.find(addr) {
            server.connected_at = now;
            server.did_connect = true;
        }
    }

    /// A server was not reached, or did not let the client in.
    pub fn failed(&mut self, addr: &ServerAddr, now: Instant) {
        self.distrust(addr, now);
        let (backoff, mut rng) = (self.backoff, self.rng.fork());
        let doublings = self.attempts.saturating_sub(1);
        let slow = match now - self.dialled_at {
            took if took < Backoff::SLOW => Duration::ZERO,
            took => took.saturating_mul(1 << doublings.min(20)).min(Backoff::LONGEST),
        };
        let failed = match doublings {
            0 => Duration::ZERO,
            failures => backoff.after_failures(failures, &mut rng),
        };
        self.rests_until = now + failed.max(jittered(slow, &mut rng));
    }

    fn distrust(&mut self, addr: &ServerAddr, now: Instant) {
        let (backoff, mut rng) = (self.backoff, self.rng.fork());
        if let Some(server) = self.find(addr) {
            server.failed_attempts = server.failed_attempts.saturating_add(1);
            server.ready_at = now + backoff.after_failures(server.failed_attempts, &mut rng);
        }
    }

    /// A server will never let the client in: it is not dialled again. Says whether others are
    /// left.
    pub fn forget(&mut self, addr: &ServerAddr) -> bool {
        self.servers.retain(|server| server.addr != *addr);
        !self.servers.is_empty()
    }

    /// The connection to a server ended.
    pub fn disconnected(&mut self, addr: &ServerAddr, now: Instant) {
        // Each of the others waits a little too: whatever ended one connection may have ended
        // a crowd of them at once.
        let rest = random_up_to(self.backoff.base, &mut self.rng);
        for server in &mut self.servers {
            server.ready_at = server.ready_at.max(now + rest / 2);
        }
        let long = self.backoff.max;
        match self.find(addr) {
            // Who lets clients in only to cut them off is no better than who refuses them.
            Some(server) if now - server.connected_at < long => self.distrust(addr, now),
            Some(server) => {
                server.failed_attempts = 0;
                server.ready_at = now + rest;
            }
            None => {}
        }
    }

    /// A random time between half of and all of `limit`, for what a crowd of clients should not do in
    /// step.
    pub fn jittered(&mut self, limit: Duration) -> Duration {
        jittered(limit, &mut self.rng)
    }

    /// Every server may be dialled at once: the network is back, or the page is shown again.
    pub fn wake(&mut self) {
        self.rests_until = Instant::ORIGIN;
        for server in &mut self.servers {
            server.ready_at = Instant::ORIGIN;
        }
    }

    /// A server reached by `via` listed its cluster: `host:port` of each listener of this kind.
    ///
    /// What is new is added behind the others, what was told of earlier and is gone is
    /// forgotten, and what the caller named stays. Says whether anything changed, be it only that a
    /// server which stays is not listed any more, or is again; texts that are no address are passed
    /// over.
    pub fn discovered(&mut self, via: &ServerAddr, connect_urls: &[String]) -> bool {
        let listed: Vec<ServerAddr> =
            connect_urls.iter().filter_map(|url| via.with_authority(url).ok()).collect();
        let before = self.servers.len();
        self.servers.retain(|server| {
            !server.is_discovered || server.addr == *via || listed.contains(&server.addr)
        });
        let mut changed = self.servers.len() != before;
        for addr in &listed {
            if self.servers.iter().all(|server| server.addr != *addr) {
                // In front of the one that is connected.
                let connected = self.servers.iter().position(|server| server.addr == *via);
                let at = connected.unwrap_or(self.servers.len());
                self.servers.insert(at, Server::new(addr.clone(), true));
                changed = true;
            }
        }
        let before = core::mem::replace(&mut self.listed, listed);
        let is_first = before.is_empty();
        let differs =
            |one: &[ServerAddr], other: &[ServerAddr]| one.iter().any(|addr| !other.contains(addr));
        changed || !is_first && (differs(&before, &self.listed) || differs(&self.listed, &before))
    }
}

fn without_repeats(addrs: impl IntoIterator<Item = ServerAddr>) -> Vec<Server> {
    let mut servers: Vec<Server> = Vec::new();
    for addr in addrs {
        if servers.iter().all(|server| server.addr != addr) {
            servers.push(Server::new(addr, false));
        }
    }
    servers
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;
    use alloc::vec;

    fn addr(text: &str) -> ServerAddr {
        text.parse().unwrap()
    }

    fn at(millis: u64) -> Instant {
        Instant::from_origin(Duration::from_millis(millis))
    }

    fn pool(names: &[&str]) -> ServerPool {
        let servers = names.iter().map(|name| addr(name));
        ServerPool::new(servers, true, Backoff::default(), None, 1)
    }

    fn addrs(pool: &ServerPool) -> Vec<ServerAddr> {
        pool.servers().iter().map(|server| server.addr.clone()).collect()
    }

    #[test]
    fn servers_take_turns_and_attempts_are_counted() {
        let mut pool = pool(&["ws://a", "ws://b", "ws://a"]);
        let mut seen = Vec::new();
        for _ in 0..2 {
            let dial = pool.next(at(0)).unwrap();
            assert_eq!(dial.wait, Duration::ZERO);
            pool.failed(&dial.addr, at(0));
            seen.push((dial.addr, dial.attempt));
        }
        assert_eq!(seen, [(addr("ws://a"), 1), (addr("ws://b"), 2)]);
        let third = pool.next(at(0)).unwrap();
        assert!(third.wait >= Duration::from_millis(125), "{third:?}");
        assert_eq!(third.attempt, 3);
        pool.connected(&third.addr, at(0));
        pool.disconnected(&third.addr, at(0));
        assert_eq!(pool.next(at(0)).unwrap().attempt, 1);
    }

    #[test]
    fn a_failing_server_rests_longer_each_time_up_to_the_limit() {
        let mut pool = pool(&["ws://a"]);
        let mut now = at(0);
        let mut longest = Duration::ZERO;
        for failures in 1..=12u32 {
            now = now + pool.next(now).unwrap().wait;
            pool.failed(&addr("ws://a"), now);
            let full = Duration::from_millis(250 << (failures - 1).min(5));
            let mut probe = pool.next(now).unwrap();
            pool.attempts -= 1;
            assert!(probe.wait >= full / 2 && probe.wait <= full, "{failures}: {probe:?}");
            longest = longest.max(core::mem::take(&mut probe.wait));
        }
        assert!(longest >= Duration::from_secs(4) && longest <= Duration::from_secs(8));
        pool.wake();
        assert_eq!(pool.next(now).unwrap().wait, Duration::ZERO);
    }

    #[test]
    fn after_a_break_another_server_comes_first_and_soon() {
        let mut pool = pool(&["ws://a", "ws://b"]);
        let first = pool.next(at(0)).unwrap().addr;
        pool.connected(&first, at(0));
        pool.disconnected(&first, at(5_000));
        let dial = pool.next(at(5_000)).unwrap();
        assert_eq!(dial.addr, addr("ws://b"));
        assert!(dial.wait <= Duration::from_millis(125));
    }

    #[test]
    fn a_server_that_lets_in_and_cuts_rests_as_one_that_fails() {
        let (mut pool, here) = (pool(&["ws://a"]), addr("ws://a"));
        let mut now = at(0);
        for failures in 1..=8u32 {
            now = now + pool.next(now).unwrap().wait;
            pool.connected(&here, now);
            pool.disconnected(&here, now + Duration::from_secs(7));
            let full = Duration::from_millis(250 << (failures - 1).min(5));
            let rest = pool.servers[0].ready_at - (now + Duration::from_secs(7));
            assert!(rest >= full / 2 && rest <= full, "{failures}: {rest:?}");
            now = now + Duration::from_secs(7);
        }
        now = now + pool.next(now).unwrap().wait;
        pool.connected(&here, now);
        pool.disconnected(&here, now + Duration::from_secs(8));
        let rest = pool.servers[0].ready_at - (now + Duration::from_secs(8));
        assert!(rest <= Duration::from_millis(250), "it is trusted again: {rest:?}");
    }

    #[test]
    fn attempts_end_where_the_caller_says() {
        let mut pool = ServerPool::new([addr("ws://a")], true, Backoff::default(), Some(2), 1);
        for _ in 0..2 {
            assert!(pool.next(at(0)).is_some());
            pool.failed(&addr("ws://a"), at(0));
        }
        assert_eq!(pool.next(at(60_000)), None);
        assert_eq!(ServerPool::new([], true, Backoff::default(), None, 1).next(at(0)), None);
    }

    #[test]
    fn a_server_that_is_forgotten_is_not_dialled_again() {
        let mut pool = pool(&["ws://a", "ws://b"]);
        assert_eq!(pool.next(at(0)).unwrap().addr, addr("ws://a"));
        assert!(pool.forget(&addr("ws://a")));
        assert_eq!(pool.next(at(0)).unwrap().addr, addr("ws://b"));
        assert!(!pool.forget(&addr("ws://b")));
        assert_eq!(pool.next(at(0)), None);
    }

    #[test]
    fn a_new_list_keeps_what_is_known_of_those_that_stay() {
        let mut pool = pool(&["ws://a", "ws://b"]);
        pool.failed(&addr("ws://a"), at(0));
        pool.connected(&addr("ws://b"), at(0));
        pool.set_servers([addr("ws://c"), addr("ws://a"), addr("ws://c")]);
        assert_eq!(addrs(&pool), [addr("ws://c"), addr("ws://a")]);
        assert_eq!(pool.servers()[1].failed_attempts, 1);
        // The end of a connection to a server that is no longer in the pool is nobody's fault.
        pool.disconnected(&addr("ws://b"), at(0));
        pool.failed(&addr("ws://b"), at(0));
        assert!(pool.servers().iter().all(|server| server.failed_attempts <= 1));
        let dial = pool.next(at(9_000)).unwrap();
        assert_eq!((dial.addr, dial.attempt), (addr("ws://c"), 1));
        pool.connected(&addr("ws://c"), at(0));
        assert!(pool.servers().iter().any(|server| server.did_connect));
    }

    #[test]
    fn a_server_can_be_picked() {
        let mut pool = ServerPool::new(
            ["ws://a", "ws://b", "ws://c"].map(addr),
            true,
            Backoff::default(),
            Some(2),
            1,
        );
        let dial = pool.next_at(&addr("ws://c"), at(0)).unwrap();
        assert_eq!((dial.addr, dial.attempt), (addr("ws://c"), 1));
        pool.failed(&addr("ws://c"), at(0));
        assert_eq!(pool.next_at(&addr("ws://stranger"), at(0)), None);
        let again = pool.next_at(&addr("ws://c"), at(0)).unwrap();
        assert!(again.wait >= Duration::from_millis(125), "{again:?}");
        assert_eq!(pool.next_at(&addr("ws://a"), at(0)), None, "attempts are bounded");
    }

    #[test]
    fn another_server_is_found_for_a_move() {
        let mut pool = pool(&["ws://a", "ws://b", "ws://c"]);
        let here = pool.next(at(0)).unwrap().addr;
        pool.connected(&here, at(0));
        assert_eq!(pool.other(&here, at(0)), Some(addr("ws://b")));
        pool.failed(&addr("ws://b"), at(0));
        assert_eq!(pool.other(&here, at(0)), Some(addr("ws://c")));
        pool.failed(&addr("ws://c"), at(0));
        assert_eq!(pool.next(at(60_000)).unwrap().attempt, 1, "a move is no attempt");
        assert!(pool.forget(&addr("ws://b")) && pool.forget(&addr("ws://c")));
        assert_eq!(pool.other(&here, at(60_000)), None);
    }

    #[test]
    fn gossip_adds_and_forgets_but_keeps_what_was_named() {
        let mut pool = pool(&["ws://a:1/x", "ws://b:1/x"]);
        let via = pool.next(at(0)).unwrap().addr;
        pool.connected(&via, at(0));
        let urls = |list: &[&str]| list.iter().map(|url| String::from(*url)).collect::<Vec<_>>();
        assert!(pool.discovered(&via, &urls(&["a:1", "c:1", "not an address"])));
        assert!(!pool.discovered(&via, &urls(&["a:1", "c:1"])));
        assert_eq!(addrs(&pool), [addr("ws://b:1/x"), addr("ws://c:1/x"), addr("ws://a:1/x")]);
        let discovered = pool.servers().iter().map(|server| server.is_discovered);
        assert_eq!(discovered.collect::<Vec<_>>(), [false, true, false]);
        assert!(pool.discovered(&via, &urls(&["a:1"])));
        assert_eq!(pool.servers().len(), 2);
    }

    #[test]
    fn gossip_tells_of_servers_that_were_named_too() {
        let mut pool = pool(&["ws://a:1", "ws://b:1"]);
        let via = addr("ws://a:1");
        let mut hear = |list: &[&str]| {
            let urls: Vec<_> = list.iter().map(|url| String::from(*url)).collect();
            pool.discovered(&via, &urls)
        };
        assert!(!hear(&["a:1", "b:1"]), "they were named");
        assert!(!hear(&["b:1", "a:1"]), "the order says nothing");
        assert!(hear(&["a:1"]), "one has gone");
        assert!(hear(&["a:1", "b:1"]), "and is back");
        assert_eq!(pool.servers().len(), 2);
    }

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
        for (a_second, within, attempts_at_most) in [(250, 25, 1.5), (100, 60, 2.5), (50, 150, 4.5)]
        {
            let (seconds, attempts) = storm(14_000, &servers, a_second);
            assert!(seconds <= within && attempts <= attempts_at_most, "{seconds} s, {attempts}");
        }
        assert_eq!(storm(3_000, &servers, 250), (3, 1.0), "nobody has to come twice");
    }

    #[test]
    fn order_is_random_unless_it_is_to_be_kept() {
        let names: Vec<_> = (1..10).map(|n| addr(&alloc::format!("ws://h:{n}"))).collect();
        let order =
            |seed| addrs(&ServerPool::new(names.clone(), false, Backoff::default(), None, seed));
        assert_ne!(order(1), order(2));
        assert_eq!(order(3), order(3));
    }
}
