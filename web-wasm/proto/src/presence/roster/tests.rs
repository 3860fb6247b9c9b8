use alloc::format;
use alloc::string::String;
use alloc::vec;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::snapshots::MAX_LEAVES;
use super::*;
use crate::presence::Snapshot;

const TTL: Duration = Duration::from_secs(30);

fn at(seconds: u64) -> Instant {
    Instant::from_origin(Duration::from_secs(1_000 + seconds))
}

fn channel() -> Channel {
    "room:7".parse().unwrap()
}

fn roster() -> Roster {
    Roster::new(channel(), TTL, Limits { members: 3, tabs: 2 })
}

/// The key of the user with this letter.
fn user(letter: char) -> String {
    format!("U{}", String::from(letter).repeat(55))
}

fn on(client: u64) -> ConnectionId {
    ConnectionId { server: "N1".into(), client }
}

fn here(client: u64, data: Value) -> Vec<u8> {
    Signal::Here { connection: on(client), data }.write().unwrap()
}

fn gone(client: u64) -> Vec<u8> {
    Signal::Gone { connection: on(client) }.write().unwrap()
}

fn subject(letter: char, tab: &str) -> crate::Subject {
    channel().subject(&user(letter), tab).unwrap()
}

/// What happened, in short: `+A1` for a join with one tab, `~A2"x"` for an update, `-A`.
fn told(roster: &mut Roster) -> Vec<String> {
    core::iter::from_fn(|| roster.poll_event())
        .map(|event| match event {
            Event::Join(m) => format!("+{}{}{}", &m.user[1..2], m.tabs, m.data),
            Event::Update(m) => format!("~{}{}{}", &m.user[1..2], m.tabs, m.data),
            Event::Leave(m) => format!("-{}", &m.user[1..2]),
        })
        .collect()
}

#[test]
fn tabs_of_a_user_are_folded() {
    let mut roster = roster();
    roster.handle_message(at(0), &subject('A', "t1"), &here(1, json!("x"))).unwrap();
    roster.handle_message(at(1), &subject('A', "t2"), &here(2, json!("y"))).unwrap();
    roster.handle_message(at(2), &subject('A', "t1"), &here(1, json!("x"))).unwrap();
    assert_eq!(told(&mut roster), ["+A1\"x\"", "~A2\"y\""], "a repeated signal is no news");
    roster.handle_message(at(3), &subject('A', "t1"), &here(1, json!("z"))).unwrap();
    roster.handle_message(at(4), &subject('A', "t1"), &gone(1)).unwrap();
    assert_eq!(told(&mut roster), ["~A2\"z\"", "~A1\"y\""]);
    roster.handle_message(at(5), &subject('A', "t2"), &gone(2)).unwrap();
    assert_eq!(told(&mut roster), ["-A"]);
    assert_eq!((roster.len(), roster.tab_count(), roster.poll_timeout().is_some()), (0, 0, true));
    roster.handle_timeout(at(100));
    assert_eq!(roster.poll_timeout(), None);
}

#[test]
fn who_is_not_heard_for_a_ttl_is_gone_and_not_before() {
    let mut roster = roster();
    roster.handle_message(at(0), &subject('A', "t"), &here(1, Value::Null)).unwrap();
    roster.handle_message(at(10), &subject('B', "t"), &here(2, Value::Null)).unwrap();
    roster.handle_message(at(20), &subject('A', "t"), &here(1, Value::Null)).unwrap();
    told(&mut roster);
    assert_eq!(roster.poll_timeout(), Some(at(30)));
    roster.handle_timeout(at(30));
    assert_eq!((told(&mut roster), roster.poll_timeout()), (vec![], Some(at(40))));
    roster.handle_timeout(at(40));
    assert_eq!((told(&mut roster), roster.poll_timeout()), (vec!["-B".into()], Some(at(50))));
    roster.set_ttl(Duration::from_secs(60));
    roster.handle_timeout(at(79));
    assert_eq!((told(&mut roster), roster.poll_timeout()), (vec![], Some(at(80))));
    roster.handle_timeout(at(80));
    assert_eq!(told(&mut roster), ["-A"]);
}

#[test]
fn a_leave_counts_only_for_the_connection_that_it_names() {
    let mut roster = roster();
    let tab = subject('A', "t");
    roster.handle_message(at(0), &tab, &here(1, Value::Null)).unwrap();
    // It went on over another connection before its server told of the end of the first.
    roster.handle_message(at(1), &tab, &here(2, Value::Null)).unwrap();
    let late = roster.handle_message(at(2), &tab, &gone(1));
    assert_eq!(late, Err(Refused::OtherConnection));
    assert_eq!(roster.handle_disconnected(&user('A'), &on(1)), [] as [ByteString; 0]);
    assert_eq!(roster.handle_disconnected(&user('B'), &on(2)), [] as [ByteString; 0]);
    assert_eq!(told(&mut roster), ["+A1null"]);
    assert_eq!(roster.handle_disconnected(&user('A'), &on(2)), ["t"]);
    assert_eq!(told(&mut roster), ["-A"]);
}

