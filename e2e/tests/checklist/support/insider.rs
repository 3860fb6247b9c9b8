use std::sync::Arc;

use api::claims::{Claims, ConnectionType, NO_LIMIT, Permission, UserClaims, UserKey};
use async_nats::{Client, ConnectOptions, Subscriber};
use nkeys::KeyPair;
use serde_json::{Value, json};

use super::{Site, now};

/// A user of the application's account that may do anything there, signed by the account's own key for such.
pub(crate) struct Insider(Client);

impl Insider {
    pub(crate) async fn connect(site: &Site) -> Self {
        let key = Arc::new(KeyPair::new_user());
        let all = || Permission::only([">"]);
        let mut claims =
            UserClaims::new(all(), all(), NO_LIMIT, NO_LIMIT, vec![ConnectionType::Standard]);
        let user = UserKey::parse(&key.public_key()).unwrap();
        claims.issuer_account = Some(site.account().sub);
        let signer = site.seed("account-signing.seed");
        let jwt = Claims::sign(&user, "insider", now(), None, claims, &signer).unwrap();
        let sign = move |nonce: Vec<u8>| {
            let key = Arc::clone(&key);
            async move { key.sign(&nonce).map_err(async_nats::AuthError::new) }
        };
        let options = ConnectOptions::with_jwt(jwt.as_str().to_owned(), sign);
        Self(options.connect(site.nats.client_url()).await.unwrap())
    }

    /// Publishes, and returns when the server has it.
    pub(crate) async fn publish(&self, subject: &str, payload: &'static str) {
        self.0.publish(subject.to_owned(), payload.into()).await.unwrap();
        // The server answers what it got before.
        self.ask("$JS.API.INFO", &json!({})).await;
    }

    /// Listens; when this returns, the server has the subscription.
    pub(crate) async fn listen(&self, subject: &str) -> Subscriber {
        let subscriber = self.0.subscribe(subject.to_owned()).await.unwrap();
        self.ask("$JS.API.INFO", &json!({})).await;
        subscriber
    }

    /// Asks JetStream.
    pub(crate) async fn ask(&self, subject: &str, body: &Value) -> Value {
        let body = if body == &json!({}) { String::new() } else { body.to_string() };
        let answer = self.0.request(subject.to_owned(), body.into()).await.unwrap();
        serde_json::from_slice(&answer.payload).unwrap()
    }
}
