//! Presence: who is on which channel.
//!
//! Tabs say on NATS that they are there ([`nats_proto::presence`]), and every process of this service
//! listens, so that each knows the same without any asking another. [`Rosters`] is what it knows, with
//! bounds; [`listener`] keeps it, and tells the servers' word of ended connections to whoever listens,
//! so that a tab that crashed is gone at once and not only when it has been silent for the ttl.
//! Several processes may tell the same: it changes nothing the second time.

mod disconnect;
pub mod listener;
mod rosters;

pub use listener::{Presence, PresenceError};
pub use rosters::Rosters;