#[test]
fn strangers_fill_nothing_beyond_the_limits_and_come_in_once_there_is_room() {
    let mut roster = roster();
    for n in 0..10_000 {
        let tab = subject('A', &format!("t{n}"));
        let put = roster.handle_message(at(0), &tab, &here(1, Value::Null));
        assert_eq!(put, if n < 2 { Ok(()) } else { Err(Refused::TooManyTabs) });
    }
    assert!(!roster.is_overfull(at(0)), "the user is there");
    for letter in ['B', 'C'] {
        roster.handle_message(at(1), &subject(letter, "t"), &here(2, Value::Null)).unwrap();
    }
    let late = roster.handle_message(at(2), &subject('D', "t"), &here(3, Value::Null));
    assert_eq!(late, Err(Refused::TooManyMembers));
    assert_eq!((roster.len(), roster.tab_count()), (3, 4));
    assert!(roster.is_overfull(at(2)) && !roster.snapshot(at(2), true, None, 9).complete);
    told(&mut roster);
    roster.handle_timeout(at(30));
    roster.handle_message(at(30), &subject('D', "t"), &here(3, Value::Null)).unwrap();
    assert_eq!(told(&mut roster), ["-A", "+D1null"]);
    assert!(!roster.is_overfull(at(32)));
}

#[test]
fn what_is_no_signal_changes_nothing() {
    let mut roster = roster();
    let other: Channel = "room:8".parse().unwrap();
    let other = other.subject(&user('A'), "t").unwrap();
    let refused = roster.handle_message(at(0), &other, &here(1, Value::Null));
    assert_eq!(refused, Err(Refused::OtherSubject));
    let refused = roster.handle_message(at(0), &subject('A', "t"), b"{}");
    assert!(matches!(refused, Err(Refused::Signal(SignalError::Malformed(_)))));
    let large = vec![b' '; 2_000];
    let refused = roster.handle_message(at(0), &subject('A', "t"), &large);
    assert_eq!(refused, Err(Refused::Signal(SignalError::TooLarge { len: 2_000 })));
    let refused = roster.handle_message(at(0), &subject('A', "t"), &gone(1));
    assert_eq!(refused, Err(Refused::OtherConnection));
    assert!(roster.is_empty() && roster.poll_event().is_none());
}

/// A reader that was there all the time, and one that comes with its snapshot.
#[test]
fn a_snapshot_makes_a_newcomer_know_what_the_others_know() {
    let mut old = roster();
    old.handle_message(at(0), &subject('A', "t1"), &here(1, json!("x"))).unwrap();
    old.handle_message(at(5), &subject('A', "t2"), &here(2, json!("y"))).unwrap();
    old.handle_message(at(6), &subject('B', "t"), &here(3, Value::Null)).unwrap();
    let mut new = roster();
    new.expect_snapshot(at(10));
    // B left and C came before the snapshot did, which was made before that.
    new.handle_message(at(11), &subject('B', "t"), &gone(3)).unwrap_err();
    new.handle_message(at(11), &subject('C', "t"), &here(4, Value::Null)).unwrap();
    let snapshot = old.snapshot(at(10), true, None, 9);
    assert!(snapshot.complete && snapshot.next.is_none());
    let json = serde_json::to_vec(&snapshot).unwrap();
    new.handle_snapshot(at(12), &Snapshot::read(&json).unwrap()).unwrap();
    assert_eq!(told(&mut new), ["+C1null", "+A1\"x\"", "~A2\"y\""]);
    assert_eq!(new.members().next().unwrap().since, at(0));
    new.handle_timeout(at(30));
    assert_eq!(told(&mut new), ["~A1\"y\""], "it counts from when the other heard it");
}

#[test]
fn a_snapshot_after_a_gap_tells_who_left_meanwhile() {
    let mut roster = roster();
    roster.handle_message(at(0), &subject('A', "t"), &here(1, Value::Null)).unwrap();
    roster.handle_message(at(9), &subject('B', "t"), &here(2, Value::Null)).unwrap();
    told(&mut roster);
    let mut nobody = Snapshot { complete: false, ..Snapshot::default() };
    roster.expect_snapshot(at(10));
    roster.handle_snapshot(at(10), &nobody).unwrap();
    assert_eq!(told(&mut roster), [] as [String; 0], "its reader has only begun");
    nobody.complete = true;
    roster.handle_snapshot(at(10), &nobody).unwrap();
    assert_eq!(told(&mut roster), [] as [String; 0], "nobody asked for it");
    roster.expect_snapshot(at(10));
    roster.handle_snapshot(at(10), &nobody).unwrap();
    assert_eq!(told(&mut roster), ["-A"], "B's signal may not have been there yet");
}

