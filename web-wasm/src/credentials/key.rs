//! A user's key, made and kept where it is used.

use core::fmt;

use nats_proto::connection::{Auth, Challenge};
use nkeys::{KeyPair, KeyPairType};

use super::AuthError;
use super::signer::{self, Signer};
use crate::platform::{LocalBoxFuture, NoEntropy};

/// A user nkey: an Ed25519 key whose public part is the user's identity on NATS.
///
/// The secret stays in wasm memory, is never shown, and is gone with the page.
///
/// ```
/// # fn main() -> Result<(), web_wasm::UserKeyError> {
/// let key = web_wasm::UserKey::generate()?;
/// assert!(key.public_key().starts_with('U'));
/// # Ok(())
/// # }
/// ```
pub struct UserKey(KeyPair);

/// Why a key was not made or did not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UserKeyError {
    /// The system gives no random bytes.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
    /// The text is not the seed of a user nkey.
    #[error("this is not the seed of a user nkey")]
    InvalidSeed,
}

impl UserKey {
    /// A new key, from the system's random bytes.
    ///
    /// # Errors
    /// [`UserKeyError::NoEntropy`].
    pub fn generate() -> Result<Self, UserKeyError> {
        let mut seed = [0; 32];
        getrandom_02::getrandom(&mut seed).map_err(|_| NoEntropy)?;
        let pair = KeyPair::new_from_raw(KeyPairType::User, seed);
        pair.map(Self).map_err(|_| UserKeyError::InvalidSeed)
    }

    /// A key from its seed, `SU…`.
    ///
    /// # Errors
    /// [`UserKeyError::InvalidSeed`]; the seed is not repeated in it.
    pub fn from_seed(seed: &str) -> Result<Self, UserKeyError> {
        match KeyPair::from_seed(seed) {
            Ok(pair) if pair.key_pair_type() == KeyPairType::User => Ok(Self(pair)),
            _ => Err(UserKeyError::InvalidSeed),
        }
    }

    /// The public key, `U…`, 56 characters.
    pub fn public_key(&self) -> String {
        self.0.public_key()
    }

    /// The answer to a challenge: the nonce signed, with the JWT or else the public key.
    ///
    /// # Errors
    /// [`AuthError`] when the server sent no nonce, or the key can't sign.
    pub async fn answer(
        &self,
        challenge: &Challenge,
        jwt: Option<String>,
    ) -> Result<Auth, AuthError> {
        signer::answer(self, challenge, jwt).await
    }
}

impl Signer for UserKey {
    fn public_key(&self) -> String {
        self.0.public_key()
    }

    fn sign<'a>(&'a self, nonce: &'a [u8]) -> LocalBoxFuture<'a, Result<Vec<u8>, AuthError>> {
        let signature = self.0.sign(nonce).map_err(|error| AuthError::new(error.to_string()));
        Box::pin(async move { signature })
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserKey({})", self.public_key())
    }
}

#[cfg(test)]
mod tests {
    use data_encoding::BASE64URL_NOPAD;
    use futures_util::FutureExt;

    use super::*;

    /// A key in memory answers at once.
    fn answer(key: &UserKey, challenge: &Challenge, jwt: Option<&str>) -> Result<Auth, AuthError> {
        key.answer(challenge, jwt.map(Into::into)).now_or_never().unwrap()
    }

    #[test]
    fn a_key_signs_the_nonce_and_shows_no_secret() {
        let key = UserKey::generate().unwrap();
        let seed = key.0.seed().unwrap();
        assert!(!format!("{key:?}").contains(&seed));
        let challenge = Challenge { nonce: Some("abc".into()), auth_required: true };
        let auth = answer(&key, &challenge, Some("J")).unwrap();
        assert_eq!((auth.jwt.as_deref(), auth.nkey), (Some("J"), None));
        let signature = BASE64URL_NOPAD.decode(auth.signature.unwrap().as_bytes()).unwrap();
        let public = KeyPair::from_public_key(&key.public_key()).unwrap();
        public.verify(b"abc", &signature).unwrap();
        let auth = answer(&key, &challenge, None).unwrap();
        assert_eq!(auth.nkey, Some(key.public_key()));
        let again = UserKey::from_seed(&seed).unwrap();
        assert_eq!(again.public_key(), key.public_key());
    }

    #[test]
    fn what_is_no_user_seed_is_refused() {
        let account = KeyPair::new_from_raw(KeyPairType::Account, [1; 32]).unwrap();
        for seed in ["", "SU", "rubbish", &account.seed().unwrap(), &account.public_key()] {
            assert_eq!(UserKey::from_seed(seed).unwrap_err(), UserKeyError::InvalidSeed);
        }
    }

    #[test]
    fn without_a_nonce_there_is_no_answer() {
        let key = UserKey::generate().unwrap();
        let challenge = Challenge { nonce: None, auth_required: true };
        assert!(answer(&key, &challenge, None).is_err());
    }
}
