//! Sees to it that the declared streams are there and as declared.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use tokio::{
    sync::{oneshot, watch},
    time::sleep,
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{
    DeclaredStream, Difference, JetStreamError,
    jetstream::{create_stream, delete_consumer, put_consumer, stream_config, update_stream},
};
use crate::{
    causes::Causes,
    claims::UserKey,
    mint::{Grant, Role},
    publish::Connection,
};

/// Wait before JetStream is asked again.
const PAUSE: Duration = Duration::from_millis(500);
/// Time after which they are looked at again, in case somebody has changed or deleted one.
const BETWEEN_LOOKS: Duration = Duration::from_secs(30);
/// nats-server's number for a consumer that can't be what it is asked to be.
const CONSUMER_NOT_CREATED: u32 = 10_012;

/// The streams are not as the roles file declares them.
#[derive(Debug, thiserror::Error)]
pub enum StreamsError {
    /// One is otherwise, in what this program leaves to whoever made it.
    #[error(
        "the stream {stream} is not as the roles file declares it: {}; change it there, or declare \
         another name",
        list(differences)
    )]
    Differs {
        /// The stream.
        stream: String,
        /// What is otherwise.
        differences: Vec<Difference>,
    },
    /// One could not be looked at, made or changed: for the moment, as far as can be told.
    #[error("the stream {stream} could not be looked at, made or changed")]
    JetStream {
        /// The stream.
        stream: String,
        /// Why.
        source: JetStreamError,
    },
}

