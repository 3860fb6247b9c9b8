//! Who is let in, what they may do, and for how long.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::StreamExt;
use serde_json::json;
use web_wasm::platform::LocalBoxFuture;
use web_wasm::{
    Auth, AuthError, Challenge, Client, ConnectError, ConnectOptions, Credentials,
    DisconnectReason, EndReason, Event, Operation, PublishError, RequestError, ServerError, State,
    UserKey,
};

use super::users::{Account, user_jwt};
use super::{assert_numbers, expect_event, next, read_numbers};
use crate::env;

/// Options of a user of `account` who is let in for a minute.
fn user(account: Account, rights: serde_json::Value) -> ConnectOptions {
    let key = Rc::new(UserKey::generate().unwrap());
    ConnectOptions::new().jwt(user_jwt(account, &key.public_key(), 60, rights), key)
}

fn violation(operation: Operation, subject: &'static str) -> ServerError {
    ServerError::PermissionsViolation { operation, subject: subject.into(), queue_group: None }
}

async fn refused(options: ConnectOptions) -> DisconnectReason {
    match env::connect_guarded(options).await.err() {
        Some(ConnectError::NotConnected(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

/// Only who holds a JWT and its key is let in; the others are told apart.
pub(crate) async fn signing_in() {
    let client = env::connect_guarded(user(Account::Open, json!({}))).await.unwrap();
    assert_eq!(client.server_info().server_name, "guarded-server");
    let mut echo = client.subscribe("echo").await.unwrap();
    client.publish("echo", "hello".into()).await.unwrap();
    assert_eq!(&next(&mut echo).await.payload[..], b"hello");
    client.close().await.unwrap();

    let (key, other) = (UserKey::generate().unwrap(), Rc::new(UserKey::generate().unwrap()));
    let (user, other) = (key.public_key(), ConnectOptions::new().jwt("", other));
    let stolen = user_jwt(Account::Open, &user, 60, json!({}));
    let key = Rc::new(key);
    let late = user_jwt(Account::Open, &user, 0, json!({}));
    for (what, options) in [
        ("nobody", ConnectOptions::new()),
        ("a JWT that is none", other),
        (
            "a stranger's JWT",
            ConnectOptions::new().jwt(stolen, Rc::new(UserKey::generate().unwrap())),
        ),
        ("a key without a JWT", ConnectOptions::new().nkey(Rc::clone(&key))),
        ("a password", ConnectOptions::new().user_and_password("me", "s3cret")),
    ] {
        let reason = refused(options).await;
        assert_eq!(reason.server_error(), Some(&ServerError::AuthorizationViolation), "{what}");
    }
    // During the second in which it expires a login still passes.
    env::within(async {
        while env::unix_time() < 1 + jwt_end(&late) {
            env::pause(50).await;
        }
    })
    .await;
    let reason = refused(ConnectOptions::new().jwt(late, key)).await;
    assert!(reason.server_error().is_some_and(ServerError::is_authentication), "{reason:?}");
}

/// When a JWT ends, in seconds since 1970.
fn jwt_end(jwt: &str) -> u64 {
    let claims = jwt.split('.').nth(1).unwrap();
    let claims = data_encoding::BASE64URL_NOPAD.decode(claims.as_bytes()).unwrap();
    serde_json::from_slice::<serde_json::Value>(&claims).unwrap()["exp"].as_u64().unwrap()
}

/// What the rights leave out ends by name, on the call that it belongs to; the rest goes on.
pub(crate) async fn permissions() {
    let rights = json!({
        "pub": { "allow": ["open.>"] }, "sub": { "allow": ["open.>", "work.* team", "_INBOX.>"] },
    });
    let client = env::connect_guarded(user(Account::Open, rights)).await.unwrap();
    permissions_are_told_apart(&client).await;
    client.close().await.unwrap();
}

/// Of a client that may use `open.>`, and `work.*` as one of `team`: what is denied ends by name.
pub(crate) async fn permissions_are_told_apart(client: &Client) {
    let mut events = client.events();
    let mut open = client.subscribe("open.a").await.unwrap();
    let mut denied = client.subscribe("secret").await.unwrap();
    let allowed = client.queue_subscribe("work.1", "team").await.unwrap();
    let stranger = client.queue_subscribe("work.2", "others").await.unwrap();
    client.flush().await.unwrap();
    let error = violation(Operation::Subscribe, "secret");
    assert_eq!(denied.end_reason(), Some(EndReason::Refused(error.clone())));
    assert_eq!(denied.next().await, None);
    assert_eq!(expect_event(&mut events, |_| true).await, Event::ServerError(error));
    assert_eq!(allowed.end_reason(), None);
    let error = ServerError::PermissionsViolation {
        operation: Operation::Subscribe,
        subject: "work.2".into(),
        queue_group: Some("others".into()),
    };
    assert_eq!(stranger.end_reason(), Some(EndReason::Refused(error.clone())));
    assert_eq!(expect_event(&mut events, |_| true).await, Event::ServerError(error));

    let error = violation(Operation::Publish, "secret");
    let request = env::within(client.request("secret", "?".into())).await;
    assert_eq!(request, Err(RequestError::Denied(error.clone())));
    assert_eq!(expect_event(&mut events, |_| true).await, Event::ServerError(error.clone()));
    client.publish("secret", "x".into()).await.unwrap();
    client.publish("open.a", "still here".into()).await.unwrap();
    assert_eq!(&env::within(open.next()).await.unwrap().payload[..], b"still here");
    assert_eq!(expect_event(&mut events, |_| true).await, Event::ServerError(error));
    assert_eq!(client.connection_state(), State::Connected);
}

/// The limits of a credential and of an account are told apart, and which end the connection.
pub(crate) async fn limits() {
    let rights = json!({ "subs": 1, "payload": 100 });
    let client = env::connect_guarded(user(Account::Open, rights)).await.unwrap();
    let mut events = client.events();
    // The user's own limit comes with an INFO after the login.
    env::within(async {
        while client.max_payload() != 100 {
            client.flush().await.unwrap();
        }
    })
    .await;
    let large = client.publish("a", vec![0; 101].into()).await;
    assert_eq!(large, Err(PublishError::MaxPayloadExceeded { size: 101, limit: 100 }));
    let mut first = client.subscribe("a").await.unwrap();
    let _second = client.subscribe("b").await.unwrap();
    let error = Event::ServerError(ServerError::MaximumSubscriptionsExceeded);
    assert_eq!(expect_event(&mut events, |_| true).await, error);
    client.publish("a", "x".into()).await.unwrap();
    assert_eq!(&next(&mut first).await.payload[..], b"x");
    client.close().await.unwrap();

    let only = env::connect_guarded(user(Account::Small, json!({}))).await.unwrap();
    let reason = refused(user(Account::Small, json!({}))).await;
    let error = ServerError::MaximumAccountConnectionsExceeded;
    assert_eq!(reason.server_error(), Some(&error));
    only.close().await.unwrap();
}

/// A credential that expires is replaced by the provider's next one, and subscriptions go on.
pub(crate) async fn expiring_credentials() {
    let key = Rc::new(UserKey::generate().unwrap());
    let asked = Rc::new(Cell::new(0));
    let count = Rc::clone(&asked);
    let options = ConnectOptions::new().auth_callback(move |challenge| {
        count.set(count.get() + 1);
        // The first is short-lived, those after it are not.
        let seconds = if count.get() == 1 { 2 } else { 60 };
        let jwt = user_jwt(Account::Open, &key.public_key(), seconds, json!({}));
        let key = Rc::clone(&key);
        async move { key.answer(&challenge, Some(jwt)).await }
    });
    let client = env::connect_guarded(options).await.unwrap();
    let mut events = client.events();
    let mut subscriber = client.subscribe("lasting").await.unwrap();
    client.publish("lasting", "before".into()).await.unwrap();
    client.flush().await.unwrap();
    assert_eq!(&next(&mut subscriber).await.payload[..], b"before");

    let error = ServerError::UserAuthenticationExpired;
    let told = expect_event(&mut events, |_| true).await;
    assert_eq!(told, Event::ServerError(error.clone()));
    let Event::Disconnected { reason, unconfirmed: 0 } = expect_event(&mut events, |_| true).await
    else {
        panic!("the server closes what has expired")
    };
    assert_eq!(reason.server_error(), Some(&error));
    expect_event(&mut events, |event| matches!(event, Event::Connected { .. })).await;
    assert_eq!(asked.get(), 2);
    client.publish("lasting", "after".into()).await.unwrap();
    assert_eq!(&next(&mut subscriber).await.payload[..], b"after");
    client.close().await.unwrap();
}

/// A user whose JWTs are short-lived, and replaced in time.
struct Rotating {
    key: UserKey,
    seconds: u64,
    renew_after: Duration,
    renewed: Cell<u32>,
}

impl Rotating {
    async fn sign(&self, challenge: Challenge) -> Result<Auth, AuthError> {
        let jwt = user_jwt(Account::Open, &self.key.public_key(), self.seconds, json!({}));
        self.key.answer(&challenge, Some(jwt)).await
    }
}

impl Credentials for Rotating {
    fn authenticate(&self, challenge: Challenge) -> LocalBoxFuture<'_, Result<Auth, AuthError>> {
        Box::pin(self.sign(challenge))
    }

    fn renew(&self, challenge: Challenge) -> LocalBoxFuture<'_, Result<Auth, AuthError>> {
        self.renewed.set(self.renewed.get() + 1);
        self.authenticate(challenge)
    }

    fn renew_after(&self) -> Option<Duration> {
        Some(self.renew_after)
    }
}

/// Credentials are replaced ten times before they expire, under two thousand messages a second: not
/// one is lost, and none comes twice.
pub(crate) async fn rotating_credentials() {
    const ROTATIONS: u32 = 10;
    const BURST: u32 = 20;
    const PAUSE: u32 = 10;
    let rotating = Rc::new(Rotating {
        key: UserKey::generate().unwrap(),
        seconds: 5,
        renew_after: Duration::from_millis(1_000),
        renewed: Cell::new(0),
    });
    let options = ConnectOptions::new().credentials(Rc::clone(&rotating));
    let client = env::connect_guarded(options).await.unwrap();
    let feeder = env::connect_guarded(user(Account::Open, json!({}))).await.unwrap();
    let mut events = client.events();
    let subject = super::unique(&client, "rotating");
    let mut subscriber = client.subscribe(&*subject).await.unwrap();
    client.flush().await.unwrap();
    let sent = Cell::new(0u32);
    let done = Cell::new(false);
    let began = env::unix_time();
    let feed = async {
        while !done.get() {
            for _ in 0..2 * BURST {
                let number = sent.replace(sent.get() + 1);
                feeder.publish(&*subject, number.to_string().into()).await.unwrap();
            }
            env::pause(2 * PAUSE).await;
        }
        feeder.publish(&*subject, "end".into()).await.unwrap();
    };
    let watch = async {
        for _ in 0..ROTATIONS {
            let event = expect_event(&mut events, |_| true).await;
            let Event::HandedOver { broke: None, unconfirmed: 0, .. } = event else {
                panic!("{event:?}")
            };
        }
        done.set(true);
    };
    let read = read_numbers(&mut subscriber);
    let (.., numbers) = futures_util::future::join3(feed, watch, read).await;
    assert_numbers(numbers, &client, sent.get());
    assert!(sent.get() >= 1_000, "{} messages", sent.get());
    assert!(env::unix_time() > began + rotating.seconds, "the first ones have expired");
    assert_eq!(rotating.renewed.get(), ROTATIONS);
    let statistics = client.statistics();
    assert_eq!(
        (statistics.connects, statistics.possible_duplicates),
        (1 + u64::from(ROTATIONS), 0)
    );
    client.close().await.unwrap();
    feeder.close().await.unwrap();
}
