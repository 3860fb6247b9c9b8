//! Whom a ban is for.

use std::fmt;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{auth::Identity, claims::UserKey};

/// A person, as a digest of issuer and subject, so that the files of this module name nobody.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UserId([u8; 32]);

/// A text is no digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a person is written as 64 hexadecimal digits")]
pub struct UserIdError;

impl UserId {
    /// The person with this subject at this issuer.
    #[must_use]
    pub fn new(issuer: &str, subject: &str) -> Self {
        let mut hash = Sha256::new();
        // With its length, so that no two pairs are spelled alike.
        hash.update((issuer.len() as u64).to_be_bytes());
        hash.update(issuer);
        hash.update(subject);
        Self(hash.finalize().into())
    }

    /// The person who calls, if it is one.
    #[must_use]
    pub fn of(identity: &Identity) -> Option<Self> {
        match identity {
            Identity::User { issuer, subject, .. } => Some(Self::new(issuer, subject)),
            Identity::Guest | Identity::Service { .. } => None,
        }
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<UserId> for String {
    fn from(id: UserId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for UserId {
    type Error = UserIdError;

    fn try_from(text: String) -> Result<Self, UserIdError> {
        text.parse()
    }
}

impl std::str::FromStr for UserId {
    type Err = UserIdError;

    fn from_str(text: &str) -> Result<Self, UserIdError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| UserIdError)?;
        bytes.try_into().map(Self).map_err(|_| UserIdError)
    }
}

/// Whom a ban is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Target {
    /// Whoever holds this key.
    Nkey(UserKey),
    /// A person, with whatever key.
    User(UserId),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn persons_are_told_apart_by_issuer_and_subject() {
        let ids = [UserId::new("ab", "c"), UserId::new("a", "bc"), UserId::new("abc", "")];
        assert!(ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2]);
        assert_eq!(ids[0].to_string().parse(), Ok(ids[0].clone()));
    }

    #[test]
    fn what_is_no_digest_is_refused() {
        for text in ["", "ab", &"g".repeat(64), &"a".repeat(66), &"A".repeat(64)] {
            assert_eq!(text.parse::<UserId>(), Err(UserIdError), "{text}");
        }
    }
}
