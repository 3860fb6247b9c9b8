//! A user of the application's account that may do anything there.

use std::sync::Arc;

use api::claims::{Claims, ConnectionType, NO_LIMIT, Permission, UserClaims, UserKey};
use async_nats::{Client, ConnectOptions, Message, Subscriber};
use futures_util::StreamExt;
use nkeys::KeyPair;
use serde_json::{Value, json};
use tokio::{sync::mpsc, time::timeout};

use crate::{issuer::now, nats::Nats, wait::DEADLINE};

pub(crate) struct Insider(pub(crate) Client);

impl Insider {
    pub(crate) async fn connect(nats: &Nats) -> Self {
        let key = Arc::new(KeyPair::new_user());
        let all = || Permission::only([">"]);
        let mut claims =
            UserClaims::new(all(), all(), NO_LIMIT, NO_LIMIT, vec![ConnectionType::Standard]);
        let user = UserKey::parse(&key.public_key()).unwrap();
        claims.issuer_account = Some(nats.account().sub);
        let account = nats.seed("account-signing.seed");
        let jwt = Claims::sign(&user, "insider", now(), None, claims, &account).unwrap();
        let sign = move |nonce: Vec<u8>| {
            let key = Arc::clone(&key);
            async move { key.sign(&nonce).map_err(async_nats::AuthError::new) }
        };
        let options = ConnectOptions::with_jwt(jwt.as_str().to_owned(), sign);
        Self(options.connect(nats.url()).await.unwrap())
    }

    /// Makes a stream of these subjects and settings.
    pub(crate) async fn add_stream(&self, name: &str, subject: &str, settings: &Value) {
        let mut config = json!({ "name": name, "subjects": [subject], "storage": "memory" });
        let more = settings.as_object().unwrap().clone();
        config.as_object_mut().unwrap().extend(more);
        let create = format!("$JS.API.STREAM.CREATE.{name}");
        let answer = self.ask(&create, &config).await;
        assert!(answer.get("error").is_none(), "{answer}");
    }

    /// Asks JetStream.
    pub(crate) async fn ask(&self, subject: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.0.request(subject.to_owned(), body.into()).await.unwrap();
        serde_json::from_slice(&answer.payload).unwrap()
    }

    pub(crate) async fn config(&self, stream: &str) -> Value {
        self.ask(&format!("$JS.API.STREAM.INFO.{stream}"), &Value::Null).await["config"].clone()
    }

    /// Listens to whatever is published in the account.
    pub(crate) async fn watch(&self) -> Watch {
        let all = self.0.subscribe(">").await.unwrap();
        self.0.flush().await.unwrap();
        // The flush ends at the socket, this behind the server.
        let mut echo = self.0.subscribe("insider.echo").await.unwrap();
        self.0.publish("insider.echo", "".into()).await.unwrap();
        timeout(DEADLINE, echo.next()).await.unwrap().unwrap();
        let (sender, messages) = mpsc::unbounded_channel();
        tokio::spawn(forward(all, self.0.clone(), sender));
        Watch(messages)
    }
}

/// Passes on what is published. Who hears everything also hears how the service asks for
/// confirmation, and has to answer, since nobody else is taken to.
async fn forward(mut all: Subscriber, client: Client, to: mpsc::UnboundedSender<Message>) {
    while let Some(message) = all.next().await {
        if message.subject.as_str() == "com.scaling-ws.api.confirm" {
            client.publish(message.reply.unwrap(), "".into()).await.unwrap();
        } else if !message.subject.starts_with("insider.")
            && !message.subject.starts_with("_INBOX.")
            && to.send(message).is_err()
        {
            return;
        }
    }
}

pub(crate) struct Watch(mpsc::UnboundedReceiver<Message>);

impl Watch {
    pub(crate) async fn next(&mut self) -> Message {
        timeout(DEADLINE, self.0.recv()).await.unwrap().unwrap()
    }
}
