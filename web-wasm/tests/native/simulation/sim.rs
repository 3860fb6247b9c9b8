//! Tasks, and the clock that they wait for.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use nats_proto::Instant;
use web_wasm::platform::LocalBoxFuture;

use super::network::Network;

/// How often tasks may be polled within a second of the simulated time: more is a busy loop.
const MAX_POLLS: u32 = 50_000;

/// How often the clock may be looked at without moving: more is a loop that never comes to rest.
const MAX_LOOKS: u32 = 1_000_000;

/// What no simulation reaches that ends at all.
const END_OF_TIME: Duration = Duration::from_secs(30 * 24 * 3_600);

/// A simulated world. Cloning it is cheap; all clones are the same world.
#[derive(Clone)]
pub(crate) struct Simulation(Rc<Core>);

struct Core {
    now: Cell<Instant>,
    looks: Cell<u32>,
    /// The polls within this second.
    polls: Cell<(u64, u32)>,
    all_polls: Cell<u64>,
    tasks: RefCell<Vec<Option<Task>>>,
    ready: Arc<Mutex<VecDeque<usize>>>,
    agenda: RefCell<BTreeMap<Entry, Happening>>,
    last_entry: Cell<u64>,
    pauses: RefCell<Vec<(Instant, Duration)>>,
    rng: RefCell<fastrand::Rng>,
    network: RefCell<Network>,
}

/// When something happens, and a number that keeps those of one moment in order.
type Entry = (Instant, u64);

type Happening = Box<dyn FnOnce(&Simulation)>;

struct Task {
    future: LocalBoxFuture<'static, ()>,
    waker: Arc<TaskWaker>,
}

struct TaskWaker {
    id: usize,
    queued: AtomicBool,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::Relaxed) {
            self.ready.lock().unwrap().push_back(self.id);
        }
    }
}

/// Runs `test` in a world of its own, whose chances `seed` decides.
pub(crate) fn simulate<T: 'static>(
    seed: u64,
    test: impl AsyncFnOnce(Simulation) -> T + 'static,
) -> T {
    let simulation = Simulation(Rc::new(Core {
        now: Cell::new(Instant::ORIGIN),
        looks: Cell::default(),
        polls: Cell::default(),
        all_polls: Cell::default(),
        tasks: RefCell::default(),
        ready: Arc::default(),
        agenda: RefCell::default(),
        last_entry: Cell::default(),
        pauses: RefCell::default(),
        rng: RefCell::new(fastrand::Rng::with_seed(seed)),
        network: RefCell::new(Network::new(seed)),
    }));
    let result = Rc::new(Cell::new(None));
    let root = {
        let (simulation, result) = (simulation.clone(), Rc::clone(&result));
        async move { result.set(Some(test(simulation).await)) }
    };
    simulation.spawn(root);
    let result = simulation.run_until(|| result.take());
    // Tasks and events hold the world that holds them.
    simulation.0.agenda.take();
    drop(simulation.0.tasks.take());
    result
}

impl Simulation {
    pub(crate) fn now(&self) -> Instant {
        let looks = self.0.looks.get() + 1;
        assert!(looks < MAX_LOOKS, "somebody looks at the clock for ever");
        self.0.looks.set(looks);
        self.0.now.get()
    }

    /// The time since the world began.
    pub(crate) fn elapsed(&self) -> Duration {
        self.0.now.get() - Instant::ORIGIN
    }

    /// How often tasks were polled in all.
    pub(crate) fn polls(&self) -> u64 {
        self.0.all_polls.get()
    }

    /// How many tasks have not ended, this one included.
    pub(crate) fn tasks(&self) -> usize {
        1 + self.0.tasks.borrow().iter().flatten().count()
    }

