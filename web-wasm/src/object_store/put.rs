//! An object on its way into a store.

use core::fmt;
use core::future::IntoFuture;
use core::pin::pin;

use bytes::Bytes;
use futures_core::Stream;
use futures_util::StreamExt;
use nats_proto::object_store::{
    Chunker, DEFAULT_CHUNK_SIZE, ObjectInfo, ObjectMetadata, ObjectOptions,
};

use super::upload::Upload;
use super::{InfoError, ObjectStore, PutError};
use crate::platform::LocalBoxFuture;

/// An object on its way into a store. It begins when it is awaited. Made by [`ObjectStore::put`].
///
/// # Errors
/// [`PutError`].
///
/// # Cancel safety
/// If the future is dropped, what was stored of the object is deleted again, unless it was just
/// complete.
#[must_use = "it puts nothing before it is awaited"]
pub struct Put<S> {
    store: ObjectStore,
    metadata: ObjectMetadata,
    data: S,
    progress: Option<Progress>,
}

/// Is told how many bytes are stored.
pub(super) type Progress = Box<dyn FnMut(u64)>;

impl<S> Put<S> {
    pub(super) fn new(store: ObjectStore, metadata: ObjectMetadata, data: S) -> Self {
        Self { store, metadata, data, progress: None }
    }

    /// Whom to tell after each piece how many bytes are stored so far.
    pub fn on_progress(mut self, progress: impl FnMut(u64) + 'static) -> Self {
        self.progress = Some(Box::new(progress));
        self
    }

    async fn run<B, E>(self) -> Result<ObjectInfo, PutError<E>>
    where
        S: Stream<Item = Result<B, E>>,
        B: Into<Bytes>,
    {
        let Self { store, metadata, data, progress } = self;
        store.layout.meta(&metadata.name)?;
        let existing = match store.info_even_deleted(&metadata.name).await {
            Ok(info) => Some(info),
            Err(InfoError::NotFound) => None,
            Err(error) => return Err(PutError::Info(error)),
        };
        let size = metadata.chunk_size.filter(|size| *size > 0).unwrap_or(DEFAULT_CHUNK_SIZE);
        let mut chunker = Chunker::new(size);
        let mut upload = Upload::new(store.clone(), progress);
        let mut data = pin!(data);
        while let Some(part) = data.next().await {
            chunker.push(part.map_err(PutError::Read)?.into());
            while let Some(chunk) = chunker.next_chunk() {
                upload.send(chunk).await.map_err(PutError::Chunk)?;
            }
        }
        if let Some(chunk) = chunker.finish() {
            upload.send(chunk).await.map_err(PutError::Chunk)?;
        }
        upload.confirm_all().await.map_err(PutError::Chunk)?;

        let mut info = ObjectInfo::new(metadata, store.bucket(), upload.nuid().into());
        info.options = Some(ObjectOptions { link: None, max_chunk_size: Some(size) });
        (info.size, info.chunks, info.digest) = upload.result();
        store.publish_meta(&info).await.map_err(PutError::Meta)?;
        upload.keep();
        if let Some(existing) = existing.filter(|existing| existing.chunks > 0) {
            let old = store.layout.chunks(&existing.nuid);
            store.stream.purge().filter(old.as_str()).await.map_err(PutError::PurgeOld)?;
        }
        Ok(info)
    }
}

impl<S, B, E> IntoFuture for Put<S>
where
    S: Stream<Item = Result<B, E>> + 'static,
    B: Into<Bytes> + 'static,
    E: 'static,
{
    type Output = Result<ObjectInfo, PutError<E>>;
    type IntoFuture = LocalBoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl<S> fmt::Debug for Put<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Put").field("metadata", &self.metadata).finish_non_exhaustive()
    }
}
