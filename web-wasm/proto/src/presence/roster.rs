//! Who is on a channel: signals and time in, joins and leaves out.

mod member;
mod snapshots;
#[cfg(test)]
mod tests;

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::time::Duration;

use bytestring::ByteString;

pub use self::member::Member;
use self::member::{Presence, Tab};
use self::snapshots::Awaited;
pub use self::snapshots::SnapshotOverrun;
use super::{Address, Channel, ConnectionId, Signal, SignalError};
use crate::Instant;

/// How much a roster holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Users at most.
    pub members: usize,
    /// Tabs of one user at most.
    pub tabs: usize,
}

impl Default for Limits {
    /// 1,000 users with 8 tabs each: with the largest data, some five megabytes.
    fn default() -> Self {
        Self { members: 1_000, tabs: 8 }
    }
}

/// Something that happened on a channel.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The first tab of a user came.
    Join(Member),
    /// A user's data or number of tabs is another now.
    Update(Member),
    /// The last tab of a user left, or was not heard for a ttl. The member is as it was last told.
    Leave(Member),
}

/// Why a message changed nothing. Nothing of it is kept, so that nobody can make a roster grow beyond
/// its [`Limits`]; a tab that is refused for lack of room comes in by a later signal, once there is room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// The subject is none of this channel's.
    #[error("the subject is not of this channel")]
    OtherSubject,
    /// The payload is no signal.
    #[error(transparent)]
    Signal(#[from] SignalError),
    /// There are as many users as there may be.
    #[error("the roster has as many members as it holds")]
    TooManyMembers,
    /// The user has as many tabs as there may be.
    #[error("the user has as many tabs as one may have")]
    TooManyTabs,
    /// A tab is said to be gone, of a connection that it does not use, or it is not there.
    #[error("the tab is not there over this connection")]
    OtherConnection,
}

/// Who is on one channel.
///
/// After each call, take [`poll_event`](Self::poll_event) until there is none, and call
/// [`handle_timeout`](Self::handle_timeout) at the moment that [`poll_timeout`](Self::poll_timeout)
/// says. Repeated and late signals change nothing that they should not: a signal counts from when it was
/// heard, and a leave only for the connection that it names.
///
/// ```
/// use core::time::Duration;
/// use nats_proto::Instant;
/// use nats_proto::presence::{Channel, ConnectionId, Event, Limits, Roster, Signal};
///
/// let channel: Channel = "room:7".parse().unwrap();
/// let user = format!("U{}", "A".repeat(55));
/// let subject = channel.subject(&user, "tab1").unwrap();
/// let mut roster = Roster::new(channel, Duration::from_secs(30), Limits::default());
///
/// let connection = ConnectionId { server: "N1".into(), client: 1 };
/// let here = Signal::Here { connection, data: "Ada".into() }.write().unwrap();
/// roster.handle_message(Instant::ORIGIN, &subject, &here).unwrap();
/// assert!(matches!(roster.poll_event(), Some(Event::Join(member)) if member.data == "Ada"));
///
/// let silent = roster.poll_timeout().unwrap();
/// roster.handle_timeout(silent);
/// assert!(matches!(roster.poll_event(), Some(Event::Leave(_))));
/// ```
#[derive(Debug)]
pub struct Roster {
    channel: Channel,
    ttl: Duration,
    limits: Limits,
    members: BTreeMap<ByteString, Presence>,
    tabs: usize,
    events: VecDeque<Event>,
    /// No tab expires before.
    next_expiry: Option<Instant>,
    awaited: Option<Awaited>,
    /// When somebody was last turned away for lack of room.
    turned_away: Option<Instant>,
}

impl Roster {
    /// An empty roster of a channel, whose tabs are gone when they were not heard for `ttl`.
    pub fn new(channel: Channel, ttl: Duration, limits: Limits) -> Self {
        Self {
            channel,
            ttl,
            limits,
            members: BTreeMap::new(),
            tabs: 0,
            events: VecDeque::new(),
            next_expiry: None,
            awaited: None,
            turned_away: None,
        }
    }

    /// The channel.
    pub fn channel(&self) -> &Channel {
        &self.channel
    }

    /// How long a tab counts as present that is not heard.
    pub fn ttl(&self) -> Duration {
        self.ttl
    }

    /// Changes that, from now on and for the tabs that are known.
    pub fn set_ttl(&mut self, ttl: Duration) {
        self.ttl = ttl;
        self.next_expiry = self.tabs().map(|tab| tab.heard + ttl).min();
    }

