//! Keys of back ends.
//!
//! A key is `sk_` and 256 random bits. It comes as a bearer credential like a token: one header to
//! redact, to admit by CORS and to forget about, and proxies and caches already treat it as secret.

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use subtle::{ConditionallySelectable, ConstantTimeEq};
use zeroize::Zeroizing;

use crate::config::{ApiKeyConfig, KeyDigest, auth::is_key_name};

/// What every API key begins with, and no token: those begin with `eyJ`.
pub const PREFIX: &str = "sk_";
/// Random bytes in a key.
pub const ENTROPY: usize = 32;

/// The API keys that are known, by digest.
///
/// SHA-256 is enough. Slow hashes make it costly to guess passwords that people choose; among
/// 2^256 keys nothing can be guessed, and a slow hash would only let strangers keep this service
/// busy.
#[derive(Debug, Clone, Default)]
pub struct ApiKeys {
    keys: Vec<(KeyDigest, String)>,
}

impl ApiKeys {
    /// The keys of the configuration.
    #[must_use]
    pub fn new(keys: &[ApiKeyConfig]) -> Self {
        let known = |key: &ApiKeyConfig| Some((key.sha256?, key.name.clone()));
        Self { keys: keys.iter().filter_map(known).collect() }
    }

    /// Whether there is a key of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|(_, known)| known == name)
    }

    /// The name of a key, if it is known. It takes the same time whether it is and whichever it is:
    /// every digest is compared, to its end.
    #[must_use]
    pub fn name_of(&self, key: &str) -> Option<&str> {
        let digest: [u8; 32] = Sha256::digest(key).into();
        let mut position = u32::MAX;
        for (i, (known, _)) in (0_u32..).zip(&self.keys) {
            position.conditional_assign(&i, known.0.ct_eq(&digest));
        }
        self.keys.get(usize::try_from(position).ok()?).map(|(_, name)| name.as_str())
    }
}

/// An API key that was just made.
pub struct NewApiKey {
    name: String,
    key: Zeroizing<String>,
}

/// An API key could not be made.
#[derive(Debug, thiserror::Error)]
pub enum NewApiKeyError {
    /// The name would not do in a log or in the configuration.
    #[error("{0:?} is not 1 to 64 letters, digits, dots, hyphens and underscores")]
    Name(String),
    /// The operating system gave no randomness.
    #[error("the operating system gives no random bytes")]
    Random(#[source] getrandom::Error),
}

impl NewApiKey {
    /// Makes a key.
    ///
    /// # Errors
    /// * [`NewApiKeyError::Name`]: not a name for a key.
    /// * [`NewApiKeyError::Random`]: no randomness.
    pub fn generate(name: &str) -> Result<Self, NewApiKeyError> {
        let mut random = Zeroizing::new([0; ENTROPY]);
        getrandom::fill(random.as_mut_slice()).map_err(NewApiKeyError::Random)?;
        Self::from_random(name, &random)
    }

    fn from_random(name: &str, random: &[u8; ENTROPY]) -> Result<Self, NewApiKeyError> {
        if !is_key_name(name) {
            return Err(NewApiKeyError::Name(name.to_owned()));
        }
        let mut key = Zeroizing::new(String::with_capacity(PREFIX.len() + 43));
        key.push_str(PREFIX);
        BASE64URL_NOPAD.encode_append(random, &mut key);
        Ok(Self { name: name.to_owned(), key })
    }

    /// The key itself: for its owner's eyes, once.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The element of `auth.api_keys` that makes the service know it.
    #[must_use]
    pub fn to_config(&self) -> String {
        let digest = KeyDigest(Sha256::digest(self.key.as_bytes()).into());
        format!("{{ name = \"{}\", sha256 = \"{digest}\" }},", self.name)
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    fn config(keys: &[&NewApiKey]) -> Vec<ApiKeyConfig> {
        #[derive(Deserialize)]
        struct Keys {
            api_keys: Vec<ApiKeyConfig>,
        }
        let lines: String = keys.iter().map(|key| key.to_config()).collect();
        toml::from_str::<Keys>(&format!("api_keys = [{lines}]")).unwrap().api_keys
    }

    #[test]
    fn a_key_is_known_by_the_line_that_was_printed_with_it() {
        let a = NewApiKey::generate("a").unwrap();
        let b = NewApiKey::generate("b").unwrap();
        let replaced = NewApiKey::generate("b").unwrap();
        let keys = ApiKeys::new(&config(&[&a, &b, &replaced]));
        assert_eq!(keys.name_of(a.key()), Some("a"));
        assert_eq!(keys.name_of(b.key()), Some("b"));
        assert_eq!(keys.name_of(replaced.key()), Some("b"));

        let stranger = NewApiKey::generate("a").unwrap();
        let digest = config(&[&a])[0].sha256.unwrap().to_string();
        for unknown in [stranger.key(), "", "sk_", &a.key()[..45], &digest, "sk_é"] {
            assert_eq!(keys.name_of(unknown), None, "{unknown}");
        }
        assert_eq!(ApiKeys::default().name_of(a.key()), None);
    }

    #[test]
    fn a_key_holds_all_its_randomness() {
        let key = NewApiKey::from_random("a", &[0xff; ENTROPY]).unwrap();
        assert_eq!(key.key(), format!("sk_{}8", "_".repeat(42)));
        assert!(NewApiKey::generate("a b").is_err());
    }

    #[test]
    fn the_configuration_does_not_hold_the_key() {
        let key = NewApiKey::generate("a").unwrap();
        assert!(!key.to_config().contains("sk_"));
        assert!(!format!("{:?}", ApiKeys::new(&config(&[&key]))).contains("sk_"));
    }
}
