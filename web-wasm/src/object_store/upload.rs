//! The pieces of an object on their way into a store.

use core::time::Duration;
use std::collections::VecDeque;

use bytes::Bytes;
use nats_proto::jetstream::{PublishAck, PublishMessage};

use super::ObjectStore;
use super::digest::Digest;
use super::put::Progress;
use crate::jetstream::{PublishAckFuture, PublishError};

/// How many pieces may wait for their confirmation at a time.
const WINDOW: usize = 16;

/// How often a piece that was not confirmed is sent again, and how long after.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(250);

/// The pieces of an object on their way into a store, in their order. What is stored of them is
/// deleted again unless they are [kept](Self::keep).
pub(super) struct Upload {
    store: ObjectStore,
    nuid: String,
    digest: Digest,
    size: u64,
    chunks: u64,
    in_flight: VecDeque<Chunk>,
    /// The number in the stream of the last piece that is confirmed.
    last_sequence: u64,
    confirmed: u64,
    progress: Option<Progress>,
    kept: bool,
}

/// A piece that is not confirmed.
struct Chunk {
    index: u64,
    bytes: Bytes,
    ack: PublishAckFuture,
}

impl Upload {
    pub(super) fn new(store: ObjectStore, progress: Option<Progress>) -> Self {
        Self {
            nuid: store.context().client().new_nuid(),
            store,
            digest: Digest::default(),
            size: 0,
            chunks: 0,
            in_flight: VecDeque::new(),
            last_sequence: 0,
            confirmed: 0,
            progress,
            kept: false,
        }
    }

    /// What the pieces are filed under.
    pub(super) fn nuid(&self) -> &str {
        &self.nuid
    }

    /// How many bytes and pieces there were, and their digest.
    pub(super) fn result(&self) -> (u64, u64, Option<String>) {
        (self.size, self.chunks, Some(self.digest.clone().finish()))
    }

    /// The object is complete.
    pub(super) fn keep(&mut self) {
        self.kept = true;
    }

    /// Sends the next piece, as soon as few enough wait for their confirmation.
    pub(super) async fn send(&mut self, bytes: Bytes) -> Result<(), PublishError> {
        while self.in_flight.len() >= WINDOW {
            self.confirm().await?;
        }
        self.digest.update(&bytes);
        self.size += bytes.len() as u64;
        let index = self.chunks;
        self.chunks += 1;
        let ack = self.publish(&self.id(index), bytes.clone()).await?;
        self.in_flight.push_back(Chunk { index, bytes, ack });
        Ok(())
    }

    /// Waits until every piece is confirmed.
    pub(super) async fn confirm_all(&mut self) -> Result<(), PublishError> {
        while !self.in_flight.is_empty() {
            self.confirm().await?;
        }
        Ok(())
    }

    /// An id by which the stream knows a piece that it has.
    fn id(&self, index: u64) -> String {
        format!("{}.{index}", self.nuid)
    }

    async fn publish(&self, id: &str, bytes: Bytes) -> Result<PublishAckFuture, PublishError> {
        let message = PublishMessage::build().payload(bytes).message_id(id);
        self.store.context().send_publish(self.store.layout.chunks(&self.nuid), message).await
    }

    /// Waits for the confirmation of the first piece that has none.
    async fn confirm(&mut self) -> Result<(), PublishError> {
        let Some(Chunk { index, bytes, ack }) = self.in_flight.pop_front() else { return Ok(()) };
        match ack.await {
            Ok(ack) if ack.sequence > self.last_sequence => {
                self.accept(&ack, bytes.len());
                Ok(())
            }
            result => self.resend(result, index, bytes).await,
        }
    }

    fn accept(&mut self, ack: &PublishAck, len: usize) {
        self.last_sequence = ack.sequence;
        self.confirmed += len as u64;
        if let Some(progress) = &mut self.progress {
            progress(self.confirmed);
        }
    }

    /// A piece was not stored, or not after the one before it. It and all after it are sent again
    /// one by one, so that they end up in their order; the stream knows by their ids which it has.
    async fn resend(
        &mut self,
        result: Result<PublishAck, PublishError>,
        index: u64,
        bytes: Bytes,
    ) -> Result<(), PublishError> {
        let rest = core::mem::take(&mut self.in_flight);
        let rest: Vec<_> = rest.into_iter().map(|chunk| (chunk.index, chunk.bytes)).collect();
        self.store_alone(Some(result), index, bytes).await?;
        for (index, bytes) in rest {
            self.store_alone(None, index, bytes).await?;
        }
        Ok(())
    }

    async fn store_alone(
        &mut self,
        mut result: Option<Result<PublishAck, PublishError>>,
        index: u64,
        bytes: Bytes,
    ) -> Result<(), PublishError> {
        let mut id = self.id(index);
        for attempt in 1.. {
            match result.take() {
                Some(Ok(ack)) if ack.sequence > self.last_sequence => {
                    self.accept(&ack, bytes.len());
                    return Ok(());
                }
                // It is stored too early, and is stored again under another id.
                Some(Ok(ack)) => {
                    self.store.stream.delete_message(ack.sequence).await.ok();
                    id = format!("{}.{attempt}", self.id(index));
                }
                Some(Err(error)) if attempt > ATTEMPTS || !may_pass(&error) => return Err(error),
                Some(Err(_)) => self.store.context().client().handle.sleep(PAUSE).await,
                None => {}
            }
            result = Some(match self.publish(&id, bytes.clone()).await {
                Ok(ack) => ack.await,
                Err(error) => Err(error),
            });
        }
        Ok(())
    }
}

/// Whether the stream may take later what it did not take now.
fn may_pass(error: &PublishError) -> bool {
    matches!(error, PublishError::StreamNotFound | PublishError::TimedOut { .. })
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.kept || self.chunks == 0 {
            return;
        }
        let store = self.store.clone();
        let chunks = store.layout.chunks(&self.nuid);
        let in_flight = core::mem::take(&mut self.in_flight);
        let client = store.context().client();
        let platform = &client.shared().runtime.platform;
        platform.spawn(Box::pin(async move {
            // What is on its way would be stored after the rest was deleted.
            for chunk in in_flight {
                chunk.ack.await.ok();
            }
            store.stream.purge().filter(chunks.as_str()).await.ok();
        }));
    }
}
