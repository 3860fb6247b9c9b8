//! What a browser test can't bring about: servers that stop, or refuse.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use web_wasm::{
    ConnectError, ConnectOptions, DisconnectReason, EndReason, Event, ReconnectToServer,
    ServerError, State, UserKey,
};

use crate::common::{expect_event, permissions_are_told_apart};
use crate::env::{self, NatsServer};

pub(super) const OPEN: &str = include_str!("../common/server.conf");

/// Options that do not keep a test waiting.
pub(super) fn impatient() -> ConnectOptions {
    let backoff =
        web_wasm::Backoff { base: Duration::from_millis(10), max: Duration::from_millis(100) };
    ConnectOptions::new().backoff(backoff)
}

pub(super) fn is_connected(event: &Event) -> bool {
    matches!(event, Event::Connected { .. })
}

async fn survive(restart: impl AsyncFn(&NatsServer)) {
    let server = NatsServer::start(OPEN);
    let client = env::connect_to(impatient(), &server.url()).await.unwrap();
    let mut events = client.events();
    let mut subscriber = client.subscribe("updates").await.unwrap();
    client.flush().await.unwrap();
    for round in 0..3u8 {
        server.kill();
        expect_event(&mut events, |event| matches!(event, Event::Disconnected { .. })).await;
        assert_eq!(client.connection_state(), State::Disconnected);
        client.publish("updates", vec![round].into()).await.unwrap();
        restart(&server).await;
        expect_event(&mut events, is_connected).await;
        let message = env::within(subscriber.next()).await.unwrap();
        assert_eq!(message.payload[..], [round], "sent once, as soon as the server is back");
    }
    client.close().await.unwrap();
}

#[tokio::test]
async fn a_server_that_was_killed_is_met_again() {
    env::local(survive(async |server| server.restart())).await;
}

