//! Subscriptions that get from a stream what they miss.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use web_wasm::jetstream::stream::ConsumerCreateError;
use web_wasm::jetstream::{
    self, Context, NotRecovered, RecoverFrom, RecoveringSubscriber, SubscribeRecoveringError,
    Verdict, stream::Stream,
};
use web_wasm::{Client, ConnectOptions, Event, Events, ServerAddr};

use super::expect_event;
use super::jetstream::own_stream;
use crate::env;

/// A stream, its publisher, and a client that is to read it.
struct Rig {
    publisher: Context,
    stream: Stream,
    root: String,
    client: Client,
    events: Events,
    here: ServerAddr,
}

impl Rig {
    async fn new(name: &str) -> Self {
        let connect = async |name: &str| {
            env::connect_jetstream(ConnectOptions::new().name(name)).await.unwrap()
        };
        let publisher = jetstream::new(connect(name).await);
        let stream = own_stream(&publisher, name).await;
        let root = stream.name().to_string();
        let client = connect(name).await;
        let (events, here) = (client.events(), client.server().unwrap());
        Self { publisher, stream, root, client, events, here }
    }

    async fn subscribe(&self, from: RecoverFrom) -> RecoveringSubscriber {
        let subject = format!("{}.numbers", self.root);
        self.client.subscribe_recovering(subject, from).await.unwrap()
    }

    fn recover(&self) -> RecoverFrom {
        RecoverFrom::stream(&self.root)
    }

    /// Publishes numbers, each with something else beside it, and returns the number of the last in
    /// the stream.
    async fn publish(&self, numbers: core::ops::Range<u32>) -> u64 {
        let mut last = 0;
        for number in numbers {
            let publish = async |what: &str| {
                let subject = format!("{}.{what}", self.root);
                let sent = self.publisher.publish(subject, number.to_string().into()).await;
                sent.unwrap().await.unwrap().sequence
            };
            last = publish("numbers").await;
            publish("others").await;
        }
        last
    }

    /// The client can't reach its server.
    async fn go_away(&mut self) {
        self.client.set_server_pool("ws://127.0.0.1:9").unwrap();
        self.client.force_reconnect();
        expect_event(&mut self.events, |event| matches!(event, Event::ConnectFailed { .. })).await;
    }

    fn come_back(&self) {
        self.client.set_server_pool(self.here.clone()).unwrap();
    }

    /// What came of the last interruption, which the client's events tell, too.
    async fn verdict(&mut self, subscriber: &mut RecoveringSubscriber) -> Verdict {
        let wanted = |event: &Event| matches!(event, Event::Recovery { .. });
        let Event::Recovery { subject, verdict } = expect_event(&mut self.events, wanted).await
        else {
            unreachable!()
        };
        assert_eq!(&subject, subscriber.subject());
        assert_eq!(subscriber.take_verdict(), Some(verdict.clone()));
        verdict
    }

    async fn close(self) {
        self.publisher.delete_stream(&self.root).await.ok();
        self.client.close().await.unwrap();
        self.publisher.client().close().await.unwrap();
    }
}

/// Reads messages, which have to be these numbers.
async fn expect(subscriber: &mut RecoveringSubscriber, numbers: core::ops::Range<u32>) {
    for number in numbers {
        let message = env::within(subscriber.next()).await.unwrap();
        assert_eq!(message.payload[..], *number.to_string().as_bytes());
    }
}

/// After an interruption what was missed comes before what is new, and the client says so.
pub(crate) async fn recovering() {
    let mut rig = Rig::new("RECOVERING").await;
    rig.publish(0..3).await;
    let mut subscriber = rig.subscribe(rig.recover()).await;
    rig.publish(3..6).await;
    expect(&mut subscriber, 3..6).await;
    for (missed, live) in [(6..11, 11..13), (13..13, 13..14), (14..500, 500..501)] {
        rig.go_away().await;
        rig.publish(missed.clone()).await;
        let mut told = rig.client.events();
        rig.come_back();
        let count = u64::from(missed.end - missed.start);
        let publish = async {
            expect_event(&mut told, |event| matches!(event, Event::Recovery { .. })).await;
            rig.publish(live.clone()).await;
        };
        let read = expect(&mut subscriber, missed.start..live.end);
        futures_util::future::join(publish, read).await;
        let verdict = rig.verdict(&mut subscriber).await;
        assert_eq!(verdict, Verdict::Recovered { missed: count });
        assert!(subscriber.is_recovering());
    }
    rig.close().await;
}

