//! PINGs that wait for their PONG: the keep-alive's, the handshake's and the flushes'.

use alloc::collections::VecDeque;
use core::time::Duration;

use super::FlushId;
use crate::time::Instant;

/// How long a server that is doubted has for its PONG, and how late a timer may be before it
/// shows that the machine slept.
const DOUBT: Duration = Duration::from_secs(3);

/// What a PING was sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To learn whether the server lets the client in.
    Handshake,
    /// To learn whether the server is still there.
    KeepAlive,
    /// To learn that the server has all that was sent before.
    Flush(FlushId),
    /// To learn that what a step of a handover needs is done.
    Handover {
        /// Which question it is.
        question: u32,
    },
    /// To learn that nothing more comes for a subscription that was given up.
    Drain {
        /// The subscription.
        sid: u64,
    },
}

/// A PING on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ping {
    pub(super) purpose: Purpose,
    pub(super) at: Instant,
    /// How many messages were queued before it.
    pub(super) covered: u64,
}

/// The PINGs in order, as PONGs come in the same.
///
/// A connection is judged by unanswered keep-alive PINGs alone, each of them sent by a timer:
/// where timers are held back (a hidden tab, a laptop asleep) there are fewer PINGs, and
/// never a false verdict. A timer that is late is itself a reason to doubt: whoever slept can't
/// know what became of the server.
#[derive(Debug)]
pub(super) struct KeepAlive {
    interval: Duration,
    max_unanswered: usize,
    pings: VecDeque<Ping>,
    next: Option<Instant>,
    /// Whether a single unanswered PING is enough: there is reason to doubt the connection.
    doubted: bool,
}

/// What is due when the keep-alive's timer fires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// Nothing yet.
    Nothing,
    /// A PING is to be sent.
    Ping,
    /// The server is gone.
    Stale {
        /// How many PINGs it left unanswered.
        unanswered: usize,
    },
}

impl KeepAlive {
    pub(super) fn new(interval: Duration, max_unanswered: usize) -> Self {
        Self { interval, max_unanswered, pings: VecDeque::new(), next: None, doubted: false }
    }

    /// The connection is there: PINGs follow from now on.
    pub(super) fn start(&mut self, now: Instant) {
        self.next = Some(now + self.interval);
    }

    /// The connection is over. Returns the PINGs that will never be answered.
    pub(super) fn stop(&mut self) -> VecDeque<Ping> {
        self.next = None;
        self.doubted = false;
        core::mem::take(&mut self.pings)
    }

    /// There is reason to doubt that the server is still there, though not to condemn it: says
    /// whether a PING is to be sent now. If it is not answered within [`DOUBT`], the server is
    /// gone.
    pub(super) fn doubt(&mut self, now: Instant) -> bool {
        if self.next.is_none() || self.doubted {
            return false;
        }
        self.doubted = true;
        self.next = Some(now + self.interval.min(DOUBT));
        true
    }

    pub(super) fn sent(&mut self, ping: Ping) {
        self.pings.push_back(ping);
    }

    /// A PONG came: the PING that it answers, or `None` if there is none.
    pub(super) fn pong(&mut self) -> Option<Ping> {
        self.doubted = false;
        self.pings.pop_front()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.next
    }

    /// The timer fired, perhaps.
    pub(super) fn due(&mut self, now: Instant) -> Due {
        let slept = match self.next {
            Some(next) if next <= now => now - next > DOUBT,
            _ => return Due::Nothing,
        };
        let keep_alive = |ping: &&Ping| ping.purpose == Purpose::KeepAlive;
        let unanswered = self.pings.iter().filter(keep_alive).count();
        // Who has just slept may not have read the answer yet.
        let enough = if self.doubted && !slept { 1 } else { self.max_unanswered };
        if unanswered >= enough {
            return Due::Stale { unanswered };
        }
        self.doubted |= slept;
        let patience = if self.doubted { self.interval.min(DOUBT) } else { self.interval };
        self.next = Some(now + patience);
        Due::Ping
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u32) -> Instant {
        Instant::ORIGIN + SECOND * seconds
    }

    fn ping(at: Instant) -> Ping {
        Ping { purpose: Purpose::KeepAlive, at, covered: 0 }
    }

    #[test]
    fn silence_is_judged_by_unanswered_pings() {
        let mut keepalive = KeepAlive::new(10 * SECOND, 2);
        assert_eq!(keepalive.due(at(99)), Due::Nothing, "not started");
        keepalive.start(at(0));
        assert_eq!(keepalive.due(at(9)), Due::Nothing);
        assert_eq!(keepalive.due(at(10)), Due::Ping);
        keepalive.sent(ping(at(10)));
        assert_eq!(keepalive.due(at(20)), Due::Ping);
        keepalive.sent(ping(at(20)));
        assert_eq!(keepalive.due(at(30)), Due::Stale { unanswered: 2 });
        keepalive.pong();
        assert_eq!(keepalive.due(at(30)), Due::Ping);
    }

    #[test]
    fn a_doubt_shortens_the_patience_until_there_is_an_answer() {
        let mut keepalive = KeepAlive::new(10 * SECOND, 2);
        assert!(!keepalive.doubt(at(0)), "there is nothing to doubt");
        keepalive.start(at(0));
        assert!(keepalive.doubt(at(1)));
        keepalive.sent(ping(at(1)));
        assert!(!keepalive.doubt(at(2)), "it is being looked into");
        assert_eq!(keepalive.due(at(3)), Due::Nothing);
        assert_eq!(keepalive.due(at(4)), Due::Stale { unanswered: 1 });
        keepalive.pong();
        assert_eq!(keepalive.due(at(4)), Due::Ping);
        assert!(keepalive.doubt(at(5)));
    }

    #[test]
    fn a_long_sleep_alone_is_no_verdict_but_a_reason_to_ask() {
        let mut keepalive = KeepAlive::new(10 * SECOND, 2);
        keepalive.start(at(0));
        assert_eq!(keepalive.due(at(36_000)), Due::Ping);
        keepalive.sent(ping(at(36_000)));
        assert_eq!(keepalive.deadline(), Some(at(36_003)), "the answer has to come soon");
        assert_eq!(keepalive.due(at(72_000)), Due::Ping, "it slept again");
        keepalive.sent(ping(at(72_000)));
        keepalive.pong();
        keepalive.pong();
        assert_eq!(keepalive.due(at(72_003)), Due::Ping);
        assert_eq!(keepalive.deadline(), Some(at(72_013)), "it is trusted again");
    }

    #[test]
    fn a_server_that_is_gone_after_a_sleep_is_found_soon_and_by_late_timers_too() {
        let mut keepalive = KeepAlive::new(10 * SECOND, 2);
        keepalive.start(at(0));
        assert_eq!(keepalive.due(at(36_000)), Due::Ping);
        keepalive.sent(ping(at(36_000)));
        assert_eq!(keepalive.due(at(36_003)), Due::Stale { unanswered: 1 });
        assert_eq!(keepalive.due(at(36_060)), Due::Ping, "a timer once a minute");
        keepalive.sent(ping(at(36_060)));
        assert_eq!(keepalive.due(at(36_120)), Due::Stale { unanswered: 2 });
    }
}
