//! A connection from its beginning to its end.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use web_wasm::{
    Auth, AuthError, ConnectError, ConnectOptions, DisconnectReason, EndReason, Event, FlushError,
    PublishError, RequestError, ServerAddrError, State, SubscribeError, UserKey,
};

use super::{client, expect_event, expect_numbers, next, unique};
use crate::env;

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
        expect_event(&mut events, |event| matches!(event, Event::Gap { .. })).await;
        assert_eq!(client.connection_state(), State::Connected);
        assert_eq!(next(&mut subscriber).await.payload[..], [round + 100]);
    }
    assert_eq!(client.statistics().connects, 4);
    client.close().await.unwrap();
}

/// After an interruption the client tells from when to when messages may have been missed, and for which
/// subscriptions; a handover is none.
pub(crate) async fn gaps() {
    let client = client("gaps").await;
    let mut events = client.events();
    let (plain, grouped) = (unique(&client, "plain"), unique(&client, "grouped"));
    let mut subscriber = client.subscribe(&*plain).await.unwrap();
    let member = client.queue_subscribe(&*grouped, "workers").await.unwrap();
    let dropped = client.subscribe(&*plain).await.unwrap();
    client.flush().await.unwrap();
    client.renew_credentials();
    expect_event(&mut events, |event| matches!(event, Event::HandedOver { .. })).await;
    client.publish(&*plain, "x".into()).await.unwrap();
    next(&mut subscriber).await;
    drop(dropped);
    let before = env::unix_time();
    for _ in 0..3 {
        client.force_reconnect();
        let event = expect_event(&mut events, |event| {
            matches!(event, Event::HandedOver { .. } | Event::Gap { .. })
        });
        let Event::Gap { from, last_heard, to, subscriptions } = event.await else {
            panic!("a handover leaves no gap")
        };
        assert!(from < last_heard && last_heard <= to, "{from:?} {last_heard:?} {to:?}");
        let seconds = from.unix_timestamp()..=to.unix_timestamp();
        assert!(seconds.contains(&before.try_into().unwrap()), "{seconds:?} at {before}");
        assert!(env::unix_time().abs_diff(to.unix_timestamp().try_into().unwrap()) <= 1);
        let told: Vec<_> = subscriptions
            .iter()
            .map(|one| (one.subject.as_str(), one.queue_group.as_deref()))
            .collect();
        assert_eq!(told, [(&*plain, None), (&*grouped, Some("workers"))]);
    }
    drop(member);
    drop(subscriber);
    client.force_reconnect();
    expect_event(&mut events, |event| matches!(event, Event::Connected { .. })).await;
    client.close().await.unwrap();
    let rest: Vec<_> = env::within(events.collect()).await;
    assert!(!rest.iter().any(|event| matches!(event, Event::Gap { .. })), "nobody misses anything");
}

