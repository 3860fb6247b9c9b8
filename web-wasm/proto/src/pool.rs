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
    fn after_failures(&self, failures: u32, rng: &mut fastrand::Rng) -> Duration {
        let doublings = failures.saturating_sub(1).min(20);
        let full = self.base.saturating_mul(1 << doublings).min(self.max);
        full / 2 + random_up_to(full / 2, rng)
    }
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
/// then exactly one of [`ServerPool::connected`] and [`ServerPool::failed`] says how it went,
/// and after `connected`, [`ServerPool::disconnected`] that it ended.
///
/// ```
/// use nats_proto::{Backoff, Instant, ServerPool};
///
/// let servers = ["ws://n1:5000".parse().unwrap(), "ws://n2:5000".parse().unwrap()];
/// let mut pool = ServerPool::new(servers, true, Backoff::default(), None, 42);
/// let first = pool.next(Instant::ORIGIN).unwrap();
/// assert_eq!((first.addr.host(), first.attempt), ("n1", 1));
/// pool.failed(Instant::ORIGIN);
/// assert_eq!(pool.next(Instant::ORIGIN).unwrap().addr.host(), "n2");
/// ```
#[derive(Debug)]
pub struct ServerPool {
    servers: Vec<Server>,
    backoff: Backoff,
    max_attempts: Option<u32>,
    attempts: u32,
    /// When the server dialled last let the client in.
    connected_at: Instant,
    rng: fastrand::Rng,
}

#[derive(Debug)]
struct Server {
    addr: ServerAddr,
    discovered: bool,
    failures: u32,
    ready_at: Instant,
}

impl Server {
    fn new(addr: ServerAddr, discovered: bool) -> Self {
        Self { addr, discovered, failures: 0, ready_at: Instant::ORIGIN }
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
        let mut known: Vec<Server> = Vec::new();
        for addr in servers {
            if known.iter().all(|server| server.addr != addr) {
                known.push(Server::new(addr, false));
            }
        }
        if !retain_order {
            rng.shuffle(&mut known);
        }
        let connected_at = Instant::ORIGIN;
        Self { servers: known, backoff, max_attempts, attempts: 0, connected_at, rng }
    }

    /// Bounds the failures in a row from now on, as in [`ServerPool::new`].
    pub fn set_max_attempts(&mut self, max_attempts: Option<u32>) {
        self.max_attempts = max_attempts;
    }

    /// The servers known now, in the order in which they would be tried.
    pub fn servers(&self) -> impl Iterator<Item = &ServerAddr> {
        self.servers.iter().map(|server| &server.addr)
    }

    /// What to dial next, or `None` when the pool is empty or `max_attempts` failed in a row.
    pub fn next(&mut self, now: Instant) -> Option<Dial> {
        if self.max_attempts.is_some_and(|max| self.attempts >= max) {
            return None;
        }
        // The first of the soonest; it goes to the back so that equals take turns.
        let soonest = self.servers.iter().map(|server| server.ready_at.max(now)).min()?;
        let index = self.servers.iter().position(|server| server.ready_at <= soonest)?;
        let server = self.servers.remove(index);
        let addr = server.addr.clone();
        self.servers.push(server);
        self.attempts = self.attempts.saturating_add(1);
        Some(Dial { addr, wait: soonest - now, attempt: self.attempts })
    }

    /// The server dialled last let the client in.
    pub fn connected(&mut self, now: Instant) {
        self.attempts = 0;
        self.connected_at = now;
    }

    /// The server dialled last was not reached, or did not let the client in.
    pub fn failed(&mut self, now: Instant) {
        if let Some(server) = self.servers.last_mut() {
            server.failures = server.failures.saturating_add(1);
            let rest = self.backoff.after_failures(server.failures, &mut self.rng);
            server.ready_at = now + rest;
        }
    }

    /// The server dialled last will never let the client in: it is not dialled again. Says
    /// whether others are left.
    pub fn forget_last(&mut self) -> bool {
        self.servers.pop();
        !self.servers.is_empty()
    }

    /// The connection to the server dialled last ended.
    pub fn disconnected(&mut self, now: Instant) {
        // Each of the others waits a little too: whatever ended one connection may have ended
        // a crowd of them at once.
        let rest = random_up_to(self.backoff.base, &mut self.rng);
        for server in &mut self.servers {
            server.ready_at = server.ready_at.max(now + rest / 2);
        }
        // Who lets clients in only to cut them off is no better than who refuses them.
        if now - self.connected_at < self.backoff.max {
            return self.failed(now);
        }
        if let Some(server) = self.servers.last_mut() {
            server.failures = 0;
            server.ready_at = now + rest;
        }
    }

    /// Every server may be dialled at once: the network is back, or the page is shown again.
    pub fn wake(&mut self) {
        for server in &mut self.servers {
            server.ready_at = Instant::ORIGIN;
        }
    }

