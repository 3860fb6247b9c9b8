//! Who is banned.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::{
    BanFileError, Target, UserId,
    issued::{Issued, RecordError},
    store::Store,
};
use crate::{auth::Identity, claims::UserKey, config::roles::MAX_TTL_SECONDS};

const FILE: &str = "bans.json";
/// Bans at once.
const MAX_BANS: usize = 10_000;
/// Seconds that a token from before a ban may live on, whatever its role was.
#[expect(clippy::cast_possible_wrap, reason = "a day")]
const LONGEST_TTL: i64 = MAX_TTL_SECONDS as i64;

/// One ban. Times are Unix seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ban {
    /// Tokens issued until now are worthless.
    pub since: i64,
    /// When it ends; absent means never.
    pub until: Option<i64>,
    /// The keys to be kept out.
    pub nkeys: BTreeSet<UserKey>,
}

impl Ban {
    fn holds(&self, now: i64) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// The file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Saved {
    version: u8,
    bans: Vec<SavedBan>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SavedBan {
    target: Target,
    ban: Ban,
}

/// A token is not to be given out.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// The caller or the key is banned.
    #[error("the caller or its key is banned")]
    Banned,
    /// It has tokens for more keys than can be kept account of.
    #[error("there are tokens for too many keys")]
    TooManyKeys,
    /// That it was given out could not be written down, so no ban would find it.
    #[error("the token could not be written down")]
    File(#[source] BanFileError),
}

/// A ban could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BanError {
    /// There are too many.
    #[error("there are {MAX_BANS} bans already")]
    Full,
    /// It holds, but is forgotten at the next start.
    #[error("the ban could not be written down")]
    File(#[source] BanFileError),
}

/// Who is banned, and which keys persons have tokens for. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct BanList(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    state: Mutex<State>,
    store: Option<Store>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    bans: BTreeMap<Target, Ban>,
    issued: Option<Issued>,
    /// Time of issue of the youngest token that was given out.
    youngest: i64,
}

impl BanList {
    /// Reads the directory, which is made if need be. `now` is in Unix seconds.
    ///
    /// # Errors
    /// [`BanFileError`] if it is too open, used by another process, unreadable, or not what this
    /// program wrote.
    pub fn open(dir: &Path, now: i64) -> Result<Self, BanFileError> {
        let store = Store::open(dir)?;
        let saved = match store.read(FILE)? {
            None => Saved { version: 1, bans: Vec::new() },
            Some(text) => serde_json::from_str(&text)
                .map_err(|error| BanFileError::new(&store.path(FILE), error))?,
        };
        let bans = saved.bans.into_iter().map(|saved| (saved.target, saved.ban)).collect();
        let issued = Some(Issued::load(&store, now)?);
        Ok(Self(Arc::new(Inner {
            state: Mutex::new(State { bans, issued, youngest: 0 }),
            store: Some(store),
            changed: Notify::new(),
        })))
    }

    /// Settles whether a token may be given out that was minted before this call, and writes it down
    /// if so. A ban that comes later finds it, and is not earlier than its time of issue, `now`.
    ///
    /// # Errors
    /// One variant of [`AdmitError`] for each reason not to.
    pub fn admit(
        &self,
        identity: &Identity,
        nkey: &UserKey,
        expires_at: i64,
        now: i64,
    ) -> Result<(), AdmitError> {
        let user = UserId::of(identity);
        let mut state = self.state();
        let is_banned = |target: &Target| state.bans.get(target).is_some_and(|ban| ban.holds(now));
        if is_banned(&Target::Nkey(nkey.clone()))
            || user.as_ref().is_some_and(|user| is_banned(&Target::User(user.clone())))
        {
            return Err(AdmitError::Banned);
        }
        if let (Some(user), Some(store)) = (user, &self.0.store)
            && let Some(issued) = &mut state.issued
        {
            issued.record(store, user, nkey.clone(), expires_at, now).map_err(
                |error| match error {
                    RecordError::Full => AdmitError::TooManyKeys,
                    RecordError::File(error) => AdmitError::File(error),
                },
            )?;
        }
        state.youngest = state.youngest.max(now);
        Ok(())
    }

    /// Whether a person is banned now. A key may be, besides: [`BanList::admit`] decides.
    #[must_use]
    pub fn is_banned(&self, identity: &Identity, now: i64) -> bool {
        let target = UserId::of(identity).map(Target::User);
        target
            .is_some_and(|target| self.state().bans.get(&target).is_some_and(|ban| ban.holds(now)))
    }

    /// Bans somebody from now until then; where that is so already, only the end may change. When
    /// this returns, it is on the disk.
    ///
    /// # Errors
    /// * [`BanError::Full`]: nothing has changed.
    /// * [`BanError::File`]: the ban holds until this process ends.
    pub fn ban(&self, target: Target, until: Option<i64>, now: i64) -> Result<Ban, BanError> {
        let mut state = self.state();
        let since = now.max(state.youngest);
        state.bans.retain(|_, ban| ban.holds(now));
        if state.bans.len() >= MAX_BANS && !state.bans.contains_key(&target) {
            return Err(BanError::Full);
        }
        let nkeys = match &target {
            Target::Nkey(nkey) => vec![nkey.clone()],
            Target::User(user) => {
                state.issued.as_ref().map(|issued| issued.keys(user, now)).unwrap_or_default()
            }
        };
        let ban = state.bans.entry(target).or_insert_with(|| Ban {
            since,
            until,
            nkeys: BTreeSet::new(),
        });
        ban.until = until;
        ban.nkeys.extend(nkeys);
        let ban = ban.clone();
        if let Some(store) = &self.0.store {
            let bans = state
                .bans
                .iter()
                .map(|(target, ban)| SavedBan { target: target.clone(), ban: ban.clone() })
                .collect();
            serde_json::to_vec(&Saved { version: 1, bans })
                .map_err(|error| BanFileError::new(&store.path(FILE), error))
                .and_then(|json| store.replace(FILE, &json))
                .map_err(BanError::File)?;
        }
        Ok(ban)
    }

