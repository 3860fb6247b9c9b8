//! Somebody who uses a client at random, and notes what comes of it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use futures_util::{FutureExt, StreamExt};
use web_wasm::{
    Client, FlushError, HeaderMap, Overflow, PendingLimits, PublishError, Request, RequestError,
    RequestMany, State, SubscribeError, Subscriber,
};

use super::ledger::{Ledger, Number, Position, Reading, number, positions};
use super::machine::Machine;
use super::network::LineId;
use super::sim::Simulation;

const SUBJECTS: [&str; 6] = ["a.x", "a.y", "a.y.z", "b.x", "b.y.z", "c"];
const PATTERNS: [&str; 9] = ["a.x", "a.*", "a.>", "b.x", "b.>", "*.x", "*.y.z", "c", "never"];

/// Cloning it is cheap; all clones use the same client.
#[derive(Clone)]
pub(crate) struct Actor(Rc<Core>);

struct Core {
    sim: Simulation,
    machine: Machine,
    client: Client,
    ledger: Ledger,
    rng: RefCell<fastrand::Rng>,
    /// The subscriptions made so far, the requests' inbox included.
    last_sid: Cell<u64>,
    has_inbox: Cell<bool>,
    closing: Cell<bool>,
    /// Whether the client may close by itself.
    may_give_up: bool,
}

impl Actor {
    pub(crate) fn new(
        sim: &Simulation,
        machine: Machine,
        client: Client,
        ledger: Ledger,
        may_give_up: bool,
    ) -> Self {
        let rng = RefCell::new(fastrand::Rng::with_seed(sim.rng(|rng| rng.u64(..))));
        Self(Rc::new(Core {
            sim: sim.clone(),
            machine,
            client,
            ledger,
            rng,
            last_sid: Cell::default(),
            has_inbox: Cell::default(),
            closing: Cell::default(),
            may_give_up,
        }))
    }

    pub(crate) fn client(&self) -> &Client {
        &self.0.client
    }

    pub(crate) fn machine(&self) -> &Machine {
        &self.0.machine
    }

    pub(crate) fn number(&self) -> usize {
        self.0.machine.number()
    }

    /// Whether it was told to close its client.
    pub(crate) fn is_closing(&self) -> bool {
        self.0.closing.get()
    }

    pub(crate) fn may_give_up(&self) -> bool {
        self.0.may_give_up
    }

    fn draw<T>(&self, draw: impl FnOnce(&mut fastrand::Rng) -> T) -> T {
        draw(&mut self.0.rng.borrow_mut())
    }

    fn millis(&self, range: std::ops::Range<u64>) -> Duration {
        Duration::from_millis(self.draw(|rng| rng.u64(range)))
    }

    fn spawn(&self, task: impl AsyncFnOnce(Actor) + 'static) {
        let actor = self.clone();
        self.0.sim.spawn(async move { task(actor).await });
    }

    fn spare_line(&self) -> Option<LineId> {
        self.0.sim.network(|network| network.spare_line(self.number()))
    }

    /// A subscription is given up, or has ended.
    fn note_end(&self, account: usize) {
        let spare = self.spare_line();
        self.0.ledger.account(account, |own| own.spare.extend(spare));
    }

    fn positions(&self) -> Option<Vec<Position>> {
        self.0.sim.network(|network| positions(network, self.number()))
    }

    fn payload(&self, text: &str) -> Vec<u8> {
        let padding = match self.draw(|rng| rng.u32(0..100)) {
            0 => self.draw(|rng| rng.usize(5_000..40_000)),
            1..10 => self.draw(|rng| rng.usize(100..2_000)),
            _ => self.draw(|rng| rng.usize(0..30)),
        };
        [text.as_bytes(), b" ", &vec![b'.'; padding]].concat()
    }

    /// Does things until the time is over.
    pub(crate) async fn act(self, until: Duration) {
        self.serve();
        while self.0.sim.elapsed() < until && !self.is_closing() {
            self.0.sim.sleep(self.millis(0..300)).await;
            match self.draw(|rng| rng.u32(0..1_000)) {
                0..350 => self.publish().await,
                350..400 => self.publish_many(),
                400..520 => self.spawn(async |actor| actor.request().await),
                520..560 => self.spawn(async |actor| actor.request_many().await),
                560..640 => self.spawn(async |actor| actor.flush().await),
                640..760 => self.subscribe(),
                760..770 => self.force_reconnect(),
                770..780 => self.client().wake(),
                780..790 => self.machine().wake(),
                790..794 => self.spawn(async |actor| actor.close().await),
                794..798 => self.spawn(async |actor| actor.drain().await),
                798..818 => self.client().renew_credentials(),
                _ => {}
            }
        }
    }

