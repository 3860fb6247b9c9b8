//! nkeys whose role is part of their type.

use std::{fmt, marker::PhantomData};

use nkeys::KeyPairType;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use zeroize::Zeroizing;

/// Length of an encoded public key: 1 prefix byte, 32 key bytes and a 2-byte CRC in base32.
const PUBLIC_KEY_LENGTH: usize = 56;
/// Length of an encoded seed: 2 prefix bytes, 32 seed bytes and a 2-byte CRC in base32.
pub(super) const SEED_LENGTH: usize = 58;

/// What a key is for.
pub trait Role {
    /// The role as `nkeys` names it.
    const TYPE: KeyPairType;
    /// The role in words, for errors.
    const NAME: &'static str;
}

/// The operator: signs accounts.
#[derive(Debug, Clone, Copy)]
pub enum Operator {}
/// An account, or one of its signing keys: signs users.
#[derive(Debug, Clone, Copy)]
pub enum Account {}
/// A user: signs the server's nonce at login.
#[derive(Debug, Clone, Copy)]
pub enum User {}
/// A server: signs what it asks of an authorization service.
#[derive(Debug, Clone, Copy)]
pub enum Server {}
/// An X25519 key, which encrypts and does not sign.
#[derive(Debug, Clone, Copy)]
pub enum Curve {}

impl Role for Operator {
    const TYPE: KeyPairType = KeyPairType::Operator;
    const NAME: &'static str = "operator";
}
impl Role for Account {
    const TYPE: KeyPairType = KeyPairType::Account;
    const NAME: &'static str = "account";
}
impl Role for User {
    const TYPE: KeyPairType = KeyPairType::User;
    const NAME: &'static str = "user";
}

impl Role for Server {
    const TYPE: KeyPairType = KeyPairType::Server;
    const NAME: &'static str = "server";
}
impl Role for Curve {
    const TYPE: KeyPairType = KeyPairType::Curve;
    const NAME: &'static str = "curve";
}

/// Public key of an operator.
pub type OperatorKey = PublicKey<Operator>;
/// Public key of an account.
pub type AccountKey = PublicKey<Account>;
/// Public key of a user.
pub type UserKey = PublicKey<User>;
/// Public key of a server.
pub type ServerKey = PublicKey<Server>;
/// Public key that messages are encrypted for.
pub type CurveKey = PublicKey<Curve>;
/// Key pair of an operator.
pub type OperatorPair = KeyPair<Operator>;
/// Key pair of an account.
pub type AccountPair = KeyPair<Account>;
/// Key pair of a user.
pub type UserPair = KeyPair<User>;
/// Key pair of a server.
pub type ServerPair = KeyPair<Server>;

/// Why a text is not the key it should be. No variant repeats the text: it may be a secret.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// A secret where a public key belongs.
    #[error("it is a secret seed, not a public key")]
    SecretSeed,
    /// Wrong length.
    #[error("it has {actual} bytes instead of {expected}")]
    Length {
        /// Bytes given.
        actual: usize,
        /// Bytes an encoded key has.
        expected: usize,
    },
    /// Not base32, wrong checksum or not a key at all.
    #[error("it is not a well-formed nkey")]
    Malformed(#[source] nkeys::error::Error),
    /// A well-formed key of another role.
    #[error("it is not the key of {expected}", expected = article(.expected))]
    Role {
        /// The role it should have.
        expected: &'static str,
    },
    /// Decodes to a key, but is not how that key is written.
    #[error("it is not in canonical form")]
    NotCanonical,
}

fn article(role: &str) -> String {
    let article = if role.starts_with(['a', 'o']) { "an" } else { "a" };
    format!("{article} {role}")
}

/// A public key in its encoded form (56 characters), known to be valid and of the role `R`.
pub struct PublicKey<R> {
    text: String,
    role: PhantomData<fn() -> R>,
}

impl<R: Role> PublicKey<R> {
    /// Reads a key strictly: right length, alphabet, checksum, role and canonical form.
    ///
    /// # Errors
    /// * [`KeyError::SecretSeed`]: the text looks like a seed.
    /// * [`KeyError::Length`], [`KeyError::Malformed`], [`KeyError::NotCanonical`]: not a key.
    /// * [`KeyError::Role`]: a key, but not of this role.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.len() == SEED_LENGTH && text.starts_with('S') {
            return Err(KeyError::SecretSeed);
        }
        if text.len() != PUBLIC_KEY_LENGTH {
            return Err(KeyError::Length { actual: text.len(), expected: PUBLIC_KEY_LENGTH });
        }
        // Of 35 bytes in base32 no bit is left over, so the text is the only one for its key.
        let (prefix, _) = nkeys::from_public_key(text).map_err(KeyError::Malformed)?;
        if KeyPairType::from(prefix) != R::TYPE {
            return Err(KeyError::Role { expected: R::NAME });
        }
        // Only for keys that sign: the other kind is a point of another curve.
        if R::TYPE != KeyPairType::Curve {
            let key = nkeys::KeyPair::from_public_key(text).map_err(KeyError::Malformed)?;
            if key.public_key() != text {
                return Err(KeyError::NotCanonical);
            }
        }
        Ok(Self { text: text.to_owned(), role: PhantomData })
    }
}

