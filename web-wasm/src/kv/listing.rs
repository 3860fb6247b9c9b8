//! The keys of a bucket, and the history of a key.

use core::fmt;
use core::pin::Pin;
use core::task::{Context as TaskContext, Poll, ready};
use core::time::Duration;

use futures_core::Stream as FuturesStream;
use nats_proto::kv::{ALL_KEYS, Entry, WatchFrom, WatchOptions};

use super::error::{EntryError, HistoryError, WatchError, WatcherError};
use super::store::Store;
use super::watch::{Told, Watch};
use crate::platform::LocalBoxFuture;

/// After how long without an entry the bucket is asked whether there is any more.
const SILENCE: Duration = Duration::from_secs(1);

impl Store {
    /// All that happened to a key, the oldest first, as far as the bucket keeps its history.
    ///
    /// ```no_run
    /// # async fn example(profiles: web_wasm::kv::Store)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::TryStreamExt;
    ///
    /// let mut history = profiles.history("user.7").await?;
    /// while let Some(entry) = history.try_next().await? {
    ///     println!("{}: {:?} {:?}", entry.created, entry.operation, entry.value);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`HistoryError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the server forgets of it in half a minute.
    pub async fn history(&self, key: impl AsRef<str>) -> Result<History, HistoryError> {
        let key = key.as_ref();
        self.layout.read(key)?;
        let options = WatchOptions { from: WatchFrom::History, ..WatchOptions::default() };
        Ok(History(self.list(vec![key.to_owned()], options).await?))
    }

    /// The keys that have a value.
    ///
    /// # Errors
    /// [`HistoryError`].
    ///
    /// # Cancel safety
    /// As [`history`](Self::history).
    pub async fn keys(&self) -> Result<Keys, HistoryError> {
        self.keys_with_filters([ALL_KEYS]).await
    }

    /// The keys that have a value and that one of these patterns matches.
    ///
    /// # Errors
    /// [`HistoryError`].
    ///
    /// # Cancel safety
    /// As [`history`](Self::history).
    pub async fn keys_with_filters<K: Into<String>>(
        &self,
        filters: impl IntoIterator<Item = K>,
    ) -> Result<Keys, HistoryError> {
        let filters = filters.into_iter().map(Into::into).collect();
        let options = WatchOptions { from: WatchFrom::Last, ignore_deletes: true, meta_only: true };
        Ok(Keys(self.list(filters, options).await?))
    }

    pub(super) async fn list(
        &self,
        keys: Vec<String>,
        options: WatchOptions,
    ) -> Result<Listing, WatchError> {
        let watch = self.watch_with_options(&keys, options).await?;
        let ended = watch.seen_current();
        Ok(Listing { store: self.clone(), keys, watch, last: 0, silence: None, ended })
    }

    /// Whether there is nothing after this revision of keys that one of these patterns matches.
    async fn has_nothing_after(&self, keys: &[String], last: u64) -> Result<bool, EntryError> {
        for key in keys {
            if self.next_after(key, last).await?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// A watch that ends when all was told that there was when it began.
///
/// What there was may be deleted, for its age say, before it is told; then no entry is the last. So
/// when there is silence the bucket is asked whether there is more.
pub(super) struct Listing {
    store: Store,
    keys: Vec<String>,
    watch: Watch,
    /// The revision of the last entry that was told.
    last: u64,
    silence: Option<LocalBoxFuture<'static, Result<bool, EntryError>>>,
    ended: bool,
}

impl Listing {
    /// Waits until it has been silent for a while, and asks whether there is more.
    fn poll_silence(&mut self, cx: &mut TaskContext<'_>) -> Poll<()> {
        let Self { store, keys, last, silence, .. } = self;
        let asked = silence.get_or_insert_with(|| {
            let (store, keys, last) = (store.clone(), keys.clone(), *last);
            Box::pin(async move {
                store.stream.context.client.handle.sleep(SILENCE).await;
                store.has_nothing_after(&keys, last).await
            })
        });
        let answer = ready!(asked.as_mut().poll(cx));
        self.silence = None;
        // Who can't be asked is asked again.
        self.ended = answer.unwrap_or(false);
        Poll::Ready(())
    }
}

impl FuturesStream for Listing {
    type Item = Result<Entry, WatcherError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        while !self.ended {
            match self.watch.poll_told(cx) {
                Poll::Ready(Some(Ok(Told { revision, entry }))) => {
                    self.last = self.last.max(revision);
                    self.silence = None;
                    self.ended = self.watch.seen_current();
                    if let Some(entry) = entry {
                        return Poll::Ready(Some(Ok(entry)));
                    }
                }
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Ready(None) => self.ended = true,
                Poll::Pending => ready!(self.poll_silence(cx)),
            }
        }
        Poll::Ready(None)
    }
}

/// All that happened to a key, the oldest first. It ends with what happened last.
///
/// # Cancel safety
/// Reading the stream is cancel safe: an entry is either returned or stays.
pub struct History(Listing);

/// The keys that have a value. It ends with the last.
///
/// # Cancel safety
/// Reading the stream is cancel safe: a key is either returned or stays.
pub struct Keys(Listing);

impl FuturesStream for History {
    type Item = Result<Entry, WatcherError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        Pin::new(&mut self.0).poll_next(cx)
    }
}

impl FuturesStream for Keys {
    type Item = Result<String, WatcherError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        let entry = ready!(Pin::new(&mut self.0).poll_next(cx));
        Poll::Ready(entry.map(|entry| entry.map(|entry| entry.key)))
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("History").field(&self.0.watch).finish()
    }
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keys").field(&self.0.watch).finish()
    }
}
