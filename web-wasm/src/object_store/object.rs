//! An object, as it comes.

use core::pin::Pin;
use core::task::{Context as TaskContext, Poll};
use core::time::Duration;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::TryStreamExt;
use nats_proto::object_store::{Assembly, AssemblyError, ObjectInfo};

use super::digest::Digest;
use super::{InfoError, ObjectStore, ReadError};
use crate::jetstream::consumer::pull;
use crate::platform::LocalBoxFuture;

/// How many pieces are asked for at a time.
const BATCH: i64 = 16;

/// How long a piece may be late before it is asked whether the object is still there.
const PATIENCE: Duration = Duration::from_secs(5);

/// An object, whose bytes come as a stream.
///
/// They are the bytes that were put into the store: the last of them come only if the digest of all is
/// right. Only a few pieces are in memory at a time.
///
/// # Cancel safety
/// Reading the stream is cancel safe: bytes are either returned or stay.
pub struct Object {
    info: ObjectInfo,
    store: ObjectStore,
    assembly: Assembly,
    digest: Digest,
    state: State,
    /// Asks from time to time whether the object is still there.
    watchdog: Option<LocalBoxFuture<'static, bool>>,
}

enum State {
    Fresh,
    Opening(LocalBoxFuture<'static, Result<pull::Ordered, ReadError>>),
    Reading(Box<pull::Ordered>),
    Ended,
}

impl Object {
    pub(super) fn new(store: ObjectStore, info: ObjectInfo) -> Self {
        Self {
            assembly: Assembly::new(&info),
            digest: Digest::default(),
            state: State::Fresh,
            watchdog: None,
            info,
            store,
        }
    }

    /// What is known of it.
    pub fn info(&self) -> &ObjectInfo {
        &self.info
    }

    /// All its bytes at once.
    ///
    /// # Errors
    /// [`ReadError`].
    ///
    /// # Cancel safety
    /// Dropping the future gives up what has come.
    pub async fn bytes(self) -> Result<Vec<u8>, ReadError> {
        self.try_fold(Vec::new(), async |mut bytes, part| {
            bytes.extend_from_slice(&part);
            Ok(bytes)
        })
        .await
    }

    fn open(&self) -> LocalBoxFuture<'static, Result<pull::Ordered, ReadError>> {
        let stream = self.store.stream.clone();
        let filter_subject = self.store.layout.chunks(&self.info.nuid).as_str().into();
        let chunks = self.info.chunks;
        Box::pin(async move {
            let config =
                pull::OrderedConfig { filter_subject, max_batch: BATCH, ..Default::default() };
            let consumer = stream.create_consumer(config).await?;
            let had = consumer.cached_info().num_pending;
            if had < chunks {
                return Err(AssemblyError::Incomplete { had, chunks }.into());
            }
            Ok(consumer.messages().await?)
        })
    }

    /// Waits, and then says whether the object is gone.
    fn watch(&self) -> LocalBoxFuture<'static, bool> {
        let store = self.store.clone();
        let (name, nuid) = (self.info.name.clone(), self.info.nuid.clone());
        let patience = self.store.context().client().handle.sleep(PATIENCE);
        Box::pin(async move {
            patience.await;
            match store.info(name).await {
                Ok(info) => info.nuid != nuid,
                Err(error) => error == InfoError::NotFound,
            }
        })
    }

    /// Whether the object is gone, as far as it is known.
    fn poll_gone(&mut self, cx: &mut TaskContext<'_>) -> bool {
        loop {
            let watchdog = match &mut self.watchdog {
                Some(watchdog) => watchdog,
                None => {
                    let watchdog = self.watch();
                    self.watchdog.insert(watchdog)
                }
            };
            match watchdog.as_mut().poll(cx) {
                Poll::Pending => return false,
                Poll::Ready(true) => return true,
                Poll::Ready(false) => self.watchdog = None,
            }
        }
    }

    fn end(&mut self) -> Result<(), ReadError> {
        self.state = State::Ended;
        self.watchdog = None;
        let digest = core::mem::take(&mut self.digest);
        Ok(self.assembly.finish(&digest.finish())?)
    }

    fn poll_piece(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<Option<Bytes>, ReadError>> {
        loop {
            match &mut self.state {
                State::Ended => return Poll::Ready(Ok(None)),
                State::Fresh if self.assembly.is_complete() => {
                    return Poll::Ready(self.end().map(|()| None));
                }
                State::Fresh => self.state = State::Opening(self.open()),
                State::Opening(opening) => match opening.as_mut().poll(cx) {
                    Poll::Ready(opened) => self.state = State::Reading(Box::new(opened?)),
                    Poll::Pending => return Poll::Pending,
                },
                State::Reading(pieces) => match Pin::new(&mut **pieces).poll_next(cx) {
                    Poll::Ready(Some(Ok(message))) => {
                        self.watchdog = None;
                        let pending = message.info()?.pending;
                        let piece = message.message.payload;
                        self.digest.update(&piece);
                        self.assembly.add(piece.len(), pending)?;
                        if self.assembly.is_complete() {
                            self.end()?;
                        }
                        return Poll::Ready(Ok(Some(piece)));
                    }
                    Poll::Ready(Some(Err(
                        error @ pull::OrderedMessagesError::Ordered(
                            pull::OrderedError::Unavailable(_),
                        ),
                    ))) => drop(error),
                    Poll::Ready(Some(Err(error))) => return Poll::Ready(Err(error.into())),
                    Poll::Ready(None) => return Poll::Ready(self.end().map(|()| None)),
                    Poll::Pending if self.poll_gone(cx) => {
                        return Poll::Ready(Err(ReadError::Replaced));
                    }
                    Poll::Pending => return Poll::Pending,
                },
            }
        }
    }
}

impl Stream for Object {
    type Item = Result<Bytes, ReadError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<Bytes, ReadError>>> {
        let piece = core::task::ready!(self.poll_piece(cx));
        if piece.is_err() {
            self.state = State::Ended;
        }
        Poll::Ready(piece.transpose())
    }
}

impl core::fmt::Debug for Object {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Object").field("info", &self.info).finish_non_exhaustive()
    }
}
