//! The surroundings of one client: a machine with its clock, its timers and its chances.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use nats_proto::Instant;
use web_wasm::platform::{LocalBoxFuture, NoEntropy, Platform, Runtime};
use web_wasm::transport::{Dialer, Transport, TransportClosed};
use web_wasm::{Client, ConnectError, ConnectOptions, ServerAddr};

use super::network;
use super::sim::Simulation;

/// Something that runs clients. Cloning it is cheap; all clones are the same machine.
#[derive(Clone)]
pub(crate) struct Machine(Rc<Core>);

struct Core {
    simulation: Simulation,
    number: usize,
    rng: RefCell<fastrand::Rng>,
    /// How rarely timers fire, as in a hidden tab.
    throttle: Cell<Duration>,
    /// The rarest that they ever fired.
    throttled: Cell<Duration>,
    wakes: RefCell<Vec<Weak<dyn Fn()>>>,
    /// How long it slept with its steady clock standing still.
    slept: Cell<Duration>,
}

/// When simulations begin, on every wall.
pub(crate) const BEGINNING: Duration = Duration::from_secs(1_800_000_000);

impl Machine {
    pub(crate) fn new(simulation: &Simulation) -> Self {
        let number = simulation.network(network::Network::add_machine);
        let seed = simulation.rng(|rng| rng.u64(..));
        Self(Rc::new(Core {
            simulation: simulation.clone(),
            number,
            rng: RefCell::new(fastrand::Rng::with_seed(seed)),
            throttle: Cell::default(),
            throttled: Cell::default(),
            wakes: RefCell::default(),
            slept: Cell::default(),
        }))
    }

    /// The machine's number in the network.
    pub(crate) fn number(&self) -> usize {
        self.0.number
    }

    /// From now on timers fire only at multiples of `interval`; zero lets them be on time.
    pub(crate) fn throttle_timers(&self, interval: Duration) {
        self.0.throttle.set(interval);
        self.0.throttled.set(self.0.throttled.get().max(interval));
    }

    /// How late timers may have been at worst.
    pub(crate) fn throttle(&self) -> Duration {
        self.0.throttled.get()
    }

    /// The machine has slept so long, of which its steady clock knows nothing.
    pub(crate) fn sleep_unawares(&self, duration: Duration) {
        self.0.slept.set(self.0.slept.get() + duration);
    }

    /// The machine comes online, or its page is shown again.
    pub(crate) fn wake(&self) {
        self.0.wakes.borrow_mut().retain(|wake| wake.strong_count() > 0);
        let wakes: Vec<_> = self.0.wakes.borrow().iter().filter_map(Weak::upgrade).collect();
        for wake in wakes {
            wake();
        }
    }

    /// How many clients would be told of it.
    pub(crate) fn listeners(&self) -> usize {
        self.0.wakes.borrow().iter().filter(|wake| wake.strong_count() > 0).count()
    }

    /// Connects a client of this machine to servers by their names.
    pub(crate) async fn connect(
        &self,
        options: ConnectOptions,
        servers: &[&str],
    ) -> Result<Client, ConnectError> {
        let addrs: Vec<String> = servers.iter().map(|name| network::url(name)).collect();
        options.connect_with(Runtime::new(self.clone(), self.clone()), addrs).await
    }
}

impl Platform for Machine {
    fn now(&self) -> Instant {
        self.0.simulation.now()
    }

    fn unix_time(&self) -> Duration {
        BEGINNING + self.0.simulation.elapsed() + self.0.slept.get()
    }

    fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()> {
        let simulation = &self.0.simulation;
        let throttle = self.0.throttle.get();
        let deadline = simulation.elapsed() + duration;
        let deadline = match throttle.as_nanos() {
            0 => deadline,
            interval => {
                let ticks = deadline.as_nanos().div_ceil(interval);
                throttle * u32::try_from(ticks).unwrap()
            }
        };
        Box::pin(simulation.sleep_until(Instant::from_origin(deadline)))
    }

    fn entropy(&self) -> Result<[u8; 32], NoEntropy> {
        let mut entropy = [0; 32];
        self.0.rng.borrow_mut().fill(&mut entropy);
        Ok(entropy)
    }

    fn spawn(&self, task: LocalBoxFuture<'static, ()>) {
        self.0.simulation.spawn(task);
    }

    fn on_wake(&self, wake: Rc<dyn Fn()>) -> Box<dyn Any> {
        self.0.wakes.borrow_mut().push(Rc::downgrade(&wake));
        Box::new(wake)
    }
}

impl Dialer for Machine {
    fn dial(&self, addr: &ServerAddr, _: &[String]) -> Result<Box<dyn Transport>, TransportClosed> {
        network::dial(&self.0.simulation, self.0.number, addr)
    }
}
