//! An issuer's public keys.

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;

use crate::config::SignatureAlgorithm;

/// Most keys taken from one issuer. Issuers have a handful.
pub const MAX_KEYS: usize = 100;

/// A document is no set of keys that could be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeySetError {
    /// Not the JSON of a JWK set. What it is instead is not repeated.
    #[error("it is not a JWK set")]
    NotAKeySet,
    /// More keys than any issuer has.
    #[error("it holds {0} keys, more than {MAX_KEYS}")]
    TooMany(usize),
    /// No key in it is for signatures by one of the algorithms configured.
    #[error("none of its keys is for the algorithms configured")]
    NoUsableKey,
}

/// The keys of an issuer that verify signatures by the algorithms configured.
///
/// `Debug` shows public keys' ids only.
#[derive(Debug)]
pub struct KeySet {
    keys: Vec<Key>,
}

#[derive(Debug)]
struct Key {
    id: Option<String>,
    /// What the key can do, is meant for, and may do here.
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

impl KeySet {
    /// Reads a JWK set (RFC 7517 §5). Keys of other kinds and purposes are passed over, as the RFC
    /// asks for, and so are those that are malformed: one bad key must not take the others away.
    ///
    /// # Errors
    /// One variant of [`KeySetError`] for each way that nothing usable can come of it.
    pub fn parse(json: &[u8], algorithms: &[SignatureAlgorithm]) -> Result<Self, KeySetError> {
        #[derive(Deserialize)]
        struct Document {
            keys: Vec<Value>,
        }
        let Document { keys } =
            serde_json::from_slice(json).map_err(|_| KeySetError::NotAKeySet)?;
        if keys.len() > MAX_KEYS {
            return Err(KeySetError::TooMany(keys.len()));
        }
        let pinned: Vec<Algorithm> =
            algorithms.iter().map(|algorithm| algorithm.to_jsonwebtoken()).collect();
        let keys: Vec<Key> = keys
            .into_iter()
            .filter_map(|key| usable(&serde_json::from_value(key).ok()?, &pinned))
            .collect();
        if keys.is_empty() { Err(KeySetError::NoUsableKey) } else { Ok(Self { keys }) }
    }

