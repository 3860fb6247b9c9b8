//! What the client does, told once and run against a real nats-server both natively and in a
//! browser. Each test program brings `crate::env`, its surroundings.

use std::time::Duration;

use futures_util::StreamExt;
use web_wasm::{
    Client, ConnectError, ConnectOptions, DisconnectReason, EndReason, Event, FlushError,
    HeaderMap, Message, Overflow, PendingLimits, PublishError, Request, RequestError, RequestMany,
    ServerAddrError, State, SubjectError, SubscribeError, Subscriber,
};

use crate::env;

/// A client of the test's own with a name for the server's logs.
async fn client(name: &str) -> Client {
    env::connect(ConnectOptions::new().name(name)).await.unwrap()
}

/// The next message, which has to come soon.
async fn next(subscriber: &mut Subscriber) -> Message {
    env::within(subscriber.next()).await.expect("the subscription goes on")
}

/// A subject that no other test uses.
fn unique(client: &Client, name: &str) -> String {
    client.new_inbox().replace("_INBOX", name)
}

/// The next event that is `wanted`, which has to come soon.
pub(crate) async fn expect_event(
    events: &mut web_wasm::Events,
    wanted: impl Fn(&Event) -> bool,
) -> Event {
    env::within(async {
        loop {
            let event = events.next().await.expect("the client is not closed");
            if wanted(&event) {
                return event;
            }
        }
    })
    .await
}

/// Messages arrive whole and in order, with any payload, headers and reply.
pub(crate) async fn publish_and_subscribe() {
    let client = client("publish_and_subscribe").await;
    let subject = unique(&client, "echo");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    assert_eq!(subscriber.subject().as_str(), subject);
    assert!(client.server().is_some());

    client.publish(&*subject, "plain".into()).await.unwrap();
    client.publish(&*subject, vec![0, 255, b'\r', b'\n'].into()).await.unwrap();
    client.publish(&*subject, web_wasm::Bytes::new()).await.unwrap();
    let mut headers = HeaderMap::new();
    headers.append("Key", "first").unwrap();
    headers.append("Key", "sécond: with a colon").unwrap();
    headers.append("Empty", "").unwrap();
    client
        .publish_with_reply_and_headers(&*subject, "re.ply", headers.clone(), "x".into())
        .await
        .unwrap();

    assert_eq!(&next(&mut subscriber).await.payload[..], b"plain");
    assert_eq!(&next(&mut subscriber).await.payload[..], [0, 255, b'\r', b'\n']);
    let empty = next(&mut subscriber).await;
    assert!(empty.payload.is_empty() && empty.headers.is_none() && empty.reply.is_none());
    let rich = next(&mut subscriber).await;
    assert_eq!(rich.subject, *subject);
    assert_eq!(rich.reply.as_deref(), Some("re.ply"));
    assert_eq!(rich.headers, Some(headers));
    assert_eq!(&rich.payload[..], b"x");
    client.close().await.unwrap();
}

/// Ten thousand messages of growing size arrive in order, each as it was sent.
pub(crate) async fn many_messages() {
    const COUNT: usize = 10_000;
    let client = client("many_messages").await;
    let subject = unique(&client, "many");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    for number in 0..COUNT {
        let payload = format!("{number:>width$}", width = 1 + number % 700);
        client.publish(&*subject, payload.into()).await.unwrap();
    }
    for number in 0..COUNT {
        let message = next(&mut subscriber).await;
        assert_eq!(message.payload.len(), (1 + number % 700).max(number.to_string().len()));
        let text = core::str::from_utf8(&message.payload).unwrap();
        assert_eq!(text.trim_start(), number.to_string());
    }
    assert_eq!(subscriber.dropped(), 0);
    assert_eq!(client.statistics().in_messages, COUNT as u64);
    assert_eq!(client.statistics().out_messages, COUNT as u64);
    client.close().await.unwrap();
}