    async fn publish(&self) {
        let subject = self.draw(|rng| rng.choice(SUBJECTS)).unwrap();
        self.publish_to(subject, self.millis(0..5_000)).await;
    }

    /// Publishes, and waits for room, but no longer than it has patience.
    pub(crate) async fn publish_to(&self, subject: &'static str, patience: Duration) {
        let number = self.0.ledger.number();
        let payload = self.payload(&number.to_string()).into();
        let publish = if self.draw(fastrand::Rng::bool) {
            self.client().publish(subject, payload).left_future()
        } else {
            let mut headers = HeaderMap::new();
            headers.insert("Number", &number.to_string()).unwrap();
            self.client().publish_with_headers(subject, headers, payload).right_future()
        };
        match select(Box::pin(publish), self.0.sim.sleep(patience)).await {
            Either::Left((Ok(()), _)) => self.0.ledger.accept(self.number(), number),
            Either::Left((Err(PublishError::Closed), _)) | Either::Right(_) => {}
            Either::Left((Err(error), _)) => panic!("{error:?}"),
        }
    }

    /// Publishes a burst without waiting.
    fn publish_many(&self) {
        for _ in 0..self.draw(|rng| rng.u32(1..50)) {
            self.try_publish(self.draw(|rng| rng.choice(SUBJECTS)).unwrap());
        }
    }