    /// Who is there, in the order of their keys.
    pub fn members(&self) -> impl Iterator<Item = Member> + '_ {
        self.members.iter().filter_map(|(user, presence)| presence.fold(user))
    }

    /// How many users are there.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether nobody is there.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// How many tabs are there.
    pub fn tab_count(&self) -> usize {
        self.tabs
    }

    /// Whether somebody may be there who is not in the roster, since there was no room within the last
    /// ttl.
    pub fn is_overfull(&self, now: Instant) -> bool {
        self.turned_away.is_some_and(|at| now - at < self.ttl)
    }

    /// Whether this tab is known.
    pub fn has_tab(&self, user: &str, tab: &str) -> bool {
        self.members.get(user).is_some_and(|presence| presence.tabs.contains_key(tab))
    }

    /// A message came on a subject of the channel.
    ///
    /// Never panics.
    ///
    /// # Errors
    /// [`Refused`], which says why it changed nothing.
    pub fn handle_message(
        &mut self,
        now: Instant,
        subject: &str,
        payload: &[u8],
    ) -> Result<(), Refused> {
        let address = Address::parse(subject).filter(|address| address.channel == self.channel);
        let Address { user, tab, .. } = address.ok_or(Refused::OtherSubject)?;
        match Signal::read(payload)? {
            Signal::Here { connection, data } => {
                let known = self.members.get(&user).and_then(|presence| presence.tabs.get(&tab));
                let changed = known.filter(|known| known.data == data).map(|known| known.changed);
                let changed = changed.unwrap_or(now);
                if let Some(awaited) = &mut self.awaited {
                    awaited.left.remove(&(user.clone(), tab.clone()));
                }
                self.put(&user, tab, Tab { connection, data, heard: now, changed }, now, now)
            }
            Signal::Gone { connection } => {
                let known = self.members.get(&user).and_then(|presence| presence.tabs.get(&tab));
                if known.is_some_and(|known| known.connection != connection) {
                    return Err(Refused::OtherConnection);
                }
                let is_known = known.is_some();
                // Also of one that is not known: a snapshot may still have it.
                self.note_leave(&user, &tab);
                if !is_known {
                    return Err(Refused::OtherConnection);
                }
                self.remove(&user, &[tab]);
                Ok(())
            }
        }
    }

    /// A connection of a user ended, as its server says: the tabs that were there over it are gone, and
    /// are returned.
    pub fn handle_disconnected(
        &mut self,
        user: &str,
        connection: &ConnectionId,
    ) -> Vec<ByteString> {
        let Some((user, presence)) = self.members.get_key_value(user) else { return Vec::new() };
        let of_it = presence.tabs.iter().filter(|(_, tab)| tab.connection == *connection);
        let gone: Vec<ByteString> = of_it.map(|(name, _)| name.clone()).collect();
        let user = user.clone();
        for tab in &gone {
            self.note_leave(&user, tab);
        }
        self.remove(&user, &gone);
        gone
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.next_expiry.is_none_or(|at| now < at) {
            return;
        }
        let ttl = self.ttl;
        self.retain(|_, tab| now < tab.heard + ttl);
        self.next_expiry = self.tabs().map(|tab| tab.heard + ttl).min();
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called; never while nobody is there. It may
    /// then find that there is nothing to do yet.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.next_expiry
    }

    /// The next thing that happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    fn tabs(&self) -> impl Iterator<Item = &Tab> {
        self.members.values().flat_map(|presence| presence.tabs.values())
    }

    fn put(
        &mut self,
        user: &ByteString,
        name: ByteString,
        tab: Tab,
        since: Instant,
        now: Instant,
    ) -> Result<(), Refused> {
        let refused = match self.members.get(user) {
            None if self.members.len() >= self.limits.members => Some(Refused::TooManyMembers),
            Some(presence)
                if presence.tabs.len() >= self.limits.tabs
                    && !presence.tabs.contains_key(&name) =>
            {
                Some(Refused::TooManyTabs)
            }
            _ => None,
        };
        if let Some(refused) = refused {
            // A user with too many tabs is there all the same.
            if refused == Refused::TooManyMembers {
                self.turned_away = Some(now);
            }
            return Err(refused);
        }
        let expires = tab.heard + self.ttl;
        self.next_expiry = Some(self.next_expiry.map_or(expires, |next| next.min(expires)));
        let presence = self.members.entry(user.clone()).or_insert_with(|| Presence::new(since));
        presence.since = presence.since.min(since);
        if presence.tabs.insert(name, tab).is_none() {
            self.tabs += 1;
        }
        self.settle(user);
        Ok(())
    }

    /// Removes tabs of a user, and tells of it once.
    fn remove(&mut self, user: &ByteString, tabs: &[ByteString]) {
        if let Some(presence) = self.members.get_mut(user) {
            for tab in tabs {
                self.tabs -= usize::from(presence.tabs.remove(tab).is_some());
            }
            self.settle(user);
        }
    }

    /// Removes the tabs that are not to stay.
    fn retain(&mut self, stays: impl Fn(&(ByteString, ByteString), &Tab) -> bool) {
        let mut gone: BTreeMap<ByteString, Vec<ByteString>> = BTreeMap::new();
        for (user, presence) in &self.members {
            for (name, tab) in &presence.tabs {
                let key = (user.clone(), name.clone());
                if !stays(&key, tab) {
                    gone.entry(key.0).or_default().push(key.1);
                }
            }
        }
        for (user, tabs) in gone {
            self.remove(&user, &tabs);
        }
    }

    /// Tells what is otherwise with a user than was told before.
    fn settle(&mut self, user: &ByteString) {
        let Some(presence) = self.members.get_mut(user) else { return };
        let told = presence.told.take();
        match (told, presence.fold(user)) {
            (None, Some(member)) => {
                presence.told = Some(member.clone());
                self.events.push_back(Event::Join(member));
            }
            (Some(told), Some(member)) => {
                presence.told = Some(member.clone());
                if (told.tabs, &told.data) != (member.tabs, &member.data) {
                    self.events.push_back(Event::Update(member));
                }
            }
            (told, None) => {
                self.members.remove(user);
                self.events.extend(told.map(Event::Leave));
            }
        }
    }
}
