//! Who callers can prove to be.

use std::{collections::HashSet, fmt, time::Duration};

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer};
use url::Url;

use super::{Invalid, check_range, is_loopback};

/// Most seconds that an issuer's clock and this one may be apart.
pub const MAX_LEEWAY_SECONDS: u64 = 60;

/// Settings of callers' authentication.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthConfig {
    /// Issuers whose tokens are taken. Empty means none.
    pub issuers: Vec<IssuerConfig>,
    /// Keys of back ends. Empty means none.
    pub api_keys: Vec<ApiKeyConfig>,
    /// How the issuers' keys are fetched and kept.
    pub key_sets: KeySetsConfig,
}

/// An issuer of tokens that is trusted.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IssuerConfig {
    /// What the claim `iss` must be, to the letter.
    pub issuer: String,
    /// What the claim `aud` must be or contain.
    pub audience: String,
    /// Where the issuer's keys are.
    pub keys: KeysFrom,
    /// Algorithms its tokens may be signed with.
    pub algorithms: Vec<SignatureAlgorithm>,
    /// Seconds by which its clock may differ from this one.
    pub leeway_seconds: u64,
    /// Claims its tokens must have beside `iss`, `aud`, `exp` and `sub`, which always must be there.
    pub required_claims: Vec<String>,
}

/// Where an issuer's keys are.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeysFrom {
    /// Where `<issuer>/.well-known/openid-configuration` says (OpenID Connect Discovery 1.0 §4).
    Discovery,
    /// At this URL, as a JWK set (RFC 7517 §5).
    Jwks(Url),
}

/// A signature algorithm of RFC 7518 §3.1 or RFC 8037 §3.1.
///
/// All are asymmetric. There is no `none`, which anybody could sign with, and no HMAC, which would
/// take an issuer's public key for a shared secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the RFCs, which say all there is to say")]
pub enum SignatureAlgorithm {
    EdDSA,
    ES256,
    ES384,
    PS256,
    PS384,
    PS512,
    RS256,
    RS384,
    RS512,
}

/// A key of a back end.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiKeyConfig {
    /// Whose key it is; safe to log. Several keys may have one name, so that a new one can be handed
    /// out before the old one is taken away.
    pub name: String,
    /// SHA-256 of the key. `None` stands for a text that is no digest: it may be a key that was put
    /// here by mistake, and an error of the parser would quote it.
    #[serde(deserialize_with = "digest")]
    pub sha256: Option<KeyDigest>,
}

/// The SHA-256 digest of an API key, written as 64 lower-case hexadecimal digits.
///
/// It is no secret: nobody finds a key of 256 random bits from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyDigest(pub [u8; 32]);

impl fmt::Display for KeyDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

fn digest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<KeyDigest>, D::Error> {
    let text = String::deserialize(deserializer)?;
    let bytes = HEXLOWER.decode(text.as_bytes()).ok();
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map(KeyDigest))
}

/// How issuers' keys are fetched and kept.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeySetsConfig {
    /// Milliseconds that fetching one issuer's keys may take, discovery included.
    pub fetch_deadline_ms: u64,
    /// Largest document taken from an issuer, in bytes.
    pub max_bytes: u64,
    /// Seconds after which keys are fetched anew.
    pub refresh_seconds: u64,
    /// Fewest seconds between two fetches from one issuer, whatever tokens come in.
    pub min_interval_seconds: u64,
    /// Seconds for which keys go on being used while the issuer cannot be reached.
    pub max_age_seconds: u64,
}

impl KeySetsConfig {
    /// [`KeySetsConfig::fetch_deadline_ms`] as a duration.
    #[must_use]
    pub const fn fetch_deadline(&self) -> Duration {
        Duration::from_millis(self.fetch_deadline_ms)
    }

    /// [`KeySetsConfig::refresh_seconds`] as a duration.
    #[must_use]
    pub const fn refresh(&self) -> Duration {
        Duration::from_secs(self.refresh_seconds)
    }

    /// [`KeySetsConfig::min_interval_seconds`] as a duration.
    #[must_use]
    pub const fn min_interval(&self) -> Duration {
        Duration::from_secs(self.min_interval_seconds)
    }

    /// [`KeySetsConfig::max_age_seconds`] as a duration.
    #[must_use]
    pub const fn max_age(&self) -> Duration {
        Duration::from_secs(self.max_age_seconds)
    }

    fn check(&self, problems: &mut Vec<Invalid>) {
        let mut range =
            |field, value, range, unit| check_range(field, value, range, unit, problems);
        range(
            "auth.key_sets.fetch_deadline_ms",
            self.fetch_deadline_ms,
            100..=30_000,
            "milliseconds",
        );
        range("auth.key_sets.max_bytes", self.max_bytes, 1024..=1_048_576, "bytes");
        range("auth.key_sets.min_interval_seconds", self.min_interval_seconds, 1..=3600, "seconds");
        range(
            "auth.key_sets.refresh_seconds",
            self.refresh_seconds,
            self.min_interval_seconds..=86_400,
            "seconds",
        );
        range(
            "auth.key_sets.max_age_seconds",
            self.max_age_seconds,
            self.refresh_seconds..=604_800,
            "seconds",
        );
    }
}

