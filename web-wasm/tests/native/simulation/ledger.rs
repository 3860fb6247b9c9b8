//! The account of a random run: what clients were asked to do and what they say came of it, held
//! against what the scripted servers and the network saw.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::time::Duration;

use nats_proto::simulator::{ClientOp, LinkId, Publication};
use web_wasm::{Event, RequestError};

use super::network::{LineId, Network};
use super::watch::Watch;

/// A message: its number is written at the start of its payload.
pub(crate) type Number = u64;

/// A point in all that a client reads: a line, and how many bytes of it.
pub(crate) type Position = (LineId, u64);

/// Cloning it is cheap; all clones are the same account.
#[derive(Clone, Default)]
pub(crate) struct Ledger(Rc<RefCell<Books>>);

#[derive(Default)]
pub(crate) struct Books {
    last_number: Number,
    /// What each client took for publishing, in that order.
    accepted: BTreeMap<usize, Vec<Number>>,
    pub(crate) subscriptions: Vec<Account>,
    /// Where clients gave up a line by themselves, with all that they had not read of it.
    given_up: BTreeMap<LineId, u64>,
    /// Where rubbish begins in what was said on a connection.
    rubbish: BTreeMap<LinkId, u64>,
    nobody: Vec<Number>,
    requests: usize,
    flushes: usize,
}

/// How a subscription is read, which decides what it must have received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// To its end: everything, in order.
    Whole,
    /// Up to some message: everything before it.
    Part,
    /// So slowly that messages are dropped, which are counted.
    Lossy,
}

/// One subscription.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) client: usize,
    pub(crate) sid: u64,
    pub(crate) subject: String,
    pub(crate) reading: Reading,
    pub(crate) received: Vec<Number>,
    /// Whether its stream ended, or was dropped.
    pub(crate) ended: bool,
    pub(crate) dropped: u64,
    /// Where its client gave it up.
    pub(crate) cutoff: Option<Vec<Position>>,
    /// Lines that were to take the place of others when it was given up, or ended. What they had
    /// brought may have been delivered or not.
    pub(crate) spare: BTreeSet<LineId>,
    /// How many messages it was to have in all.
    pub(crate) max: Option<u64>,
}

/// A message that a client read.
struct Arrival {
    number: Number,
    /// Whether it must have been delivered, rather than may.
    certain: bool,
}

/// The number of a message.
pub(crate) fn number(payload: &[u8]) -> Number {
    let digits = payload.split(|byte| !byte.is_ascii_digit()).next().unwrap();
    str::from_utf8(digits).unwrap().parse().expect("each payload begins with its number")
}

impl Ledger {
    pub(crate) fn books<T>(&self, act: impl FnOnce(&mut Books) -> T) -> T {
        act(&mut self.0.borrow_mut())
    }

    /// The next message's number.
    pub(crate) fn number(&self) -> Number {
        self.books(|books| {
            books.last_number += 1;
            books.last_number
        })
    }

    /// A client took a message for publishing, this moment.
    pub(crate) fn accept(&self, client: usize, number: Number) {
        self.books(|books| books.accepted.entry(client).or_default().push(number));
    }

    pub(crate) fn open(&self, client: usize, sid: u64, subject: &str) -> usize {
        self.books(|books| {
            books.subscriptions.push(Account {
                client,
                sid,
                subject: subject.into(),
                reading: Reading::Whole,
                received: Vec::new(),
                ended: false,
                dropped: 0,
                cutoff: None,
                spare: BTreeSet::new(),
                max: None,
            });
            books.subscriptions.len() - 1
        })
    }

    pub(crate) fn account<T>(&self, index: usize, act: impl FnOnce(&mut Account) -> T) -> T {
        self.books(|books| act(&mut books.subscriptions[index]))
    }

    /// A client gave up every subscription that it still had.
    pub(crate) fn cut_off(&self, client: usize, at: Option<&[Position]>, spare: Option<LineId>) {
        self.books(|books| {
            for account in books.subscriptions.iter_mut().filter(|own| own.client == client) {
                account.spare.extend(spare.filter(|_| account.cutoff.is_none()));
                account.cutoff = account.cutoff.take().or_else(|| at.map(<[Position]>::to_vec));
            }
        });
    }

    /// A client begins to drain every subscription.
    pub(crate) fn begin_drain(&self, client: usize, spare: Option<LineId>) {
        self.books(|books| {
            for account in books.subscriptions.iter_mut().filter(|own| own.client == client) {
                account.spare.extend(spare);
            }
        });
    }

    pub(crate) fn give_up(&self, at: Option<Position>) {
        if let Some((line, read)) = at {
            self.books(|books| *books.given_up.entry(line).or_insert(read));
        }
    }

    pub(crate) fn speak_rubbish(&self, link: LinkId, at: u64) {
        self.books(|books| *books.rubbish.entry(link).or_insert(at));
    }

