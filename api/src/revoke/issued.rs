//! Which keys a person has tokens for.
//!
//! A ban of a person must find every key that a token was minted for and has not ended. The tokens
//! themselves cannot tell: what a server lists of its connections is only what their holders logged
//! in with, and who is away now may come back. So each is written down, in memory and in a file that
//! is only added to, one line a token, and forgotten when the token has ended.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write as _,
    fs::File,
    io::Write as _,
};

use super::{
    BanFileError, UserId,
    store::{BanFileProblem, Store},
};
use crate::claims::UserKey;

const FILE: &str = "issued.log";
/// Keys of one person with tokens that have not ended. Who wants more must wait: the oldest must not
/// be forgotten instead, or a ban could be slipped out of.
pub(super) const MAX_PER_USER: usize = 256;
/// Keys of all persons.
pub(super) const MAX_IN_ALL: usize = 500_000;
/// Lines that the file may have beyond twice what it is about.
const SPARE_LINES: usize = 4_096;

/// The keys of each person, with when the last token of each ends.
#[derive(Debug)]
pub(super) struct Issued {
    live: HashMap<UserId, BTreeMap<UserKey, i64>>,
    count: usize,
    lines: usize,
    file: File,
}

/// A token was not written down.
#[derive(Debug)]
pub(super) enum RecordError {
    /// There are too many.
    Full,
    /// The file could not be written.
    File(BanFileError),
}

impl Issued {
    /// Reads the file, and writes it anew without what has ended.
    pub(super) fn load(store: &Store, now: i64) -> Result<Self, BanFileError> {
        let text = store.read(FILE)?.unwrap_or_default();
        let mut issued =
            Self { live: HashMap::new(), count: 0, lines: 0, file: store.append(FILE)? };
        for (index, line) in text.split_inclusive('\n').enumerate() {
            // A crash may have cut the last line short; its token was never given out.
            let Some(line) = line.strip_suffix('\n') else { break };
            let (user, nkey, expires_at) = parse(line).ok_or_else(|| {
                BanFileError::new(&store.path(FILE), BanFileProblem::Malformed(index + 1))
            })?;
            issued.insert(user, nkey, expires_at);
        }
        issued.compact(store, now)?;
        Ok(issued)
    }

    /// Writes down a token. It reaches the operating system before this returns, and the disk when
    /// that sees fit: a crash of the machine, not of the process, loses the last seconds.
    pub(super) fn record(
        &mut self,
        store: &Store,
        user: UserId,
        nkey: UserKey,
        expires_at: i64,
        now: i64,
    ) -> Result<(), RecordError> {
        let keys = self.live.get(&user);
        if keys.is_none_or(|keys| !keys.contains_key(&nkey)) {
            if keys.is_some_and(|keys| keys.len() >= MAX_PER_USER) || self.count >= MAX_IN_ALL {
                self.forget(now);
            }
            let of_user = self.live.get(&user).map_or(0, BTreeMap::len);
            if of_user >= MAX_PER_USER || self.count >= MAX_IN_ALL {
                return Err(RecordError::Full);
            }
        }
        let mut line = String::new();
        add_line(&mut line, &user, &nkey, expires_at);
        self.file
            .write_all(line.as_bytes())
            .map_err(|error| RecordError::File(BanFileError::new(&store.path(FILE), error)))?;
        self.insert(user, nkey, expires_at);
        if self.lines > 2 * self.count + SPARE_LINES {
            self.compact(store, now).map_err(RecordError::File)?;
        }
        Ok(())
    }

    /// The keys of a person that have a token now.
    pub(super) fn keys(&self, user: &UserId, now: i64) -> Vec<UserKey> {
        let keys = self.live.get(user).into_iter().flatten();
        keys.filter(|(_, ends)| **ends >= now).map(|(key, _)| key.clone()).collect()
    }

    fn insert(&mut self, user: UserId, nkey: UserKey, expires_at: i64) {
        self.lines += 1;
        let ends = self.live.entry(user).or_default().entry(nkey).or_insert_with(|| {
            self.count += 1;
            expires_at
        });
        *ends = expires_at.max(*ends);
    }