/// What the stream has dropped meanwhile is told, and the rest comes.
pub(crate) async fn recovering_what_was_dropped() {
    let mut rig = Rig::new("DROPPED").await;
    let mut subscriber = rig.subscribe(rig.recover()).await;
    rig.publish(0..2).await;
    expect(&mut subscriber, 0..2).await;
    rig.go_away().await;
    rig.publish(2..6).await;
    // Of twelve messages, four of the last two numbers stay.
    rig.stream.purge().keep(4).await.unwrap();
    rig.come_back();
    expect(&mut subscriber, 4..6).await;
    let trimmed = NotRecovered::Trimmed { first: 4, last: 8 };
    assert_eq!(rig.verdict(&mut subscriber).await, Verdict::NotRecovered(trimmed));
    rig.publish(6..7).await;
    expect(&mut subscriber, 6..7).await;
    rig.close().await;
}

/// More than is wanted is not got: it goes on with what is new.
pub(crate) async fn recovering_too_much() {
    let mut rig = Rig::new("TOO_MUCH").await;
    let mut subscriber = rig.subscribe(rig.recover().max_missed(3)).await;
    rig.publish(0..1).await;
    expect(&mut subscriber, 0..1).await;
    rig.go_away().await;
    rig.publish(1..5).await;
    rig.come_back();
    let too_many = NotRecovered::TooMany { missed: 4, limit: 3 };
    // It is read while nothing comes.
    let live = async {
        let verdict = |event: &Event| matches!(event, Event::Recovery { .. });
        expect_event(&mut rig.client.events(), verdict).await;
        // Its next consumer is on its way.
        env::pause(500).await;
        rig.publish(5..7).await;
    };
    futures_util::future::join(live, expect(&mut subscriber, 5..7)).await;
    assert_eq!(rig.verdict(&mut subscriber).await, Verdict::NotRecovered(too_many));
    rig.go_away().await;
    rig.publish(7..10).await;
    rig.come_back();
    expect(&mut subscriber, 7..10).await;
    assert_eq!(rig.verdict(&mut subscriber).await, Verdict::Recovered { missed: 3 });
    rig.close().await;
}

/// A stream that was deleted and made anew is not taken for the one before.
pub(crate) async fn recovering_from_another_stream() {
    let mut rig = Rig::new("ANOTHER").await;
    let mut subscriber = rig.subscribe(rig.recover()).await;
    rig.publish(0..9).await;
    expect(&mut subscriber, 0..9).await;
    rig.go_away().await;
    let config = rig.stream.cached_info().config.clone();
    rig.publisher.delete_stream(&rig.root).await.unwrap();
    rig.stream = rig.publisher.create_stream(config).await.unwrap();
    rig.publish(9..11).await;
    rig.come_back();
    let live = async {
        let verdict = |event: &Event| matches!(event, Event::Recovery { .. });
        expect_event(&mut rig.client.events(), verdict).await;
        env::pause(500).await;
        rig.publish(11..13).await;
    };
    futures_util::future::join(live, expect(&mut subscriber, 11..13)).await;
    let reset = Verdict::NotRecovered(NotRecovered::StreamReset);
    assert_eq!(rig.verdict(&mut subscriber).await, reset);
    rig.close().await;
}

