//! Asking JetStream, over the connection of the service.

use std::time::Duration;

use async_nats::{Client, Message, Request, RequestError, client::RequestErrorKind};
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::{Map, Value, json};

use super::DeclaredStream;
use crate::{claims::UserKey, mint::Consumer};

/// How long JetStream may take; with replicas, several servers take part.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);
/// nats-server's number for a stream that does not exist.
const NO_SUCH_STREAM: u32 = 10_059;
/// nats-server's number for a consumer that does not exist.
const NO_SUCH_CONSUMER: u32 = 10_014;

/// JetStream did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum JetStreamError {
    /// There is no connection; nothing was asked.
    #[error("there is no connection to NATS")]
    NotConnected,
    /// Nobody answers for JetStream: it is off, has no leader, or this service may not ask.
    #[error("JetStream is not there")]
    NotThere,
    /// The connection was lost, or the answer did not come in time.
    #[error("JetStream did not answer")]
    NoAnswer(#[source] RequestError),
    /// The connection was lost, or an answer of several parts did not come to its end in time.
    #[error("JetStream did not answer to the end")]
    Silent,
    /// It refused.
    #[error("JetStream refuses: {description} (error {err_code})")]
    Refused {
        /// nats-server's number of the error.
        err_code: u32,
        /// What it says.
        description: String,
    },
    /// The answer is not of its form.
    #[error("the answer is none of JetStream")]
    Malformed(#[source] serde_json::Error),
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    err_code: u32,
    #[serde(default)]
    description: String,
}

/// Whatever is answered: a refusal has this, and nothing else that is asked for (ADR-1).
#[derive(Deserialize)]
struct Refused {
    error: Option<Refusal>,
}

/// What streams answer (ADR-22), as far as it matters here.
#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    config: Map<String, Value>,
}

/// The configuration that a stream has, if there is one.
pub(super) async fn stream_config(
    client: &Client,
    stream: &DeclaredStream,
) -> Result<Option<Map<String, Value>>, JetStreamError> {
    let subject = format!("$JS.API.STREAM.INFO.{}", stream.name);
    match ask::<Answer>(client, subject, Vec::new()).await {
        Ok(answer) => Ok(Some(answer.config)),
        Err(JetStreamError::Refused { err_code: NO_SUCH_STREAM, .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes a stream.
pub(super) async fn create_stream(
    client: &Client,
    stream: &DeclaredStream,
) -> Result<(), JetStreamError> {
    put(client, "CREATE", stream).await
}

/// Gives a stream another configuration.
pub(super) async fn update_stream(
    client: &Client,
    stream: &DeclaredStream,
) -> Result<(), JetStreamError> {
    put(client, "UPDATE", stream).await
}

/// Makes a consumer, or changes it to what it is to be.
pub(super) async fn put_consumer(
    client: &Client,
    consumer: &Consumer,
) -> Result<(), JetStreamError> {
    let Consumer { stream, name, .. } = consumer;
    let subject = format!("$JS.API.CONSUMER.CREATE.{stream}.{name}");
    let body = json!({ "stream_name": stream, "config": consumer.config() });
    ask::<IgnoredAny>(client, subject, body.to_string().into_bytes()).await.map(|_| ())
}

/// Deletes a consumer, if there is one.
pub(super) async fn delete_consumer(
    client: &Client,
    stream: &str,
    name: &UserKey,
) -> Result<(), JetStreamError> {
    let subject = format!("$JS.API.CONSUMER.DELETE.{stream}.{name}");
    match ask::<IgnoredAny>(client, subject, Vec::new()).await {
        Ok(_) | Err(JetStreamError::Refused { err_code: NO_SUCH_CONSUMER, .. }) => Ok(()),
        Err(error) => Err(error),
    }
}

async fn put(client: &Client, what: &str, stream: &DeclaredStream) -> Result<(), JetStreamError> {
    let subject = format!("$JS.API.STREAM.{what}.{}", stream.name);
    let body = json!(stream.config()).to_string().into_bytes();
    ask::<IgnoredAny>(client, subject, body).await.map(|_| ())
}

/// Asks for what has this form.
pub(crate) async fn ask<A: DeserializeOwned>(
    client: &Client,
    subject: String,
    body: Vec<u8>,
) -> Result<A, JetStreamError> {
    let answer = send(client, subject, Request::new().payload(body.into())).await?;
    let read = serde_json::from_slice::<Refused>(&answer.payload);
    match read.map_err(JetStreamError::Malformed)?.error {
        None => serde_json::from_slice(&answer.payload).map_err(JetStreamError::Malformed),
        Some(Refusal { err_code, description }) => {
            Err(JetStreamError::Refused { err_code, description })
        }
    }
}

/// Sends a request and waits for its answer, whatever that is.
pub(crate) async fn send(
    client: &Client,
    subject: String,
    request: Request,
) -> Result<Message, JetStreamError> {
    let request = request.timeout(Some(DEADLINE));
    client.send_request(subject, request).await.map_err(|error| match error.kind() {
        RequestErrorKind::NoResponders => JetStreamError::NotThere,
        _ => JetStreamError::NoAnswer(error),
    })
}
