//! Watching a bucket.

use core::fmt;
use core::pin::Pin;
use core::task::{Context as TaskContext, Poll, ready};

use futures_core::Stream as FuturesStream;
use nats_proto::kv::{self, ALL_KEYS, Entry, WatchFrom, WatchOptions};

use super::error::{WatchError, WatcherError};
use super::store::Store;
use crate::jetstream::consumer::pull::{
    Ordered, OrderedConfig, OrderedError, OrderedMessagesError,
};

impl Store {
    /// What happens to a key from now on, or to keys that a pattern matches.
    ///
    /// ```no_run
    /// # async fn example(profiles: web_wasm::kv::Store)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::TryStreamExt;
    ///
    /// let mut changes = profiles.watch("user.*").await?;
    /// while let Some(entry) = changes.try_next().await? {
    ///     println!("{:?} {}: {:?}", entry.operation, entry.key, entry.value);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`WatchError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the server forgets of it in half a minute.
    pub async fn watch(&self, key: impl AsRef<str>) -> Result<Watch, WatchError> {
        self.watch_with_options([key], WatchOptions::default()).await
    }

    /// What happens to any of several keys from now on; else as [`watch`](Self::watch).
    ///
    /// # Errors
    /// [`WatchError`].
    ///
    /// # Cancel safety
    /// As [`watch`](Self::watch).
    pub async fn watch_many<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Watch, WatchError> {
        self.watch_with_options(keys, WatchOptions::default()).await
    }

    /// What happens to any key from now on; else as [`watch`](Self::watch).
    ///
    /// # Errors
    /// [`WatchError`].
    ///
    /// # Cancel safety
    /// As [`watch`](Self::watch).
    pub async fn watch_all(&self) -> Result<Watch, WatchError> {
        self.watch(ALL_KEYS).await
    }

    /// What happened to a key last, and what happens to it from now on; else as
    /// [`watch`](Self::watch).
    ///
    /// # Errors
    /// [`WatchError`].
    ///
    /// # Cancel safety
    /// As [`watch`](Self::watch).
    pub async fn watch_with_history(&self, key: impl AsRef<str>) -> Result<Watch, WatchError> {
        self.watch_many_with_history([key]).await
    }

    /// What happened to each of several keys last, and what happens to them from now on; else as
    /// [`watch`](Self::watch).
    ///
    /// # Errors
    /// [`WatchError`].
    ///
    /// # Cancel safety
    /// As [`watch`](Self::watch).
    pub async fn watch_many_with_history<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Watch, WatchError> {
        let options = WatchOptions { from: WatchFrom::Last, ..WatchOptions::default() };
        self.watch_with_options(keys, options).await
    }

    /// What happened to a key in this revision or later, as far as the bucket keeps its history, and
    /// what happens to it from now on; else as [`watch`](Self::watch).
    ///
    /// # Errors
    /// [`WatchError`].
    ///
    /// # Cancel safety
    /// As [`watch`](Self::watch).
    pub async fn watch_from_revision(
        &self,
        key: impl AsRef<str>,
        revision: u64,
    ) -> Result<Watch, WatchError> {
        let from = WatchFrom::Revision(revision);
        self.watch_with_options([key], WatchOptions { from, ..WatchOptions::default() }).await
    }

    /// What happened to any key in this revision or later; else as
    /// [`watch_from_revision`](Self::watch_from_revision).
    ///
    /// # Errors
    /// [`WatchError`].
    ///
    /// # Cancel safety
    /// As [`watch`](Self::watch).
    pub async fn watch_all_from_revision(&self, revision: u64) -> Result<Watch, WatchError> {
        self.watch_from_revision(ALL_KEYS, revision).await
    }

    /// What happens to keys, in as much detail as is wanted; else as [`watch`](Self::watch).
    ///
    /// ```no_run
    /// # async fn example(profiles: web_wasm::kv::Store)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::TryStreamExt;
    /// use web_wasm::kv::{WatchFrom, WatchOptions};
    ///
    /// let options = WatchOptions { from: WatchFrom::Last, ignore_deletes: true, meta_only: true };
    /// let mut changes = profiles.watch_with_options(["user.>", "team.>"], options).await?;
    /// while !changes.seen_current() {
    ///     let Some(entry) = changes.try_next().await? else { break };
    ///     println!("there is {}", entry.key);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`WatchError`].
    ///
    /// # Cancel safety
    /// As [`watch`](Self::watch).
    pub async fn watch_with_options<K: AsRef<str>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        options: WatchOptions,
    ) -> Result<Watch, WatchError> {
        let subjects = keys.into_iter().map(|key| {
            let subject = self.layout.read_many(key.as_ref())?;
            Ok(subject.as_str().to_owned())
        });
        let mut filter_subjects = subjects.collect::<Result<Vec<String>, WatchError>>()?;
        // A single one is part of the subject by which the consumer is made, so that a credential
        // can be for it alone.
        let filter_subject = match filter_subjects.len() {
            0 => return Err(WatchError::NoKeys),
            1 => filter_subjects.pop().unwrap_or_default(),
            _ => String::new(),
        };
        let config = OrderedConfig {
            filter_subject,
            filter_subjects,
            deliver_policy: options.deliver_policy(),
            headers_only: options.meta_only,
            ..OrderedConfig::default()
        };
        let consumer = self.stream.create_consumer(config).await?;
        let pending = consumer.cached_info().num_pending;
        let watch = kv::Watch::new(self.layout.clone(), options, pending);
        Ok(Watch { messages: consumer.messages().await?, watch })
    }
}

/// What happens to the keys of a bucket.
///
/// It goes on over broken connections, restarted servers and consumers that are gone, with what
/// happened meanwhile; what was overwritten before it could be told is not. An item that is an error
/// tells of a trouble; after one that [`is_fatal`](WatcherError::is_fatal) it ends, after others it
/// goes on.
///
/// # Cancel safety
/// Reading the stream is cancel safe: an entry is either returned or stays.
pub struct Watch {
    messages: Ordered,
    watch: kv::Watch,
}

impl Watch {
    /// Whether all was told that there was when it began.
    pub fn seen_current(&self) -> bool {
        self.watch.seen_current()
    }

    /// What the next message says.
    pub(super) fn poll_told(
        &mut self,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Told, WatcherError>>> {
        loop {
            return Poll::Ready(match ready!(Pin::new(&mut self.messages).poll_next(cx)) {
                Some(Ok(message)) => {
                    let revision = message.info().map_or(0, |info| info.stream_sequence);
                    Some(Ok(Told { revision, entry: self.watch.handle_message(&message) }))
                }
                // Of each key the last entry is there, which is what a watcher is told.
                Some(Err(OrderedMessagesError::Ordered(OrderedError::Gap { .. }))) => continue,
                Some(Err(error)) => Some(Err(error)),
                None => None,
            });
        }
    }
}

/// What a message of a bucket says.
pub(super) struct Told {
    /// Its number; 0 if it has none.
    pub(super) revision: u64,
    /// What the watcher is told of it, if anything.
    pub(super) entry: Option<Entry>,
}

impl FuturesStream for Watch {
    type Item = Result<Entry, WatcherError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        loop {
            match ready!(self.poll_told(cx)) {
                Some(Ok(Told { entry: Some(entry), .. })) => return Poll::Ready(Some(Ok(entry))),
                Some(Ok(Told { entry: None, .. })) => {}
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("messages", &self.messages).finish_non_exhaustive()
    }
}
