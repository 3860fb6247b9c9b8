//! What lies between clients and servers: lines with latencies, which keep the order of what they
//! carry.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::RangeInclusive;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use nats_proto::simulator::{
    ClientDecoder, ClientOp, LinkId, Script, ServerId, ServerOutput, World,
};
use nats_proto::{Bytes, Instant};
use web_wasm::ServerAddr;
use web_wasm::transport::{Transport, TransportClosed, TransportEvent, Writable};

use super::sim::Simulation;

/// How many bytes may be on the way to a server before a transport takes no more.
const HIGH_WATER: usize = 256 * 1024;

/// The address of a server by its name.
pub(crate) fn url(name: &str) -> String {
    format!("ws://{name}:5000")
}

/// Where a host's name leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route {
    To(ServerId),
    /// Who dials it hears nothing, not even a refusal.
    BlackHole,
    /// The machine itself does not let it be dialled.
    Forbidden,
}

/// A line from a client to a server, from the dialling on. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct LineId(u64);

/// What happened on the network, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    pub(crate) at: Instant,
    pub(crate) line: LineId,
    pub(crate) what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Dialled { machine: usize, addr: ServerAddr },
    Opened,
    ToServer { len: usize, hash: u64 },
    ToClient { len: usize, hash: u64 },
    ClosedByServer(TransportClosed),
    ClosedByClient,
}

pub(crate) struct Line {
    pub(crate) machine: usize,
    pub(crate) link: Option<LinkId>,
    state: State,
    /// Whether it ended while an older line of its client went on: it was to take the place of
    /// that, and did not.
    pub(crate) in_vain: bool,
    inbox: VecDeque<TransportEvent>,
    waker: Option<Waker>,
    /// How many bytes from the server the client has read.
    pub(crate) read: u64,
    /// What the client has handed over, as a server would read it.
    decoder: ClientDecoder,
    pub(crate) handed_over: Vec<ClientOp>,
    /// Bytes on their way to the server.
    in_flight: usize,
    /// When the last of what is on its way arrives.
    at_server: Instant,
    at_client: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Opening,
    Open,
    /// The server or the network ended it.
    Ended,
    /// The client let go of it.
    Dropped,
}

pub(crate) struct Network {
    pub(crate) world: World,
    hosts: BTreeMap<String, Route>,
    lines: BTreeMap<LineId, Line>,
    last_line: u64,
    by_link: BTreeMap<LinkId, LineId>,
    machines: usize,
    rng: fastrand::Rng,
    /// How long anything is on its way.
    pub(crate) latency: RangeInclusive<Duration>,
    trace: Vec<Trace>,
    /// When the world is next to be told the time.
    alarm: Option<Instant>,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            world: World::new(seed),
            hosts: BTreeMap::new(),
            lines: BTreeMap::new(),
            last_line: 0,
            by_link: BTreeMap::new(),
            machines: 0,
            rng: fastrand::Rng::with_seed(!seed),
            latency: Duration::from_millis(5)..=Duration::from_millis(20),
            trace: Vec::new(),
            alarm: None,
        }
    }

    pub(crate) fn add_machine(&mut self) -> usize {
        self.machines += 1;
        self.machines - 1
    }

    /// Adds a server, which is found by its name.
    pub(crate) fn add(&mut self, name: &str, script: Script) -> ServerId {
        let server = self.world.add(name, script);
        self.hosts.insert(name.into(), Route::To(server));
        server
    }

    /// Decides where a name leads from now on.
    pub(crate) fn route(&mut self, name: &str, route: Route) {
        self.hosts.insert(name.into(), route);
    }

    pub(crate) fn trace(&self) -> &[Trace] {
        &self.trace
    }

    /// Each attempt at a connection: when, by which machine, and to which host.
    pub(crate) fn dials(&self) -> impl Iterator<Item = (Instant, usize, &str)> {
        self.trace.iter().filter_map(|trace| match &trace.what {
            What::Dialled { machine, addr } => Some((trace.at, *machine, addr.host())),
            _ => None,
        })
    }

    /// The line that is to take the place of another which a client still has, if there is one.
    pub(crate) fn spare_line(&self, machine: usize) -> Option<LineId> {
        let mut had = self.lines_had(machine);
        had.next().and_then(|_| had.next_back())
    }

    /// The lines that a client has not let go of, oldest first. One that has ended is among them
    /// until the client knows.
    pub(crate) fn lines_had(&self, machine: usize) -> impl DoubleEndedIterator<Item = LineId> {
        let had = move |line: &Line| {
            line.machine == machine && matches!(line.state, State::Open | State::Ended)
        };
        self.lines.iter().filter(move |(_, line)| had(line)).map(|(&id, _)| id)
    }

    fn end(&mut self, id: LineId, state: State) {
        let spare = self.spare_line(self.line(id).machine) == Some(id);
        let line = self.line_mut(id);
        line.in_vain |= spare;
        line.state = state;
    }

    /// Every line that there was, oldest first.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (LineId, &Line)> {
        self.lines.iter().map(|(&id, line)| (id, line))
    }

    /// The lines that a server may still reach, oldest first.
    pub(crate) fn links(&self, server: ServerId) -> Vec<LinkId> {
        self.world.links(server)
    }

    fn note(&mut self, at: Instant, line: LineId, what: What) {
        self.trace.push(Trace { at, line, what });
    }

    fn draw_latency(&mut self) -> Duration {
        let micros = |duration: &Duration| u64::try_from(duration.as_micros()).unwrap();
        let range = micros(self.latency.start())..=micros(self.latency.end());
        Duration::from_micros(self.rng.u64(range))
    }

    pub(crate) fn line(&self, id: LineId) -> &Line {
        &self.lines[&id]
    }

    /// The line whose other end a server holds.
    pub(crate) fn line_of(&self, link: LinkId) -> (LineId, &Line) {
        let id = self.by_link[&link];
        (id, self.line(id))
    }

    /// The server's end of a machine's last line.
    pub(crate) fn link_of(&self, machine: usize) -> Option<LinkId> {
        self.line(self.lines_had(machine).next()?).link
    }

    fn line_mut(&mut self, id: LineId) -> &mut Line {
        self.lines.get_mut(&id).unwrap()
    }

    /// When something that is sent to a server now arrives there.
    fn arrival_at_server(&mut self, now: Instant, id: LineId) -> Instant {
        let at = (now + self.draw_latency()).max(self.line_mut(id).at_server);
        self.line_mut(id).at_server = at;
        at
    }

    fn arrival_at_client(&mut self, now: Instant, id: LineId) -> Instant {
        let at = (now + self.draw_latency()).max(self.line_mut(id).at_client);
        self.line_mut(id).at_client = at;
        at
    }
}

fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// Lets servers do something, and carries what they say then.
pub(crate) fn with_world<T>(simulation: &Simulation, act: impl FnOnce(&mut World) -> T) -> T {
    let now = simulation.now();
    let result = simulation.network(|network| {
        network.world.advance(now);
        act(&mut network.world)
    });
    carry_output(simulation);
    result
}

/// Sees to it that the world is told the time when it has something to do then.
fn set_alarm(simulation: &Simulation) {
    let due = simulation.network(|network| {
        let due = network.world.next_timeout()?;
        let sooner = network.alarm.is_none_or(|alarm| due < alarm);
        sooner.then(|| *network.alarm.insert(due))
    });
    let Some(due) = due else { return };
    simulation.at(due, move |simulation| {
        simulation.network(|network| network.alarm.take_if(|alarm| *alarm == due));
        with_world(simulation, |_| ());
    });
}

fn carry_output(simulation: &Simulation) {
    let now = simulation.now();
    while let Some((link, output)) = simulation.network(|network| network.world.poll_any_output()) {
        let (id, at) = simulation.network(|network| {
            let id = network.by_link[&link];
            (id, network.arrival_at_client(now, id))
        });
        let event = match output {
            ServerOutput::Frame(bytes) => TransportEvent::Input(bytes),
            ServerOutput::Closed(closed) => TransportEvent::Closed(closed),
        };
        simulation.at(at, move |simulation| arrive_at_client(simulation, id, event));
    }
    set_alarm(simulation);
}

fn arrive_at_client(simulation: &Simulation, id: LineId, event: TransportEvent) {
    let now = simulation.now();
    simulation.network(|network| {
        if network.line_mut(id).state == State::Dropped {
            return;
        }
        let what = match &event {
            TransportEvent::Input(bytes) => What::ToClient { len: bytes.len(), hash: hash(bytes) },
            TransportEvent::Closed(closed) => What::ClosedByServer(closed.clone()),
        };
        network.note(now, id, what);
        if let TransportEvent::Closed(_) = event {
            network.end(id, State::Ended);
        }
        let line = network.line_mut(id);
        line.inbox.push_back(event);
        line.wake();
    });
}