    pub(crate) fn rng<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.0.rng.borrow_mut())
    }

    pub(crate) fn network<T>(&self, act: impl FnOnce(&mut Network) -> T) -> T {
        act(&mut self.0.network.borrow_mut())
    }

    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let mut tasks = self.0.tasks.borrow_mut();
        let id = tasks.len();
        let ready = Arc::clone(&self.0.ready);
        let waker = Arc::new(TaskWaker { id, queued: AtomicBool::new(false), ready });
        waker.wake_by_ref();
        tasks.push(Some(Task { future: Box::pin(future), waker }));
    }

    /// Puts something on the agenda; it can be taken off again.
    fn enter(&self, at: Instant, happening: impl FnOnce(&Simulation) + 'static) -> Entry {
        let number = self.0.last_entry.get() + 1;
        self.0.last_entry.set(number);
        self.0.agenda.borrow_mut().insert((at, number), Box::new(happening));
        (at, number)
    }

    /// Lets something happen at a certain moment.
    pub(crate) fn at(&self, at: Instant, happening: impl FnOnce(&Simulation) + 'static) {
        self.enter(at, happening);
    }

    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }

    pub(crate) fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep { simulation: self.clone(), deadline, entry: None, fired: Rc::default() }
    }

    /// Waits until `condition` holds, which has to be within `limit`, and says how long that took.
    pub(crate) async fn until(&self, limit: Duration, condition: impl Fn() -> bool) -> Duration {
        let start = self.now();
        while !condition() {
            assert!(self.now() - start < limit, "not within {limit:?}");
            self.sleep(Duration::from_millis(1)).await;
        }
        self.now() - start
    }

    /// Everything stands still for a while, as when a laptop sleeps: what was to happen meanwhile
    /// happens when it is over.
    pub(crate) fn stand_still(&self, duration: Duration) {
        self.0.pauses.borrow_mut().push((self.0.now.get(), duration));
        self.0.now.set(self.0.now.get() + duration);
    }

    /// How long everything has stood still since `start`.
    pub(crate) fn stood_still_since(&self, start: Instant) -> Duration {
        let pauses = self.0.pauses.borrow();
        pauses.iter().filter(|(at, _)| *at >= start).map(|(_, duration)| *duration).sum()
    }

    fn run_until<T>(&self, result: impl Fn() -> Option<T>) -> T {
        loop {
            loop {
                let next = self.0.ready.lock().unwrap().pop_front();
                let Some(id) = next else { break };
                self.poll(id);
            }
            if let Some(result) = result() {
                return result;
            }
            let next = self.0.agenda.borrow_mut().pop_first();
            let Some(((at, _), happening)) = next else { panic!("all wait, and for nothing") };
            if at > self.0.now.get() {
                self.0.now.set(at);
                self.0.looks.set(0);
                assert!(self.elapsed() < END_OF_TIME, "this never ends");
            }
            happening(self);
        }
    }

    fn poll(&self, id: usize) {
        // The task is out of its place meanwhile, so that it can spawn others.
        let Some(mut task) = self.0.tasks.borrow_mut()[id].take() else { return };
        self.count_poll();
        task.waker.queued.store(false, Ordering::Relaxed);
        let waker = Waker::from(Arc::clone(&task.waker));
        if task.future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.0.tasks.borrow_mut()[id] = Some(task);
        }
    }

    fn count_poll(&self) {
        self.0.all_polls.set(self.0.all_polls.get() + 1);
        let second = self.elapsed().as_secs();
        let polls = match self.0.polls.get() {
            (same, polls) if same == second => polls + 1,
            _ => 1,
        };
        assert!(polls < MAX_POLLS, "tasks are polled for ever");
        self.0.polls.set((second, polls));
    }
}

/// A timer. Dropping it cancels it.
pub(crate) struct Sleep {
    simulation: Simulation,
    deadline: Instant,
    entry: Option<Entry>,
    fired: Rc<Cell<bool>>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.fired.get() {
            return Poll::Ready(());
        }
        self.cancel();
        let (fired, waker) = (Rc::clone(&self.fired), cx.waker().clone());
        let entry = self.simulation.enter(self.deadline, move |_| {
            fired.set(true);
            waker.wake();
        });
        self.entry = Some(entry);
        Poll::Pending
    }
}

impl Sleep {
    fn cancel(&mut self) {
        if let Some(entry) = self.entry.take() {
            self.simulation.0.agenda.borrow_mut().remove(&entry);
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.cancel();
    }
}
