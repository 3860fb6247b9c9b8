//! A roster told whole: to whoever asks, and by whoever was asked.

use alloc::collections::BTreeSet;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::ops::Bound;
use core::time::Duration;

use bytestring::ByteString;

use super::Roster;
use super::member::Tab;
use crate::Instant;
use crate::presence::signal::check_data;
use crate::presence::{ConnectionId, Snapshot, SnapshotMember, SnapshotTab, is_tab, is_user};

/// Leaves that are remembered while a snapshot is on its way.
pub(super) const MAX_LEAVES: usize = 1_024;
/// A tab that was heard so shortly before a snapshot was asked for may be missing in it, since its
/// signal may have come here first.
const CAUTION: Duration = Duration::from_secs(2);

/// More tabs left while a snapshot was on its way than are remembered; it must be asked for again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too much happened while the snapshot was on its way")]
pub struct SnapshotOverrun;

/// A snapshot that is on its way.
#[derive(Debug)]
pub(super) struct Awaited {
    asked_at: Instant,
    /// Tabs that left since, which it may still have.
    pub(super) left: BTreeSet<(ByteString, ByteString)>,
}

impl Roster {
    /// A snapshot is being asked for from now on. It takes the place of one that was on its way.
    pub fn expect_snapshot(&mut self, now: Instant) {
        self.awaited = Some(Awaited { asked_at: now, left: BTreeSet::new() });
    }

    /// The snapshot that was expected is here. What was heard since it was asked for wins over it. If it
    /// is complete, who is neither in it nor was heard lately is gone. Tabs for which there is no room,
    /// and what is malformed, are passed over. Does nothing if none was expected.
    ///
    /// Never panics.
    ///
    /// # Errors
    /// [`SnapshotOverrun`]: it can't be told any more what is old in it; ask again. Nothing was changed.
    pub fn handle_snapshot(
        &mut self,
        now: Instant,
        snapshot: &Snapshot,
    ) -> Result<(), SnapshotOverrun> {
        let Some(Awaited { asked_at, left }) = self.awaited.take() else { return Ok(()) };
        if left.len() > MAX_LEAVES {
            return Err(SnapshotOverrun);
        }
        let ago = |millis| asked_at.saturating_sub(Duration::from_millis(millis));
        let mut named = BTreeSet::new();
        for member in snapshot.members.iter().filter(|member| is_user(&member.nkey)) {
            let user = ByteString::from(member.nkey.as_str());
            let valid = |tab: &&SnapshotTab| is_tab(&tab.id) && check_data(&tab.data).is_ok();
            for told in member.tabs.iter().filter(valid) {
                let name = ByteString::from(told.id.as_str());
                let key = (user.clone(), name.clone());
                let connection =
                    ConnectionId { server: told.server.as_str().into(), client: told.client };
                let tab = Tab {
                    connection,
                    data: told.data.clone(),
                    heard: ago(told.heard_ms),
                    changed: ago(told.changed_ms),
                };
                let is_old = now - tab.heard >= self.ttl || left.contains(&key);
                let known = self.members.get(&user).and_then(|there| there.tabs.get(&name));
                let is_known = known.is_some_and(|known| known.heard >= tab.heard);
                named.insert(key);
                if !is_old && !is_known {
                    // There may be no room, which `is_overfull` tells.
                    let _ = self.put(&user, name, tab, ago(member.since_ms), now);
                }
            }
        }
        if snapshot.complete && snapshot.next.is_none() {
            let is_gone = |key: &(ByteString, ByteString), tab: &Tab| {
                tab.heard + CAUTION < asked_at && !named.contains(key)
            };
            self.retain(|key, tab| !is_gone(key, tab));
        }
        Ok(())
    }

    /// Who is there, as a document: up to `max` users whose keys come after `after`. It is complete if
    /// the caller says that nobody was missed, and everybody found room.
    pub fn snapshot(
        &self,
        now: Instant,
        missed_nobody: bool,
        after: Option<&str>,
        max: usize,
    ) -> Snapshot {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut rest = self.members.range::<str, _>((from, Bound::Unbounded));
        let millis = |at: Instant| u64::try_from((now - at).as_millis()).unwrap_or(u64::MAX);
        let members: Vec<SnapshotMember> = rest
            .by_ref()
            .take(max)
            .map(|(user, presence)| SnapshotMember {
                nkey: user.to_string(),
                since_ms: millis(presence.since),
                data: presence.fold(user).map(|member| member.data).unwrap_or_default(),
                tabs: presence.tabs.iter().map(|(name, tab)| tab.describe(name, millis)).collect(),
            })
            .collect();
        let last = members.last().map(|member| member.nkey.clone());
        Snapshot {
            channel: self.channel.to_string(),
            ttl_ms: u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX),
            complete: missed_nobody && !self.is_overfull(now),
            next: last.filter(|_| rest.next().is_some()),
            members,
        }
    }

    /// Remembers that a tab left: a snapshot that is on its way may still have it.
    pub(super) fn note_leave(&mut self, user: &ByteString, tab: &ByteString) {
        if let Some(awaited) = &mut self.awaited
            && awaited.left.len() <= MAX_LEAVES
        {
            awaited.left.insert((user.clone(), tab.clone()));
        }
    }
}