impl Line {
    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Begins to open a line to what `addr` names.
pub(crate) fn dial(
    simulation: &Simulation,
    machine: usize,
    addr: &ServerAddr,
) -> Result<Box<dyn Transport>, TransportClosed> {
    let now = simulation.now();
    let (id, route, at) = simulation.network(|network| {
        network.last_line += 1;
        let id = LineId(network.last_line);
        let line = Line {
            machine,
            link: None,
            state: State::Opening,
            in_vain: false,
            inbox: VecDeque::new(),
            waker: None,
            read: 0,
            decoder: ClientDecoder::new(),
            handed_over: Vec::new(),
            in_flight: 0,
            at_server: now,
            at_client: now,
        };
        network.lines.insert(id, line);
        network.note(now, id, What::Dialled { machine, addr: addr.clone() });
        (id, network.hosts.get(addr.host()).copied(), network.arrival_at_server(now, id))
    });
    match route {
        Some(Route::Forbidden) => {
            return Err(TransportClosed { code: 1006, reason: "forbidden".into() });
        }
        Some(Route::BlackHole) => {}
        Some(Route::To(server)) => {
            simulation.at(at, move |simulation| knock(simulation, id, server));
        }
        None => simulation.at(at, move |simulation| refuse(simulation, id, "no such host")),
    }
    Ok(Box::new(VirtualTransport { simulation: simulation.clone(), id }))
}

/// A line arrives at its server, which opens it or does not.
fn knock(simulation: &Simulation, id: LineId, server: ServerId) {
    let accepted = simulation.network(|network| {
        let accepted = network.world.accept(server);
        if let Ok(link) = accepted {
            network.by_link.insert(link, id);
            network.line_mut(id).link = Some(link);
            if network.line_mut(id).state == State::Dropped {
                network.world.closed(link);
            }
        }
        accepted
    });
    match accepted {
        Ok(_) => {
            let now = simulation.now();
            let at = simulation.network(|network| network.arrival_at_client(now, id));
            simulation.at(at, move |simulation| open(simulation, id));
            carry_output(simulation);
        }
        Err(closed) => refuse(simulation, id, &closed.reason),
    }
}

fn open(simulation: &Simulation, id: LineId) {
    let now = simulation.now();
    simulation.network(|network| {
        if network.line_mut(id).state == State::Opening {
            network.note(now, id, What::Opened);
            network.line_mut(id).state = State::Open;
            network.line_mut(id).wake();
        }
    });
}

fn refuse(simulation: &Simulation, id: LineId, reason: &str) {
    let now = simulation.now();
    let at = simulation.network(|network| network.arrival_at_client(now, id));
    let closed = TransportClosed { code: 1006, reason: reason.into() };
    let event = TransportEvent::Closed(closed);
    simulation.at(at, move |simulation| arrive_at_client(simulation, id, event));
}

struct VirtualTransport {
    simulation: Simulation,
    id: LineId,
}

impl VirtualTransport {
    /// Lets go of the line; what was handed over before still arrives.
    fn let_go(&self) {
        let now = self.simulation.now();
        let id = self.id;
        let at = self.simulation.network(|network| {
            let line = network.line_mut(id);
            if matches!(line.state, State::Ended | State::Dropped) {
                line.state = State::Dropped;
                return None;
            }
            line.inbox.clear();
            network.end(id, State::Dropped);
            network.note(now, id, What::ClosedByClient);
            Some(network.arrival_at_server(now, id))
        });
        let Some(at) = at else { return };
        self.simulation.at(at, move |simulation| {
            simulation.network(|network| {
                if let Some(link) = network.line_mut(id).link {
                    network.world.closed(link);
                }
            });
        });
    }
}

impl Transport for VirtualTransport {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<TransportEvent> {
        self.simulation.network(|network| {
            let line = network.line_mut(self.id);
            match line.inbox.pop_front() {
                Some(event) => {
                    if let TransportEvent::Input(bytes) = &event {
                        line.read += bytes.len() as u64;
                    }
                    Poll::Ready(event)
                }
                None => {
                    line.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
    }

    fn writable(&self, _: Instant) -> Writable {
        self.simulation.network(|network| {
            let line = network.line_mut(self.id);
            let (in_flight, link) = (line.in_flight, line.link);
            match line.state {
                State::Opening => Writable::WhenOpen,
                _ => {
                    let unread = link.map_or(0, |link| network.world.unread(link));
                    let full = in_flight + unread >= HIGH_WATER;
                    if full { Writable::AskAgain } else { Writable::Now }
                }
            }
        })
    }

    fn send(&mut self, bytes: &[u8]) {
        let (now, id) = (self.simulation.now(), self.id);
        let at = self.simulation.network(|network| {
            let line = network.line_mut(id);
            assert_ne!(line.state, State::Opening, "it is not open yet");
            line.decoder.feed(bytes);
            while let Some(op) = line.decoder.next_op().unwrap() {
                line.handed_over.push(op);
            }
            line.in_flight += bytes.len();
            network.arrival_at_server(now, id)
        });
        let bytes = Bytes::copy_from_slice(bytes);
        self.simulation.at(at, move |simulation| {
            let now = simulation.now();
            simulation.network(|network| {
                let what = What::ToServer { len: bytes.len(), hash: hash(&bytes) };
                network.note(now, id, what);
                let line = network.line_mut(id);
                line.in_flight -= bytes.len();
                let link = line.link;
                network.world.advance(now);
                if let Some(link) = link {
                    network.world.receive(link, &bytes);
                }
            });
            carry_output(simulation);
        });
    }

    fn close(&mut self, code: u16, reason: &str) {
        assert!(code == 1000 || (3_000..5_000).contains(&code), "a page may not say {code}");
        assert!(reason.len() <= 123, "the reason is too long for its frame");
        self.let_go();
    }
}

impl Drop for VirtualTransport {
    fn drop(&mut self) {
        self.let_go();
    }
}