impl<R> PublicKey<R> {
    /// The encoded key.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl<R> Clone for PublicKey<R> {
    fn clone(&self) -> Self {
        Self { text: self.text.clone(), role: PhantomData }
    }
}

impl<R> PartialOrd for PublicKey<R> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<R> Ord for PublicKey<R> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl<R> PartialEq for PublicKey<R> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl<R> Eq for PublicKey<R> {}

impl<R> fmt::Debug for PublicKey<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<R> fmt::Display for PublicKey<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl<R> Serialize for PublicKey<R> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de, R: Role> Deserialize<'de> for PublicKey<R> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(de::Error::custom)
    }
}

/// A key pair of the role `R` that can sign. `Debug` shows the public half only.
pub struct KeyPair<R> {
    pair: nkeys::KeyPair,
    public: PublicKey<R>,
}

impl<R: Role> KeyPair<R> {
    /// Makes a key from 32 random bytes.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] if the bytes make no key (Ed25519 takes any, so none are known).
    pub fn from_random(bytes: [u8; 32]) -> Result<Self, KeyError> {
        let pair = nkeys::KeyPair::new_from_raw(R::TYPE, bytes).map_err(KeyError::Malformed)?;
        Self::new(pair)
    }

    /// Reads an encoded seed.
    ///
    /// # Errors
    /// * [`KeyError::Length`], [`KeyError::Malformed`]: not a seed.
    /// * [`KeyError::Role`]: the seed of another role.
    pub fn from_seed(seed: &str) -> Result<Self, KeyError> {
        if seed.len() != SEED_LENGTH {
            return Err(KeyError::Length { actual: seed.len(), expected: SEED_LENGTH });
        }
        let pair = nkeys::KeyPair::from_seed(seed).map_err(KeyError::Malformed)?;
        if pair.key_pair_type() != R::TYPE {
            return Err(KeyError::Role { expected: R::NAME });
        }
        Self::new(pair)
    }

    fn new(pair: nkeys::KeyPair) -> Result<Self, KeyError> {
        let public = PublicKey::parse(&pair.public_key())?;
        Ok(Self { pair, public })
    }
}

impl<R> KeyPair<R> {
    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey<R> {
        &self.public
    }

    /// The encoded seed, wiped from memory when dropped.
    ///
    /// # Errors
    /// [`nkeys::error::Error`] if the pair held no seed, which construction rules out.
    pub fn seed(&self) -> Result<Zeroizing<String>, nkeys::error::Error> {
        self.pair.seed().map(Zeroizing::new)
    }

    /// Signs bytes with Ed25519.
    ///
    /// # Errors
    /// [`nkeys::error::Error`] if the pair held no seed, which construction rules out.
    pub fn sign(&self, bytes: &[u8]) -> Result<Vec<u8>, nkeys::error::Error> {
        self.pair.sign(bytes)
    }

    /// The pair without its role, for libraries that take it so.
    #[must_use]
    pub fn as_nkeys(&self) -> &nkeys::KeyPair {
        &self.pair
    }
}

impl<R> Clone for KeyPair<R> {
    fn clone(&self) -> Self {
        Self { pair: self.pair.clone(), public: self.public.clone() }
    }
}

impl<R> fmt::Debug for KeyPair<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyPair").field("public", &self.public).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user() -> UserPair {
        UserPair::from_random([7; 32]).unwrap()
    }

    #[test]
    fn a_public_key_round_trips() {
        let key = user().public().clone();
        assert_eq!(UserKey::parse(key.as_str()).unwrap(), key);
        assert!(key.as_str().starts_with('U'));
    }

    #[test]
    fn a_seed_is_named_as_such_and_never_repeated() {
        let seed = user().seed().unwrap();
        let error = UserKey::parse(&seed).unwrap_err();
        assert!(matches!(error, KeyError::SecretSeed));
        assert!(!format!("{error} {error:?}").contains(seed.as_str()));
    }

    #[test]
    fn other_roles_are_refused() {
        let account = AccountPair::from_random([7; 32]).unwrap();
        let error = UserKey::parse(account.public().as_str()).unwrap_err();
        assert_eq!(error.to_string(), "it is not the key of a user");
        let error = AccountPair::from_seed(&user().seed().unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "it is not the key of an account");
    }

    #[test]
    fn anything_but_the_canonical_text_is_refused() {
        let good = user().public().as_str().to_owned();
        let mut flipped = good.clone().into_bytes();
        flipped[20] = if flipped[20] == b'A' { b'B' } else { b'A' };
        let flipped = String::from_utf8(flipped).unwrap();
        let cases = [
            String::new(),
            "U".to_owned(),
            good.to_lowercase(),
            format!(" {good}"),
            format!("{good}\n"),
            good[..55].to_owned(),
            format!("{}=", &good[..55]),
            flipped,
            "U".repeat(56),
            "é".repeat(28),
            "\0".repeat(56),
        ];
        for case in cases {
            assert!(UserKey::parse(&case).is_err(), "accepted {case:?}");
        }
    }

    #[test]
    fn debug_shows_no_seed() {
        let pair = user();
        let shown = format!("{pair:?}");
        assert!(shown.contains(pair.public().as_str()));
        assert!(!shown.contains(pair.seed().unwrap().as_str()));
    }
}
