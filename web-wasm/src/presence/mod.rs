//! Presence: who is on a channel, and being on one oneself.
//!
//! ```no_run
//! # async fn example(client: web_wasm::Client, key: web_wasm::UserKey)
//! # -> Result<(), Box<dyn core::error::Error>> {
//! use futures_util::StreamExt;
//! use web_wasm::presence::{Event, PresenceExt};
//!
//! let room = "room:7".parse()?;
//! let data = serde_json::json!({ "name": "Ada" });
//! let mut presence = client.presence(room).join(key.public_key(), data).await?;
//! while let Some(event) = presence.next().await {
//!     match event {
//!         Event::Join(member) => println!("{} came", member.user),
//!         Event::Update(member) => println!("{} has {} tabs", member.user, member.tabs),
//!         Event::Leave(member) => println!("{} left", member.user),
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Tabs of one user are folded into one [`Member`]. Who was there before is told by [`Snapshots`], which
//! in a browser an API gives (`HttpSnapshots`); without them, they are known after a third of the ttl,
//! when everybody has said again to be there.
//!
//! A credential for a channel `room:7` needs these subjects; the user's key in the first of them is what
//! keeps others from speaking for the user:
//!
//! | to | subjects |
//! |---|---|
//! | be there | publish `presence.room.7.KEY.*` |
//! | see who is | subscribe `presence.room.7.>` |
//!
//! Source: [`nats_proto::presence`].

mod builder;
#[cfg(target_arch = "wasm32")]
mod http;
mod keeper;
mod snapshots;
mod state;

use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::any::Any;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_core::Stream;
use nats_proto::connection::{EndReason, FlushError};

use crate::client::Client;

pub use builder::{JoinError, PresenceBuilder};
#[cfg(target_arch = "wasm32")]
pub use http::HttpSnapshots;
pub use nats_proto::presence::{
    Channel, ChannelError, DEFAULT_TTL, Event, MAX_DATA_BYTES, Member, SignalError, Snapshot,
    SnapshotMember, SnapshotTab, TabError,
};
pub use snapshots::{Snapshots, SnapshotsError};

use state::State;

/// Presence for a [`Client`].
pub trait PresenceExt {
    /// Begins to be on a channel, or to see who is; see [`PresenceBuilder`].
    fn presence(&self, channel: Channel) -> PresenceBuilder;
}

impl PresenceExt for Client {
    fn presence(&self, channel: Channel) -> PresenceBuilder {
        PresenceBuilder::new(self.clone(), channel)
    }
}

/// Who is on a channel, and perhaps this tab: a stream of what happens there.
///
/// It goes on over broken connections: whoever joined or left meanwhile is told afterwards. It ends when
/// the server refuses the subscription or the client is closed; [`end_reason`](Self::end_reason) tells
/// which. Up to 1,024 events wait to be read; what comes beyond that is dropped and counted, while
/// [`members`](Self::members) is always right.
///
/// Dropping it leaves the channel, and so does a page that is left. A tab that crashes is gone after the
/// ttl, or sooner where an API hears of it from nats-server.
///
/// # Cancel safety
/// Reading the stream is cancel safe: an event is either returned or stays.
pub struct Presence {
    state: Rc<State>,
    /// What its task waits for the end of.
    _running: oneshot::Sender<Infallible>,
    _listeners: [Box<dyn Any>; 2],
}

impl Presence {
    /// Who is there now, in the order of their keys.
    pub fn members(&self) -> Vec<Member> {
        self.state.roster.borrow().members().collect()
    }

    /// Whether there may be others, for whom there was no room: a channel has up to 1,000 users here.
    pub fn is_overfull(&self) -> bool {
        self.state.roster.borrow().is_overfull(self.state.now())
    }

    /// Shows other data of this tab from now on. Does nothing but remember it for one that only watches.
    ///
    /// # Errors
    /// [`SignalError::DataTooLarge`]: nothing has changed.
    pub fn set_data(&self, data: serde_json::Value) -> Result<(), SignalError> {
        self.state.set_data(data)
    }

    /// How many events were dropped because nobody read the stream.
    pub fn dropped(&self) -> u64 {
        self.state.events.dropped()
    }

    /// Why there was no snapshot the last time that one was asked for; `None` if there was one, or none
    /// has come yet. It is asked for again.
    pub fn snapshot_error(&self) -> Option<SnapshotsError> {
        self.state.snapshot_error.borrow().clone()
    }

    /// Why there will be no more events than those that wait to be read, if that is so.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.state.end.borrow().clone()
    }

    /// Leaves, and waits until the server knows.
    ///
    /// # Errors
    /// [`FlushError`]: others may learn of it only later, by the ttl at the latest.
    ///
    /// # Cancel safety
    /// This tab has left in any case.
    pub async fn leave(self) -> Result<(), FlushError> {
        self.state.leave();
        self.state.client.flush().await
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.state.leave();
    }
}

impl Stream for Presence {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        self.state.events.poll_next(cx)
    }
}

impl core::fmt::Debug for Presence {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Presence").field("state", &self.state).finish_non_exhaustive()
    }
}
