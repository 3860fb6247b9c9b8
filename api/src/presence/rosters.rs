//! Who is on all channels.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use nats_proto::{
    ByteString, Instant, Subject,
    presence::{Address, Channel, ConnectionId, Event, Limits, Refused, Roster, Snapshot},
};

/// Channels at most.
const MAX_CHANNELS: usize = 20_000;
/// Tabs on all channels at most; with the largest data, some hundred megabytes.
const MAX_TABS: usize = 100_000;

/// The rosters of all channels that somebody is on.
#[derive(Debug)]
pub struct Rosters {
    ttl: Duration,
    channels: HashMap<Channel, Roster>,
    /// On which channels each user is.
    users: HashMap<ByteString, BTreeSet<Channel>>,
    tabs: usize,
    /// When a tab was last turned away since there were too many in all.
    turned_away: Option<Instant>,
}

impl Rosters {
    /// None yet.
    #[must_use]
    pub fn new(ttl: Duration) -> Self {
        Self { ttl, channels: HashMap::new(), users: HashMap::new(), tabs: 0, turned_away: None }
    }

    /// A message came on a subject of presence.
    ///
    /// # Errors
    /// [`Refused`], which says why it changed nothing.
    pub fn handle_message(
        &mut self,
        now: Instant,
        subject: &str,
        payload: &[u8],
    ) -> Result<(), Refused> {
        let Address { channel, user, tab } =
            Address::parse(subject).ok_or(Refused::OtherSubject)?;
        let known = self.channels.get(&channel);
        let is_known = known.is_some_and(|roster| roster.has_tab(&user, &tab));
        let is_full =
            self.tabs >= MAX_TABS || (known.is_none() && self.channels.len() >= MAX_CHANNELS);
        if is_full && !is_known {
            self.turned_away = Some(now);
            return Err(Refused::TooManyMembers);
        }
        let ttl = self.ttl;
        let new = || Roster::new(channel.clone(), ttl, Limits::default());
        let roster = self.channels.entry(channel.clone()).or_insert_with(new);
        let before = roster.tab_count();
        let result = roster.handle_message(now, subject, payload);
        self.settle(&channel, before);
        result
    }

    /// A connection of a user ended. Returns the subjects of the tabs that are gone by that.
    pub fn handle_disconnected(&mut self, user: &str, connection: &ConnectionId) -> Vec<Subject> {
        let channels: Vec<Channel> = self.users.get(user).into_iter().flatten().cloned().collect();
        let mut subjects = Vec::new();
        for channel in channels {
            let Some(roster) = self.channels.get_mut(&channel) else { continue };
            let before = roster.tab_count();
            let gone = roster.handle_disconnected(user, connection);
            // Both were read from a subject.
            subjects.extend(gone.iter().filter_map(|tab| channel.subject(user, tab).ok()));
            self.settle(&channel, before);
        }
        subjects
    }

    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        let is_due = |roster: &&Roster| roster.poll_timeout().is_some_and(|at| at <= now);
        let due: Vec<Channel> =
            self.channels.values().filter(is_due).map(|roster| roster.channel().clone()).collect();
        for channel in due {
            let Some(roster) = self.channels.get_mut(&channel) else { continue };
            let before = roster.tab_count();
            roster.handle_timeout(now);
            self.settle(&channel, before);
        }
    }

    /// Who is on a channel: up to `max` users after `after`. It is complete if the caller says that
    /// nobody was missed, and everybody found room.
    #[must_use]
    pub fn snapshot(
        &self,
        channel: &Channel,
        now: Instant,
        missed_nobody: bool,
        after: Option<&str>,
        max: usize,
    ) -> Snapshot {
        let found_room = self.turned_away.is_none_or(|at| now - at >= self.ttl);
        let complete = missed_nobody && found_room;
        match self.channels.get(channel) {
            Some(roster) => roster.snapshot(now, complete, after, max),
            None => Roster::new(channel.clone(), self.ttl, Limits::default())
                .snapshot(now, complete, after, max),
        }
    }

    /// Takes in what happened on a channel, which had so many tabs before.
    fn settle(&mut self, channel: &Channel, before: usize) {
        let Some(roster) = self.channels.get_mut(channel) else { return };
        self.tabs = self.tabs + roster.tab_count() - before;
        while let Some(event) = roster.poll_event() {
            match event {
                Event::Join(member) => {
                    self.users.entry(member.user).or_default().insert(channel.clone());
                }
                Event::Update(_) => {}
                Event::Leave(member) => {
                    if let Some(channels) = self.users.get_mut(&member.user) {
                        channels.remove(channel);
                        if channels.is_empty() {
                            self.users.remove(&member.user);
                        }
                    }
                }
            }
        }
        if roster.is_empty() {
            self.channels.remove(channel);
        }
    }
}

#[cfg(test)]
mod tests {
    use nats_proto::presence::Signal;

    use super::*;

    const TTL: Duration = Duration::from_secs(30);

    fn on(client: u64) -> ConnectionId {
        ConnectionId { server: "N1".into(), client }
    }

    fn here(client: u64) -> Vec<u8> {
        Signal::Here { connection: on(client), data: "x".into() }.write().unwrap()
    }

    fn user(letter: char) -> String {
        format!("U{}", String::from(letter).repeat(55))
    }

    #[test]
    fn an_ended_connection_takes_its_tabs_from_all_channels_and_no_others() {
        let mut rosters = Rosters::new(TTL);
        let now = Instant::ORIGIN;
        for (channel, tab, client) in [("7", "a", 1), ("8", "b", 1), ("8", "c", 2)] {
            let subject = format!("presence.room.{channel}.{}.{tab}", user('A'));
            rosters.handle_message(now, &subject, &here(client)).unwrap();
        }
        let other = format!("presence.room.7.{}.a", user('B'));
        rosters.handle_message(now, &other, &here(1)).unwrap();
        let gone = rosters.handle_disconnected(&user('A'), &on(1));
        let subject =
            |rest| format!("presence.room.{rest}").replace("A.", &format!("{}.", user('A')));
        assert_eq!(gone, [subject("7.A.a").into(), subject("8.A.b").into()] as [Subject; 2]);
        assert_eq!(rosters.handle_disconnected(&user('A'), &on(1)), [] as [Subject; 0]);
        assert_eq!((rosters.tabs, rosters.channels.len(), rosters.users.len()), (2, 2, 2));
        rosters.handle_timeout(now + TTL);
        assert_eq!((rosters.tabs, rosters.channels.len(), rosters.users.len()), (0, 0, 0));
    }

    #[test]
    fn nothing_that_strangers_send_makes_it_grow_without_bound() {
        let mut rosters = Rosters::new(TTL);
        let now = Instant::ORIGIN;
        for n in 0..=MAX_CHANNELS {
            let subject = format!("presence.room.{n}.{}.t", user('A'));
            // What is no signal opens no channel.
            rosters.handle_message(now, &subject, b"{}").unwrap_err();
            assert_eq!(rosters.channels.len(), n);
            let taken = rosters.handle_message(now, &subject, &here(1));
            assert_eq!(taken.is_ok(), n < MAX_CHANNELS);
        }
        let known = format!("presence.room.0.{}.t", user('A'));
        rosters.handle_message(now, &known, &here(1)).unwrap();
        let channel: Channel = "room:0".parse().unwrap();
        assert!(!rosters.snapshot(&channel, now, true, None, 1).complete);
        assert!(rosters.snapshot(&channel, now + TTL, true, None, 1).complete);
    }
}
