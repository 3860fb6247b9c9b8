//! Which entry is sent when.

use alloc::collections::{BTreeMap, BTreeSet};
use core::time::Duration;

use super::outcome::{Outcome, Verdict};
use super::set_aside::SetAside;
use crate::pool::Backoff;
use crate::time::Instant;

/// How a [`Queue`] works.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Config {
    /// The age at which an entry expires; none by default.
    pub max_age: Option<Duration>,
    /// For how long the stream knows the ids of messages, as in its configuration: 2 minutes by
    /// default.
    pub duplicate_window: Duration,
    /// How long an answer is waited for, at least. A message that is sent again must arrive before the
    /// stream forgets its id, and is given so long for it. 5 seconds by default.
    pub ack_timeout: Duration,
    /// How long to wait before an entry is sent again, from the first failure on.
    pub backoff: Backoff,
    /// After how many answers that no stream stores the subject an entry is set aside. By default never.
    pub max_no_responders: Option<u32>,
    /// What a refusal means for the entries behind.
    pub on_refusal: OnRefusal,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            max_age: None,
            duplicate_window: Duration::from_secs(120),
            ack_timeout: Duration::from_secs(5),
            backoff: Backoff::default(),
            max_no_responders: None,
            on_refusal: OnRefusal::SetAside,
        }
    }
}

impl Config {
    /// Whether an entry that may have been sent since then is stored once, though it is sent again now:
    /// the stream still knows its id when this copy arrives. Both are times since 1970. To be asked
    /// right before it is sent.
    pub fn is_stored_once(&self, sent_since: Duration, unix_time: Duration) -> bool {
        let arrives = unix_time.saturating_add(self.ack_timeout);
        // Nothing is known where the clock was set back.
        sent_since <= unix_time && arrives < sent_since.saturating_add(self.duplicate_window)
    }
}

/// What it means for the entries behind that one was refused, or is in doubt.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnRefusal {
    /// It is set aside, and they are sent.
    #[default]
    SetAside,
    /// It is set aside, and they wait until it is removed or sent again.
    Stop,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Store since when the entry may have been sent, then send it, then tell what came of it.
    Send {
        /// The entry.
        number: u64,
        /// What to store as [`Record::sent_since`](super::Record::sent_since).
        sent_since: Duration,
        /// Whether it may have been sent before. If anything is waited for first, it is to be asked
        /// [once more](Config::is_stored_once) right before it is sent.
        again: bool,
    },
    /// Store that the entry was set aside.
    SetAside {
        /// The entry.
        number: u64,
        /// Why.
        reason: SetAside,
    },
}

