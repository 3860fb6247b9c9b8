//! An object on its way in.

use std::{error::Error, mem};

use bytes::Bytes;
use data_encoding::BASE64URL;
use futures_util::{FutureExt, Stream, StreamExt, future::BoxFuture, stream::FuturesOrdered};
use nats_proto::{
    Nuid,
    object_store::{Chunker, ObjectInfo, ObjectMetadata, ObjectOptions},
};
use ring::digest::{Context, SHA256};
use tokio::time::{Instant, timeout_at};
use tracing::warn;

use super::{
    error::{PutError, StoreError},
    meta::{Meta, SayError, headers_of},
    name::ObjectName,
    preconditions::Preconditions,
    store::Store,
};
use crate::{
    causes::Causes,
    telemetry::metrics::{Direction, TransferOutcome},
};

/// Bytes of a piece: below the 64 KiB that nats-server takes.
const PIECE_BYTES: usize = 60 << 10;
/// Pieces on their way to the server at once.
const WINDOW: usize = 8;
/// How often somebody else may be first.
const ATTEMPTS: usize = 8;

/// What is to be put.
#[derive(Debug, Clone)]
pub struct NewObject {
    /// Its name.
    pub name: ObjectName,
    /// What whoever puts it says that it is, as a media type.
    pub content_type: Option<String>,
    /// What must be so.
    pub preconditions: Preconditions,
}

/// An object that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// What changes when the object does, as [`Meta::tag`].
    pub tag: String,
    /// How many bytes it has.
    pub size: u64,
    /// Whether there was another in its place.
    pub replaced: bool,
}

impl Store {
    /// Puts an object in its place, whole or not at all. Until then whoever reads gets what was there
    /// before. Who was first when two put at once doesn't matter: the last stays, and nothing of the
    /// other.
    ///
    /// # Errors
    /// [`PutError`]. Unless it is [`PutError::Unconfirmed`], nothing has changed.
    ///
    /// # Cancel safety
    /// If it is cancelled, what was stored of the object is taken away again, unless it was just
    /// complete.
    pub async fn put<E: Into<Box<dyn Error + Send + Sync>>>(
        &self,
        new: NewObject,
        data: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
    ) -> Result<Put, PutError> {
        let NewObject { name, content_type, preconditions } = new;
        // Before anything is read, and again when it is stored.
        check(&preconditions, self.last(&name).await?.as_ref())?;
        let mut upload = Upload::begin(self)?;
        upload.take(data).await?;

        let metadata = ObjectMetadata {
            headers: content_type.as_deref().and_then(headers_of),
            ..ObjectMetadata::from(name.as_str())
        };
        let mut info = ObjectInfo::new(metadata, self.bucket(), upload.nuid.clone());
        info.options = Some(ObjectOptions { link: None, max_chunk_size: Some(PIECE_BYTES) });
        (info.size, info.chunks) = (upload.size, upload.pieces);
        let digest = BASE64URL.encode(upload.digest.clone().finish().as_ref());
        info.digest = Some(format!("SHA-256={digest}"));
        let before = upload.commit(&name, &info, &preconditions).await?;
        upload.outcome = TransferOutcome::Whole;
        if let Some(old) = before.as_ref().filter(|old| old.info.chunks > 0) {
            self.sweep(&old.info.nuid, std::future::ready(()));
        }
        let replaced = before.is_some_and(|before| before.is_object());
        Ok(Put { tag: digest, size: info.size, replaced })
    }
}

/// Settles whether the object may be put where this was said last.
fn check(preconditions: &Preconditions, last: Option<&Meta>) -> Result<(), PutError> {
    let current = last.filter(|last| last.is_object()).map(Meta::tag);
    if preconditions.hold(current) { Ok(()) } else { Err(PutError::Precondition) }
}

/// Pieces that are stored, or about to be. Unless all is well in the end, dropping it takes them away.
struct Upload {
    store: Store,
    nuid: String,
    subject: String,
    in_flight: FuturesOrdered<BoxFuture<'static, Result<u64, StoreError>>>,
    /// The number of the last piece that is stored.
    last: u64,
    digest: Context,
    size: u64,
    pieces: u64,
    outcome: TransferOutcome,
}

