//! A connection for streams and buckets, and what is measured of it.

use futures_util::stream::{Stream, StreamExt, TryStreamExt};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_wasm::jetstream::consumer::{AckPolicy, pull};
use web_wasm::jetstream::{self, Context, Message};
use web_wasm::{Bytes, Client, Subject};

use crate::session::{failed, timed, windowed};

/// How many messages an answer may bring: the default of ordered consumers.
const BATCH: usize = 500;

/// A connection, with the interface of `bench/page/streams.mjs`.
#[wasm_bindgen]
#[derive(Clone, Debug)]
pub struct Streams {
    client: Client,
    jetstream: Context,
}

#[wasm_bindgen]
impl Streams {
    /// Connects.
    ///
    /// # Errors
    /// An `Error` if that fails.
    pub async fn open(url: String) -> Result<Streams, JsValue> {
        let client = web_wasm::connect(url).await.map_err(failed)?;
        Ok(Self { jetstream: jetstream::new(client.clone()), client })
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// An `Error` if something was not sent.
    pub async fn close(&self) -> Result<(), JsValue> {
        self.client.close().await.map_err(failed)
    }

    /// Publishes one message after the other; how long each confirmation took, in milliseconds.
    ///
    /// # Errors
    /// An `Error` if a message is not confirmed.
    pub async fn publish(
        &self,
        subject: String,
        size: usize,
        count: usize,
    ) -> Result<Vec<f64>, JsValue> {
        let payload = Bytes::from(vec![0; size]);
        let subject = Subject::from(subject);
        timed(count, async || self.store(&subject, &payload).await).await
    }

    /// Publishes with `window` messages on their way.
    ///
    /// # Errors
    /// An `Error` if a message is not confirmed.
    pub async fn pipelined(
        &self,
        subject: String,
        size: usize,
        count: usize,
        window: usize,
    ) -> Result<(), JsValue> {
        let payload = Bytes::from(vec![0; size]);
        let subject = Subject::from(subject);
        windowed(count, window, async || self.store(&subject, &payload).await).await
    }

    /// Reads a stream from its beginning, in order; how many bytes that were.
    ///
    /// # Errors
    /// An `Error` if that fails.
    pub async fn ordered(&self, stream: String, count: usize) -> Result<f64, JsValue> {
        let stream = self.jetstream.get_stream(stream).await.map_err(failed)?;
        let consumer = stream.create_consumer(pull::OrderedConfig::default());
        let messages = consumer.await.map_err(failed)?.messages().await.map_err(failed)?;
        sum(messages.map_ok(|message| message.payload.len()).map_err(failed), count).await
    }

    /// Reads a stream by a consumer that wants each message acknowledged.
    ///
    /// # Errors
    /// An `Error` if that fails.
    pub async fn acknowledged(&self, stream: String, count: usize) -> Result<f64, JsValue> {
        let stream = self.jetstream.get_stream(stream).await.map_err(failed)?;
        let config = pull::Config { ack_policy: AckPolicy::Explicit, ..Default::default() };
        let consumer = stream.create_consumer(config).await.map_err(failed)?;
        let messages = consumer.stream().max_messages_per_batch(BATCH).messages();
        let messages = messages.await.map_err(failed)?.map_err(failed);
        let bytes = sum(messages.and_then(acknowledge), count).await?;
        self.client.flush().await.map_err(failed)?;
        Ok(bytes)
    }

    /// Watches a bucket until as many keys have been told as it has; how many bytes their values
    /// were.
    ///
    /// # Errors
    /// An `Error` if that fails.
    pub async fn watch(&self, name: String, count: usize) -> Result<f64, JsValue> {
        let bucket = self.jetstream.get_key_value(name).await.map_err(failed)?;
        let entries = bucket.watch_with_history(">").await.map_err(failed)?;
        sum(entries.map_ok(|entry| entry.value.len()).map_err(failed), count).await
    }

    async fn store(&self, subject: &Subject, payload: &Bytes) -> Result<(), JsValue> {
        let stored = self.jetstream.publish(subject, payload.clone()).await.map_err(failed)?;
        stored.await.map(drop).map_err(failed)
    }
}

async fn acknowledge(message: Message) -> Result<usize, JsValue> {
    message.ack().await.map_err(failed)?;
    Ok(message.payload.len())
}

/// What so many lengths are together.
async fn sum(
    lengths: impl Stream<Item = Result<usize, JsValue>>,
    count: usize,
) -> Result<f64, JsValue> {
    let bytes = lengths.take(count).try_fold(0, async |sum, length| Ok(sum + length)).await?;
    Ok(bytes as f64)
}