impl AuthConfig {
    pub(super) fn check(&self, problems: &mut Vec<Invalid>) {
        self.key_sets.check(problems);
        let mut issuers = HashSet::new();
        for issuer in &self.issuers {
            issuer.check(problems);
            if !issuers.insert(&issuer.issuer) {
                problems.push(Invalid {
                    field: "auth.issuers.issuer",
                    problem: format!("{:?} is there twice", issuer.issuer),
                });
            }
        }
        let mut digests = HashSet::new();
        for key in &self.api_keys {
            if !is_key_name(&key.name) {
                problems.push(Invalid {
                    field: "auth.api_keys.name",
                    problem: format!(
                        "{:?} is not 1 to 64 letters, digits, dots, hyphens and underscores",
                        key.name
                    ),
                });
            }
            let mut refuse = |problem: &str| {
                problems.push(Invalid {
                    field: "auth.api_keys.sha256",
                    problem: format!("{:?}: {problem}", key.name),
                });
            };
            match key.sha256 {
                None => refuse(
                    "a digest is 64 hexadecimal digits in lower case, as `api key new` prints them",
                ),
                Some(digest) if !digests.insert(digest) => refuse("the key is there twice"),
                Some(_) => {}
            }
        }
    }
}

impl IssuerConfig {
    fn check(&self, problems: &mut Vec<Invalid>) {
        check_range(
            "auth.issuers.leeway_seconds",
            self.leeway_seconds,
            0..=MAX_LEEWAY_SECONDS,
            "seconds",
            problems,
        );
        let mut refuse = |field, problem: &str| {
            problems.push(Invalid { field, problem: format!("{:?}: {problem}", self.issuer) });
        };
        if self.issuer.is_empty() {
            refuse("auth.issuers.issuer", "it is empty");
        }
        if self.audience.is_empty() {
            refuse("auth.issuers.audience", "it is empty");
        }
        if self.algorithms.is_empty() {
            refuse("auth.issuers.algorithms", "at least one algorithm is needed");
        }
        if self.required_claims.iter().any(String::is_empty) {
            refuse("auth.issuers.required_claims", "a name is empty");
        }
        match &self.keys {
            KeysFrom::Jwks(url) if !is_safe_to_fetch(url) => {
                refuse("auth.issuers.keys", UNSAFE_TO_FETCH);
            }
            KeysFrom::Discovery
                if !Url::parse(&self.issuer).is_ok_and(|url| {
                    is_safe_to_fetch(&url) && url.query().is_none() && url.fragment().is_none()
                }) =>
            {
                refuse("auth.issuers.issuer", UNSAFE_TO_FETCH);
            }
            KeysFrom::Jwks(_) | KeysFrom::Discovery => {}
        }
    }
}

const UNSAFE_TO_FETCH: &str = "keys are fetched by https, or by http from this machine itself, \
                               without user and password";

/// Whether keys from this URL can be believed: nobody on the way can have changed them.
#[must_use]
pub fn is_safe_to_fetch(url: &Url) -> bool {
    (url.scheme() == "https" || url.scheme() == "http" && is_loopback(url))
        && url.username().is_empty()
        && url.password().is_none()
}

/// Whether a text can name an API key: 1 to 64 letters, digits, dots, hyphens and underscores.
#[must_use]
pub fn is_key_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_by_https_or_from_this_machine() {
        for good in [
            "https://issuer.example/jwks",
            "http://localhost:8080/jwks",
            "http://127.0.0.1/jwks",
            "http://[::1]:1/",
        ] {
            assert!(is_safe_to_fetch(&good.parse().unwrap()), "{good}");
        }
        for bad in [
            "http://issuer.example/jwks",
            "http://10.0.0.1/jwks",
            "http://localhost.evil.example/",
            "https://user:pass@issuer.example/",
            "https://user@issuer.example/",
            "file:///etc/passwd",
            "ftp://localhost/",
        ] {
            assert!(!is_safe_to_fetch(&bad.parse().unwrap()), "{bad}");
        }
    }

    #[test]
    fn none_and_hmac_cannot_be_configured() {
        #[derive(Debug, Deserialize)]
        struct Pinned {
            algorithms: Vec<SignatureAlgorithm>,
        }
        for bad in ["none", "None", "HS256", "HS384", "HS512", "eddsa", "RSA1_5", ""] {
            let error = toml::from_str::<Pinned>(&format!("algorithms = [{bad:?}]")).unwrap_err();
            assert!(error.to_string().contains("unknown variant"), "{error}");
        }
        let good: Pinned = toml::from_str("algorithms = [\"EdDSA\", \"RS256\"]").unwrap();
        assert_eq!(good.algorithms, [SignatureAlgorithm::EdDSA, SignatureAlgorithm::RS256]);
    }

    #[test]
    fn a_key_in_the_place_of_its_digest_is_refused_and_not_repeated() {
        for text in ["sk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "", &"A".repeat(64)] {
            let config = AuthConfig {
                issuers: Vec::new(),
                api_keys: vec![
                    toml::from_str(&format!("name = \"a\"\nsha256 = {text:?}")).unwrap(),
                ],
                key_sets: KeySetsConfig {
                    fetch_deadline_ms: 3000,
                    max_bytes: 65536,
                    refresh_seconds: 300,
                    min_interval_seconds: 10,
                    max_age_seconds: 3600,
                },
            };
            let mut problems = Vec::new();
            config.check(&mut problems);
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert_eq!(problems[0].field, "auth.api_keys.sha256");
            assert!(!problems[0].to_string().contains("sk_"), "{problems:?}");
        }
    }

    #[test]
    fn names_of_keys_are_plain() {
        for good in ["a", "billing-2026.11_x", &"a".repeat(64)] {
            assert!(is_key_name(good), "{good}");
        }
        for bad in ["", " ", "a b", "é", "a\n", "a/b", "*", &"a".repeat(65)] {
            assert!(!is_key_name(bad), "{bad:?}");
        }
    }
}