impl Upload {
    fn begin(store: &Store) -> Result<Self, PutError> {
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy)?;
        let nuid = Nuid::new(entropy).next();
        Ok(Self {
            subject: store.layout().chunks(&nuid).as_str().to_owned(),
            store: store.clone(),
            nuid,
            in_flight: FuturesOrdered::new(),
            last: 0,
            digest: Context::new(&SHA256),
            size: 0,
            pieces: 0,
            outcome: TransferOutcome::CutShort,
        })
    }

    /// Stores all that comes.
    async fn take<E: Into<Box<dyn Error + Send + Sync>>>(
        &mut self,
        mut data: impl Stream<Item = Result<Bytes, E>> + Unpin,
    ) -> Result<(), PutError> {
        let (max, patience) = (self.store.max_object_bytes(), self.store.patience());
        let mut chunker = Chunker::new(PIECE_BYTES);
        let mut deadline = Instant::now() + patience;
        while let Some(part) =
            timeout_at(deadline, data.next()).await.map_err(|_| PutError::TooSlow)?
        {
            let part = part.map_err(|error| PutError::Body(error.into()))?;
            self.size = self.size.saturating_add(u64::try_from(part.len()).unwrap_or(u64::MAX));
            if self.size > max {
                return Err(PutError::TooLarge { max });
            }
            chunker.push(part);
            while let Some(piece) = chunker.next_chunk() {
                self.store_piece(piece).await?;
                deadline = Instant::now() + patience;
            }
        }
        if let Some(piece) = chunker.finish() {
            self.store_piece(piece).await?;
        }
        while let Some(stored) = self.in_flight.next().await {
            self.confirm(stored)?;
        }
        Ok(())
    }

    async fn store_piece(&mut self, piece: Bytes) -> Result<(), PutError> {
        self.digest.update(&piece);
        self.pieces += 1;
        let (store, subject) = (self.store.clone(), self.subject.clone());
        self.in_flight.push_back(async move { store.publish(subject, None, piece).await }.boxed());
        // This sends it, too.
        while let Some(Some(stored)) = self.in_flight.next().now_or_never() {
            self.confirm(stored)?;
        }
        while self.in_flight.len() >= WINDOW {
            let Some(stored) = self.in_flight.next().await else { break };
            self.confirm(stored)?;
        }
        Ok(())
    }

    fn confirm(&mut self, stored: Result<u64, StoreError>) -> Result<(), PutError> {
        let number = match stored {
            Ok(number) => number,
            Err(StoreError::Refused(error)) => return Err(PutError::Refused(error)),
            Err(error) => return Err(PutError::Piece(error.into())),
        };
        // Pieces are read in the order of their numbers.
        if number <= self.last {
            return Err(PutError::Piece("pieces were stored out of order".into()));
        }
        self.last = number;
        Ok(())
    }

    /// Makes an object of the pieces; returns what was said before of its name.
    async fn commit(
        &mut self,
        name: &ObjectName,
        info: &ObjectInfo,
        preconditions: &Preconditions,
    ) -> Result<Option<Meta>, PutError> {
        for _ in 0..ATTEMPTS {
            let before = self.store.last(name).await?;
            check(preconditions, before.as_ref())?;
            let expected = before.as_ref().map_or(0, |before| before.sequence);
            match self.store.say(name, info, expected).await {
                Ok(_) => return Ok(before),
                Err(SayError::Store(StoreError::Overtaken)) => {}
                Err(SayError::Store(StoreError::Refused(error))) => {
                    return Err(PutError::Refused(error));
                }
                Err(SayError::Form(error)) => return Err(error.into()),
                Err(SayError::Store(error)) => return self.settle(name, before, error).await,
            }
        }
        Err(PutError::Overtaken)
    }

    /// Finds out what became of it, where the answer did not come.
    async fn settle(
        &mut self,
        name: &ObjectName,
        before: Option<Meta>,
        error: StoreError,
    ) -> Result<Option<Meta>, PutError> {
        match self.store.last(name).await {
            Ok(Some(last)) if last.info.nuid == self.nuid => Ok(before),
            // It may be on its way yet, and would be an object without pieces.
            Ok(_) | Err(_) => {
                warn!(pieces = self.subject, error = %Causes(&error), "an object is in doubt");
                self.outcome = TransferOutcome::InDoubt;
                Err(PutError::Unconfirmed(error.into()))
            }
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (bucket, bytes) = (self.store.bucket(), self.size);
        self.store.metrics().transferred(bucket, Direction::In, self.outcome, bytes);
        if self.outcome == TransferOutcome::CutShort && self.pieces > 0 {
            let in_flight = mem::take(&mut self.in_flight);
            // What is on its way would come after the broom.
            self.store.sweep(&self.nuid, in_flight.for_each(async |_| ()));
        }
    }
}
