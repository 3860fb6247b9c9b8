//! Which server to dial, and when.

mod backoff;
mod server;
#[cfg(test)]
mod tests;

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::server_addr::ServerAddr;
use crate::time::Instant;
use backoff::{jittered, random_up_to};

pub use backoff::Backoff;
pub use server::Server;

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
