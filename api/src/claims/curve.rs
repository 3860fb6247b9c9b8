//! Curve keys (xkeys): what is sealed for one is read by its holder alone, and was written by the
//! holder of the other.

use std::fmt;

use nkeys::XKey;
use zeroize::Zeroizing;

use super::key::{CurveKey, KeyError, SEED_LENGTH};

/// Random bytes that each sealing takes.
const NONCE: usize = 24;

/// Nothing was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The operating system gave no randomness.
    #[error("the operating system gives no random bytes")]
    Random(#[source] getrandom::Error),
    /// The key it is for is none.
    #[error("it cannot be sealed for this key")]
    Key(#[source] nkeys::error::Error),
}

/// Something is not what this key's holder was sent by the other key's holder.
#[derive(Debug, thiserror::Error)]
#[error("it is not sealed for this key by the one that is said to have sealed it")]
pub struct OpenError(#[source] nkeys::error::Error);

/// An X25519 key pair that seals and opens: XSalsa20-Poly1305 over the two keys' common secret, in
/// the form that nats-server reads and writes (`xkv1`, nonce, box). `Debug` shows the public half
/// only; the secret one is wiped from memory when dropped.
#[derive(Clone)]
pub struct CurvePair {
    pair: XKey,
    public: CurveKey,
}

impl CurvePair {
    /// Makes a key from 32 random bytes.
    ///
    /// # Errors
    /// [`KeyError::Malformed`] if the bytes make no key (X25519 takes any, so none are known).
    pub fn from_random(bytes: [u8; 32]) -> Result<Self, KeyError> {
        Self::new(XKey::new_from_raw(bytes))
    }

    /// Reads an encoded seed.
    ///
    /// # Errors
    /// * [`KeyError::Length`]: not a seed.
    /// * [`KeyError::Malformed`]: not a seed, or one of another role.
    pub fn from_seed(seed: &str) -> Result<Self, KeyError> {
        if seed.len() != SEED_LENGTH {
            return Err(KeyError::Length { actual: seed.len(), expected: SEED_LENGTH });
        }
        Self::new(XKey::from_seed(seed).map_err(KeyError::Malformed)?)
    }

    fn new(pair: XKey) -> Result<Self, KeyError> {
        let public = CurveKey::parse(&pair.public_key())?;
        Ok(Self { pair, public })
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &CurveKey {
        &self.public
    }

    /// The encoded seed, wiped from memory when dropped.
    ///
    /// # Errors
    /// [`nkeys::error::Error`] if the pair held no seed, which construction rules out.
    pub fn seed(&self) -> Result<Zeroizing<String>, nkeys::error::Error> {
        self.pair.seed().map(Zeroizing::new)
    }

    /// Seals bytes for the holder of a key, with fresh randomness.
    ///
    /// # Errors
    /// * [`SealError::Random`]: there is none.
    /// * [`SealError::Key`]: the key is none (which its type rules out).
    pub fn seal(&self, bytes: &[u8], to: &CurveKey) -> Result<Vec<u8>, SealError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(SealError::Random)?;
        XKey::from_public_key(to.as_str())
            .and_then(|to| self.pair.seal_with_nonce(bytes, &to, nonce.into()))
            .map_err(SealError::Key)
    }

    /// Opens what the holder of a key sealed for this one.
    ///
    /// # Errors
    /// [`OpenError`] if it was sealed for another key or by another, was changed, or is no box at
    /// all. Which of these, cannot be told.
    pub fn open(&self, sealed: &[u8], from: &CurveKey) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        XKey::from_public_key(from.as_str())
            .and_then(|from| self.pair.open(sealed, &from))
            .map(Zeroizing::new)
            .map_err(OpenError)
    }
}

impl fmt::Debug for CurvePair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurvePair").field("public", &self.public).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(n: u8) -> CurvePair {
        CurvePair::from_random([n; 32]).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_by_the_one_it_is_for() {
        let (ann, bob, eve) = (pair(1), pair(2), pair(3));
        let sealed = ann.seal(b"hello", bob.public()).unwrap();
        assert_eq!(**bob.open(&sealed, ann.public()).unwrap(), *b"hello");
        assert!(eve.open(&sealed, ann.public()).is_err());
        assert!(bob.open(&sealed, eve.public()).is_err());
        assert_ne!(sealed, ann.seal(b"hello", bob.public()).unwrap());
    }

    #[test]
    fn a_change_anywhere_is_noticed() {
        let (ann, bob) = (pair(1), pair(2));
        let sealed = ann.seal(b"hello", bob.public()).unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(bob.open(&changed, ann.public()).is_err(), "{at}");
            assert!(bob.open(&sealed[..at], ann.public()).is_err(), "{at}");
        }
    }

    #[test]
    fn seeds_round_trip_and_those_of_other_roles_are_refused() {
        let seed = pair(1).seed().unwrap();
        assert_eq!(CurvePair::from_seed(&seed).unwrap().public(), pair(1).public());
        let user = nkeys::KeyPair::new_user().seed().unwrap();
        assert!(matches!(CurvePair::from_seed(&user), Err(KeyError::Malformed(_))));
        assert!(matches!(CurvePair::from_seed("SX"), Err(KeyError::Length { .. })));
        assert!(!format!("{:?}", pair(1)).contains(seed.as_str()));
    }
}
