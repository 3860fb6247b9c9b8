//! What is in streams and buckets before a page reads it.

use async_nats::jetstream::{self, Context, kv, stream};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};

use super::server::Server;
use crate::error::Error;

/// How many messages are on their way to a stream at a time: nats-server drops what waits for one
/// beyond 10,000.
const WINDOW: usize = 1_000;

/// A native connection that stores.
pub(crate) struct Stored(Context);

impl Stored {
    /// Connects.
    pub(crate) async fn connect(server: &Server) -> Result<Self, Error> {
        let client = async_nats::connect(server.client_address()).await;
        Ok(Self(jetstream::new(client.map_err(Error::store("connect to nats-server"))?)))
    }

    /// A stream for a subject, with nothing in it.
    pub(crate) async fn empty(&self, name: &str, subject: &str) -> Result<(), Error> {
        let config = stream::Config {
            name: name.to_owned(),
            subjects: vec![subject.to_owned()],
            ..stream::Config::default()
        };
        let stream = self.0.get_or_create_stream(config).await;
        let stream = stream.map_err(Error::store("make a stream"))?;
        stream.purge().await.map(drop).map_err(Error::store("empty a stream"))
    }

    /// A stream of at least so many messages of so many bytes, which is filled if it is not there.
    pub(crate) async fn messages(&self, name: &str, size: usize, count: u64) -> Result<(), Error> {
        let there = self.0.get_stream(name).await;
        if there.is_ok_and(|stream| stream.cached_info().state.messages >= count) {
            return Ok(());
        }
        let subject = format!("bench.stored.{name}");
        self.empty(name, &subject).await?;
        self.store((0..count).map(|_| subject.clone()), size).await
    }

    /// A bucket of so many keys with values of so many bytes, which is filled if it is not there.
    pub(crate) async fn bucket(&self, name: &str, size: usize, keys: u64) -> Result<(), Error> {
        if self.0.get_key_value(name).await.is_ok() {
            return Ok(());
        }
        let config = kv::Config { bucket: name.to_owned(), ..kv::Config::default() };
        self.0.create_key_value(config).await.map_err(Error::store("make a bucket"))?;
        self.store((0..keys).map(|key| format!("$KV.{name}.key.{key}")), size).await
    }

    async fn store(
        &self,
        subjects: impl Iterator<Item = String>,
        size: usize,
    ) -> Result<(), Error> {
        let payload = Bytes::from(vec![b'x'; size]);
        let stored = futures_util::stream::iter(subjects).map(async |subject| {
            self.0.publish(subject, payload.clone()).await?.await?;
            Ok::<(), jetstream::context::PublishError>(())
        });
        let stored = stored.buffered(WINDOW).try_collect::<()>().await;
        stored.map_err(Error::store("store a message"))
    }
}
