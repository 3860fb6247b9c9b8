//! Turns a request's credential into an identity.

use std::{collections::HashMap, sync::Arc};

use axum::http::HeaderMap;
use jsonwebtoken::{dangerous::insecure_decode_claims, decode_header, errors::ErrorKind};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{
    Identity,
    api_key::{self, ApiKeys},
    bearer::{BearerError, bearer, well_formed},
    fetch::{HttpClient, HttpClientError, KeyFetcher},
    key_source::{FindKeyError, KeySource},
    token::{TokenError, TokenVerifier},
};
use crate::{
    config::{AuthConfig, IssuerConfig, KeysFrom},
    telemetry::Metrics,
};

/// A caller is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AuthError {
    /// It says nothing about itself, and guests are not let in.
    #[error("there is no credential, and guests are not let in")]
    NoCredential,
    /// The header is not as it should be.
    #[error(transparent)]
    Bearer(#[from] BearerError),
    /// The API key is none of those configured.
    #[error("the API key is not known")]
    ApiKey,
    /// The token's issuer is none of those configured.
    #[error("the token's issuer is not trusted")]
    UntrustedIssuer,
    /// The token is not valid.
    #[error("the token is not taken: {0}")]
    Token(#[source] TokenError),
    /// Whether the token is valid cannot be told, since its issuer's keys cannot be had. The fault
    /// is not the caller's.
    #[error("the token cannot be verified: {0}")]
    Unverifiable(#[source] FindKeyError),
}

impl From<TokenError> for AuthError {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Key(error @ FindKeyError::Unavailable) => Self::Unverifiable(error),
            error => Self::Token(error),
        }
    }
}

/// Callers' authentication could not be set up.
#[derive(Debug, thiserror::Error)]
#[error("the keys of the issuers cannot be fetched")]
pub struct AuthenticatorError(#[from] HttpClientError);

/// Knows who may call. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Authenticator(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    lets_guests_in: bool,
    api_keys: ApiKeys,
    issuers: HashMap<String, TokenVerifier>,
}

impl Authenticator {
    /// Sets it up, and starts to fetch the issuers' keys until `stop` is cancelled. No issuer need be
    /// there.
    ///
    /// # Errors
    /// [`AuthenticatorError`] if there is an issuer, and no client to fetch its keys with.
    pub fn start(
        config: &AuthConfig,
        lets_guests_in: bool,
        metrics: &Metrics,
        stop: &CancellationToken,
    ) -> Result<Self, AuthenticatorError> {
        let mut issuers = HashMap::new();
        if !config.issuers.is_empty() {
            // Issuers on this machine, without TLS, need no certificates of authorities.
            let client = match HttpClient::new() {
                Err(_) if !config.issuers.iter().any(is_remote) => {
                    HttpClient::without_authorities()
                }
                client => client,
            }?;
            for issuer in &config.issuers {
                let name = issuer.issuer.clone();
                let fetcher =
                    KeyFetcher::new(client.clone(), issuer.clone(), config.key_sets.max_bytes);
                let keys = KeySource::spawn(
                    name.clone(),
                    (&config.key_sets).into(),
                    move || {
                        let fetcher = fetcher.clone();
                        async move { fetcher.fetch().await }
                    },
                    metrics.key_fetches(&name),
                    stop.child_token(),
                );
                issuers.insert(name, TokenVerifier::new(issuer.clone(), keys));
            }
        }
        let api_keys = ApiKeys::new(&config.api_keys);
        Ok(Self(Arc::new(Inner { lets_guests_in, api_keys, issuers })))
    }

    /// Who sent a request with these headers. A credential that is no good is an error, never a
    /// guest's: whoever shows one means to be somebody.
    ///
    /// # Errors
    /// One variant of [`AuthError`] for each way to be nobody.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn authenticate(&self, headers: &HeaderMap) -> Result<Identity, AuthError> {
        self.identify(bearer(headers)?).await
    }

    /// Whose credential it is that was sent in whatever way; without one, a guest's.
    ///
    /// # Errors
    /// As [`Authenticator::authenticate`], but for what only a header can have.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub async fn identify(&self, credential: Option<&str>) -> Result<Identity, AuthError> {
        let Some(credential) = credential.map(well_formed).transpose()? else {
            return if self.0.lets_guests_in {
                Ok(Identity::Guest)
            } else {
                Err(AuthError::NoCredential)
            };
        };
        if credential.starts_with(api_key::PREFIX) {
            let name = self.0.api_keys.name_of(credential).ok_or(AuthError::ApiKey)?;
            return Ok(Identity::Service { name: name.to_owned() });
        }
        // Those who need none are spared the room that it takes.
        Box::pin(self.user(credential)).await
    }

    /// Whether somebody who was known could still be: guests are let in, the API key's name is
    /// configured, the issuer trusted.
    #[must_use]
    pub fn still_knows(&self, identity: &Identity) -> bool {
        match identity {
            Identity::Guest => self.0.lets_guests_in,
            Identity::Service { name } => self.0.api_keys.has(name),
            Identity::User { issuer, .. } => self.0.issuers.contains_key(issuer),
        }
    }

    async fn user(&self, token: &str) -> Result<Identity, AuthError> {
        /// The only claim that is looked at before the signature: it says whose signature it is.
        #[derive(Deserialize)]
        struct Unverified {
            iss: String,
        }
        let header = decode_header(token).map_err(|error| match error.kind() {
            // `none`, and everything else the library does not know, is no name of an algorithm.
            ErrorKind::Json(_) => AuthError::Token(TokenError::Algorithm),
            _ => AuthError::Token(TokenError::NotAJwt),
        })?;
        let Unverified { iss } =
            insecure_decode_claims(token).map_err(|_| AuthError::Token(TokenError::NotAJwt))?;
        let issuer = self.0.issuers.get(&iss).ok_or(AuthError::UntrustedIssuer)?;
        Ok(issuer.verify(&header, token).await?)
    }
}

/// Whether it takes certificates to know that it is the issuer who answers.
fn is_remote(issuer: &IssuerConfig) -> bool {
    match &issuer.keys {
        KeysFrom::Jwks(url) => url.scheme() == "https",
        KeysFrom::Discovery => issuer.issuer.starts_with("https:"),
    }
}