/// The largest message that the server takes goes through, one byte more is refused here.
pub(crate) async fn large_payloads() {
    let client = client("large_payloads").await;
    let limit = client.max_payload();
    assert_eq!(limit, 1 << 20);
    let subject = unique(&client, "large");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    let payload: Vec<u8> = (0..limit).map(|index| (index % 251) as u8).collect();
    client.publish(&*subject, payload.clone().into()).await.unwrap();
    assert!(next(&mut subscriber).await.payload == payload, "every byte is as it was sent");
    let refused = client.publish(&*subject, vec![0; limit + 1].into()).await;
    assert_eq!(refused, Err(PublishError::MaxPayloadExceeded { size: limit + 1, limit }));
    client.flush().await.unwrap();
    client.close().await.unwrap();
}

/// A publisher that is faster than the connection is made to wait, and loses nothing.
pub(crate) async fn backpressure() {
    const COUNT: u32 = 512;
    const SIZE: usize = 64 * 1024;
    let options = ConnectOptions::new().name("backpressure").outbound_limit(1 << 20);
    let client = env::connect(options).await.unwrap();
    let subject = unique(&client, "flood");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    let full = (0..COUNT).any(|_| {
        let published = client.try_publish(&subject, None, None, &[0; SIZE]);
        matches!(published, Err(PublishError::BufferFull { limit }) if limit == 1 << 20)
    });
    assert!(full, "the buffer is bounded");
    let tried = client.statistics().out_messages;
    for number in 0..COUNT {
        let mut payload = vec![0; SIZE];
        payload[..4].copy_from_slice(&number.to_be_bytes());
        client.publish(&*subject, payload.into()).await.unwrap();
    }
    for _ in 0..tried {
        next(&mut subscriber).await;
    }
    for number in 0..COUNT {
        let message = next(&mut subscriber).await;
        assert_eq!(message.payload.len(), SIZE);
        assert_eq!(message.payload[..4], number.to_be_bytes());
    }
    assert_eq!(subscriber.dropped(), 0);
    client.close().await.unwrap();
}

/// Names that are none are refused on the call that uses them.
pub(crate) async fn names_are_checked() {
    let client = client("names_are_checked").await;
    let forbidden = SubjectError::ForbiddenCharacter { at: 1 };
    let published = client.publish("a b", "x".into()).await;
    assert_eq!(published, Err(PublishError::InvalidSubject(forbidden)));
    let published = client.publish_with_reply("a", "r\r\nPUB evil 0", "x".into()).await;
    assert_eq!(published, Err(PublishError::InvalidReplySubject(forbidden)));
    let subscribed = client.subscribe("a..b").await.err();
    let empty = SubjectError::EmptyToken { at: 2 };
    assert_eq!(subscribed, Some(SubscribeError::InvalidSubject(empty)));
    let subscribed = client.queue_subscribe("a", "q q").await.err();
    assert_eq!(subscribed, Some(SubscribeError::InvalidQueueGroup(forbidden)));
    let prefix = ConnectOptions::new().custom_inbox_prefix("_INBOX.>");
    let connected = env::connect(prefix).await.err();
    let wildcard = SubjectError::Wildcard { at: 7 };
    assert_eq!(connected, Some(ConnectError::InvalidInboxPrefix(wildcard)));
    client.flush().await.unwrap();
    client.close().await.unwrap();
}

/// Requests get their answers, each its own; nobody and silence are told apart.
pub(crate) async fn requests() {
    let client = client("requests").await;
    let subject = unique(&client, "service");
    let mut service = client.subscribe(&*subject).await.unwrap();
    let responder = client.clone();
    env::spawn(async move {
        while let Some(request) = service.next().await {
            if let Some(reply) = request.reply.filter(|_| &request.payload[..] != b"silence") {
                responder.publish(reply, request.payload).await.unwrap();
            }
        }
    });
    let answers = (0..100).map(|number| client.request(&*subject, number.to_string().into()));
    let answers = env::within(futures_util::future::join_all(answers)).await;
    for (number, answer) in answers.into_iter().enumerate() {
        assert_eq!(&answer.unwrap().payload[..], number.to_string().as_bytes());
    }
    let nobody = client.request(unique(&client, "nobody"), "?".into()).await;
    assert_eq!(nobody, Err(RequestError::NoResponders));
    let timeout = Duration::from_millis(100);
    let request = Request::new().payload("silence".into()).timeout(timeout);
    let silence = client.send_request(&*subject, request).await;
    assert_eq!(silence, Err(RequestError::TimedOut { timeout }));
    client.close().await.unwrap();
}