    /// A server reached by `via` listed its cluster: `host:port` of each listener of this kind.
    ///
    /// What is new is added behind the others, what was told of earlier and is gone is
    /// forgotten, and what the caller named stays. Says whether anything changed; texts that
    /// are no address are passed over.
    pub fn discovered(&mut self, via: &ServerAddr, connect_urls: &[String]) -> bool {
        let listed: Vec<ServerAddr> =
            connect_urls.iter().filter_map(|url| via.with_authority(url).ok()).collect();
        let before = self.servers.len();
        self.servers.retain(|server| {
            !server.discovered || server.addr == *via || listed.contains(&server.addr)
        });
        let mut changed = self.servers.len() != before;
        for addr in listed {
            if self.servers.iter().all(|server| server.addr != addr) {
                // In front of the last, which is the one that is connected.
                let at = self.servers.len().saturating_sub(1);
                self.servers.insert(at, Server::new(addr, true));
                changed = true;
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn servers_take_turns_and_attempts_are_counted() {
        let mut pool = pool(&["ws://a", "ws://b", "ws://a"]);
        let mut seen = Vec::new();
        for _ in 0..2 {
            let dial = pool.next(at(0)).unwrap();
            assert_eq!(dial.wait, Duration::ZERO);
            seen.push((dial.addr, dial.attempt));
            pool.failed(at(0));
        }
        assert_eq!(seen, [(addr("ws://a"), 1), (addr("ws://b"), 2)]);
        let third = pool.next(at(0)).unwrap();
        assert!(third.wait >= Duration::from_millis(125), "{third:?}");
        assert_eq!(third.attempt, 3);
        pool.connected(at(0));
        pool.disconnected(at(0));
        assert_eq!(pool.next(at(0)).unwrap().attempt, 1);
    }

    #[test]
    fn a_failing_server_rests_longer_each_time_up_to_the_limit() {
        let mut pool = pool(&["ws://a"]);
        let mut now = at(0);
        let mut longest = Duration::ZERO;
        for failures in 1..=12u32 {
            now = now + pool.next(now).unwrap().wait;
            pool.failed(now);
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
        pool.next(at(0)).unwrap();
        pool.connected(at(0));
        pool.disconnected(at(5_000));
        let dial = pool.next(at(5_000)).unwrap();
        assert_eq!(dial.addr, addr("ws://b"));
        assert!(dial.wait <= Duration::from_millis(125));
    }

    #[test]
    fn a_server_that_lets_in_and_cuts_rests_as_one_that_fails() {
        let mut pool = pool(&["ws://a"]);
        let mut now = at(0);
        for failures in 1..=8u32 {
            now = now + pool.next(now).unwrap().wait;
            pool.connected(now);
            pool.disconnected(now + Duration::from_secs(7));
            let full = Duration::from_millis(250 << (failures - 1).min(5));
            let rest = pool.servers[0].ready_at - (now + Duration::from_secs(7));
            assert!(rest >= full / 2 && rest <= full, "{failures}: {rest:?}");
            now = now + Duration::from_secs(7);
        }
        now = now + pool.next(now).unwrap().wait;
        pool.connected(now);
        pool.disconnected(now + Duration::from_secs(8));
        let rest = pool.servers[0].ready_at - (now + Duration::from_secs(8));
        assert!(rest <= Duration::from_millis(250), "it is trusted again: {rest:?}");
    }

    #[test]
    fn attempts_end_where_the_caller_says() {
        let mut pool = ServerPool::new([addr("ws://a")], true, Backoff::default(), Some(2), 1);
        for _ in 0..2 {
            assert!(pool.next(at(0)).is_some());
            pool.failed(at(0));
        }
        assert_eq!(pool.next(at(60_000)), None);
        assert_eq!(ServerPool::new([], true, Backoff::default(), None, 1).next(at(0)), None);
    }

    #[test]
    fn a_server_that_is_forgotten_is_not_dialled_again() {
        let mut pool = pool(&["ws://a", "ws://b"]);
        assert_eq!(pool.next(at(0)).unwrap().addr, addr("ws://a"));
        assert!(pool.forget_last());
        assert_eq!(pool.next(at(0)).unwrap().addr, addr("ws://b"));
        assert!(!pool.forget_last());
        assert_eq!(pool.next(at(0)), None);
    }

    #[test]
    fn gossip_adds_and_forgets_but_keeps_what_was_named() {
        let mut pool = pool(&["ws://a:1/x", "ws://b:1/x"]);
        let via = pool.next(at(0)).unwrap().addr;
        pool.connected(at(0));
        let urls = |list: &[&str]| list.iter().map(|url| String::from(*url)).collect::<Vec<_>>();
        assert!(pool.discovered(&via, &urls(&["a:1", "c:1", "not an address"])));
        assert!(!pool.discovered(&via, &urls(&["a:1", "c:1"])));
        let known: Vec<_> = pool.servers().cloned().collect();
        assert_eq!(known, [addr("ws://b:1/x"), addr("ws://c:1/x"), addr("ws://a:1/x")]);
        assert!(pool.discovered(&via, &urls(&["a:1"])));
        assert_eq!(pool.servers().count(), 2);
    }

    #[test]
    fn order_is_random_unless_it_is_to_be_kept() {
        let names: Vec<_> = (1..10).map(|n| addr(&alloc::format!("ws://h:{n}"))).collect();
        let order = |seed| {
            let pool = ServerPool::new(names.clone(), false, Backoff::default(), None, seed);
            pool.servers().cloned().collect::<Vec<_>>()
        };
        assert_ne!(order(1), order(2));
        assert_eq!(order(3), order(3));
    }
}
