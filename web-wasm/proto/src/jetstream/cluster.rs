//! Who keeps a stream or consumer in a cluster.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use serde::Deserialize;

use super::DateTime;
use super::wire::{nanos, null_as_default, some_time};

/// The servers that keep a stream or consumer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct ClusterInfo {
    /// The cluster's name.
    pub name: Option<String>,
    /// The name of the Raft group.
    pub raft_group: Option<String>,
    /// The server that leads, if one does at present.
    pub leader: Option<String>,
    /// Since when it leads.
    #[serde(deserialize_with = "some_time")]
    pub leader_since: Option<DateTime>,
    /// Whether the traffic of the group is carried by the system account.
    pub system_account: bool,
    /// The account that carries the traffic of the group.
    pub traffic_account: Option<String>,
    /// The servers that follow.
    #[serde(deserialize_with = "null_as_default")]
    pub replicas: Vec<PeerInfo>,
}

/// A server that follows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct PeerInfo {
    /// The server's name.
    pub name: String,
    /// The server's unique id in the group.
    pub peer: String,
    /// Whether it has all that the leader has.
    pub current: bool,
    /// How long ago it was last heard of.
    #[serde(with = "nanos")]
    pub active: Duration,
    /// Whether it is thought to be off.
    pub offline: bool,
    /// How many operations it is behind.
    pub lag: u64,
}
