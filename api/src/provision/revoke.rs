//! Naming users in the account's JWT whose tokens no longer count.

use std::collections::BTreeMap;

use super::{KeysDir, Update, UpdateError};
use crate::{claims::UserKey, config::roles::MAX_TTL_SECONDS};

/// Names each of these users in the account's JWT: a token that was issued at or before the time
/// that stands with it, in Unix seconds, no longer counts. A time is only ever moved on. Nothing is
/// written yet.
///
/// With `prune`, entries are dropped whose time lies so far back that no token of `api serve` from
/// before it can be alive. A token without end, as the service user's, would count again.
///
/// `now` is in Unix seconds.
///
/// # Errors
/// [`UpdateError::TooLarge`] if the account has no room for so many; others for what is missing or
/// cannot be read.
pub fn revoke(
    dir: &KeysDir,
    users: &BTreeMap<UserKey, i64>,
    prune: bool,
    now: i64,
) -> Result<Update, UpdateError> {
    let (operator, mut account) = dir.account()?;
    let mut update = Update::default();
    let revocations = &mut account.nats.revocations;
    if prune {
        let longest = i64::try_from(MAX_TTL_SECONDS).unwrap_or(i64::MAX);
        revocations.retain(|user, time| {
            let keep = user == "*" || time.saturating_add(longest) >= now;
            if !keep {
                update.changes.push(format!("user {user}: forgotten"));
            }
            keep
        });
    }
    for (user, time) in users {
        let known = revocations.get(user.as_str());
        if known.is_none_or(|known| known < time) {
            update.changes.push(format!("user {user}: tokens issued until {time} are revoked"));
            revocations.insert(user.as_str().to_owned(), *time);
        }
    }
    if !update.changes.is_empty() {
        dir.reissue(account, &operator, now, &mut update)?;
    }
    Ok(update)
}