/// A request for many answers ends by count, by a last one, by a pause, by time, or with nobody.
pub(crate) async fn requests_for_many() {
    let client = client("requests_for_many").await;
    let subject = unique(&client, "crowd");
    let mut crowd = client.subscribe(&*subject).await.unwrap();
    let responder = client.clone();
    env::spawn(async move {
        while let Some(request) = crowd.next().await {
            for number in 0..10u8 {
                let reply = request.reply.clone().unwrap();
                responder.publish(reply, vec![number].into()).await.unwrap();
            }
        }
    });
    let numbers = async |request: RequestMany| {
        let answers = client.request_many(&*subject, request).await.unwrap();
        let answers = env::within(answers.collect::<Vec<_>>()).await;
        answers.into_iter().map(|answer| answer.unwrap().payload[0]).collect::<Vec<u8>>()
    };
    let long = Duration::from_secs(60);
    let all: Vec<u8> = (0..10).collect();
    let count = RequestMany::new().max_wait(long).max_messages(3);
    assert_eq!(numbers(count).await, [0, 1, 2]);
    let sentinel = RequestMany::new().max_wait(long).sentinel(|message| message.payload[0] == 4);
    assert_eq!(numbers(sentinel).await, [0, 1, 2, 3, 4]);
    let stall = RequestMany::new().max_wait(long).stall_wait(Duration::from_millis(200));
    assert_eq!(numbers(stall).await, all);
    let time = RequestMany::new().max_wait(Duration::from_millis(300));
    assert_eq!(numbers(time).await, all);

    let nobody = client.request_many(unique(&client, "nobody"), RequestMany::new()).await;
    let nobody = env::within(nobody.unwrap().collect::<Vec<_>>()).await;
    assert_eq!(nobody, [Err(RequestError::NoResponders)]);
    let invalid = client.request_many("a b", RequestMany::new()).await.err();
    assert!(matches!(invalid, Some(RequestError::Publish(_))), "{invalid:?}");
    let request = RequestMany::new().max_wait(long);
    let mut open = client.request_many(&*subject, request).await.unwrap();
    assert!(env::within(open.next()).await.unwrap().is_ok());
    client.close().await.unwrap();
    let rest = env::within(open.collect::<Vec<_>>()).await;
    assert_eq!(rest.last(), Some(&Err(RequestError::Closed)));
}

/// Of a queue group only one gets each message; beside it everybody does.
pub(crate) async fn queue_groups() {
    let client = client("queue_groups").await;
    let subject = unique(&client, "work");
    let mut first = client.queue_subscribe(&*subject, "workers").await.unwrap();
    let mut second = client.queue_subscribe(&*subject, "workers").await.unwrap();
    let mut watcher = client.subscribe(&*subject).await.unwrap();
    for number in 0..100u8 {
        client.publish(&*subject, vec![number].into()).await.unwrap();
    }
    for number in 0..100u8 {
        assert_eq!(next(&mut watcher).await.payload[..], [number]);
    }
    client.flush().await.unwrap();
    first.unsubscribe();
    second.unsubscribe();
    let (first, second): (Vec<_>, Vec<_>) =
        env::within(futures_util::future::join(first.collect(), second.collect())).await;
    let mut all: Vec<u8> = first.iter().chain(&second).map(|m| m.payload[0]).collect();
    all.sort_unstable();
    assert_eq!(all, (0..100).collect::<Vec<u8>>());
    client.close().await.unwrap();
}

