//! Tokens of one issuer.

use jsonwebtoken::{Algorithm, Header, Validation, decode, errors::ErrorKind};
use serde_json::{Map, Value};

use super::{
    Identity,
    key_source::{FindKeyError, KeySource},
    signature::use_ring,
};
use crate::config::IssuerConfig;

/// Longest `sub`, in bytes (OpenID Connect Core 1.0 §2).
pub const MAX_SUBJECT_BYTES: usize = 255;

/// Why a token is not taken. None of it repeats what is in the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT, or one whose claims are not of the types that the RFC gives them.
    #[error("it is not a JWT")]
    NotAJwt,
    /// Signed by another algorithm than the ones configured, or by none.
    #[error("it is signed by an algorithm that the issuer is not configured for")]
    Algorithm,
    /// It has extensions that must be understood (RFC 7515 §4.1.11).
    #[error("it calls for extensions that are not understood")]
    Extensions,
    /// There is no key to verify it with.
    #[error(transparent)]
    Key(#[from] FindKeyError),
    /// The signature is not by the issuer's key.
    #[error("its signature is not by the issuer's key")]
    Signature,
    /// It has expired.
    #[error("it has expired")]
    Expired,
    /// It is not valid yet.
    #[error("it is not valid yet")]
    NotYetValid,
    /// It is for somebody else.
    #[error("it is not for this audience")]
    Audience,
    /// It is by somebody else.
    #[error("it is not by this issuer")]
    Issuer,
    /// A claim that must be there is missing.
    #[error("a claim that must be there is missing")]
    MissingClaim,
    /// The subject is empty, too long or has control characters.
    #[error("its subject is empty, too long or has control characters")]
    Subject,
}

/// Verifies the tokens of one issuer.
#[derive(Debug, Clone)]
pub struct TokenVerifier {
    issuer: IssuerConfig,
    algorithms: Vec<Algorithm>,
    keys: KeySource,
}

impl TokenVerifier {
    /// A verifier that takes the issuer's keys from this source.
    #[must_use]
    pub fn new(issuer: IssuerConfig, keys: KeySource) -> Self {
        use_ring();
        let algorithms = issuer.algorithms.iter().map(|a| a.to_jsonwebtoken()).collect();
        Self { issuer, algorithms, keys }
    }

    /// Whom a token is about, if it is valid. `header` is its own.
    ///
    /// # Errors
    /// One variant of [`TokenError`] for each way it can be wrong.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn verify(&self, header: &Header, token: &str) -> Result<Identity, TokenError> {
        if header.crit.is_some() {
            return Err(TokenError::Extensions);
        }
        // Before a key is looked for: which key it is must not decide what it is used for.
        if !self.algorithms.contains(&header.alg) {
            return Err(TokenError::Algorithm);
        }
        let id = header.kid.as_deref();
        let keys = self.keys.find(id, header.alg).await?;
        let validation = self.validation(header.alg);
        let mut result = Err(TokenError::Signature);
        for key in keys.candidates(id, header.alg) {
            result = decode::<Map<String, Value>>(token, key, &validation)
                .map_err(|error| name_of(error.kind()))
                .and_then(|decoded| self.identity(decoded.claims));
            if result != Err(TokenError::Signature) {
                break;
            }
        }
        result
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.leeway = self.issuer.leeway_seconds;
        // At `exp` a token is over (RFC 7519 §4.1.4); without this it would live for a second more.
        validation.reject_tokens_expiring_in_less_than = 1;
        validation.validate_nbf = true;
        validation.set_audience(&[&self.issuer.audience]);
        validation.set_issuer(&[&self.issuer.issuer]);
        validation.set_required_spec_claims(&["iss", "sub", "aud", "exp"]);
        validation
    }

    fn identity(&self, claims: Map<String, Value>) -> Result<Identity, TokenError> {
        // The library takes a list for `iss` too, and any of its elements will do; RFC 7519 §4.1.1
        // knows one issuer.
        if claims.get("iss").and_then(Value::as_str) != Some(&self.issuer.issuer) {
            return Err(TokenError::Issuer);
        }
        let is_there = |name: &String| claims.get(name).is_some_and(|value| !value.is_null());
        if !self.issuer.required_claims.iter().all(is_there) {
            return Err(TokenError::MissingClaim);
        }
        let subject = claims.get("sub").and_then(Value::as_str).ok_or(TokenError::Subject)?;
        if subject.is_empty()
            || subject.len() > MAX_SUBJECT_BYTES
            || subject.chars().any(char::is_control)
        {
            return Err(TokenError::Subject);
        }
        Ok(Identity::User {
            issuer: self.issuer.issuer.clone(),
            subject: subject.to_owned(),
            claims,
        })
    }
}

/// The library's error without its text, which may quote the token.
fn name_of(error: &ErrorKind) -> TokenError {
    match error {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => TokenError::Algorithm,
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::NotYetValid,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::MissingRequiredClaim(_) => TokenError::MissingClaim,
        _ => TokenError::NotAJwt,
    }
}
