//! An object on its way out.

use std::time::Duration;

use async_nats::{Request, StatusCode};
use bytes::Bytes;
use data_encoding::BASE64URL;
use futures_util::{Stream, stream::try_unfold};
use nats_proto::object_store::Assembly;
use ring::digest::{Context, SHA256};
use serde_json::json;
use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{error::ReadError, meta::Meta, places::Place, store::Store};
use crate::{
    streams::jetstream::send,
    telemetry::metrics::{Direction, TransferOutcome},
};

/// Pieces that wait to be taken.
const AHEAD: usize = 1;
/// How often a piece that is not there is asked for again, and the wait before: a server that keeps a
/// copy may be behind the one that confirmed it.
const RETRIES: usize = 10;
const BEFORE_RETRY: Duration = Duration::from_millis(100);
/// The header of what is got that says its number.
const SEQUENCE: &str = "Nats-Sequence";

impl Store {
    /// The bytes of an object, piece by piece, one of them ahead of what is taken. The last comes only
    /// once all of them are what was stored, so that who got as many bytes as the object has got the
    /// object. `place` is held until the last has come, or one is not taken in time: who reads in drops
    /// has no place any longer, and [`ReadError::NotTaken`] when it goes on.
    ///
    /// # Errors
    /// [`ReadError`], as the last item.
    ///
    /// # Cancel safety
    /// Dropping it leaves nothing behind once a piece that was asked for has come.
    ///
    /// # Panics
    /// Outside of a Tokio runtime.
    pub fn read(
        &self,
        meta: &Meta,
        place: Place,
    ) -> impl Stream<Item = Result<Bytes, ReadError>> + Send + use<> {
        let reading = Reading {
            pieces: self.layout().chunks(&meta.info.nuid).as_str().to_owned(),
            assembly: Assembly::new(&meta.info),
            size: meta.info.size,
            digest: Context::new(&SHA256),
            next: 1,
            store: self.clone(),
            _place: place,
        };
        let (given, pieces) = mpsc::channel(AHEAD);
        tokio::spawn(reading.give(given, self.patience()));
        let store = self.clone();
        let taking = Taking { pieces, taken: 0, size: meta.info.size, corrupt: false, store };
        try_unfold(taking, |mut taking| async move {
            let piece = taking.piece().await?;
            Ok(piece.map(|piece| (piece, taking)))
        })
    }
}

/// Whom an object is for.
struct Taking {
    pieces: mpsc::Receiver<Result<Bytes, ReadError>>,
    taken: u64,
    /// As many bytes as are promised.
    size: u64,
    corrupt: bool,
    store: Store,
}

impl Taking {
    async fn piece(&mut self) -> Result<Option<Bytes>, ReadError> {
        match self.pieces.recv().await {
            Some(Ok(piece)) => {
                self.taken += piece.len() as u64;
                Ok(Some(piece))
            }
            Some(Err(error)) => {
                self.corrupt = matches!(error, ReadError::Assembly(_));
                Err(error)
            }
            None if self.taken == self.size => Ok(None),
            None => Err(ReadError::NotTaken),
        }
    }
}

impl Drop for Taking {
    fn drop(&mut self) {
        let outcome = if self.corrupt {
            TransferOutcome::Corrupt
        } else if self.taken == self.size {
            TransferOutcome::Whole
        } else {
            TransferOutcome::CutShort
        };
        self.store.metrics().transferred(self.store.bucket(), Direction::Out, outcome, self.taken);
    }
}

/// An object that is being read from its bucket.
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
    _place: Place,
}

impl Reading {
    /// Gives one piece after the other, as long as each is taken within `patience`.
    async fn give(mut self, to: mpsc::Sender<Result<Bytes, ReadError>>, patience: Duration) {
        while let Ok(Ok(room)) = timeout(patience, to.reserve()).await {
            let Some(piece) = self.piece().await.transpose() else { return };
            let failed = piece.is_err();
            room.send(piece);
            if failed {
                return;
            }
        }
    }

    async fn piece(&mut self) -> Result<Option<Bytes>, ReadError> {
        if self.assembly.is_complete() {
            return Ok(None);
        }
        let piece = self.get().await?;
        self.digest.update(&piece);
        // Whether there are more is seen when the next is asked for.
        self.assembly.add(piece.len(), 1)?;
        if self.assembly.is_complete() || self.assembly.had_size() == self.size {
            let digest = BASE64URL.encode(self.digest.clone().finish().as_ref());
            self.assembly.finish(&format!("SHA-256={digest}"))?;
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