#[test]
fn a_snapshot_during_which_too_much_happened_is_asked_for_again() {
    let mut roster = roster();
    roster.expect_snapshot(at(0));
    for n in 0..=MAX_LEAVES {
        let _ = roster.handle_message(at(0), &subject('A', &format!("t{n}")), &gone(1));
    }
    let snapshot = Snapshot::default();
    assert_eq!(roster.handle_snapshot(at(1), &snapshot), Err(SnapshotOverrun));
    roster.expect_snapshot(at(1));
    assert_eq!(roster.handle_snapshot(at(1), &snapshot), Ok(()));
}

#[test]
fn snapshots_come_in_parts_in_the_order_of_keys() {
    let mut roster = roster();
    for letter in ['C', 'A', 'B'] {
        roster.handle_message(at(0), &subject(letter, "t"), &here(1, Value::Null)).unwrap();
    }
    let mut whole = roster.snapshot(at(1), true, None, 2);
    assert_eq!(whole.next, Some(user('B')));
    let rest = roster.snapshot(at(1), true, whole.next.as_deref(), 2);
    assert_eq!((rest.members.len(), &rest.next), (1, &None));
    whole.append(rest);
    assert_eq!(whole, roster.snapshot(at(1), true, None, 3));
}

/// Something that happens to a roster in the property test.
#[derive(Clone, Debug)]
enum Step {
    Wait(u64),
    Here(u8, u8, u64, u8),
    Gone(u8, u8, u64),
    Ended(u8, u64),
    Ask,
    Answer(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (user, tab, client) = (0..5_u8, 0..4_u8, 0..3_u64);
    let step = prop_oneof![
        (0..20_u64).prop_map(Step::Wait),
        (user.clone(), tab.clone(), client.clone(), 0..3_u8)
            .prop_map(|(u, t, c, d)| Step::Here(u, t, c, d)),
        (user.clone(), tab, client.clone()).prop_map(|(u, t, c)| Step::Gone(u, t, c)),
        (user, client).prop_map(|(u, c)| Step::Ended(u, c)),
        Just(Step::Ask),
        any::<bool>().prop_map(Step::Answer),
    ];
    prop::collection::vec(step, 0..80)
}

proptest! {
    /// Whatever happens: events alone tell who is there, nobody joins twice or leaves unseen, the
    /// limits hold, and everybody who is silent is gone after a ttl.
    #[test]
    fn events_and_members_agree(steps in steps()) {
        let letter = |n: u8| char::from(b'A' + n);
        let mut roster = roster();
        let mut snapshot = Snapshot::default();
        let mut known = BTreeMap::new();
        let mut now = at(0);
        for step in steps {
            match step {
                Step::Wait(seconds) => now = now + Duration::from_secs(seconds),
                Step::Here(user, tab, client, data) => {
                    let tab = subject(letter(user), &format!("t{tab}"));
                    let _ = roster.handle_message(now, &tab, &here(client, json!(data)));
                }
                Step::Gone(user, tab, client) => {
                    let tab = subject(letter(user), &format!("t{tab}"));
                    let _ = roster.handle_message(now, &tab, &gone(client));
                }
                Step::Ended(n, client) => {
                    roster.handle_disconnected(&user(letter(n)), &on(client));
                }
                Step::Ask => {
                    roster.expect_snapshot(now);
                    snapshot = roster.snapshot(now, true, None, 9);
                }
                Step::Answer(complete) => {
                    snapshot.complete = complete;
                    roster.handle_snapshot(now, &snapshot).unwrap();
                }
            }
            roster.handle_timeout(now);
            while let Some(event) = roster.poll_event() {
                match event {
                    Event::Join(m) => prop_assert!(known.insert(m.user.clone(), m).is_none()),
                    Event::Update(m) => prop_assert!(known.insert(m.user.clone(), m).is_some()),
                    Event::Leave(m) => prop_assert!(known.remove(&m.user).is_some()),
                }
            }
            let shown = |m: &Member| (m.user.clone(), m.tabs, m.data.clone());
            prop_assert!(roster.members().map(|m| shown(&m)).eq(known.values().map(shown)));
            prop_assert_eq!(roster.len(), known.len());
            prop_assert_eq!(roster.tab_count(), known.values().map(|m| m.tabs).sum::<usize>());
            prop_assert!(known.len() <= 3 && known.values().all(|m| (1..=2).contains(&m.tabs)));
            prop_assert!(roster.poll_timeout().is_none_or(|at| at > now));
            prop_assert!(roster.is_empty() || roster.poll_timeout().is_some());
        }
        roster.handle_timeout(now + TTL);
        prop_assert!(roster.is_empty());
    }
}
