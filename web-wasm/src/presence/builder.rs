//! How to be on a channel.

use core::time::Duration;
use std::rc::Rc;

use bytes::Bytes;
use futures_channel::oneshot;
use nats_proto::connection::{EndReason, FlushError, SubscribeError};
use nats_proto::presence::{Channel, ConnectionId, DEFAULT_TTL, Signal, SignalError, TabError};
use serde_json::Value;

use super::keeper::Keeper;
use super::state::{Own, State};
use super::{Presence, Snapshots};
use crate::client::Client;

/// Why somebody is not on a channel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The user is none.
    #[error(transparent)]
    User(#[from] TabError),
    /// The data can't be shown.
    #[error(transparent)]
    Data(#[from] SignalError),
    /// The client can't subscribe.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// The server has not said whether it allows the subscription.
    #[error(transparent)]
    Flush(#[from] FlushError),
    /// The server does not allow the subscription, or the client was closed.
    #[error("the subscription has ended: {0}")]
    Ended(EndReason),
}

/// Options of presence, made by [`PresenceExt::presence`](super::PresenceExt::presence).
pub struct PresenceBuilder {
    client: Client,
    channel: Channel,
    ttl: Duration,
    snapshots: Option<Rc<dyn Snapshots>>,
}

impl PresenceBuilder {
    pub(super) fn new(client: Client, channel: Channel) -> Self {
        Self { client, channel, ttl: DEFAULT_TTL, snapshots: None }
    }

    /// How long a tab counts as present that is not heard, until a snapshot tells what the API goes by:
    /// 90 seconds, since a hidden page may speak no more than once a minute. At least one second.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl.max(Duration::from_secs(1));
        self
    }

    /// Whom to ask who is there, at the beginning and after each interruption.
    #[must_use]
    pub fn snapshots(mut self, snapshots: Rc<impl Snapshots + 'static>) -> Self {
        self.snapshots = Some(snapshots);
        self
    }

    /// Is on the channel as the user with this public key, with data that the others are shown: any JSON
    /// of up to [`MAX_DATA_BYTES`](super::MAX_DATA_BYTES). The key must be the one that the client signs
    /// in with, or the server lets nobody hear of it.
    ///
    /// # Errors
    /// [`JoinError`].
    ///
    /// # Cancel safety
    /// If the future is dropped, this tab is not on the channel.
    pub async fn join(self, user: impl AsRef<str>, data: Value) -> Result<Presence, JoinError> {
        let tab = self.client.new_nuid();
        let subject = self.channel.subject(user.as_ref(), &tab)?;
        let trial = Signal::Here { connection: ConnectionId::default(), data: data.clone() };
        trial.write()?;
        self.start(Some(Own::new(subject, data))).await
    }

    /// Sees who is on the channel without being there.
    ///
    /// # Errors
    /// [`JoinError`].
    ///
    /// # Cancel safety
    /// Dropping the future ends it.
    pub async fn watch(self) -> Result<Presence, JoinError> {
        self.start(None).await
    }

    async fn start(self, own: Option<Own>) -> Result<Presence, JoinError> {
        let Self { client, channel, ttl, snapshots } = self;
        let events = client.events();
        let subscriber = client.subscribe(channel.pattern()).await?;
        client.flush().await?;
        if let Some(reason) = subscriber.end_reason() {
            return Err(JoinError::Ended(reason));
        }
        let state = Rc::new(State::new(client.clone(), channel, ttl, own));
        let (running, stopped) = oneshot::channel();
        let platform = &client.shared().runtime.platform;
        let woken = Rc::downgrade(&state);
        let left = Rc::downgrade(&state);
        let listeners = [
            platform.on_wake(Rc::new(move || {
                if let Some(state) = woken.upgrade() {
                    state.wake();
                }
            })),
            platform.on_leave(Rc::new(move || {
                if let Some(state) = left.upgrade() {
                    state.say_gone();
                }
            })),
        ];
        let keeper = Keeper::new(Rc::clone(&state), subscriber, events, snapshots, stopped);
        platform.spawn(Box::pin(keeper.run()));
        Ok(Presence { state, _running: running, _listeners: listeners })
    }
}

impl core::fmt::Debug for PresenceBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("PresenceBuilder")
            .field("channel", &self.channel)
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

/// A signal as a payload; none for one that can't be written, which was tried before.
pub(super) fn payload(signal: &Signal) -> Option<Bytes> {
    signal.write().ok().map(Bytes::from)
}