    /// A request was decided.
    pub(crate) fn decide_request(
        &self,
        number: Number,
        took: Duration,
        timeout: Duration,
        slack: Duration,
        result: &Result<web_wasm::Message, RequestError>,
    ) {
        assert!(took <= timeout + slack, "{took:?} for {timeout:?}: {result:?}");
        match result {
            Ok(answer) => {
                let text = String::from_utf8_lossy(&answer.payload);
                assert!(text.contains(&format!(" re {number} ")), "{number} got {text}");
            }
            Err(RequestError::TimedOut { timeout: said }) => {
                assert_eq!(*said, timeout);
                assert!(took >= timeout);
            }
            Err(RequestError::NoResponders) => self.books(|books| books.nobody.push(number)),
            Err(RequestError::Closed) => {}
            Err(error) => panic!("{error:?}"),
        }
        self.books(|books| books.requests += 1);
    }

    /// A flush succeeded that was asked for when so many messages had been accepted: the server
    /// has them, but for those that went to an earlier one, of which the client has told.
    pub(crate) fn decide_flush(&self, client: usize, accepted: usize, network: &Network) {
        let own = lines(network, client);
        let handed: usize = own.iter().map(|line| handed_over(network, *line).len()).sum();
        assert!(handed >= accepted, "{accepted} were accepted, and {handed} handed over");
        let Some(&last) = own.last() else { return };
        let covered: BTreeSet<Number> = self.books(|books| {
            let accepted_before = books.accepted.get(&client).into_iter().flatten();
            accepted_before.take(accepted).copied().collect()
        });
        let taken: BTreeSet<Number> = taken(network, last).into_iter().collect();
        for number in handed_over(network, last) {
            assert!(!covered.contains(&number) || taken.contains(&number), "{number} was flushed");
        }
        self.books(|books| books.flushes += 1);
    }

    pub(crate) fn accepted(&self, client: usize) -> usize {
        self.books(|books| books.accepted.get(&client).map_or(0, Vec::len))
    }

    /// How many requests and flushes were decided, and messages accepted and received.
    pub(crate) fn totals(&self) -> [usize; 4] {
        self.books(|books| {
            let accepted = books.accepted.values().map(Vec::len).sum();
            let received = books.subscriptions.iter().map(|own| own.received.len()).sum();
            [books.requests, books.flushes, accepted, received]
        })
    }

    /// Holds the account of a closed client against what the network saw.
    pub(crate) fn audit_publishing(&self, client: usize, watch: &Watch, network: &Network) {
        let own = lines(network, client);
        let mut unconfirmed = 0;
        let mut discarded = 0;
        for event in watch.events() {
            match event {
                Event::Disconnected { unconfirmed: count, .. }
                | Event::HandedOver { unconfirmed: count, .. } => unconfirmed += count,
                Event::Closed { discarded: count, .. } => discarded += count,
                _ => {}
            }
        }
        let handed: Vec<Number> = own.iter().flat_map(|line| handed_over(network, *line)).collect();
        let accepted = self.books(|books| books.accepted.get(&client).cloned().unwrap_or_default());
        // In the order in which they were accepted, each once; the rest was given up at the end.
        assert!(accepted.starts_with(&handed), "{handed:?} of {accepted:?}");
        assert_eq!((accepted.len() - handed.len()) as u64, discarded, "discarded is told");
        assert!(unconfirmed <= handed.len() as u64, "each is told once at most: {unconfirmed}");
        let mut lost = 0;
        for line in own {
            let (handed, taken) = (handed_over(network, line), taken(network, line));
            assert!(handed.starts_with(&taken), "{taken:?} of {handed:?}");
            lost += (handed.len() - taken.len()) as u64;
        }
        assert!(lost <= unconfirmed, "{lost} are lost, and {unconfirmed} told");
    }

    /// Holds every subscription against what was written to its client.
    pub(crate) fn audit_subscriptions(&self, network: &Network) {
        let mut delivered: BTreeMap<(usize, u64), BTreeMap<Position, Arrival>> = BTreeMap::new();
        self.books(|books| {
            for delivery in network.world.deliveries() {
                let (id, line) = network.line_of(delivery.link);
                let read = books.given_up.get(&id).map_or(line.read, |read| line.read.min(*read));
                let rubbish = books.rubbish.get(&delivery.link).copied().unwrap_or(u64::MAX);
                if delivery.end <= read.min(rubbish) {
                    let taken = &network.world.taken()[delivery.taken];
                    let (from, publisher) = network.line_of(taken.link);
                    // A client that wants none of its own back gets them by its other line.
                    let own = publisher.machine == line.machine && from != id;
                    let number = number(&taken.publication.payload);
                    let arrival = Arrival { number, certain: !own && !line.in_vain };
                    let arrived = delivered.entry((line.machine, delivery.sid)).or_default();
                    arrived.insert((id, delivery.end), arrival);
                }
            }
            for account in &books.subscriptions {
                let arrived = delivered.remove(&(account.client, account.sid)).unwrap_or_default();
                account.audit(&arrived);
            }
        });
    }