/// Draining lets everything that is on its way arrive, and every answer be sent.
pub(crate) async fn draining() {
    let client = client("draining").await;
    let witness = super::client("draining witness").await;
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

/// Closing sends what waits, ends everything, and is the last that happens.
pub(crate) async fn closing() {
    let client = client("closing").await;
    let witness = super::client("closing witness").await;
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

/// The servers can be looked at, and replaced: the next attempt goes to the new ones.
pub(crate) async fn server_pools() {
    let client = client("server_pools").await;
    let mut events = client.events();
    let here = client.server().unwrap();
    let known = client.server_pool();
    assert_eq!(known.len(), 1);
    assert_eq!((&known[0].addr, known[0].did_connect, known[0].failed_attempts), (&here, true, 0));
    assert_eq!(client.set_server_pool(Vec::<String>::new()), Err(ConnectError::NoServers));
    let malformed = client.set_server_pool("nats://127.0.0.1:4222");
    assert!(matches!(malformed, Err(ConnectError::InvalidServerAddr { .. })), "{malformed:?}");
    assert_eq!(client.server_pool(), known);

    client.set_server_pool("ws://127.0.0.1:9").unwrap();
    client.flush().await.unwrap();
    assert_eq!(client.server(), Some(here.clone()), "what is connected stays");
    client.force_reconnect();
    expect_event(&mut events, |event| matches!(event, Event::ConnectFailed { .. })).await;
    expect_event(&mut events, |event| matches!(event, Event::ConnectFailed { .. })).await;
    assert!(client.server_pool()[0].failed_attempts >= 2);
    assert!(!client.server_pool()[0].did_connect);
    // While one is waited for, the choice is made again.
    client.set_server_pool(here.clone()).unwrap();
    let event = expect_event(&mut events, |event| matches!(event, Event::Connected { .. })).await;
    let Event::Connected { server, .. } = event else { unreachable!() };
    assert_eq!(server, here);
    client.close().await.unwrap();
}

/// nats-server knows no subprotocols, so that offering one to it comes to nothing.
pub(crate) async fn subprotocols() {
    let offered = ConnectOptions::new().subprotocols(["nats", "v2.example"]);
    let refused = env::connect(offered).await.err();
    let Some(ConnectError::NotConnected(DisconnectReason::TransportClosed { closed, .. })) =
        refused
    else {
        panic!("{refused:?}")
    };
    assert_eq!(closed.code, 1006);
    for (names, wrong) in [(["a", "a"], "a"), (["ok", "b c"], "b c"), (["ok", ""], "")] {
        let refused = env::connect(ConnectOptions::new().subprotocols(names)).await.err();
        assert_eq!(refused, Some(ConnectError::InvalidSubprotocol(wrong.into())));
    }
}

/// A connection takes the place of another, again and again, in the midst of traffic in both
/// directions: nothing is lost, and nothing comes twice.
pub(crate) async fn handing_over() {
    const HANDOVERS: usize = 5;
    let client = client("handing_over").await;
    let witness = super::client("handing_over witness").await;
    let mut events = client.events();
    let (down, up) = (unique(&client, "down"), unique(&client, "up"));
    let asked = unique(&client, "asked");
    let mut received = client.subscribe(&*down).await.unwrap();
    let mut worked = client.queue_subscribe(&*down, "workers").await.unwrap();
    let mut heard = witness.subscribe(&*up).await.unwrap();
    let mut questions = witness.subscribe(&*asked).await.unwrap();
    let responder = witness.clone();
    env::spawn(async move {
        while let Some(question) = questions.next().await {
            responder.publish(question.reply.unwrap(), question.payload).await.unwrap();
        }
    });
    for peer in [&client, &witness] {
        peer.flush().await.unwrap();
    }
    let sent = Rc::new(Cell::new(0u32));
    let stop = Rc::new(Cell::new(false));
    let traffic = async {
        while !stop.get() {
            for _ in 0..20 {
                let number = sent.replace(sent.get() + 1);
                witness.publish(&*down, number.to_string().into()).await.unwrap();
                client.publish(&*up, number.to_string().into()).await.unwrap();
            }
            let answer = client.request(&*asked, "?".into()).await.unwrap();
            assert_eq!(&answer.payload[..], b"?");
            env::pause(1).await;
        }
    };
    let moves = async {
        let here = client.server().unwrap();
        for _ in 0..HANDOVERS {
            client.renew_credentials();
            let event = expect_event(&mut events, |_| true).await;
            let Event::HandedOver { server, server_name, broke: None, unconfirmed: 0 } = event
            else {
                panic!("{event:?}")
            };
            assert_eq!((server, &*server_name), (here.clone(), "test-server"));
            client.flush().await.unwrap();
        }
        stop.set(true);
    };
    futures_util::future::join(traffic, moves).await;
    let sent = sent.get();
    assert!(sent > 0);
    witness.publish(&*down, "end".into()).await.unwrap();
    client.publish(&*up, "end".into()).await.unwrap();
    expect_numbers(&mut received, &client, sent).await;
    expect_numbers(&mut worked, &client, sent).await;
    for number in 0..sent {
        let heard = next(&mut heard).await;
        assert_eq!(heard.payload[..], *number.to_string().as_bytes(), "in order");
    }
    assert_eq!(next(&mut heard).await.payload[..], *b"end");
    let statistics = client.statistics();
    assert_eq!(statistics.connects, 1 + HANDOVERS as u64);
    assert_eq!(statistics.unconfirmed, 0);
    assert_eq!(client.connection_state(), State::Connected);
    client.close().await.unwrap();
    witness.close().await.unwrap();
}

/// When another connection can't be had the present one goes on.
pub(crate) async fn handing_over_in_vain() {
    let key = Rc::new(UserKey::generate().unwrap());
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    let options = ConnectOptions::new().auth_callback(move |_| {
        count.set(count.get() + 1);
        let first = count.get() == 1;
        let answer = key.public_key();
        async move {
            match first {
                true => Ok(Auth { user: Some(answer), ..Auth::default() }),
                false => Err(AuthError::fatal("no more")),
            }
        }
    });
    let client = env::connect(options).await.unwrap();
    let mut events = client.events();
    let subject = unique(&client, "steady");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    client.renew_credentials();
    let event = expect_event(&mut events, |_| true).await;
    let reason = DisconnectReason::Credentials("no more".into());
    assert_eq!(event, Event::HandoverFailed { server: client.server().unwrap(), reason });
    assert_eq!(asked.get(), 2);
    client.publish(&*subject, "still here".into()).await.unwrap();
    assert_eq!(&next(&mut subscriber).await.payload[..], b"still here");
    assert_eq!(client.statistics().connects, 1);
    client.close().await.unwrap();
}
