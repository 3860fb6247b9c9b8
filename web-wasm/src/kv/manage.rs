//! Making, changing, finding and deleting buckets.

use core::pin::Pin;
use core::task::{Context as TaskContext, Poll, ready};

use futures_core::Stream as FuturesStream;
use nats_proto::kv::{Bucket, Config, ConfigError};

use super::error::{
    CreateKeyValueError, CreateOrUpdateKeyValueError, KeyValueError, UpdateKeyValueError,
};
use super::status::Status;
use super::store::Store;
use crate::jetstream::stream::{GetStreamError, Stream, StreamNames, Streams, UpdateStreamError};
use crate::jetstream::{Context, RequestError};

/// The generation of the API that has limit markers: nats-server 2.11.
const LEVEL_OF_LIMIT_MARKERS: u64 = 1;

impl Context {
    /// Makes a bucket. If there is one of this name already it must have this configuration.
    ///
    /// ```no_run
    /// # async fn example(jetstream: web_wasm::jetstream::Context)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use core::time::Duration;
    /// use web_wasm::kv;
    ///
    /// let presence = kv::Config {
    ///     bucket: "presence".into(),
    ///     max_age: Duration::from_secs(30),
    ///     limit_markers: Some(Duration::from_secs(60)),
    ///     ..Default::default()
    /// };
    /// let presence = jetstream.create_key_value(presence).await?;
    /// # let _ = presence;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`CreateKeyValueError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the bucket may have been made.
    pub async fn create_key_value(&self, config: Config) -> Result<Store, CreateKeyValueError> {
        let stream = config.to_stream()?;
        if config.limit_markers.is_some() && !self.has_limit_markers().await? {
            return Err(CreateKeyValueError::LimitMarkersNotSupported);
        }
        let bucket = Bucket::new(&config.bucket).map_err(ConfigError::from)?;
        Ok(Store::new(bucket, self.create_stream(stream).await?))
    }

    /// Changes a bucket. What the configuration says nothing of stays as it is; for the rest, change
    /// the configuration that the bucket's status has.
    ///
    /// # Errors
    /// [`UpdateKeyValueError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the bucket may have been changed.
    pub async fn update_key_value(&self, config: Config) -> Result<Status, UpdateKeyValueError> {
        let wanted = config.to_stream()?;
        if config.limit_markers.is_some() && !self.has_limit_markers().await? {
            return Err(UpdateKeyValueError::LimitMarkersNotSupported);
        }
        let present = self.get_stream(&wanted.name).await.map_err(|error| match error {
            GetStreamError::Request(error) => UpdateKeyValueError::Request(error),
            _ => UpdateKeyValueError::NotFound,
        })?;
        let changed = config.applied_to(present.info.config)?;
        match self.update_stream(changed).await {
            Ok(info) => Status::of_stream(info).ok_or(UpdateKeyValueError::NotFound),
            Err(UpdateStreamError::NotFound(_)) => Err(UpdateKeyValueError::NotFound),
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a bucket, or changes the one of this name.
    ///
    /// # Errors
    /// [`CreateOrUpdateKeyValueError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the bucket may have been made or changed.
    pub async fn create_or_update_key_value(
        &self,
        config: Config,
    ) -> Result<Store, CreateOrUpdateKeyValueError> {
        let Status { bucket, info, .. } = match self.update_key_value(config.clone()).await {
            Ok(status) => status,
            Err(UpdateKeyValueError::NotFound) => return Ok(self.create_key_value(config).await?),
            Err(error) => return Err(error.into()),
        };
        Ok(Store::new(bucket.clone(), Stream::new(self.clone(), bucket.stream(), info)))
    }

    /// A bucket that is there.
    ///
    /// # Errors
    /// [`KeyValueError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get_key_value(&self, bucket: impl AsRef<str>) -> Result<Store, KeyValueError> {
        let bucket = Bucket::new(bucket)?;
        let stream = self.get_stream(bucket.stream()).await?;
        if stream.info.config.max_messages_per_subject < 1 {
            return Err(KeyValueError::NotABucket);
        }
        Ok(Store::new(bucket, stream))
    }

    /// Deletes a bucket and all it has.
    ///
    /// # Errors
    /// [`KeyValueError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the bucket may have been deleted.
    pub async fn delete_key_value(&self, bucket: impl AsRef<str>) -> Result<(), KeyValueError> {
        let bucket = Bucket::new(bucket)?;
        Ok(self.delete_stream(bucket.stream()).await?)
    }

    /// The names of all buckets.
    pub fn key_value_names(&self) -> BucketNames {
        BucketNames(self.stream_names())
    }

    /// What all buckets are and have.
    pub fn key_values(&self) -> Buckets {
        Buckets(self.streams())
    }

    async fn has_limit_markers(&self) -> Result<bool, RequestError> {
        let account = self.query_account().await?;
        Ok(account.requests.level >= LEVEL_OF_LIMIT_MARKERS)
    }
}

/// The names of buckets, as they are read.
///
/// # Cancel safety
/// Reading the stream is cancel safe: a name is either returned or stays.
#[derive(Debug)]
pub struct BucketNames(StreamNames);

/// What buckets are and have, as they are read.
///
/// # Cancel safety
/// Reading the stream is cancel safe: a status is either returned or stays.
#[derive(Debug)]
pub struct Buckets(Streams);

impl FuturesStream for BucketNames {
    type Item = Result<Bucket, RequestError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.0).poll_next(cx)) {
                Some(Ok(stream)) => {
                    if let Some(bucket) = Bucket::of_stream(&stream) {
                        return Poll::Ready(Some(Ok(bucket)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl FuturesStream for Buckets {
    type Item = Result<Status, RequestError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(Pin::new(&mut self.0).poll_next(cx)) {
                Some(Ok(info)) => {
                    if let Some(status) = Status::of_stream(info) {
                        return Poll::Ready(Some(Ok(status)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}
