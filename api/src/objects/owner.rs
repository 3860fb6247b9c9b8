//! Whose objects are whose.

use std::fmt;

use data_encoding::BASE32_NOPAD;
use sha2::{Digest, Sha256};

use crate::auth::Identity;

/// Bytes of the hash that a name is made of: 160 bits.
const HASH_BYTES: usize = 20;

/// What stands for a caller in the names of its objects, in the place of `{{subject()}}`: 32 of `a-z`
/// and `2-7`.
///
/// On NATS that is the holder's public key, of which it proves that it has the private one. Over HTTP
/// nobody proves a key, and one that is only named could be anybody's. What a caller has proven is who
/// it is at its issuer, or which API key it has; so the name is made of that, by SHA-256. It is the
/// same in every browser of a person and after every change of keys. It is no secret: who knows an
/// issuer and a `sub` can make it, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner(String);

impl Owner {
    /// The caller's; `None` for guests, who are nobody in particular.
    #[must_use]
    pub fn of(identity: &Identity) -> Option<Self> {
        let parts: [&str; 3] = match identity {
            Identity::Guest => return None,
            Identity::Service { name } => ["api_key", "", name],
            Identity::User { issuer, subject, .. } => ["user", issuer, subject],
        };
        let mut hash = Sha256::new();
        for part in parts {
            // Lengths first, so that no two lists of parts are one text.
            hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(part);
        }
        Some(Self(BASE32_NOPAD.encode(&hash.finalize()[..HASH_BYTES]).to_ascii_lowercase()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;
    use crate::objects::name::is_segment;

    fn user(issuer: &str, subject: &str) -> Identity {
        let (issuer, subject) = (issuer.to_owned(), subject.to_owned());
        Identity::User { issuer, subject, claims: Map::new() }
    }

    #[test]
    fn everybody_who_is_somebody_has_a_name_of_their_own_that_stays() {
        let service = |name: &str| Identity::Service { name: name.to_owned() };
        let callers = [
            user("https://a.example", "ann"),
            user("https://a.example", "bob"),
            user("https://b.example", "ann"),
            user("https://a.examplea", "nn"),
            user("", "ann"),
            service("ann"),
            service("bob"),
        ];
        let names: Vec<Owner> = callers.iter().map(|caller| Owner::of(caller).unwrap()).collect();
        for (at, name) in names.iter().enumerate() {
            assert!(name.as_str().len() == 32 && is_segment(name.as_str()), "{name}");
            assert!(!names[..at].contains(name), "{:?}", callers[at]);
        }
        // A change of this takes everybody's objects away.
        assert_eq!(names[0].as_str(), "2gqppthaku6gjlya3bfsac6as6xllaxy");
        assert_eq!(Owner::of(&Identity::Guest), None);
    }
}
