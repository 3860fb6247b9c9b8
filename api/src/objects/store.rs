//! The declared buckets, and what all work with them needs.

use std::{sync::Arc, time::Duration};

use async_nats::{Client, HeaderMap, Request};
use bytes::Bytes;
use nats_proto::object_store::{Bucket, Layout};
use serde::Deserialize;
use serde_json::json;
use tokio::time::sleep;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use super::{
    error::{OpenError, StoreError},
    places::{Place, Places},
};
use crate::{
    causes::Causes,
    limits::Caller,
    publish::{Connection, stored},
    streams::{
        DeclaredStream, JetStreamError, Kind, Streams,
        jetstream::{ask, send},
    },
    telemetry::Metrics,
};

/// Objects on their way in at once, each with some 0.6 MB of memory.
const MAX_UPLOADS: usize = 64;
/// Objects on their way out at once, each with some 0.2 MB.
const MAX_DOWNLOADS: usize = 256;
/// Lists in the making at once; each takes a subscription.
const MAX_LISTS: usize = 16;
/// How often it is tried to take away the pieces of an object that did not come whole, and the wait
/// between two attempts.
const SWEEPS: usize = 60;
const BETWEEN_SWEEPS: Duration = Duration::from_secs(1);
/// nats-server's number for a message that expects another last sequence than there is.
const WRONG_LAST_SEQUENCE: u32 = 10_071;

/// The declared buckets of objects. Clones share them.
#[derive(Debug, Clone)]
pub struct Objects(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    buckets: Vec<DeclaredBucket>,
    connection: Connection,
    streams: Streams,
    metrics: Metrics,
    uploads: Arc<Places>,
    downloads: Arc<Places>,
    lists: Arc<Places>,
    patience: Duration,
    sweeps: TaskTracker,
    stop: CancellationToken,
}

#[derive(Debug)]
struct DeclaredBucket {
    layout: Layout,
    stream: String,
    max_object_bytes: u64,
}

/// What somebody wants room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// To put an object.
    Upload,
    /// To read one.
    Download,
    /// To list them.
    List,
}

impl Objects {
    /// The object buckets among these streams. A piece of an object may take `patience` to come or to be
    /// taken: what comes or goes in drops holds its place no longer. What is left over of objects that did not
    /// come whole is taken away until `stop` is cancelled.
    #[must_use]
    pub fn new(
        declared: &[DeclaredStream],
        connection: Connection,
        streams: Streams,
        metrics: Metrics,
        patience: Duration,
        stop: CancellationToken,
    ) -> Self {
        let buckets = declared.iter().filter_map(DeclaredBucket::of).collect();
        Self(Arc::new(Inner {
            buckets,
            connection,
            streams,
            metrics,
            uploads: Places::new(MAX_UPLOADS),
            downloads: Places::new(MAX_DOWNLOADS),
            lists: Places::new(MAX_LISTS),
            patience,
            sweeps: TaskTracker::new(),
            stop,
        }))
    }

    /// A subject that the service's user would need and may not publish on, as when it is from a time
    /// before a bucket was declared.
    #[must_use]
    pub fn missing_right(&self) -> Option<String> {
        self.0
            .buckets
            .iter()
            .map(|bucket| format!("$JS.API.STREAM.PURGE.{}", bucket.stream))
            .find(|subject| !self.0.connection.may_publish(subject))
    }

    /// Room for this caller to do this, until it is dropped.
    ///
    /// # Errors
    /// * [`OpenError::Busy`]: there is none.
    /// * [`OpenError::CallerBusy`]: there is none for this caller, who has a quarter of it already. Back
    ///   ends may have all of it.
    pub fn admit(&self, work: Work, caller: Caller) -> Result<Place, OpenError> {
        let places = match work {
            Work::Upload => &self.0.uploads,
            Work::Download => &self.0.downloads,
            Work::List => &self.0.lists,
        };
        places.take(caller)
    }

    /// A bucket, to be worked with over the connection that there is.
    ///
    /// # Errors
    /// * [`OpenError::NoBucket`]: none of that name is declared.
    /// * [`OpenError::NotConnected`]: there is no connection.
    /// * [`OpenError::NotReady`]: it is not known to be as declared.
    pub fn open(&self, bucket: &str) -> Result<Store, OpenError> {
        let is_it = |declared: &DeclaredBucket| declared.layout.bucket().as_str() == bucket;
        let at = self.0.buckets.iter().position(is_it).ok_or(OpenError::NoBucket)?;
        let client = self.0.connection.client().ok_or(OpenError::NotConnected)?;
        self.0.streams.ready()?;
        Ok(Store { objects: self.clone(), at, client })
    }

