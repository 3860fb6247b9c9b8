//! An object on its way out.

use std::time::Duration;

use async_nats::{Request, StatusCode};
use bytes::Bytes;
use data_encoding::BASE64URL;
use futures_util::{Stream, stream::try_unfold};
use nats_proto::object_store::Assembly;
use ring::digest::{Context, SHA256};
use serde_json::json;
use tokio::{sync::OwnedSemaphorePermit, time::sleep};

use super::{error::ReadError, meta::Meta, store::Store};
use crate::{
    streams::jetstream::send,
    telemetry::metrics::{Direction, TransferOutcome},
};

/// How often a piece that is not there is asked for again, and the wait before: a server that keeps a
/// copy may be behind the one that confirmed it.
const RETRIES: usize = 10;
const BEFORE_RETRY: Duration = Duration::from_millis(100);
/// The header of what is got that says its number.
const SEQUENCE: &str = "Nats-Sequence";

impl Store {
    /// The bytes of an object, piece by piece; the next is asked for when the last has been taken. The
    /// last comes only once all of them are what was stored, so that who got as many bytes as the object
    /// has got the object. `room` is held for as long.
    ///
    /// # Errors
    /// [`ReadError`], as the last item.
    ///
    /// # Cancel safety
    /// Dropping it leaves nothing behind.
    pub fn read(
        &self,
        meta: &Meta,
        room: OwnedSemaphorePermit,
    ) -> impl Stream<Item = Result<Bytes, ReadError>> + Send + use<> {
        let reading = Reading {
            pieces: self.layout().chunks(&meta.info.nuid).as_str().to_owned(),
            assembly: Assembly::new(&meta.info),
            size: meta.info.size,
            digest: Context::new(&SHA256),
            next: 1,
            // Of an empty object nothing will be asked for.
            outcome: match meta.info.chunks {
                0 => TransferOutcome::Whole,
                _ => TransferOutcome::CutShort,
            },
            store: self.clone(),
            _room: room,
        };
        try_unfold(reading, |mut reading| async move {
            match reading.piece().await {
                Ok(Some(piece)) => Ok(Some((piece, reading))),
                Ok(None) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }
}

struct Reading {
    store: Store,
    /// The subject of the pieces.
    pieces: String,
    assembly: Assembly,
    /// As many bytes as are promised.
    size: u64,
    digest: Context,
    /// The number from which the next piece is looked for.
    next: u64,
    outcome: TransferOutcome,
    _room: OwnedSemaphorePermit,
}

impl Reading {
    async fn piece(&mut self) -> Result<Option<Bytes>, ReadError> {
        if self.assembly.is_complete() {
            return Ok(None);
        }
        let piece = self.get().await?;
        self.digest.update(&piece);
        // Whether there are more is seen when the next is asked for.
        self.assembly
            .add(piece.len(), 1)
            .inspect_err(|_| self.outcome = TransferOutcome::Corrupt)?;
        if self.assembly.is_complete() || self.assembly.had_size() == self.size {
            let digest = BASE64URL.encode(self.digest.clone().finish().as_ref());
            self.assembly
                .finish(&format!("SHA-256={digest}"))
                .inspect_err(|_| self.outcome = TransferOutcome::Corrupt)?;
            self.outcome = TransferOutcome::Whole;
        }
        Ok(Some(piece))
    }

    /// The next piece that is stored (ADR-31).
    async fn get(&mut self) -> Result<Bytes, ReadError> {
        let body = json!({ "seq": self.next, "next_by_subj": self.pieces }).to_string();
        for _ in 0..RETRIES {
            let request = Request::new().payload(body.clone().into());
            let got = send(self.store.client(), self.store.api("DIRECT.GET"), request).await?;
            match got.status {
                None => {
                    let number = got.headers.as_ref().and_then(|headers| headers.get(SEQUENCE));
                    let number = number.and_then(|number| number.as_str().parse::<u64>().ok());
                    let number = number.ok_or_else(|| ReadError::Info("no number".into()))?;
                    self.next = number.saturating_add(1);
                    return Ok(got.payload);
                }
                Some(StatusCode::NOT_FOUND) => sleep(BEFORE_RETRY).await,
                Some(status) => {
                    return Err(ReadError::Info(format!("the answer has status {status}").into()));
                }
            }
        }
        Err(ReadError::PieceMissing)
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        let bytes = self.assembly.had_size();
        self.store.metrics().transferred(self.store.bucket(), Direction::Out, self.outcome, bytes);
    }
}