    /// The keys that may have made a token's signature, by the `kid` and `alg` of its header. A token
    /// without `kid` has only one candidate: the one key for its algorithm, if there is but one.
    pub fn candidates<'a>(
        &'a self,
        id: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a DecodingKey> {
        let fits = move |key: &&Key| key.algorithms.contains(&algorithm);
        let is_ambiguous = id.is_none() && self.keys.iter().filter(fits).count() > 1;
        self.keys
            .iter()
            .filter(fits)
            .filter(move |key| !is_ambiguous && (id.is_none() || key.id.as_deref() == id))
            .map(|key| &key.key)
    }
}

/// The key, if it is for verifying signatures by one of these algorithms.
fn usable(jwk: &Jwk, pinned: &[Algorithm]) -> Option<Key> {
    let common = &jwk.common;
    let is_for_signatures =
        common.public_key_use.as_ref().is_none_or(|purpose| *purpose == PublicKeyUse::Signature);
    let verifies = common
        .key_operations
        .as_ref()
        .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
    if !is_for_signatures || !verifies {
        return None;
    }
    let can: &[Algorithm] = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => &[
            Algorithm::RS256,
            Algorithm::RS384,
            Algorithm::RS512,
            Algorithm::PS256,
            Algorithm::PS384,
            Algorithm::PS512,
        ],
        AlgorithmParameters::EllipticCurve(key) => match key.curve {
            EllipticCurve::P256 => &[Algorithm::ES256],
            EllipticCurve::P384 => &[Algorithm::ES384],
            _ => return None,
        },
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
            &[Algorithm::EdDSA]
        }
        // `OctetKey` is a shared secret, which has no place in a public document.
        _ => return None,
    };
    let algorithms: Vec<Algorithm> = can
        .iter()
        .copied()
        .filter(|algorithm| pinned.contains(algorithm))
        .filter(|&algorithm| {
            common.key_algorithm.is_none_or(|meant| meant == KeyAlgorithm::from(algorithm))
        })
        .collect();
    if algorithms.is_empty() {
        return None;
    }
    let key = DecodingKey::from_jwk(jwk).ok()?;
    Some(Key { id: common.key_id.clone(), algorithms, key })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use SignatureAlgorithm::{ES256, EdDSA, PS256, RS256};

    const ALL: [SignatureAlgorithm; 4] = [ES256, EdDSA, PS256, RS256];

    fn ed(id: &str) -> Value {
        json!({ "kty": "OKP", "crv": "Ed25519", "kid": id,
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo" })
    }

    fn rsa(id: &str) -> Value {
        json!({ "kty": "RSA", "kid": id, "n": "ofgWCuLjybRl", "e": "AQAB" })
    }

    fn with(mut key: Value, name: &str, value: impl Into<Value>) -> Value {
        key[name] = value.into();
        key
    }

    fn parse(keys: &[Value], algorithms: &[SignatureAlgorithm]) -> Result<KeySet, KeySetError> {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes(), algorithms)
    }

    fn count(set: &KeySet, id: Option<&str>, algorithm: SignatureAlgorithm) -> usize {
        set.candidates(id, algorithm.to_jsonwebtoken()).count()
    }

    #[test]
    fn a_key_is_found_by_its_id_and_for_its_algorithms_only() {
        let set = parse(&[ed("a"), rsa("b")], &ALL).unwrap();
        assert_eq!(count(&set, Some("a"), EdDSA), 1);
        assert_eq!(count(&set, Some("a"), RS256), 0);
        assert_eq!(count(&set, Some("b"), RS256), 1);
        assert_eq!(count(&set, Some("b"), PS256), 1);
        assert_eq!(count(&set, Some("c"), EdDSA), 0);
        assert_eq!(set.candidates(Some("a"), Algorithm::HS256).count(), 0);
    }

    #[test]
    fn what_the_issuer_says_of_a_key_narrows_what_it_is_used_for() {
        let set = parse(&[with(rsa("b"), "alg", "PS256")], &ALL).unwrap();
        assert_eq!(count(&set, Some("b"), PS256), 1);
        assert_eq!(count(&set, Some("b"), RS256), 0);
    }

    #[test]
    fn a_token_without_an_id_has_one_candidate_or_none() {
        let set = parse(&[ed("a"), rsa("b"), rsa("c")], &ALL).unwrap();
        assert_eq!(count(&set, None, EdDSA), 1);
        assert_eq!(count(&set, None, RS256), 0);
    }

    #[test]
    fn keys_that_cannot_be_used_are_passed_over() {
        let useless = [
            with(ed("a"), "use", "enc"),
            with(ed("a"), "key_ops", json!(["sign"])),
            with(ed("a"), "crv", "X25519"),
            with(ed("a"), "crv", "P-256"),
            with(ed("a"), "alg", "HS256"),
            with(ed("a"), "x", "*"),
            with(ed("a"), "x", 7),
            json!({ "kty": "oct", "kid": "a", "k": "c2VjcmV0", "alg": "HS256" }),
            json!({ "kty": "oct", "kid": "a", "k": "c2VjcmV0" }),
            json!({ "kty": "EC", "crv": "P-521", "kid": "a", "x": "AA", "y": "AA" }),
            json!({ "kty": "something new", "kid": "a" }),
            json!({ "kty": "RSA", "kid": "a" }),
            json!({}),
            json!(1),
            Value::Null,
        ];
        for key in &useless {
            assert_eq!(
                parse(std::slice::from_ref(key), &ALL).unwrap_err(),
                KeySetError::NoUsableKey
            );
        }
        let mut keys = useless.to_vec();
        keys.push(ed("a"));
        assert_eq!(count(&parse(&keys, &ALL).unwrap(), Some("a"), EdDSA), 1);
        // Right but for the algorithms configured.
        assert_eq!(parse(&[ed("a")], &[RS256]).unwrap_err(), KeySetError::NoUsableKey);
    }

    #[test]
    fn documents_that_are_no_key_set_are_refused() {
        for bad in ["", "{}", "[]", "null", "{\"keys\":{}}", "{\"keys\":null}", "<html>", "\u{0}"] {
            let error = KeySet::parse(bad.as_bytes(), &ALL).unwrap_err();
            assert_eq!(error, KeySetError::NotAKeySet, "{bad}");
        }
        assert_eq!(parse(&[], &ALL).unwrap_err(), KeySetError::NoUsableKey);
        let many = vec![ed("a"); MAX_KEYS + 1];
        assert_eq!(parse(&many, &ALL).unwrap_err(), KeySetError::TooMany(MAX_KEYS + 1));
    }
}