    /// The keys that may still have a token from before their ban.
    #[must_use]
    pub fn kept_out(&self, now: i64) -> BTreeSet<UserKey> {
        let state = self.state();
        let holding = state.bans.values().filter(|ban| ban.holds(now));
        holding
            .filter(|ban| now <= ban.since.saturating_add(LONGEST_TTL))
            .flat_map(|ban| ban.nkeys.iter().cloned())
            .collect()
    }

    /// Wakes who waits for [`Self::changed`].
    pub(super) fn tell_changed(&self) {
        self.0.changed.notify_one();
    }

    /// Waits until there are keys to keep out that were not there before, and that the connections
    /// there are have been dealt with.
    ///
    /// # Cancel safety
    /// Cancel safe. One waiter at a time.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing that is done under the lock leaves it half done.
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::PermissionsExt};

    use serde_json::Map;

    use super::*;
    use crate::claims::UserPair;

    const NOW: i64 = 1_800_000_000;

    fn key(n: u8) -> UserKey {
        UserPair::from_random([n; 32]).unwrap().public().clone()
    }

    fn user(subject: &str) -> Identity {
        Identity::User { issuer: "i".into(), subject: subject.into(), claims: Map::new() }
    }

    fn open(dir: &Path) -> BanList {
        BanList::open(&dir.join("bans"), NOW).unwrap()
    }

    #[test]
    fn a_banned_key_and_a_banned_person_get_nothing_and_others_do() {
        let dir = tempfile::tempdir().unwrap();
        let bans = open(dir.path());
        bans.admit(&user("ann"), &key(1), NOW + 900, NOW).unwrap();
        let ban = bans.ban(Target::User(UserId::new("i", "ann")), None, NOW).unwrap();
        assert_eq!(ban.nkeys, BTreeSet::from([key(1)]));
        bans.ban(Target::Nkey(key(9)), None, NOW).unwrap();
        for (caller, nkey) in [(&user("ann"), 2), (&user("bob"), 9), (&Identity::Guest, 9)] {
            let refused = bans.admit(caller, &key(nkey), NOW + 900, NOW);
            assert!(matches!(refused, Err(AdmitError::Banned)), "{caller:?} {nkey}");
        }
        bans.admit(&user("bob"), &key(3), NOW + 900, NOW).unwrap();
        bans.admit(&Identity::Guest, &key(4), NOW + 900, NOW).unwrap();
    }

    #[test]
    fn a_ban_is_there_after_a_restart_and_ends_when_it_should() {
        let dir = tempfile::tempdir().unwrap();
        let bans = open(dir.path());
        bans.ban(Target::Nkey(key(1)), Some(NOW + 10), NOW).unwrap();
        drop(bans);
        let bans = open(dir.path());
        assert!(bans.admit(&Identity::Guest, &key(1), NOW + 900, NOW + 9).is_err());
        assert_eq!(bans.kept_out(NOW + 9), BTreeSet::from([key(1)]));
        bans.admit(&Identity::Guest, &key(1), NOW + 900, NOW + 10).unwrap();
        assert!(bans.kept_out(NOW + 10).is_empty());
    }

    #[test]
    fn a_second_call_keeps_the_beginning_and_moves_the_end() {
        let dir = tempfile::tempdir().unwrap();
        let bans = open(dir.path());
        let first = bans.ban(Target::Nkey(key(1)), None, NOW).unwrap();
        assert_eq!(bans.ban(Target::Nkey(key(1)), None, NOW + 5).unwrap(), first);
        let moved = bans.ban(Target::Nkey(key(1)), Some(NOW + 8), NOW + 6).unwrap();
        assert_eq!((moved.since, moved.until), (NOW, Some(NOW + 8)));
    }

    #[test]
    fn files_that_are_open_or_not_ours_stop_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let bans = open(dir.path());
        bans.ban(Target::Nkey(key(1)), None, NOW).unwrap();
        let path = dir.path().join("bans");
        let refusal = || BanList::open(&path, NOW).unwrap_err().to_string();
        assert!(refusal().contains("another `api`"));
        drop(bans);
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        assert_eq!(fs::metadata(path.join(FILE)).unwrap().permissions().mode() & 0o777, 0o600);
        mode(&path.join(FILE), 0o640);
        assert!(refusal().contains("0640, more open than 0600"), "{}", refusal());
        mode(&path.join(FILE), 0o600);
        mode(&path, 0o750);
        assert!(refusal().contains("0750, more open than 0700"), "{}", refusal());
        mode(&path, 0o700);
        let saved = fs::read(path.join(FILE)).unwrap();
        fs::write(path.join(FILE), &saved[..saved.len() - 1]).unwrap();
        assert!(refusal().contains("bans.json"), "{}", refusal());
        fs::write(path.join(FILE), &saved).unwrap();
        fs::write(path.join("issued.log"), "nonsense\n").unwrap();
        assert!(refusal().contains("line 1"), "{}", refusal());
    }
}