    /// Nobody was told that nobody listens when somebody did.
    pub(crate) fn audit_requests(&self, network: &Network) {
        let receivers: BTreeMap<Number, usize> = network
            .world
            .taken()
            .iter()
            .map(|taken| (number(&taken.publication.payload), taken.receivers))
            .collect();
        self.books(|books| {
            for number in &books.nobody {
                assert_eq!(receivers.get(number), Some(&0), "{number}");
            }
        });
    }
}

impl Account {
    fn audit(&self, arrived: &BTreeMap<Position, Arrival>) {
        let is_certain =
            |at: &Position, arrival: &Arrival| arrival.certain && !self.spare.contains(&at.0);
        let before_end = |at: &Position| match &self.cutoff {
            // What it had read of each line that it had, and all of those before.
            Some(cutoff) => match cutoff.iter().find(|(line, _)| *line == at.0) {
                Some((_, read)) => at.1 <= *read,
                None => cutoff.iter().all(|(line, _)| at.0 < *line),
            },
            None => true,
        };
        let certain = arrived.iter().filter(|(at, one)| before_end(at) && is_certain(at, one));
        let max = self.max.map_or(usize::MAX, |max| usize::try_from(max).unwrap());
        // During a handover two lines bring the same, which is delivered once.
        let mut known = BTreeSet::new();
        let expected: Vec<Number> = certain
            .map(|(_, arrival)| arrival.number)
            .filter(|number| known.insert(*number))
            .take(max)
            .collect();
        let all = |numbers: &[Number]| numbers.iter().copied().collect::<BTreeSet<_>>();
        let (expected_all, received) = (all(&expected), all(&self.received));
        let doubtful = arrived.iter().filter(|(at, one)| !is_certain(at, one));
        let doubtful: BTreeSet<Number> = doubtful.map(|(_, arrival)| arrival.number).collect();
        assert!(self.ended, "{self:?}");
        assert_eq!(received.len(), self.received.len(), "none comes twice: {self:?}");
        let strange: Vec<_> = received.difference(&expected_all).collect();
        let doubted = strange.iter().all(|number| doubtful.contains(number));
        assert!(doubted, "{strange:?} in {self:?}: {expected:?}");
        self.assert_order(arrived);
        match self.reading {
            // As many as it was to have, be they these or others.
            Reading::Whole if received.len() == max => {}
            Reading::Whole => assert!(expected_all.is_subset(&received), "{self:?}: {expected:?}"),
            Reading::Part if doubtful.is_empty() && !self.spans_lines(arrived) => {
                assert!(expected.starts_with(&self.received), "{self:?}");
            }
            Reading::Part => {}
            Reading::Lossy => {
                let told = self.received.len() as u64 + self.dropped;
                let possible = (expected.len() + doubtful.len()) as u64;
                assert!(told >= expected.len() as u64 && told <= possible, "{self:?}");
            }
        }
    }

    /// Whether what it received came over more than one line, and may have come in turns.
    fn spans_lines(&self, arrived: &BTreeMap<Position, Arrival>) -> bool {
        let received = arrived.iter().filter(|(_, one)| self.received.contains(&one.number));
        received.map(|((line, _), _)| line).collect::<BTreeSet<_>>().len() > 1
    }
}

impl Account {
    /// Each line's messages keep their order. Two lines may bring a queue group's in turns.
    fn assert_order(&self, arrived: &BTreeMap<Position, Arrival>) {
        let mut lines: BTreeMap<LineId, Vec<Number>> = BTreeMap::new();
        for ((line, _), arrival) in arrived {
            lines.entry(*line).or_default().push(arrival.number);
        }
        for line in lines.values() {
            let on_line: BTreeSet<Number> = line.iter().copied().collect();
            let received: Vec<Number> =
                self.received.iter().copied().filter(|number| on_line.contains(number)).collect();
            let mut rest = line.iter();
            let in_order = received.iter().all(|number| rest.any(|one| one == number));
            assert!(in_order, "{self:?}: {line:?}");
        }
    }
}

/// The lines of a client, oldest first.
fn lines(network: &Network, client: usize) -> Vec<LineId> {
    network.lines().filter(|(_, line)| line.machine == client).map(|(id, _)| id).collect()
}

/// The messages that a client handed over on a line, in order.
fn handed_over(network: &Network, id: LineId) -> Vec<Number> {
    let publications = network.line(id).handed_over.iter().filter_map(|op| match op {
        ClientOp::Publish(Publication { payload, .. }) => Some(number(payload)),
        _ => None,
    });
    publications.collect()
}

/// The messages that a server took from a line, in order.
fn taken(network: &Network, id: LineId) -> Vec<Number> {
    let link = network.line(id).link;
    let taken = network.world.taken().iter().filter(|taken| Some(taken.link) == link);
    taken.map(|taken| number(&taken.publication.payload)).collect()
}

/// Where a client is in what it reads: in each line that it has, and in the last.
pub(crate) fn positions(network: &Network, client: usize) -> Option<Vec<Position>> {
    let last =
        network.lines().filter(|(_, line)| line.machine == client).map(|(id, _)| id).last()?;
    let lines: BTreeSet<LineId> = network.lines_had(client).chain([last]).collect();
    Some(lines.into_iter().map(|id| (id, network.line(id).read)).collect())
}