fn list(differences: &[Difference]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

/// Rights would rest on streams of which it is not known that they are right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the declared streams are not known to be right")]
pub struct StreamsNotReady;

/// The declared streams. Clones share what is known of them.
#[derive(Debug, Clone)]
pub struct Streams {
    declared: Arc<[DeclaredStream]>,
    are_right: watch::Receiver<bool>,
    /// The streams that some role has consumers of.
    consumed: Arc<[String]>,
    connection: Connection,
}

impl Streams {
    /// Starts to look after these streams, for as long as there is a connection, until `stop` is
    /// cancelled. `roles` tell of which of them consumers are made. If the first that is heard of them
    /// is that one is otherwise than declared, that is told, and nothing more is done.
    #[must_use]
    pub fn spawn(
        declared: Vec<DeclaredStream>,
        roles: &[Role],
        connection: Connection,
        stop: CancellationToken,
    ) -> (Self, oneshot::Receiver<StreamsError>) {
        let (sender, are_right) = watch::channel(declared.is_empty());
        let (refused, refusal) = oneshot::channel();
        let mut consumed: Vec<String> = roles
            .iter()
            .flat_map(|role| &role.consumers)
            .map(|consumer| consumer.stream.clone())
            .collect();
        consumed.sort();
        consumed.dedup();
        let streams = Self {
            declared: declared.into(),
            are_right,
            consumed: consumed.into(),
            connection: connection.clone(),
        };
        let declared = Arc::clone(&streams.declared);
        tokio::spawn(async move {
            let keeping = keep(&declared, connection, &sender, refused);
            stop.run_until_cancelled(keeping).await;
        });
        (streams, refusal)
    }

    /// Whether all of them are there and as declared, as far as is known.
    #[must_use]
    pub fn are_right(&self) -> bool {
        *self.are_right.borrow()
    }

    /// Settles whether anything may rest on them now.
    ///
    /// # Errors
    /// [`StreamsNotReady`] if they are not known to be right.
    pub fn ready(&self) -> Result<(), StreamsNotReady> {
        if self.are_right() { Ok(()) } else { Err(StreamsNotReady) }
    }

    /// Settles whether anybody may be given this role now.
    ///
    /// # Errors
    /// [`StreamsNotReady`] if its holders have consumers or may publish to a declared stream, and those are not known
    /// to be right: then what is published could be lost, or do more than it may.
    pub fn admit(&self, role: &Role) -> Result<(), StreamsNotReady> {
        let mut subjects = self.declared.iter().flat_map(|stream| &stream.subjects);
        let rests_on_some =
            !role.consumers.is_empty() || subjects.any(|subject| role.may_reach(subject));
        if rests_on_some { self.ready() } else { Ok(()) }
    }

    /// Makes the consumers of somebody who is about to get a credential, or changes them to what the
    /// channels are by now; those of which nothing is granted any more are deleted.
    ///
    /// # Errors
    /// [`JetStreamError`]; some may be made by then, and asking again is harmless.
    ///
    /// # Cancel safety
    /// Cancelling leaves it open which are made.
    pub async fn make_consumers(&self, grant: &Grant<'_>) -> Result<(), JetStreamError> {
        if grant.role().consumers.is_empty() {
            return Ok(());
        }
        let client = self.connection.client().ok_or(JetStreamError::NotConnected)?;
        for stream in grant.streams_without_consumer() {
            delete_consumer(&client, &stream, grant.nkey()).await?;
        }
        for consumer in grant.consumers() {
            let Err(error) = put_consumer(&client, &consumer).await else { continue };
            // With what it begins can't be changed, once it has begun; so it begins anew.
            if !matches!(error, JetStreamError::Refused { err_code: CONSUMER_NOT_CREATED, .. }) {
                return Err(error);
            }
            delete_consumer(&client, &consumer.stream, grant.nkey()).await?;
            put_consumer(&client, &consumer).await?;
        }
        Ok(())
    }

    /// Deletes the consumers of somebody who has been banned.
    ///
    /// # Errors
    /// [`JetStreamError`], the first; the others are deleted all the same.
    ///
    /// # Cancel safety
    /// Cancelling leaves it open which are deleted.
    pub async fn delete_consumers(&self, nkeys: &BTreeSet<UserKey>) -> Result<(), JetStreamError> {
        if self.consumed.is_empty() || nkeys.is_empty() {
            return Ok(());
        }
        let client = self.connection.client().ok_or(JetStreamError::NotConnected)?;
        let mut first_failure = Ok(());
        for stream in self.consumed.iter() {
            for nkey in nkeys {
                let done = delete_consumer(&client, stream, nkey).await;
                first_failure = first_failure.and(done);
            }
        }
        first_failure
    }
}

async fn keep(
    declared: &[DeclaredStream],
    mut connection: Connection,
    are_right: &watch::Sender<bool>,
    refused: oneshot::Sender<StreamsError>,
) {
    if declared.is_empty() {
        return;
    }
    let mut refused = Some(refused);
    let mut last_failure = String::new();
    while let Some(client) = connection.connected().await {
        match ensure_all(declared, &client).await {
            Ok(()) => {
                if !are_right.send_replace(true) {
                    info!(streams = declared.len(), "the declared streams are as they should be");
                }
                last_failure.clear();
                refused = None;
                tokio::select! {
                    () = connection.lost() => { are_right.send_replace(false); }
                    () = sleep(BETWEEN_LOOKS) => {}
                }
            }
            Err(failure) => {
                are_right.send_replace(false);
                if let StreamsError::Differs { .. } = failure
                    && let Some(refused) = refused.take()
                {
                    // Nobody listens any more when the service is stopping.
                    let _ = refused.send(failure);
                    return;
                }
                // An outage of an hour is told once. Who is in stays in meanwhile, and nobody gets new
                // rights.
                let failure = Causes(&failure).to_string();
                if failure != last_failure {
                    warn!(error = failure, "the declared streams are not known to be right");
                    last_failure = failure;
                }
                sleep(PAUSE).await;
            }
        }
    }
}

async fn ensure_all(
    declared: &[DeclaredStream],
    client: &async_nats::Client,
) -> Result<(), StreamsError> {
    for stream in declared {
        ensure(stream, client).await?;
    }
    Ok(())
}

async fn ensure(stream: &DeclaredStream, client: &async_nats::Client) -> Result<(), StreamsError> {
    let failed = |source| StreamsError::JetStream { stream: stream.name.clone(), source };
    let Some(actual) = stream_config(client, stream).await.map_err(failed)? else {
        create_stream(client, stream).await.map_err(failed)?;
        info!(stream = stream.name, "made a stream");
        return Ok(());
    };
    let (adjustable, left): (Vec<_>, Vec<_>) =
        Difference::all(&stream.config(), &actual).into_iter().partition(Difference::is_adjustable);
    if !left.is_empty() {
        return Err(StreamsError::Differs { stream: stream.name.clone(), differences: left });
    }
    if !adjustable.is_empty() {
        update_stream(client, stream).await.map_err(failed)?;
        info!(stream = stream.name, changes = list(&adjustable), "changed a stream");
    }
    Ok(())
}
