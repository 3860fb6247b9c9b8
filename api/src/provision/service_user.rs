//! The user that `serve` connects as.

use super::UserSigner;
use crate::{
    claims::{ConnectionType, NO_LIMIT, Permission, SignError, UserClaims, UserKey, UserPair},
    keys::ServiceCredentials,
    mint::{CallerRule, Role},
    streams::{DeclaredStream, Kind},
};

/// What `serve` publishes in its own name.
const OWN_SUBJECTS: &str = "com.scaling-ws.>";
/// What tabs say of their presence, and what `serve` says of those that are gone.
pub(super) const PRESENCE: &str = "presence.*.*.*.*";
/// Subscriptions: its private inbox and presence, with room.
const SUBSCRIPTIONS: i64 = 64;

/// Makes the user's token: it may publish what [`publish()`] says, may read nothing but its own inbox
/// and presence, and only over TCP.
pub(super) fn credentials(
    user: &UserPair,
    publish: Permission,
    now: i64,
    signer: &UserSigner,
) -> Result<ServiceCredentials, SignError> {
    let key = user.public();
    let claims = UserClaims::new(
        publish,
        subscribe(key),
        SUBSCRIPTIONS,
        NO_LIMIT,
        vec![ConnectionType::Standard],
    );
    signer.sign(user.clone(), "api", now, None, claims)
}

/// Its own subjects, and those that a back end may have it publish. Which back end may have it
/// publish which of them is decided by each one's role before anything is sent. Of JetStream, what
/// makes and checks the streams that the roles file declares, each by its name, and makes and deletes
/// their consumers; never what deletes or empties a stream. Of a bucket of objects it may do all that
/// keeping them takes, which emptying it is part of: nobody else may, who is not a back end.
pub(super) fn publish(roles: &[Role], streams: &[DeclaredStream]) -> Permission {
    let mut subjects = vec![OWN_SUBJECTS.to_owned(), PRESENCE.to_owned()];
    let for_back_ends = roles
        .iter()
        .filter(|role| role.given_to.iter().any(|rule| matches!(rule, CallerRule::ApiKey(_))));
    for pattern in for_back_ends.flat_map(|role| &role.template.publish.allow) {
        // A back end that only calls has no key and no tags, so nothing is put in for it.
        let is_covered = pattern.contains("{{") || pattern.starts_with("com.scaling-ws.");
        if !is_covered && !subjects.contains(pattern) {
            subjects.push(pattern.clone());
        }
    }
    for stream in streams {
        let name = &stream.name;
        subjects.extend(
            ["INFO", "CREATE", "UPDATE"].map(|what| format!("$JS.API.STREAM.{what}.{name}")),
        );
        if matches!(stream.kind, Kind::Objects { .. }) {
            subjects.extend(stream.subjects.iter().cloned());
            subjects.extend(
                ["STREAM.MSG.GET", "STREAM.PURGE", "DIRECT.GET"]
                    .map(|what| format!("$JS.API.{what}.{name}")),
            );
        }
    }
    let mut consumed: Vec<&String> =
        roles.iter().flat_map(|role| &role.consumers).map(|consumer| &consumer.stream).collect();
    consumed.sort();
    consumed.dedup();
    for name in consumed {
        subjects
            .extend(["CREATE", "DELETE"].map(|what| format!("$JS.API.CONSUMER.{what}.{name}.*")));
    }
    Permission::only(subjects)
}

/// What the user of this key may read.
pub(super) fn subscribe(key: &UserKey) -> Permission {
    Permission::only([format!("_INBOX.{key}.>"), PRESENCE.to_owned()])
}