/// The entries of an outbox that wait to be sent, in order.
///
/// **One at a time.** An entry is sent when what came of the one before is known. With several on
/// their way the second could be stored while the first is lost, and nothing that a stream checks
/// would help: the expected last id and the expected last numbers, of the stream or the subject, are
/// changed by every other publisher too. So a round trip each is the price of the order. It buys more:
/// after a crash the answer to *one* entry at most is not known.
///
/// **Once.** An entry keeps its id, by which the stream stores it once, and since when it may have been
/// sent is stored before it is. It is sent again only while the stream knows the id for certain: a copy
/// that was stored was stored after that time, so that the stream knows it for the duplicate window from
/// then on at least. Later, or where the clock was set back, nothing proves it, and the entry is set
/// aside [in doubt](SetAside::InDoubt). That some answers say for certain that a copy was not stored
/// is made use of. This rests on no network keeping a copy back for longer than the window, and
/// delivering it then, after its connection was given up and another copy stored.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::Instant;
/// use nats_proto::outbox::{Action, Config, Outcome, Queue, Verdict};
///
/// let (now, today) = (Instant::from_origin(Duration::ZERO), Duration::from_secs(1_700_000_000));
/// let mut queue = Queue::new(Config::default());
/// queue.insert(1, today, None);
/// queue.insert(2, today, None);
/// assert_eq!(queue.poll(now, today), None, "there is no connection");
/// queue.set_online(true);
/// let send = Action::Send { number: 1, sent_since: today, again: false };
/// assert_eq!(queue.poll(now, today), Some(send));
/// assert_eq!(queue.poll(now, today), None, "the first is on its way");
/// assert_eq!(queue.handle_outcome(now, Outcome::Stored), Some((1, Verdict::Done)));
/// ```
#[derive(Debug)]
pub struct Queue {
    config: Config,
    waiting: BTreeMap<u64, Waiting>,
    /// When each of them was made.
    ages: BTreeSet<(Duration, u64)>,
    /// Entries set aside that hold up those behind.
    stopping: BTreeSet<u64>,
    in_flight: Option<InFlight>,
    online: bool,
    /// How often in a row it went wrong with the first entry.
    failures: u32,
    no_responders: u32,
    retry_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Waiting {
    made_at: Duration,
    sent_since: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
struct InFlight {
    number: u64,
    /// Whether it may have been sent before.
    again: bool,
}

impl Queue {
    /// An empty queue without a connection.
    pub fn new(config: Config) -> Self {
        Self {
            config,
            waiting: BTreeMap::new(),
            ages: BTreeSet::new(),
            stopping: BTreeSet::new(),
            in_flight: None,
            online: false,
            failures: 0,
            no_responders: 0,
            retry_at: None,
        }
    }

    /// An entry that waits: its number, when it was made, and since when it may have been sent. Entries
    /// are sent by their numbers, the lowest first. One that is on its way is left as it is.
    pub fn insert(&mut self, number: u64, made_at: Duration, sent_since: Option<Duration>) {
        if self.in_flight() == Some(number) {
            return;
        }
        self.remove(number);
        if self.waiting.first_key_value().is_none_or(|(&first, _)| number < first) {
            self.begin_anew();
        }
        self.waiting.insert(number, Waiting { made_at, sent_since });
        self.ages.insert((made_at, number));
    }

    /// An entry that was set aside earlier.
    pub fn insert_set_aside(&mut self, number: u64, reason: &SetAside) {
        self.remove(number);
        let expired = matches!(reason, SetAside::Expired { .. });
        if self.config.on_refusal == OnRefusal::Stop && !expired {
            self.stopping.insert(number);
        }
    }

    /// An entry is there no more.
    pub fn remove(&mut self, number: u64) {
        self.stopping.remove(&number);
        if let Some(waiting) = self.waiting.remove(&number) {
            self.ages.remove(&(waiting.made_at, number));
        }
    }

    /// No entry is there any more. One that is on its way is still to be decided.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.ages.clear();
        self.stopping.clear();
        self.begin_anew();
    }

    /// Whether a server is there. An entry on its way is not decided by it.
    pub fn set_online(&mut self, online: bool) {
        if online && !self.online {
            self.retry_at = None;
        }
        self.online = online;
    }

    /// How many entries wait, the one on its way included.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no entry waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// The entry on its way.
    pub fn in_flight(&self) -> Option<u64> {
        self.in_flight.map(|in_flight| in_flight.number)
    }

    /// Since when an entry that waits may have been sent, if it may.
    pub fn sent_since(&self, number: u64) -> Option<Duration> {
        self.waiting.get(&number)?.sent_since
    }

    /// The entry that holds up those behind, having been set aside.
    pub fn stopped_by(&self) -> Option<u64> {
        self.stopping.first().copied()
    }

    /// What is to be done now; to be called until there is nothing more, after every other call and at
    /// [`poll_timeout`](Self::poll_timeout). `unix_time` is the time since 1970.
    pub fn poll(&mut self, now: Instant, unix_time: Duration) -> Option<Action> {
        self.poll_expiry(unix_time).or_else(|| self.poll_send(now, unix_time))
    }

    /// In how long [`poll`](Self::poll) may have something to do, if nothing else happens.
    pub fn poll_timeout(&self, now: Instant, unix_time: Duration) -> Option<Duration> {
        let expiry = self.oldest().and_then(|(made_at, _)| {
            Some(made_at.saturating_add(self.config.max_age?).saturating_sub(unix_time))
        });
        let ready = self.online && self.in_flight.is_none() && self.stopping.is_empty();
        let retry = self.retry_at.filter(|_| ready && !self.waiting.is_empty());
        expiry.into_iter().chain(retry.map(|at| at - now)).min()
    }

    /// What came of the entry on its way. Returns which it was, and what becomes of it; nothing where
    /// none is.
    pub fn handle_outcome(&mut self, now: Instant, outcome: Outcome) -> Option<(u64, Verdict)> {
        let InFlight { number, again } = self.in_flight.take()?;
        if outcome == Outcome::NoResponders {
            self.no_responders += 1;
        }
        let forget_doubt = !again && outcome.is_certainly_not_stored();
        if let Some(waiting) = self.waiting.get_mut(&number).filter(|_| forget_doubt) {
            waiting.sent_since = None;
        }
        let verdict = match outcome {
            Outcome::Stored | Outcome::Gone => Verdict::Done,
            Outcome::NoResponders
                if self.config.max_no_responders.is_some_and(|max| self.no_responders >= max) =>
            {
                Verdict::SetAside(SetAside::NoStream { attempts: self.no_responders })
            }
            outcome => match outcome.refusal() {
                Some(reason) => Verdict::SetAside(reason),
                None => Verdict::Again,
            },
        };
        match &verdict {
            Verdict::Done => {
                self.remove(number);
                self.begin_anew();
            }
            Verdict::SetAside(reason) => {
                self.insert_set_aside(number, reason);
                self.begin_anew();
            }
            Verdict::Again => {
                let doublings = self.failures.min(20);
                let Backoff { base, max } = self.config.backoff;
                self.retry_at = Some(now + base.saturating_mul(1 << doublings).min(max));
                self.failures = self.failures.saturating_add(1);
            }
        }
        Some((number, verdict))
    }

    /// Another entry is the first.
    fn begin_anew(&mut self) {
        self.failures = 0;
        self.no_responders = 0;
        self.retry_at = None;
    }

    /// The oldest entry that is not on its way.
    fn oldest(&self) -> Option<(Duration, u64)> {
        let in_flight = self.in_flight();
        self.ages.iter().copied().find(|&(_, number)| Some(number) != in_flight)
    }

    fn poll_expiry(&mut self, unix_time: Duration) -> Option<Action> {
        let (made_at, number) = self.oldest()?;
        if unix_time.saturating_sub(made_at) < self.config.max_age? {
            return None;
        }
        let may_be_stored = self.waiting.get(&number)?.sent_since.is_some();
        Some(self.set_aside(number, SetAside::Expired { may_be_stored }))
    }

    fn poll_send(&mut self, now: Instant, unix_time: Duration) -> Option<Action> {
        if !self.online || self.in_flight.is_some() || !self.stopping.is_empty() {
            return None;
        }
        if self.retry_at.is_some_and(|at| now < at) {
            return None;
        }
        let mut first = self.waiting.first_entry()?;
        let number = *first.key();
        let again = match first.get().sent_since {
            None => false,
            Some(sent_since) => {
                if !self.config.is_stored_once(sent_since, unix_time) {
                    return Some(self.set_aside(number, SetAside::InDoubt { sent_since }));
                }
                true
            }
        };
        let sent_since = *first.get_mut().sent_since.get_or_insert(unix_time);
        self.in_flight = Some(InFlight { number, again });
        self.retry_at = None;
        Some(Action::Send { number, sent_since, again })
    }

    fn set_aside(&mut self, number: u64, reason: SetAside) -> Action {
        self.insert_set_aside(number, &reason);
        self.begin_anew();
        Action::SetAside { number, reason }
    }
}
