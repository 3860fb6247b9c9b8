//! A user on a channel, with all tabs.

use alloc::collections::BTreeMap;
use alloc::string::ToString;

use bytestring::ByteString;
use serde_json::Value;

use crate::Instant;
use crate::presence::{ConnectionId, SnapshotTab};

/// A user who is on a channel, by one tab or more.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    /// The user's public key.
    pub user: ByteString,
    /// How many tabs there are, at least one.
    pub tabs: usize,
    /// Since when the user has been there, as far as is known.
    pub since: Instant,
    /// What the application shows of the user: what the tab says that changed last. Whoever may be on
    /// the channel may say anything here: show it as text, and trust it for nothing.
    pub data: Value,
}

/// What is kept of a user.
#[derive(Debug)]
pub(super) struct Presence {
    pub(super) since: Instant,
    pub(super) tabs: BTreeMap<ByteString, Tab>,
    /// As it was last told.
    pub(super) told: Option<Member>,
}

/// What is kept of a tab.
#[derive(Debug)]
pub(super) struct Tab {
    pub(super) connection: ConnectionId,
    pub(super) data: Value,
    pub(super) heard: Instant,
    pub(super) changed: Instant,
}

impl Presence {
    pub(super) fn new(since: Instant) -> Self {
        Self { since, tabs: BTreeMap::new(), told: None }
    }

    /// The user as one; `None` without a tab.
    pub(super) fn fold(&self, user: &ByteString) -> Option<Member> {
        // Of tabs that changed at the same moment the last by name, so that all readers agree.
        let (_, tab) = self.tabs.iter().max_by_key(|(name, tab)| (tab.changed, (*name).clone()))?;
        Some(Member {
            user: user.clone(),
            tabs: self.tabs.len(),
            since: self.since,
            data: tab.data.clone(),
        })
    }
}

impl Tab {
    /// The tab in a snapshot; `millis` says how long ago a moment was.
    pub(super) fn describe(
        &self,
        name: &ByteString,
        millis: impl Fn(Instant) -> u64,
    ) -> SnapshotTab {
        SnapshotTab {
            id: name.to_string(),
            server: self.connection.server.to_string(),
            client: self.connection.client,
            heard_ms: millis(self.heard),
            changed_ms: millis(self.changed),
            data: self.data.clone(),
        }
    }
}