/// Without its stream a subscription goes on as a plain one.
pub(crate) async fn recovering_from_nothing() {
    let mut rig = Rig::new("NOTHING").await;
    let from = rig.recover().timeout(Duration::from_millis(500));
    let mut subscriber = rig.subscribe(from).await;
    rig.publish(0..1).await;
    expect(&mut subscriber, 0..1).await;
    rig.go_away().await;
    rig.publisher.delete_stream(&rig.root).await.unwrap();
    rig.come_back();
    let (client, subject) = (rig.publisher.client(), subscriber.subject().clone());
    let live = async {
        let verdict = |event: &Event| matches!(event, Event::Recovery { .. });
        expect_event(&mut rig.client.events(), verdict).await;
        rig.client.flush().await.unwrap();
        client.publish(subject, "1".into()).await.unwrap();
    };
    futures_util::future::join(live, expect(&mut subscriber, 1..2)).await;
    assert!(!subscriber.is_recovering());
    let gone = Verdict::NotRecovered(NotRecovered::StreamGone);
    assert_eq!(rig.verdict(&mut subscriber).await, gone);
    rig.client.force_reconnect();
    let event = expect_event(&mut rig.events, |event| matches!(event, Event::Gap { .. })).await;
    let Event::Gap { subscriptions, .. } = event else { unreachable!() };
    assert_eq!(subscriptions.len(), 1, "now it is told as any other");

    let nowhere = rig.client.subscribe_recovering("a", rig.recover()).await.unwrap_err();
    let not_found = |error: &SubscribeRecoveringError| {
        matches!(error, SubscribeRecoveringError::Create(ConsumerCreateError::StreamNotFound(_)))
    };
    assert!(not_found(&nowhere), "{nowhere:?}");
    let invalid = rig.client.subscribe_recovering("a", RecoverFrom::stream("a.b")).await;
    assert!(matches!(invalid, Err(SubscribeRecoveringError::Stream(_))), "{invalid:?}");
    rig.close().await;
}

/// Carries requests to JetStream's API from another prefix, for as long as it is `open`.
async fn carry(client: &Client, prefix: &str, open: Rc<Cell<bool>>) {
    let mut requests = client.subscribe(format!("{prefix}.>")).await.unwrap();
    let (carrier, before) = (client.clone(), prefix.len());
    env::spawn(async move {
        while let Some(request) = requests.next().await {
            if open.get() {
                let subject = format!("$JS.API{}", &request.subject[before..]);
                let reply = request.reply.clone().unwrap_or_default();
                carrier.publish_with_reply(subject, reply, request.payload).await.ok();
            }
        }
    });
    client.flush().await.unwrap();
}

/// A stream that does not answer in time is not waited for, and what is new comes all the same.
pub(crate) async fn recovering_in_vain() {
    let mut rig = Rig::new("IN_VAIN").await;
    let open = Rc::new(Cell::new(true));
    // Another client carries what this one asks, so that there is somebody who does not answer.
    let prefix = format!("CARRIED.{}", rig.root);
    carry(&rig.publisher.client(), &prefix, Rc::clone(&open)).await;
    let context = jetstream::ContextBuilder::new().api_prefix(&prefix).unwrap();
    let context = context.timeout(Duration::from_secs(2)).build(rig.client.clone());
    let from = rig.recover().context(context).timeout(Duration::from_millis(500));
    let mut subscriber = rig.subscribe(from).await;
    rig.publish(0..2).await;
    expect(&mut subscriber, 0..2).await;
    rig.go_away().await;
    rig.publish(2..4).await;
    open.set(false);
    rig.come_back();
    let live = async {
        let verdict = |event: &Event| matches!(event, Event::Recovery { .. });
        expect_event(&mut rig.client.events(), verdict).await;
        rig.client.flush().await.unwrap();
        rig.publish(4..6).await;
    };
    futures_util::future::join(live, expect(&mut subscriber, 4..6)).await;
    assert!(!subscriber.is_recovering());
    let timed_out = Verdict::NotRecovered(NotRecovered::TimedOut);
    assert_eq!(rig.verdict(&mut subscriber).await, timed_out);
    rig.close().await;
}

/// Who knows the last message that was read goes on after it, even in another page.
pub(crate) async fn recovering_after_a_number() {
    let mut rig = Rig::new("AFTER").await;
    let last = rig.publish(0..3).await;
    rig.publish(3..6).await;
    let mut subscriber = rig.subscribe(rig.recover().after(last)).await;
    expect(&mut subscriber, 3..6).await;
    assert_eq!(rig.verdict(&mut subscriber).await, Verdict::Recovered { missed: 3 });
    drop(subscriber);
    let mut subscriber = rig.subscribe(rig.recover().after(9_999)).await;
    let reset = Verdict::NotRecovered(NotRecovered::StreamReset);
    assert_eq!(rig.verdict(&mut subscriber).await, reset);
    let live = async {
        env::pause(500).await;
        rig.publish(6..7).await;
    };
    futures_util::future::join(live, expect(&mut subscriber, 6..7)).await;
    subscriber.drain();
    assert!(env::within(subscriber.next()).await.is_none());
    rig.close().await;
}