/// A subscription ends when it was unsubscribed, or has had its number of messages.
pub(crate) async fn unsubscribing() {
    let client = client("unsubscribing").await;
    let subject = unique(&client, "ending");
    let mut counted = client.subscribe(&*subject).await.unwrap();
    let mut stopped = client.subscribe(&*subject).await.unwrap();
    let mut going_on = client.subscribe(&*subject).await.unwrap();
    counted.unsubscribe_after(2);
    assert_eq!(counted.end_reason(), None);
    for _ in 0..3 {
        client.publish(&*subject, "x".into()).await.unwrap();
    }
    next(&mut stopped).await;
    client.flush().await.unwrap();
    stopped.unsubscribe();
    client.publish(&*subject, "late".into()).await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(env::within(counted.by_ref().collect::<Vec<_>>()).await.len(), 2);
    assert_eq!(counted.end_reason(), Some(EndReason::MaxDelivered { max: 2 }));
    assert_eq!(env::within(stopped.by_ref().collect::<Vec<_>>()).await.len(), 2);
    assert_eq!(stopped.end_reason(), Some(EndReason::Unsubscribed));
    for _ in 0..4 {
        next(&mut going_on).await;
    }
    drop(going_on);
    client.publish(&*subject, "nobody reads".into()).await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(client.statistics().orphaned, 0, "the server knows that nobody listens");
    client.close().await.unwrap();
}

/// A reader that is too slow loses the newest messages, is told so once, and goes on.
pub(crate) async fn slow_consumers() {
    let options = ConnectOptions::new().name("slow_consumers").subscription_capacity(10);
    let client = env::connect(options).await.unwrap();
    let mut events = client.events();
    let subject = unique(&client, "flood");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    for number in 0..25u8 {
        client.publish(&*subject, vec![number].into()).await.unwrap();
    }
    client.flush().await.unwrap();
    assert_eq!(subscriber.dropped(), 15);
    let slow = expect_event(&mut events, |_| true).await;
    let Event::SlowConsumer { subject: slow, dropped: 1, .. } = slow else { panic!("{slow:?}") };
    assert_eq!(slow, *subject);
    for number in 0..10u8 {
        assert_eq!(next(&mut subscriber).await.payload[..], [number]);
    }
    client.publish(&*subject, vec![99].into()).await.unwrap();
    assert_eq!(next(&mut subscriber).await.payload[..], [99]);
    client.close().await.unwrap();
    assert_eq!(env::within(events.count()).await, 2, "disconnected and closed");
}

/// A reader that is too slow may rather lose the oldest, or the subscription; bytes count too.
pub(crate) async fn overflow_policies() {
    let client = client("overflow_policies").await;
    let mut events = client.events();
    let subject = unique(&client, "overflow");
    let limits = PendingLimits { messages: 1_000, bytes: 30, overflow: Overflow::DropOldest };
    let mut newest = client.subscribe(&*subject).await.unwrap();
    newest.set_pending_limits(limits);
    let mut whole = client.subscribe(&*subject).await.unwrap();
    whole.set_pending_limits(PendingLimits { overflow: Overflow::Close, ..limits });
    for number in 0..10u8 {
        client.publish(&*subject, vec![number; 10].into()).await.unwrap();
    }
    client.flush().await.unwrap();
    assert_eq!((newest.pending(), newest.dropped()), (3, 7));
    for number in 7..10u8 {
        assert_eq!(next(&mut newest).await.payload[..], [number; 10]);
    }
    let held = env::within(whole.by_ref().collect::<Vec<_>>()).await;
    assert_eq!((held.len(), whole.dropped()), (3, 1));
    assert_eq!(whole.end_reason(), Some(EndReason::Unsubscribed));
    client.publish(&*subject, vec![0; 100].into()).await.unwrap();
    assert_eq!(next(&mut newest).await.payload.len(), 100, "one that is too large still fits");
    client.close().await.unwrap();
    let slow = |event: &Event| matches!(event, Event::SlowConsumer { .. });
    let all: Vec<Event> = env::within(events.by_ref().collect()).await;
    assert_eq!(all.into_iter().filter(slow).count(), 2);
}