#[tokio::test]
async fn what_was_missed_while_a_server_was_away_lies_in_the_gap() {
    env::local(async {
        let server = NatsServer::start(OPEN);
        let client = env::connect_to(impatient(), &server.url()).await.unwrap();
        let mut events = client.events();
        let _subscriber = client.subscribe("updates").await.unwrap();
        client.flush().await.unwrap();
        let killed = env::unix_time();
        server.kill();
        expect_event(&mut events, |event| matches!(event, Event::Disconnected { .. })).await;
        server.restart();
        let restarted = env::unix_time();
        let event = expect_event(&mut events, |event| matches!(event, Event::Gap { .. })).await;
        let Event::Gap { from, to, .. } = event else { unreachable!() };
        let (from, to) = (from.unix_timestamp() as u64, to.unix_timestamp() as u64);
        assert!(from <= killed && restarted <= to, "{from}..{to} of {killed}..{restarted}");
        client.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_long_outage_is_waited_out() {
    env::local(survive(async |server| {
        tokio::time::sleep(Duration::from_millis(700)).await;
        server.restart();
    }))
    .await;
}

#[tokio::test]
async fn an_account_of_names_passwords_and_keys() {
    env::local(async {
        let key = Rc::new(UserKey::generate().unwrap());
        let users = format!(
            "authorization {{ users: [
               {{ user: alice, password: s3cret, permissions: {{
                  subscribe: [\"open.>\", \"work.* team\", \"_INBOX.>\"], publish: \"open.>\" }} }},
               {{ nkey: {} }} ] }}",
            key.public_key()
        );
        let server = NatsServer::start(&format!("{OPEN}{users}"));
        let refused = [
            ConnectOptions::new(),
            ConnectOptions::new().user_and_password("alice", "wrong"),
            ConnectOptions::new().token("t"),
            ConnectOptions::new().nkey(Rc::new(UserKey::generate().unwrap())),
            ConnectOptions::new().jwt("e.e.e", Rc::clone(&key)),
        ];
        for options in refused {
            let error = env::connect_to(options, &server.url()).await.unwrap_err();
            let ConnectError::NotConnected(reason) = error else { panic!("{error:?}") };
            assert_eq!(reason.server_error(), Some(&ServerError::AuthorizationViolation));
        }
        let by_key = env::connect_to(ConnectOptions::new().nkey(key), &server.url()).await;
        by_key.unwrap().close().await.unwrap();
        let alice = ConnectOptions::new().user_and_password("alice", "s3cret");
        let client = env::connect_to(alice, &server.url()).await.unwrap();
        permissions_are_told_apart(&client).await;
        client.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn credentials_are_asked_for_each_connection() {
    env::local(async {
        let server = NatsServer::start(&format!("{OPEN}authorization {{ token: second }}"));
        let asked = Rc::new(Cell::new(0));
        let count = Rc::clone(&asked);
        let options = impatient().retry_on_initial_connect().auth_callback(move |_| {
            count.set(count.get() + 1);
            let answer = match count.get() {
                1 => Err(web_wasm::AuthError::new("the API is away")),
                2 => Ok("first"),
                _ => Ok("second"),
            };
            async move {
                let token = Some(String::from(answer?));
                Ok(web_wasm::Auth { token, ..Default::default() })
            }
        });
        let client = env::connect_to(options, &server.url()).await.unwrap();
        let mut events = client.events();
        let failed = |event: &Event| matches!(event, Event::ConnectFailed { .. });
        let Event::ConnectFailed { reason, .. } = expect_event(&mut events, failed).await else {
            unreachable!()
        };
        assert_eq!(reason, DisconnectReason::Credentials("the API is away".into()));
        let Event::ConnectFailed { reason, .. } = expect_event(&mut events, failed).await else {
            unreachable!()
        };
        assert_eq!(reason.server_error(), Some(&ServerError::AuthorizationViolation));
        expect_event(&mut events, is_connected).await;
        assert_eq!(asked.get(), 3);
        client.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_same_credential_is_not_offered_for_ever() {
    env::local(async {
        let server = NatsServer::start(&format!("{OPEN}authorization {{ token: right }}"));
        let asked = Rc::new(Cell::new(0));
        let count = Rc::clone(&asked);
        let wrong = impatient().retry_on_initial_connect().auth_callback(move |_| {
            count.set(count.get() + 1);
            let token = Some(String::from("wrong"));
            async { Ok(web_wasm::Auth { token, ..Default::default() }) }
        });
        let client = env::connect_to(wrong, &server.url()).await.unwrap();
        let closed = |event: &Event| matches!(event, Event::Closed { .. });
        let closed = expect_event(&mut client.events(), closed).await;
        let Event::Closed { reason, .. } = closed else { unreachable!() };
        assert_eq!(reason.server_error(), Some(&ServerError::AuthorizationViolation));
        assert_eq!(asked.get(), 2);
    })
    .await;
}

#[tokio::test]
async fn credentials_that_are_refused_for_good_close_the_client() {
    env::local(async {
        let server = NatsServer::start(OPEN);
        let refused =
            impatient().auth_callback(async |_| Err(web_wasm::AuthError::fatal("you are banned")));
        let error = env::connect_to(refused, &server.url()).await.unwrap_err();
        let reason = DisconnectReason::Credentials("you are banned".into());
        assert_eq!(error, ConnectError::NotConnected(reason));
    })
    .await;
}

#[tokio::test]
async fn without_reconnects_a_break_is_the_end() {
    env::local(async {
        let server = NatsServer::start(OPEN);
        let options = impatient().no_reconnect();
        let client = env::connect_to(options, &server.url()).await.unwrap();
        let mut events = client.events();
        let mut subscriber = client.subscribe("a").await.unwrap();
        server.kill();
        assert_eq!(env::within(subscriber.next()).await, None);
        assert_eq!(subscriber.end_reason(), Some(EndReason::Closed));
        let closed = expect_event(&mut events, |event| matches!(event, Event::Closed { .. })).await;
        let Event::Closed { reason: DisconnectReason::TransportClosed { .. }, .. } = closed else {
            panic!("{closed:?}")
        };
    })
    .await;
}

#[tokio::test]
async fn a_back_off_of_ones_own_is_heeded_and_waking_cuts_it_short() {
    env::local(async {
        let server = NatsServer::start(OPEN);
        let hour = Duration::from_secs(3_600);
        let options = ConnectOptions::new().reconnect_delay_callback(move |attempt| {
            Duration::from_millis(1) + hour * (attempt - 1)
        });
        let client = env::connect_to(options, &server.url()).await.unwrap();
        let mut events = client.events();
        server.kill();
        let second = |event: &Event| matches!(event, Event::Connecting { attempt: 2, .. });
        let Event::Connecting { wait, .. } = expect_event(&mut events, second).await else {
            unreachable!()
        };
        assert!(wait > hour);
        server.restart();
        client.wake();
        expect_event(&mut events, is_connected).await;
        client.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_choice_of_server_of_ones_own_is_heeded() {
    env::local(async {
        let servers = [NatsServer::start(OPEN), NatsServer::start(OPEN)];
        let urls = servers.each_ref().map(NatsServer::url);
        let second: web_wasm::ServerAddr = urls[1].parse().unwrap();
        let stranger: web_wasm::ServerAddr = "ws://stranger.example".parse().unwrap();
        let asked = Rc::new(Cell::new(0));
        let (count, chosen) = (Rc::clone(&asked), second.clone());
        let options = impatient().retain_servers_order().reconnect_to_server_callback(
            move |servers, info| {
                count.set(count.get() + 1);
                assert_eq!(servers.len(), 2);
                let delay = Some(Duration::from_millis(7));
                match count.get() {
                    1 => Some(ReconnectToServer { addr: chosen.clone(), delay }),
                    2 => {
                        assert_eq!(info.server_name, "test-server");
                        Some(ReconnectToServer { addr: stranger.clone(), delay: None })
                    }
                    _ => None,
                }
            },
        );
        let client = env::connect_to_all(options, &urls).await.unwrap();
        assert_eq!(client.server(), Some(second.clone()));
        let mut events = client.events();
        client.force_reconnect();
        let connecting = |event: &Event| matches!(event, Event::Connecting { .. });
        let Event::Connecting { server, .. } = expect_event(&mut events, connecting).await else {
            unreachable!()
        };
        assert_ne!(server, second, "one that is not in the pool leaves the choice to the client");
        expect_event(&mut events, is_connected).await;
        assert_eq!(asked.get(), 2);
        client.close().await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn the_first_connection_can_be_waited_for() {
    env::local(async {
        let server = NatsServer::start(OPEN);
        server.kill();
        let url = server.url();
        let options = impatient().wait_on_first_connect().no_reconnect();
        let connecting = env::connect_to(options, &url);
        let restart = async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            server.restart();
        };
        let (client, ()) = futures_util::future::join(env::within(connecting), restart).await;
        let client = client.unwrap();
        assert_eq!(client.connection_state(), State::Connected);
        let mut events = client.events();
        server.kill();
        expect_event(&mut events, |event| matches!(event, Event::Closed { .. })).await;

        let bounded = impatient().wait_on_first_connect().max_reconnects(3);
        let refused = env::within(env::connect_to(bounded, &url)).await.err();
        assert!(matches!(refused, Some(ConnectError::NotConnected(_))), "{refused:?}");
    })
    .await;
}

#[tokio::test]
async fn a_full_buffer_makes_publishers_wait() {
    env::local(async {
        let server = NatsServer::start(OPEN);
        let options = impatient().outbound_limit(1_000).retry_on_initial_connect();
        server.kill();
        let client = env::connect_to(options, &server.url()).await.unwrap();
        let publisher = client.clone();
        let published = Rc::new(Cell::new(0));
        let count = Rc::clone(&published);
        env::spawn(async move {
            for _ in 0..100 {
                publisher.publish("a", vec![0; 100].into()).await.unwrap();
                count.set(count.get() + 1);
            }
        });
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(published.get(), 9, "1,000 bytes are full");
        let refused = client.try_publish("a", None, None, b"x");
        assert_eq!(refused, Err(web_wasm::PublishError::BufferFull { limit: 1_000 }));
        server.restart();
        env::within(async {
            while published.get() < 100 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        client.close().await.unwrap();
        assert_eq!(client.statistics().out_messages, 100);
    })
    .await;
}
