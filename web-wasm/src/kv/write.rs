//! Writing values, and deleting them.

use core::time::Duration;

use bytes::Bytes;
use nats_proto::jetstream::PublishMessage;
use nats_proto::jetstream::headers::{MESSAGE_ID, ROLLUP};
use nats_proto::kv::{KeyError, Operation, headers};

use super::error::{CreateError, DeleteError, PurgeError, PutError, UpdateError};
use super::store::Store;
use crate::jetstream::PublishError;

/// Why a message was not stored in a bucket, whatever it was for.
enum WriteError {
    InvalidKey(KeyError),
    Publish(PublishError),
}

impl From<WriteError> for PutError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::InvalidKey(error) => Self::InvalidKey(error),
            WriteError::Publish(error) => Self::Publish(error),
        }
    }
}

impl From<WriteError> for UpdateError {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::InvalidKey(error) => Self::InvalidKey(error),
            WriteError::Publish(error) => error.into(),
        }
    }
}

impl Store {
    /// Puts a value, and returns its revision.
    ///
    /// It is put once, though it be published again because the connection broke.
    ///
    /// # Errors
    /// [`PutError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the value may have been put.
    pub async fn put(&self, key: impl AsRef<str>, value: Bytes) -> Result<u64, PutError> {
        Ok(self.write(key.as_ref(), PublishMessage::build().payload(value)).await?)
    }

    /// Puts a value if the key has none, or was deleted; returns its revision.
    ///
    /// # Errors
    /// [`CreateError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the value may have been put.
    pub async fn create(&self, key: impl AsRef<str>, value: Bytes) -> Result<u64, CreateError> {
        self.create_maybe_ttl(key.as_ref(), value, None).await
    }

    /// Puts a value that is kept for so long if the key has none, or was deleted; returns its
    /// revision. The bucket needs [`Config::limit_markers`](super::Config::limit_markers).
    ///
    /// # Errors
    /// [`CreateError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the value may have been put.
    pub async fn create_with_ttl(
        &self,
        key: impl AsRef<str>,
        value: Bytes,
        ttl: Duration,
    ) -> Result<u64, CreateError> {
        self.create_maybe_ttl(key.as_ref(), value, Some(ttl)).await
    }

    async fn create_maybe_ttl(
        &self,
        key: &str,
        value: Bytes,
        ttl: Option<Duration>,
    ) -> Result<u64, CreateError> {
        let message = || with_ttl(PublishMessage::build().payload(value.clone()), ttl);
        match self.change(key, message(), Some(0)).await {
            Err(UpdateError::WrongLastRevision(_)) => {}
            result => return Ok(result?),
        }
        match self.entry(key).await? {
            Some(entry) if entry.operation != Operation::Put => {
                Ok(self.change(key, message(), Some(entry.revision)).await?)
            }
            _ => Err(CreateError::AlreadyExists),
        }
    }

    /// Puts a value if the key's last entry has this revision, 0 for none; returns its own.
    ///
    /// If the connection breaks before the confirmation has come, the bucket is asked whether the
    /// value is the key's last entry. Only if it is not, or that is not known either, this fails:
    /// then it may have been put and overwritten.
    ///
    /// # Errors
    /// [`UpdateError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the value may have been put.
    pub async fn update(
        &self,
        key: impl AsRef<str>,
        value: Bytes,
        revision: u64,
    ) -> Result<u64, UpdateError> {
        self.change(key.as_ref(), PublishMessage::build().payload(value), Some(revision)).await
    }

    /// Deletes a key. Its history stays, as far as the bucket keeps one.
    ///
    /// # Errors
    /// [`DeleteError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the key may have been deleted.
    pub async fn delete(&self, key: impl AsRef<str>) -> Result<(), DeleteError> {
        self.delete_expect_revision(key, None).await
    }

    /// Deletes a key, if its last entry has this revision.
    ///
    /// # Errors
    /// [`DeleteError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the key may have been deleted.
    pub async fn delete_expect_revision(
        &self,
        key: impl AsRef<str>,
        revision: Option<u64>,
    ) -> Result<(), DeleteError> {
        let message = PublishMessage::build().header(headers::OPERATION, headers::DELETE);
        self.change(key.as_ref(), message, revision).await.map(drop)
    }

    /// Deletes a key and its history.
    ///
    /// # Errors
    /// [`PurgeError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the key may have been deleted.
    pub async fn purge(&self, key: impl AsRef<str>) -> Result<(), PurgeError> {
        self.purge_maybe(key.as_ref(), None, None).await
    }

    /// Deletes a key and its history, if its last entry has this revision.
    ///
    /// # Errors
    /// [`PurgeError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the key may have been deleted.
    pub async fn purge_expect_revision(
        &self,
        key: impl AsRef<str>,
        revision: Option<u64>,
    ) -> Result<(), PurgeError> {
        self.purge_maybe(key.as_ref(), revision, None).await
    }

    /// Deletes a key and its history, and forgets after so long that it was there. The bucket needs
    /// [`Config::limit_markers`](super::Config::limit_markers).
    ///
    /// # Errors
    /// [`PurgeError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the key may have been deleted.
    pub async fn purge_with_ttl(
        &self,
        key: impl AsRef<str>,
        ttl: Duration,
    ) -> Result<(), PurgeError> {
        self.purge_maybe(key.as_ref(), None, Some(ttl)).await
    }

    /// As [`purge_with_ttl`](Self::purge_with_ttl), if the key's last entry has this revision.
    ///
    /// # Errors
    /// [`PurgeError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the key may have been deleted.
    pub async fn purge_expect_revision_with_ttl(
        &self,
        key: impl AsRef<str>,
        revision: u64,
        ttl: Duration,
    ) -> Result<(), PurgeError> {
        self.purge_maybe(key.as_ref(), Some(revision), Some(ttl)).await
    }

    async fn purge_maybe(
        &self,
        key: &str,
        revision: Option<u64>,
        ttl: Option<Duration>,
    ) -> Result<(), PurgeError> {
        let message = PublishMessage::build()
            .header(headers::OPERATION, headers::PURGE)
            .header(ROLLUP, headers::ROLLUP_SUBJECT);
        self.change(key, with_ttl(message, ttl), revision).await.map(drop)
    }

    /// Stores a message, if the key's last entry has this revision.
    async fn change(
        &self,
        key: &str,
        message: PublishMessage,
        revision: Option<u64>,
    ) -> Result<u64, UpdateError> {
        let message = match revision {
            Some(revision) => message.expected_last_subject_sequence(revision),
            None => message,
        };
        Ok(self.write(key, message).await?)
    }

    async fn write(&self, key: &str, message: PublishMessage) -> Result<u64, WriteError> {
        let subject = self.layout.write(key).map_err(WriteError::InvalidKey)?;
        let id = self.stream.context.client.new_nuid();
        let message = message.message_id(&id);
        let stored = async { self.stream.context.send_publish(subject, message).await?.await };
        match stored.await {
            Ok(ack) => Ok(ack.sequence),
            Err(error @ PublishError::TimedOut { .. }) => {
                let last = self.message(key).await.ok().flatten();
                let ours =
                    last.filter(|last| last.headers.get(MESSAGE_ID).is_some_and(|at| *at == *id));
                ours.map(|last| last.sequence).ok_or(WriteError::Publish(error))
            }
            Err(error) => Err(WriteError::Publish(error)),
        }
    }
}

fn with_ttl(message: PublishMessage, ttl: Option<Duration>) -> PublishMessage {
    match ttl {
        Some(ttl) => message.ttl(ttl),
        None => message,
    }
}