/// Draining lets everything that is on its way arrive, and every answer be sent.
pub(crate) async fn draining() {
    let client = client("draining").await;
    let witness = self::client("draining witness").await;
    let mut events = client.events();
    let (asked, answered) = (unique(&client, "asked"), unique(&client, "answered"));
    let mut answers = witness.subscribe(&*answered).await.unwrap();
    witness.flush().await.unwrap();
    let mut drained = client.subscribe(&*asked).await.unwrap();
    let mut work = client.subscribe(&*asked).await.unwrap();
    let worker = client.clone();
    env::spawn(async move {
        while let Some(message) = work.next().await {
            worker.publish(&*answered, message.payload).await.unwrap();
        }
    });
    for number in 0..100u8 {
        client.publish(&*asked, vec![number].into()).await.unwrap();
    }
    drained.drain();
    let all = env::within(drained.by_ref().collect::<Vec<_>>()).await;
    assert_eq!(all.len(), 100);
    assert_eq!(drained.end_reason(), Some(EndReason::Drained));
    env::within(client.drain()).await.unwrap();
    for number in 0..100u8 {
        assert_eq!(next(&mut answers).await.payload[..], [number]);
    }
    assert_eq!(client.connection_state(), State::Closed);
    assert_eq!(client.drain().await, Err(FlushError::Closed));
    let first = env::within(events.next()).await;
    assert_eq!(first, Some(Event::Draining));
    witness.close().await.unwrap();
}

/// A drain that nobody helps by reading ends in time, and says so.
pub(crate) async fn draining_unread() {
    let timeout = Duration::from_millis(100);
    let client = env::connect(ConnectOptions::new().drain_timeout(timeout)).await.unwrap();
    let subject = unique(&client, "unread");
    let unread = client.subscribe(&*subject).await.unwrap();
    client.publish(&*subject, "x".into()).await.unwrap();
    assert_eq!(env::within(client.drain()).await, Err(FlushError::TimedOut { timeout }));
    assert_eq!(unread.pending(), 1);
    assert_eq!(client.subscribe("a").await.err(), Some(SubscribeError::Closed));
}

/// Waking tests a connection and does it no harm.
pub(crate) async fn waking() {
    let client = client("waking").await;
    let mut events = client.events();
    for _ in 0..10 {
        client.wake();
        client.flush().await.unwrap();
    }
    client.close().await.unwrap();
    assert_eq!(env::within(events.by_ref().count()).await, 2, "disconnected and closed");
}

/// After a reconnect subscriptions and requests go on as if nothing had been.
pub(crate) async fn reconnecting() {
    let client = client("reconnecting").await;
    let mut events = client.events();
    let subject = unique(&client, "lasting");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    for round in 0..3u8 {
        client.publish(&*subject, vec![round].into()).await.unwrap();
        assert_eq!(next(&mut subscriber).await.payload[..], [round]);
        client.flush().await.unwrap();
        client.force_reconnect();
        // Published while there is no connection: it waits and is sent once.
        client.publish(&*subject, vec![round + 100].into()).await.unwrap();
        let event = expect_event(&mut events, |_| true).await;
        let reason = DisconnectReason::Reconnect;
        assert_eq!(event, Event::Disconnected { reason, unconfirmed: 0 });
        expect_event(&mut events, |event| matches!(event, Event::Connected { .. })).await;
        assert_eq!(client.connection_state(), State::Connected);
        assert_eq!(next(&mut subscriber).await.payload[..], [round + 100]);
    }
    assert_eq!(client.statistics().connects, 4);
    client.close().await.unwrap();
}

