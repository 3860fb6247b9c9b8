//! The handle on a bucket, and reading by it.

use bytes::Bytes;
use nats_proto::jetstream::StreamMessage;
use nats_proto::kv::{Bucket, Config, Entry, Layout, Operation};

use super::error::{EntryError, StatusError};
use super::status::Status;
use crate::jetstream::stream::{DirectGetError, RawMessageError, Stream};

/// The handle on a bucket.
///
/// Values are got from whichever server has them, unless the bucket's stream does not allow that: a
/// value that was just put need not be seen at once where several servers keep the bucket.
#[derive(Clone, Debug)]
pub struct Store {
    /// The bucket's stream.
    pub stream: Stream,
    pub(super) layout: Layout,
}

impl Store {
    pub(super) fn new(bucket: Bucket, stream: Stream) -> Self {
        let layout = Layout::new(bucket, &stream.info.config, stream.context.api_prefix());
        Self { stream, layout }
    }

    /// The bucket's name.
    pub fn bucket(&self) -> &Bucket {
        self.layout.bucket()
    }

    /// Asks what the bucket is and has.
    ///
    /// # Errors
    /// [`StatusError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn status(&self) -> Result<Status, StatusError> {
        Ok(Status::new(self.bucket().clone(), self.stream.get_info().await?))
    }

    /// The bucket's configuration when the handle was made.
    pub fn config(&self) -> Config {
        Status::new(self.bucket().clone(), self.stream.info.clone()).config()
    }

    /// The value of a key; `None` where it has none, or was deleted.
    ///
    /// # Errors
    /// [`EntryError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get(&self, key: impl AsRef<str>) -> Result<Option<Bytes>, EntryError> {
        let entry = self.entry(key).await?.filter(|entry| entry.operation == Operation::Put);
        Ok(entry.map(|entry| entry.value))
    }

    /// What happened to a key last; `None` where nothing did that the bucket knows of.
    ///
    /// ```no_run
    /// # async fn example(profiles: web_wasm::kv::Store)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// if let Some(entry) = profiles.entry("user.7").await? {
    ///     println!("{:?} at {}, revision {}", entry.operation, entry.created, entry.revision);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`EntryError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn entry(&self, key: impl AsRef<str>) -> Result<Option<Entry>, EntryError> {
        let message = self.message(key.as_ref()).await?;
        Ok(message.and_then(|message| Entry::got(&self.layout, message)))
    }

    /// The last message of a key.
    pub(super) async fn message(&self, key: &str) -> Result<Option<StreamMessage>, EntryError> {
        let subject = self.layout.read(key)?;
        if self.stream.info.config.allow_direct {
            found_directly(self.stream.direct_get_last_for_subject(subject).await)
        } else {
            found(self.stream.get_last_raw_message_by_subject(subject.as_str()).await)
        }
    }

    /// What happened to a key in this revision; `None` where that was something else, or is no
    /// longer kept.
    ///
    /// # Errors
    /// [`EntryError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn entry_for_revision(
        &self,
        key: impl AsRef<str>,
        revision: u64,
    ) -> Result<Option<Entry>, EntryError> {
        let subject = self.layout.read(key.as_ref())?;
        let message = if self.stream.info.config.allow_direct {
            found_directly(self.stream.direct_get(revision).await)?
        } else {
            found(self.stream.get_raw_message(revision).await)?
        };
        let message = message.filter(|message| message.subject == subject);
        Ok(message.and_then(|message| Entry::got(&self.layout, message)))
    }

    /// The first message after this revision of keys that `pattern` matches.
    pub(super) async fn next_after(
        &self,
        pattern: &str,
        last: u64,
    ) -> Result<Option<StreamMessage>, EntryError> {
        let subject = self.layout.read_many(pattern)?;
        let (subject, next) = (subject.as_str(), last + 1);
        if self.stream.info.config.allow_direct {
            found_directly(self.stream.direct_get_next_for_subject(subject, Some(next)).await)
        } else {
            found(self.stream.get_next_raw_message_by_subject(subject, next).await)
        }
    }
}

fn found_directly(
    message: Result<StreamMessage, DirectGetError>,
) -> Result<Option<StreamMessage>, EntryError> {
    match message {
        Ok(message) => Ok(Some(message)),
        Err(DirectGetError::NotFound) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn found(
    message: Result<StreamMessage, RawMessageError>,
) -> Result<Option<StreamMessage>, EntryError> {
    match message {
        Ok(message) => Ok(Some(message)),
        Err(RawMessageError::NoMessageFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
