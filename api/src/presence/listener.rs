//! Listens to tabs and to servers for as long as the service runs.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use async_nats::Client;
use futures_util::StreamExt;
use nats_proto::presence::{Channel, Signal, Snapshot};
use tokio::time::{interval, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::{
    Rosters,
    disconnect::{Ended, Waiting},
};
use crate::{claims::AccountKey, publish::Connection};

/// What all tabs speak on.
pub(crate) const SUBJECTS: &str = "presence.*.*.*.*";
/// How often it is looked whose time is over.
const TICK: Duration = Duration::from_millis(250);
/// Wait after a subscription that could not be made.
const PAUSE: Duration = Duration::from_millis(500);

/// It cannot be told who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PresenceError {
    /// This service does not listen to presence.
    #[error("presence is switched off")]
    Off,
    /// There is no connection to NATS over which to listen.
    #[error("nobody can be heard without a connection to NATS")]
    NotListening,
}

/// Who is on which channel, as far as this process has heard. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Presence(Option<Arc<Inner>>);

#[derive(Debug)]
struct Inner {
    /// When the clock of the rosters began.
    began: Instant,
    ttl: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    rosters: Rosters,
    /// Since when nobody was missed.
    listening_since: Option<Instant>,
}

impl Presence {
    /// Starts to listen, until `stop` is cancelled. Where `system` is a connection to the system account,
    /// the servers' word of ended connections of this account is listened to as well.
    #[must_use]
    pub fn spawn(
        ttl: Duration,
        connection: Connection,
        system: Option<(Connection, AccountKey)>,
        stop: &CancellationToken,
    ) -> Self {
        let state = State { rosters: Rosters::new(ttl), listening_since: None };
        let inner = Arc::new(Inner { began: Instant::now(), ttl, state: Mutex::new(state) });
        if let Some((system, account)) = system {
            let watching =
                watch_disconnects(Arc::clone(&inner), connection.clone(), system, account);
            let stop = stop.clone();
            tokio::spawn(async move { stop.run_until_cancelled(watching).await });
        }
        let listening = listen(Arc::clone(&inner), connection);
        let stop = stop.clone();
        tokio::spawn(async move { stop.run_until_cancelled(listening).await });
        Self(Some(inner))
    }

    /// Who is on a channel: up to `max` users whose keys come after `after`.
    ///
    /// # Errors
    /// [`PresenceError`] if nobody listens, for ever or for now.
    pub fn snapshot(
        &self,
        channel: &Channel,
        after: Option<&str>,
        max: usize,
    ) -> Result<Snapshot, PresenceError> {
        let inner = self.0.as_ref().ok_or(PresenceError::Off)?;
        let mut state = inner.state();
        let since = state.listening_since.ok_or(PresenceError::NotListening)?;
        let now = inner.now();
        // What is over since the last tick is not told any more.
        state.rosters.handle_timeout(now);
        let missed_nobody = since.elapsed() >= inner.ttl;
        Ok(state.rosters.snapshot(channel, now, missed_nobody, after, max))
    }
}

impl Inner {
    /// Nothing in it can be left half done by a panic.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> nats_proto::Instant {
        nats_proto::Instant::from_origin(self.began.elapsed())
    }
}

async fn listen(inner: Arc<Inner>, mut connection: Connection) {
    while let Some(client) = connection.connected().await {
        if let Err(error) = listen_over(&inner, &client, &mut connection).await {
            warn!(%error, "who is present cannot be listened to");
            tokio::time::sleep(PAUSE).await;
        }
        inner.state().listening_since = None;
    }
}

/// Listens over one connection until it is lost.
async fn listen_over(
    inner: &Inner,
    client: &Client,
    connection: &mut Connection,
) -> Result<(), async_nats::SubscribeError> {
    let mut messages = client.subscribe(SUBJECTS).await?;
    inner.state().listening_since = Some(Instant::now());
    let mut ticks = interval(TICK);
    let mut lost = pin!(connection.lost());
    loop {
        tokio::select! {
            message = messages.next() => {
                let Some(message) = message else { return Ok(()) };
                let heard =
                    inner.state().rosters.handle_message(inner.now(), &message.subject, &message.payload);
                if let Err(refused) = heard {
                    // Whoever may be on a channel may send anything there.
                    debug!(%refused, "a signal of presence changed nothing");
                }
            }
            _ = ticks.tick() => inner.state().rosters.handle_timeout(inner.now()),
            () = &mut lost => return Ok(()),
        }
    }
}

/// Tells of tabs whose connection ended that they are gone.
async fn watch_disconnects(
    inner: Arc<Inner>,
    connection: Connection,
    mut system: Connection,
    account: AccountKey,
) {
    let subject = format!("$SYS.ACCOUNT.{account}.DISCONNECT");
    let mut waiting = Waiting::default();
    while let Some(client) = system.connected().await {
        let mut events = match client.subscribe(subject.clone()).await {
            Ok(events) => events,
            Err(error) => {
                warn!(%error, "ended connections cannot be listened to; tabs leave by their ttl");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        info!("listening to ended connections");
        let mut lost = pin!(system.lost());
        loop {
            let due = waiting.next();
            let until_due = async {
                match due {
                    Some(due) => sleep_until(due.into()).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = events.next() => {
                    let Some(event) = event else { break };
                    if let Some(ended) = Ended::read(&event.payload) {
                        waiting.push(Instant::now(), ended);
                    }
                }
                () = until_due => {
                    while let Some(ended) = waiting.pop_due(Instant::now()) {
                        tell_gone(&inner, &connection, &ended).await;
                    }
                }
                () = &mut lost => break,
            }
        }
    }
}

async fn tell_gone(inner: &Inner, connection: &Connection, ended: &Ended) {
    let subjects =
        inner.state().rosters.handle_disconnected(ended.user.as_str(), &ended.connection);
    if subjects.is_empty() {
        return;
    }
    let gone = Signal::Gone { connection: ended.connection.clone() };
    // Without a connection, or without having it sent, others find out by the ttl.
    let (Some(client), Ok(payload)) = (connection.client(), gone.write()) else { return };
    for subject in subjects {
        if let Err(error) = client.publish(subject.to_string(), payload.clone().into()).await {
            return warn!(%error, "that a tab is gone could not be told");
        }
    }
}
