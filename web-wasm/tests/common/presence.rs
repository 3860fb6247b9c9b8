//! Presence: who is on a channel.

use core::time::Duration;
use std::cell::Cell;
use std::rc::Rc;

use futures_util::StreamExt;
use serde_json::{Value, json};
use web_wasm::Client;
use web_wasm::platform::LocalBoxFuture;
use web_wasm::presence::{
    Channel, Event, JoinError, Member, Presence, PresenceExt, Snapshot, SnapshotMember,
    SnapshotTab, Snapshots, SnapshotsError, TabError,
};

use super::{client, expect_event};
use crate::env;

/// A channel that no other test uses.
fn channel(client: &Client) -> Channel {
    let unique = client.new_inbox().to_lowercase().replace(['.', '_'], "-");
    Channel::new("room", unique.trim_start_matches('-')).unwrap()
}

/// The key of a user with this letter. The server of these tests lets anybody be anybody.
fn user(letter: char) -> String {
    format!("U{}", String::from(letter).repeat(55))
}

/// What happens next, in short: what it is, who, and with how many tabs.
async fn next(presence: &mut Presence) -> (char, char, usize) {
    let short = |what, member: Member| (what, member.user.chars().last().unwrap(), member.tabs);
    match env::within(presence.next()).await.expect("it goes on") {
        Event::Join(member) => short('+', member),
        Event::Update(member) => short('~', member),
        Event::Leave(member) => short('-', member),
    }
}

pub(crate) async fn presence() {
    let (ann, bob) = (client("ann").await, client("bob").await);
    let room = channel(&ann);
    let mut seen = bob.presence(room.clone()).watch().await.unwrap();
    let mut first = ann.presence(room.clone()).join(user('A'), json!("Ann")).await.unwrap();
    assert_eq!(next(&mut seen).await, ('+', 'A', 1));
    assert_eq!(seen.members()[0].data, "Ann");
    assert_eq!(next(&mut first).await, ('+', 'A', 1), "it sees itself");

    let second = bob.presence(room.clone()).join(user('A'), json!("Ann")).await.unwrap();
    assert_eq!(next(&mut seen).await, ('~', 'A', 2));
    first.set_data(json!("Ann B.")).unwrap();
    assert_eq!(next(&mut seen).await, ('~', 'A', 2));
    assert_eq!(seen.members()[0].data, "Ann B.");
    let large = first.set_data(json!("x".repeat(600)));
    assert!(large.is_err(), "{large:?}");

    second.leave().await.unwrap();
    assert_eq!(next(&mut seen).await, ('~', 'A', 1));
    drop(first);
    assert_eq!(next(&mut seen).await, ('-', 'A', 1));
    assert!(seen.members().is_empty() && seen.snapshot_error().is_none());

    let none = ann.presence(room.clone()).join("nobody", Value::Null).await;
    assert_eq!(none.unwrap_err(), JoinError::User(TabError::User));
    let large = ann.presence(room).join(user('A'), json!("x".repeat(600))).await;
    assert!(matches!(large.unwrap_err(), JoinError::Data(_)));
    bob.close().await.unwrap();
    assert!(env::within(seen.next()).await.is_none() && seen.end_reason().is_some());
}

/// A tab that ends without a word is gone after the ttl, and one that goes on stays for longer.
pub(crate) async fn presence_of_who_is_silent() {
    let (ann, bob) = (client("ann").await, client("bob").await);
    let room = channel(&ann);
    let ttl = Duration::from_secs(6);
    let builder = |client: &Client| client.presence(room.clone()).ttl(ttl);
    let mut seen = builder(&bob).join(user('B'), Value::Null).await.unwrap();
    let _silent = builder(&ann).join(user('A'), Value::Null).await.unwrap();
    let mut joined = vec![next(&mut seen).await, next(&mut seen).await];
    joined.sort_unstable();
    assert_eq!(joined, [('+', 'A', 1), ('+', 'B', 1)]);
    ann.close().await.unwrap();
    assert_eq!(next(&mut seen).await, ('-', 'A', 1));
    assert_eq!(seen.members().len(), 1, "who says again to be there stays");
}

/// Somebody who has always known one user, and counts how often that was asked.
#[derive(Default)]
struct Knows {
    asked: Cell<u32>,
    fails: Cell<bool>,
}

impl Snapshots for Knows {
    fn snapshot<'a>(
        &'a self,
        channel: &'a Channel,
    ) -> LocalBoxFuture<'a, Result<Snapshot, SnapshotsError>> {
        self.asked.set(self.asked.get() + 1);
        let tab = SnapshotTab { id: "t".into(), server: "N".into(), ..SnapshotTab::default() };
        let member =
            SnapshotMember { nkey: user('C'), tabs: vec![tab], ..SnapshotMember::default() };
        let members = if self.asked.get() == 1 { vec![member] } else { Vec::new() };
        let snapshot = Snapshot {
            channel: channel.to_string(),
            ttl_ms: 90_000,
            complete: self.asked.get() == 1,
            members,
            next: None,
        };
        let answer = if self.fails.take() {
            Err(SnapshotsError::Unreachable("as the test wants".into()))
        } else {
            Ok(snapshot)
        };
        Box::pin(async move { answer })
    }
}

/// What was before, and what was missed, is known by snapshots; and a tab says where it is after each
/// interruption.
pub(crate) async fn presence_over_reconnects() {
    let (ann, bob) = (client("ann").await, client("bob").await);
    let room = channel(&ann);
    let knows = Rc::new(Knows::default());
    let builder = bob.presence(room.clone()).snapshots(Rc::clone(&knows));
    let mut seen = builder.watch().await.unwrap();
    assert_eq!(next(&mut seen).await, ('+', 'C', 1));
    let mut anns = ann.presence(room.clone()).join(user('A'), Value::Null).await.unwrap();
    assert_eq!(next(&mut seen).await, ('+', 'A', 1));

    // Ann leaves by word of the connection that she had before: it is not hers any more.
    let mut events = ann.events();
    ann.force_reconnect();
    expect_event(&mut events, |event| matches!(event, web_wasm::Event::Connected { .. })).await;
    anns.set_data(json!("still here")).unwrap();
    assert_eq!(next(&mut seen).await, ('~', 'A', 1));
    assert_eq!(next(&mut anns).await, ('+', 'A', 1));
    assert_eq!(next(&mut anns).await, ('~', 'A', 1), "it hears itself again");

    let asked = knows.asked.get();
    knows.fails.set(true);
    let mut events = bob.events();
    bob.force_reconnect();
    expect_event(&mut events, |event| matches!(event, web_wasm::Event::Connected { .. })).await;
    drop(anns);
    assert_eq!(next(&mut seen).await, ('-', 'A', 1));
    assert!(knows.asked.get() > asked);
    assert!(matches!(seen.snapshot_error(), Some(SnapshotsError::Unreachable(_))));
    assert_eq!(seen.members().len(), 1, "an API that fails takes nobody away");
}
