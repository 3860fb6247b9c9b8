//! Servers that nobody would run: they talk rubbish, say nothing, or break off.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::handshake::server::{Request, Response};
use web_wasm::{
    Client, ConnectError, DisconnectReason, Event, FlushError, Pace, PendingLimits, State,
    Subscriber,
};

use crate::common::expect_event;
use crate::env::{self, NatsServer};
use crate::failure::{OPEN, impatient};

const INFO: &str = "INFO {\"server_id\":\"X\",\"max_payload\":1024}\r\n";

/// Reads until the client has said CONNECT and PING, and lets it in.
async fn let_in(socket: &mut WebSocketStream<TcpStream>) {
    socket.send(Frame::Binary(INFO.into())).await.unwrap();
    while let Some(Ok(frame)) = socket.next().await {
        if frame.into_data().ends_with(b"PING\r\n") {
            break;
        }
    }
    socket.send(Frame::Binary("PONG\r\n".into())).await.unwrap();
}

/// Reads until the client has gone.
async fn until_gone(socket: &mut WebSocketStream<TcpStream>) {
    while socket.next().await.is_some_and(|frame| frame.is_ok()) {}
}

#[tokio::test]
async fn what_was_not_confirmed_is_told() {
    env::local(async {
        let server = env::misbehaving(async |mut socket: WebSocketStream<TcpStream>| {
            let_in(&mut socket).await;
            // It confirms the first message and breaks at the second.
            while let Some(Ok(frame)) = socket.next().await {
                let said = frame.into_data();
                if said.windows(8).any(|words| words == b"in doubt") {
                    break;
                }
                if said.ends_with(b"PING\r\n") {
                    socket.send(Frame::Binary("PONG\r\n".into())).await.unwrap();
                }
            }
        })
        .await;
        let client = env::connect_to(impatient(), &server).await.unwrap();
        let mut events = client.events();
        client.publish("a", "confirmed".into()).await.unwrap();
        client.flush().await.unwrap();
        client.publish("a", "in doubt".into()).await.unwrap();
        let event = expect_event(&mut events, |_| true).await;
        let Event::Disconnected { reason, unconfirmed: 1 } = event else { panic!("{event:?}") };
        assert!(matches!(reason, DisconnectReason::TransportClosed { .. }), "{reason:?}");
        client.publish("a", "in doubt".into()).await.unwrap();
        assert_eq!(env::within(client.flush()).await, Err(FlushError::Disconnected));
    })
    .await;
}

/// How many messages are in the one frame of [`flood`].
const FLOOD: usize = 20_000;

/// A server that answers a subscription with one frame, which has far more messages than the
/// subscription of [`flooded`] holds.
async fn flood() -> String {
    env::misbehaving(async |mut socket: WebSocketStream<TcpStream>| {
        let_in(&mut socket).await;
        while let Some(Ok(frame)) = socket.next().await {
            if frame.into_data().starts_with(b"SUB a 1\r\n") {
                socket
                    .send(Frame::Binary("MSG a 1 2\r\nhi\r\n".repeat(FLOOD).into()))
                    .await
                    .unwrap();
            }
        }
    })
    .await
}

/// Who is to read it, with room for a part.
async fn flooded() -> (Client, Subscriber) {
    let client = env::connect_to(impatient(), &flood().await).await.unwrap();
    let mut subscriber = client.subscribe("a").await.unwrap();
    subscriber
        .set_pending_limits(PendingLimits { messages: FLOOD / 10, ..PendingLimits::default() });
    (client, subscriber)
}

#[tokio::test]
async fn a_frame_of_more_than_a_subscription_holds_is_read_as_fast_as_its_reader() {
    env::local(async {
        let (_client, mut subscriber) = flooded().await;
        let (done, read) = futures_channel::oneshot::channel();
        env::spawn(async move {
            for _ in 0..FLOOD {
                assert_eq!(subscriber.next().await.expect("no end").payload, "hi");
            }
            done.send(subscriber.dropped()).unwrap();
        });
        assert_eq!(env::within(read).await, Ok(0));
    })
    .await;
}

#[tokio::test]
async fn a_frame_of_more_than_a_subscription_holds_is_handed_over_in_portions() {
    env::local(async {
        let (_client, mut subscriber) = flooded().await;
        let (done, taken) = futures_channel::oneshot::channel();
        let (mut done, mut count) = (Some(done), 0);
        subscriber.handle_with(move |messages| {
            count += messages.count();
            if count == FLOOD
                && let Some(done) = done.take()
            {
                done.send(()).unwrap();
            }
            Pace::Continue
        });
        assert_eq!(env::within(taken).await, Ok(()));
        assert_eq!(subscriber.dropped(), 0);
    })
    .await;
}