    /// Waits until what is being taken away is gone, for at most this time.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn finish(&self, deadline: Duration) {
        self.0.sweeps.close();
        if tokio::time::timeout(deadline, self.0.sweeps.wait()).await.is_err() {
            warn!("pieces of objects that did not come whole stay in their bucket");
        }
    }
}

impl DeclaredBucket {
    fn of(stream: &DeclaredStream) -> Option<Self> {
        let Kind::Objects { max_object_bytes } = stream.kind else { return None };
        let layout = Layout::new(Bucket::of_stream(&stream.name)?);
        Some(Self { layout, stream: stream.name.clone(), max_object_bytes })
    }
}

/// One bucket, over one connection. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    objects: Objects,
    /// Which of the declared ones.
    at: usize,
    client: Client,
}

/// What purging answers.
#[derive(Deserialize)]
struct Purged {}

impl Store {
    fn declared(&self) -> &DeclaredBucket {
        &self.objects.0.buckets[self.at]
    }

    /// Bytes that an object may have.
    #[must_use]
    pub fn max_object_bytes(&self) -> u64 {
        self.declared().max_object_bytes
    }

    /// How long a piece may take to come or to be taken.
    pub(super) fn patience(&self) -> Duration {
        self.objects.0.patience
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.declared().layout
    }

    /// The name of the bucket, which the roles file has given it.
    pub(super) fn bucket(&self) -> &str {
        self.layout().bucket().as_str()
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.objects.0.metrics
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// A subject of JetStream's about this bucket.
    pub(super) fn api(&self, what: &str) -> String {
        format!("$JS.API.{what}.{}", self.declared().stream)
    }

    /// Publishes a message and waits until it is stored; returns its number.
    pub(super) async fn publish(
        &self,
        subject: String,
        headers: Option<HeaderMap>,
        payload: Bytes,
    ) -> Result<u64, StoreError> {
        let mut request = Request::new().payload(payload);
        request.headers = headers;
        let answer = send(&self.client, subject, request).await?;
        match stored::read(&answer.payload).map_err(|_| StoreError::Answer)? {
            Ok(stored) if stored.stream == self.declared().stream => Ok(stored.sequence),
            Ok(_) => Err(StoreError::Answer),
            Err(error) if error.err_code == WRONG_LAST_SEQUENCE => Err(StoreError::Overtaken),
            Err(error) => Err(StoreError::Refused(error)),
        }
    }

    /// Takes away all messages of one subject.
    pub(super) async fn purge(&self, subject: &str) -> Result<(), JetStreamError> {
        purge(&self.client, self.api("STREAM.PURGE"), subject).await
    }

    /// Takes away the pieces of this object by and by, once `before` has ended: over later connections,
    /// too, since nobody else will.
    pub(super) fn sweep(&self, nuid: &str, before: impl Future<Output = ()> + Send + 'static) {
        let (objects, api) = (Arc::clone(&self.objects.0), self.api("STREAM.PURGE"));
        let pieces = self.layout().chunks(nuid).as_str().to_owned();
        let sweeping = async move {
            before.await;
            let mut connection = objects.connection.clone();
            let mut failure = None;
            for _ in 0..SWEEPS {
                let Some(client) = connection.connected().await else { break };
                match purge(&client, api.clone(), &pieces).await {
                    Ok(()) => return,
                    Err(error) => failure = Some(error),
                }
                sleep(BETWEEN_SWEEPS).await;
            }
            if let Some(error) = failure {
                warn!(pieces, error = %Causes(&error), "pieces of an object could not be taken away");
            }
        };
        let stop = self.objects.0.stop.clone();
        self.objects.0.sweeps.spawn(async move { stop.run_until_cancelled(sweeping).await });
    }
}

async fn purge(client: &Client, api: String, subject: &str) -> Result<(), JetStreamError> {
    let body = json!({ "filter": subject }).to_string();
    ask::<Purged>(client, api, body.into_bytes()).await.map(|_| ())
}
