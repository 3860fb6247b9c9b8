//! A credential in somebody's hands, and whether it still opens anything.

use std::time::{Duration, Instant};

use nkeys::KeyPair;
use serde_json::{Value, json};

use crate::{client::Client, nats::Nats, service::Api, wait::until};

const CREDENTIALS: &str = "/v1/credentials";

/// Somebody with a token.
pub(crate) struct Held {
    pub(crate) key: KeyPair,
    pub(crate) jwt: String,
}

impl Held {
    pub(crate) async fn guest(api: &Api) -> Self {
        let key = KeyPair::new_user();
        let credential = api.credential(&key.public_key()).await;
        Self { key, jwt: credential["jwt"].as_str().unwrap().to_owned() }
    }

    pub(crate) async fn user(api: &Api, bearer: &str) -> Self {
        let key = KeyPair::new_user();
        let body = json!({ "nkey": key.public_key() });
        let response = api.post_as(CREDENTIALS, bearer, &body).await;
        assert_eq!(response.status(), 200);
        let body: Value = response.json().await.unwrap();
        Self { key, jwt: body["jwt"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn nkey(&self) -> String {
        self.key.public_key()
    }

    pub(crate) fn ask(&self) -> String {
        json!({ "nkey": self.nkey() }).to_string()
    }

    pub(crate) async fn log_in(&self, nats: &Nats) -> (Client, String) {
        let mut client = Client::websocket(nats).await;
        let answer = client.log_in(&self.jwt, &self.key).await;
        (client, answer)
    }

    pub(crate) async fn connect(&self, nats: &Nats) -> Client {
        let (client, answer) = self.log_in(nats).await;
        assert_eq!(answer, "PONG");
        client
    }

    /// Logs in until the server, or the service behind it, puts it out within a second.
    pub(crate) async fn assert_kept_out(&self, nats: &Nats) {
        until("a banned user is put out", || async {
            let mut client = Client::websocket(nats).await;
            // Refused, or let in and cut before or after the answer to its PING.
            let _ = client.try_log_in(&self.jwt, &self.key).await;
            let closed = tokio::time::timeout(Duration::from_secs(1), client.until_closed()).await;
            closed.ok().map(drop)
        })
        .await;
    }

    pub(crate) async fn assert_refused(&self, nats: &Nats) {
        assert_eq!(self.log_in(nats).await.1, "-ERR 'Authorization Violation'");
    }
}

pub(crate) async fn assert_served(client: &mut Client) {
    assert!(client.round_trip("SUB com.scaling-ws.updates 1\r\nUNSUB 1\r\n").await.is_empty());
}

/// Long before its credential would have ended.
pub(crate) async fn assert_cut_soon(client: &mut Client, since: Instant) {
    client.until_closed().await;
    assert!(since.elapsed() < Duration::from_secs(60), "{:?}", since.elapsed());
}