#[tokio::test]
async fn subprotocols_are_offered_to_who_takes_them() {
    env::local(async {
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let addr = format!("ws://{}/by/proxy?a=b", listener.local_addr().unwrap());
        env::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            #[expect(clippy::result_large_err, reason = "as the library wants it")]
            let take = |request: &Request, mut response: Response| {
                assert_eq!(request.uri(), "/by/proxy?a=b");
                assert_eq!(request.headers()["sec-websocket-protocol"], "nats, v2");
                response.headers_mut().insert("sec-websocket-protocol", "v2".parse().unwrap());
                Ok(response)
            };
            let mut socket = tokio_tungstenite::accept_hdr_async(stream, take).await.unwrap();
            let_in(&mut socket).await;
            until_gone(&mut socket).await;
        });
        let options = impatient().subprotocols(["nats", "v2"]);
        let client = env::within(env::connect_to(options, &addr)).await.unwrap();
        assert_eq!(client.connection_state(), State::Connected);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_talks_rubbish_is_named_and_dropped() {
    env::local(async {
        let good = NatsServer::start(OPEN);
        for rubbish in
            ["HTTP/1.1 200 OK\r\n\r\n", "MSG a 1 -5\r\n", "\0\u{1}\u{2}\r\n", "INFO {\r\n"]
        {
            let bad = env::misbehaving(async move |mut socket: WebSocketStream<TcpStream>| {
                socket.send(Frame::Binary(rubbish.into())).await.unwrap();
                until_gone(&mut socket).await;
            })
            .await;
            let error = env::connect_to(impatient(), &bad).await.unwrap_err();
            let ConnectError::NotConnected(DisconnectReason::Protocol(_)) = error else {
                panic!("{rubbish:?}: {error:?}")
            };
            let both = [bad, good.url()];
            let client = env::connect_to_all(impatient().retain_servers_order(), &both).await;
            client.unwrap().close().await.unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn rubbish_in_the_middle_ends_the_transport_and_not_the_client() {
    env::local(async {
        let visits = Rc::new(Cell::new(0));
        let count = Rc::clone(&visits);
        let server = env::misbehaving(move |mut socket: WebSocketStream<TcpStream>| {
            count.set(count.get() + 1);
            let first = count.get() == 1;
            async move {
                let_in(&mut socket).await;
                let said = if first { "MSG a 1 1\r\nxyz" } else { "MSG a 1 4\r\ngood\r\n" };
                socket.send(Frame::Binary(said.into())).await.unwrap();
                until_gone(&mut socket).await;
            }
        })
        .await;
        let client =
            env::connect_to(impatient().retry_on_initial_connect(), &server).await.unwrap();
        let mut events = client.events();
        let mut subscriber = client.subscribe("a").await.unwrap();
        let broken = expect_event(&mut events, |e| matches!(e, Event::Disconnected { .. })).await;
        let Event::Disconnected { reason: DisconnectReason::Protocol(_), .. } = broken else {
            panic!("{broken:?}")
        };
        let message = env::within(subscriber.next()).await.unwrap();
        assert_eq!(&message.payload[..], b"good");
        assert_eq!(visits.get(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_in_time() {
    env::local(async {
        let timeout = Duration::from_millis(200);
        let silent = env::misbehaving(async |mut socket: WebSocketStream<TcpStream>| {
            until_gone(&mut socket).await;
        })
        .await;
        let options = impatient().connection_timeout(timeout);
        let error = env::within(env::connect_to(options, &silent)).await.unwrap_err();
        let reason = DisconnectReason::ConnectTimeout { timeout, error: None };
        assert_eq!(error, ConnectError::NotConnected(reason));
    })
    .await;
}

#[tokio::test]
async fn a_server_that_falls_silent_is_stale() {
    env::local(async {
        let server = env::misbehaving(async |mut socket: WebSocketStream<TcpStream>| {
            let_in(&mut socket).await;
            until_gone(&mut socket).await;
        })
        .await;
        let options = impatient().ping_interval(Duration::from_millis(50));
        let client = env::connect_to(options, &server).await.unwrap();
        let mut events = client.events();
        let event = expect_event(&mut events, |_| true).await;
        let reason = DisconnectReason::Stale { unanswered: 2 };
        assert_eq!(event, Event::Disconnected { reason, unconfirmed: 0 });
    })
    .await;
}