    fn forget(&mut self, now: i64) {
        self.live.retain(|_, keys| {
            keys.retain(|_, ends| *ends >= now);
            !keys.is_empty()
        });
        self.count = self.live.values().map(BTreeMap::len).sum();
    }

    fn compact(&mut self, store: &Store, now: i64) -> Result<(), BanFileError> {
        self.forget(now);
        let mut text = String::new();
        for (user, keys) in &self.live {
            for (nkey, expires_at) in keys {
                add_line(&mut text, user, nkey, *expires_at);
            }
        }
        store.replace(FILE, text.as_bytes())?;
        self.file = store.append(FILE)?;
        self.lines = self.count;
        Ok(())
    }
}

fn add_line(text: &mut String, user: &UserId, nkey: &UserKey, expires_at: i64) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{expires_at} {user} {nkey}");
}

/// What [`add_line`] wrote, without the end of the line.
fn parse(line: &str) -> Option<(UserId, UserKey, i64)> {
    let mut words = line.split(' ');
    let (expires_at, user, nkey) = (words.next()?, words.next()?, words.next()?);
    let parsed = (user.parse().ok()?, UserKey::parse(nkey).ok()?, expires_at.parse().ok()?);
    words.next().is_none().then_some(parsed)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::claims::UserPair;

    const NOW: i64 = 1_800_000_000;

    fn key(n: u16) -> UserKey {
        let mut bytes = [0; 32];
        bytes[..2].copy_from_slice(&n.to_be_bytes());
        UserPair::from_random(bytes).unwrap().public().clone()
    }

    fn ann() -> UserId {
        UserId::new("https://id.example", "ann")
    }

    #[test]
    fn what_was_issued_is_known_after_a_restart_until_it_ends() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bans");
        let store = Store::open(&path).unwrap();
        let mut issued = Issued::load(&store, NOW).unwrap();
        issued.record(&store, ann(), key(1), NOW + 10, NOW).unwrap();
        issued.record(&store, ann(), key(2), NOW + 20, NOW).unwrap();
        // As a crash within a write leaves it.
        fs::write(
            path.join(FILE),
            format!("{}{}", fs::read_to_string(path.join(FILE)).unwrap(), NOW),
        )
        .unwrap();

        let mut again = Issued::load(&store, NOW + 15).unwrap();
        assert_eq!(again.keys(&ann(), NOW + 15), [key(2)]);
        assert!(again.keys(&UserId::new("https://id.example", "bob"), NOW).is_empty());
        again.record(&store, ann(), key(3), NOW + 30, NOW + 15).unwrap();
        assert_eq!(Issued::load(&store, NOW + 15).unwrap().keys(&ann(), NOW + 15).len(), 2);
    }

    #[test]
    fn nobody_makes_it_forget_a_key_by_asking_for_many() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("bans")).unwrap();
        let mut issued = Issued::load(&store, NOW).unwrap();
        for n in 0..256 {
            issued.record(&store, ann(), key(n), NOW + 10, NOW).unwrap();
        }
        let full = issued.record(&store, ann(), key(999), NOW + 10, NOW);
        assert!(matches!(full, Err(RecordError::Full)));
        issued.record(&store, ann(), key(0), NOW + 20, NOW).unwrap();
        issued.record(&store, ann(), key(999), NOW + 30, NOW + 11).unwrap();
        let mut left = issued.keys(&ann(), NOW + 11);
        left.sort();
        let mut expected = vec![key(0), key(999)];
        expected.sort();
        assert_eq!(left, expected);
    }

    #[test]
    fn renewals_do_not_make_the_file_grow() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("bans")).unwrap();
        let mut issued = Issued::load(&store, NOW).unwrap();
        let nkey = key(1);
        for n in 0..10_000 {
            issued.record(&store, ann(), nkey.clone(), NOW + n, NOW).unwrap();
        }
        let lines = store.read(FILE).unwrap().unwrap().lines().count();
        assert!(lines <= SPARE_LINES + 3, "{lines}");
    }
}