/// Closing sends what waits, ends everything, and is the last that happens.
pub(crate) async fn closing() {
    let client = client("closing").await;
    let witness = self::client("closing witness").await;
    let mut events = client.events();
    let subject = unique(&client, "last");
    let mut heard = witness.subscribe(&*subject).await.unwrap();
    witness.flush().await.unwrap();
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    client.publish(&*subject, "last words".into()).await.unwrap();
    client.close().await.unwrap();
    assert_eq!(&next(&mut heard).await.payload[..], b"last words");
    assert_eq!(&next(&mut subscriber).await.payload[..], b"last words");
    assert_eq!(env::within(subscriber.next()).await, None);
    assert_eq!(subscriber.end_reason(), Some(EndReason::Closed));
    assert_eq!(client.publish("a", "x".into()).await, Err(PublishError::Closed));
    assert_eq!(client.subscribe("a").await.err(), Some(SubscribeError::Closed));
    assert_eq!(client.flush().await, Err(FlushError::Closed));
    assert_eq!(client.request("a", "x".into()).await, Err(RequestError::Closed));
    client.close().await.unwrap();
    let reason = DisconnectReason::ClosedByCaller;
    let all: Vec<Event> = env::within(events.by_ref().collect()).await;
    assert_eq!(
        all,
        [
            Event::Disconnected { reason: reason.clone(), unconfirmed: 0 },
            Event::Closed { reason, discarded: 0 }
        ]
    );
    assert_eq!(client.connection_state(), State::Closed);
    assert_eq!(client.server(), None);
    witness.close().await.unwrap();
}

/// Dropping the last handle closes the connection.
pub(crate) async fn dropping() {
    let client = client("dropping").await;
    let mut events = client.events();
    let subscriber = client.subscribe("a").await.unwrap();
    drop(client);
    drop(subscriber);
    let all: Vec<Event> = env::within(events.by_ref().collect()).await;
    assert!(matches!(all[..], [Event::Disconnected { .. }, Event::Closed { .. }]), "{all:?}");
}

/// Where there is no server, connecting says so; with patience it goes on trying.
pub(crate) async fn no_server() {
    let refused = env::connect_to(ConnectOptions::new(), "ws://127.0.0.1:9").await.err();
    let Some(ConnectError::NotConnected(DisconnectReason::TransportClosed { .. })) = refused else {
        panic!("{refused:?}")
    };
    let malformed = env::connect_to(ConnectOptions::new(), "nats://127.0.0.1:4222").await.err();
    let Some(ConnectError::InvalidServerAddr { source: ServerAddrError::Scheme, .. }) = malformed
    else {
        panic!("{malformed:?}")
    };
    let patient = ConnectOptions::new().retry_on_initial_connect().max_reconnects(2);
    let client = env::connect_to(patient, "ws://127.0.0.1:9").await.unwrap();
    assert_eq!(client.connection_state(), State::Pending);
    let mut events = client.events();
    client.publish("a", "x".into()).await.unwrap();
    let closed = expect_event(&mut events, |event| matches!(event, Event::Closed { .. })).await;
    let Event::Closed { reason: DisconnectReason::TransportClosed { .. }, discarded: 1 } = closed
    else {
        panic!("{closed:?}")
    };
    assert_eq!(client.publish("a", "x".into()).await, Err(PublishError::Closed));
}

/// A hundred connections come and go, and each lets go of its server.
pub(crate) async fn coming_and_going() {
    for _ in 0..100 {
        let client = client("coming_and_going").await;
        client.publish("a", "x".into()).await.unwrap();
        client.close().await.unwrap();
    }
}

/// Runs each scenario as a test of its own, by the attribute that the surroundings want.
#[macro_export]
macro_rules! scenarios {
    ($attribute:meta, $run:path) => {
        $crate::scenarios!(@each $attribute, $run:
            publish_and_subscribe many_messages large_payloads backpressure names_are_checked requests
            requests_for_many queue_groups unsubscribing slow_consumers reconnecting closing dropping no_server
            coming_and_going overflow_policies draining draining_unread waking);
    };
    (@each $attribute:meta, $run:path: $($name:ident)*) => {
        $(
            #[$attribute]
            async fn $name() {
                $run(common::$name()).await;
            }
        )*
    };
}