    fn try_publish(&self, subject: &str) {
        let number = self.0.ledger.number();
        let payload = self.payload(&number.to_string());
        match self.client().try_publish(subject, None, None, &payload) {
            Ok(()) => self.0.ledger.accept(self.number(), number),
            Err(PublishError::Closed | PublishError::BufferFull { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    /// A request makes the inbox if there is none; notes whether the request was accepted.
    fn note_request(&self, number: Number, before: u64) -> bool {
        if !self.0.has_inbox.replace(true) {
            self.0.last_sid.set(self.0.last_sid.get() + 1);
        }
        let accepted = self.client().statistics().out_messages > before;
        if accepted {
            self.0.ledger.accept(self.number(), number);
        }
        accepted
    }

    fn is_closed(&self) -> bool {
        self.client().connection_state() == State::Closed
    }

    async fn request(&self) {
        if self.is_closed() {
            let request = self.client().request("svc.0", "0".into()).await;
            assert!(matches!(request, Err(RequestError::Closed | RequestError::Publish(_))));
            return;
        }
        let number = self.0.ledger.number();
        let service = format!("svc.{}", self.draw(|rng| rng.u32(0..5)));
        let timeout = self.millis(50..4_000);
        let payload = self.payload(&number.to_string()).into();
        let request = Request::new().payload(payload).timeout(timeout);
        let (start, before) = (self.0.sim.now(), self.client().statistics().out_messages);
        let mut request = Box::pin(self.client().send_request(service, request));
        let mut result = request.as_mut().now_or_never();
        let drained = matches!(result, Some(Err(RequestError::Draining)));
        let accepted = !drained && self.note_request(number, before);
        if result.is_none() {
            let patience = self.0.sim.sleep(match self.draw(fastrand::Rng::bool) {
                true => self.millis(0..4_000),
                false => Duration::MAX,
            });
            result = match select(request, patience).await {
                Either::Left((result, _)) => Some(result),
                Either::Right(_) => None,
            };
        }
        match result {
            Some(result) if accepted => {
                let took = self.0.sim.now() - start;
                let slack = self.0.sim.stood_still_since(start) + self.0.machine.throttle();
                self.0.ledger.decide_request(number, took, timeout, slack, &result);
            }
            Some(Err(RequestError::Publish(PublishError::BufferFull { .. }))) => {}
            Some(Err(RequestError::Draining)) | None => {}
            Some(result) => panic!("{result:?}"),
        }
    }

    async fn request_many(&self) {
        if self.is_closed() {
            return;
        }
        let number = self.0.ledger.number();
        let max_wait = self.millis(50..3_000);
        let payload = self.payload(&number.to_string()).into();
        let mut request = RequestMany::new().payload(payload).max_wait(max_wait);
        if self.draw(fastrand::Rng::bool) {
            request = request.stall_wait(self.millis(10..300));
        }
        let (start, before) = (self.0.sim.now(), self.client().statistics().out_messages);
        let answers = self.client().request_many("svc.1", request).now_or_never().unwrap();
        if matches!(answers, Err(RequestError::Draining)) {
            return;
        }
        self.note_request(number, before);
        let Ok(answers) = answers else { return };
        let answers: Vec<_> = answers.collect().await;
        let took = self.0.sim.now() - start;
        let slack = self.0.sim.stood_still_since(start) + self.0.machine.throttle();
        assert!(took <= max_wait + slack, "{took:?} for {max_wait:?}");
        for answer in answers.into_iter().flatten() {
            let text = String::from_utf8_lossy(&answer.payload);
            assert!(text.contains(&format!(" re {number} ")), "{number} got {text}");
        }
    }

    async fn flush(&self) {
        let accepted = self.0.ledger.accepted(self.number());
        let start = self.0.sim.now();
        let result = self.client().rtt().await;
        let took = self.0.sim.now() - start;
        match result {
            Ok(rtt) => {
                assert!(rtt <= took);
                self.0.sim.network(|network| {
                    self.0.ledger.decide_flush(self.number(), accepted, network);
                });
            }
            Err(FlushError::TimedOut { timeout }) => assert!(took >= timeout),
            Err(FlushError::Disconnected) => {}
            Err(FlushError::Closed) => assert!(self.is_closed()),
            Err(error) => panic!("{error:?}"),
        }
        let slack = self.0.sim.stood_still_since(start) + self.0.machine.throttle();
        assert!(took <= Duration::from_secs(10) + slack, "{took:?}");
    }

    fn force_reconnect(&self) {
        // Where another line is ready, it takes the place of this one.
        let present = self.0.sim.network(|network| {
            let present = network.lines_had(self.number()).next();
            present.map(|id| (id, network.line(id).read))
        });
        self.0.ledger.give_up(present);
        self.client().force_reconnect();
    }

    /// Makes a subscription, and the account of it.
    fn open(&self, subject: &str, group: Option<&str>) -> Option<(Subscriber, usize)> {
        let subscriber = match group {
            None => self.client().subscribe(subject).now_or_never().unwrap(),
            Some(group) => self.client().queue_subscribe(subject, group).now_or_never().unwrap(),
        };
        match subscriber {
            Ok(subscriber) => {
                self.0.last_sid.set(self.0.last_sid.get() + 1);
                let sid = self.0.last_sid.get();
                Some((subscriber, self.0.ledger.open(self.number(), sid, subject)))
            }
            Err(SubscribeError::Closed | SubscribeError::Draining) => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    fn subscribe(&self) {
        let subject = self.draw(|rng| rng.choice(PATTERNS)).unwrap();
        let group = self.draw(|rng| rng.choice([None, None, Some("q"), Some("r")])).unwrap();
        let Some((subscriber, account)) = self.open(subject, group) else { return };
        let life = self.0.sim.sleep(self.millis(0..20_000));
        match self.draw(|rng| rng.u32(0..7)) {
            0 | 1 => self.spawn(async move |actor| actor.read(subscriber, account).await),
            2 => self.spawn(async move |actor| {
                let mut subscriber = subscriber;
                actor.read_during(&mut subscriber, account, life).await;
                actor.cut_off(account);
                actor.note_end(account);
                subscriber.unsubscribe();
                actor.read(subscriber, account).await;
            }),
            3 => self.spawn(async move |actor| {
                let mut subscriber = subscriber;
                actor.read_during(&mut subscriber, account, life).await;
                actor.cut_off_unless_connected(account);
                actor.note_end(account);
                subscriber.drain();
                actor.read(subscriber, account).await;
            }),
            4 => self.spawn(async move |actor| {
                let mut subscriber = subscriber;
                let max = actor.draw(|rng| rng.u64(1..30));
                actor.read_during(&mut subscriber, account, life).await;
                let had = subscriber.pending() as u64
                    + actor.0.ledger.account(account, |own| own.received.len() as u64);
                match max > had {
                    true => actor.0.ledger.account(account, |own| own.max = Some(max)),
                    false => actor.cut_off(account),
                }
                actor.note_end(account);
                subscriber.unsubscribe_after(max);
                actor.read(subscriber, account).await;
            }),
            5 => self.spawn(async move |actor| {
                actor.0.ledger.account(account, |own| own.reading = Reading::Part);
                let mut subscriber = subscriber;
                actor.read_during(&mut subscriber, account, life).await;
                actor.note_end(account);
                drop(subscriber);
                actor.note_end(account);
                actor.0.ledger.account(account, |own| own.ended = true);
            }),
            _ => self.spawn(async move |actor| actor.read_slowly(subscriber, account).await),
        }
    }

    fn cut_off_unless_connected(&self, account: usize) {
        if self.client().connection_state() != State::Connected {
            self.cut_off(account);
        }
    }

    fn cut_off(&self, account: usize) {
        let positions = self.positions();
        self.0.ledger.account(account, |own| own.cutoff = own.cutoff.take().or(positions));
    }

    /// Reads a subscription to its end.
    async fn read(&self, mut subscriber: Subscriber, account: usize) {
        while let Some(message) = subscriber.next().await {
            let number = number(&message.payload);
            self.0.ledger.account(account, |own| own.received.push(number));
        }
        assert!(subscriber.end_reason().is_some());
        assert_eq!(subscriber.dropped(), 0);
        self.note_end(account);
        self.0.ledger.account(account, |own| own.ended = true);
    }

    async fn read_during(
        &self,
        subscriber: &mut Subscriber,
        account: usize,
        mut time: impl Future<Output = ()> + Unpin,
    ) {
        loop {
            match select(subscriber.next(), &mut time).await {
                Either::Left((Some(message), _)) => {
                    let number = number(&message.payload);
                    self.0.ledger.account(account, |own| own.received.push(number));
                }
                Either::Left((None, _)) | Either::Right(_) => return,
            }
        }
    }

    async fn read_slowly(&self, mut subscriber: Subscriber, account: usize) {
        let policies = [Overflow::DropNewest, Overflow::DropOldest, Overflow::Close];
        let overflow = self.draw(|rng| rng.choice(policies)).unwrap();
        let messages = self.draw(|rng| rng.usize(1..20));
        subscriber.set_pending_limits(PendingLimits { messages, bytes: 64 << 20, overflow });
        let reading = if overflow == Overflow::Close { Reading::Part } else { Reading::Lossy };
        self.0.ledger.account(account, |own| own.reading = reading);
        while let Some(message) = subscriber.next().await {
            let (number, dropped) = (number(&message.payload), subscriber.dropped());
            self.0.ledger.account(account, |own| {
                own.received.push(number);
                own.dropped = dropped;
            });
            self.0.sim.sleep(self.millis(0..1_000)).await;
        }
        self.note_end(account);
        self.0.ledger.account(account, |own| {
            own.dropped = subscriber.dropped();
            own.ended = true;
        });
    }

    /// Answers requests, until the client ends.
    fn serve(&self) {
        let service = format!("svc.{}", self.draw(|rng| rng.u32(0..4)));
        let group = self.draw(|rng| rng.choice([None, Some("q")])).unwrap();
        let Some((mut requests, account)) = self.open(&service, group) else { return };
        self.spawn(async move |actor| {
            while let Some(request) = requests.next().await {
                let asked = number(&request.payload);
                actor.0.ledger.account(account, |own| own.received.push(asked));
                let answer = actor.0.ledger.number();
                let payload = actor.payload(&format!("{answer} re {asked} "));
                let reply = request.reply.expect("a request wants an answer");
                if actor.client().try_publish(&reply, None, None, &payload).is_ok() {
                    actor.0.ledger.accept(actor.number(), answer);
                }
            }
            actor.note_end(account);
            actor.0.ledger.account(account, |own| own.ended = true);
        });
    }

    /// Closes the client, if nobody has yet.
    pub(crate) async fn close(&self) {
        self.0.closing.set(true);
        let start = self.0.sim.now();
        self.client().close().await.ok();
        let (positions, spare) = (self.positions(), self.spare_line());
        self.0.ledger.cut_off(self.number(), positions.as_deref(), spare);
        let slack = self.0.sim.stood_still_since(start) + self.0.machine.throttle();
        assert!(self.0.sim.now() - start <= Duration::from_secs(2) + slack);
        assert!(self.is_closed());
    }

    pub(crate) async fn drain(&self) {
        self.0.closing.set(true);
        if self.is_closed() {
            assert_eq!(self.client().drain().await, Err(FlushError::Closed));
            return;
        }
        if self.client().connection_state() != State::Connected {
            let (positions, spare) = (self.positions(), self.spare_line());
            self.0.ledger.cut_off(self.number(), positions.as_deref(), spare);
        }
        self.0.ledger.begin_drain(self.number(), self.spare_line());
        let start = self.0.sim.now();
        self.client().drain().await.ok();
        let (positions, spare) = (self.positions(), self.spare_line());
        self.0.ledger.cut_off(self.number(), positions.as_deref(), spare);
        let slack = self.0.sim.stood_still_since(start) + self.0.machine.throttle() * 2;
        let took = self.0.sim.now() - start;
        assert!(took <= Duration::from_secs(32) + slack, "{took:?}");
        assert!(self.is_closed());
    }
}
