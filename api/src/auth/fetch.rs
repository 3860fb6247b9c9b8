//! Fetching an issuer's keys.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, builderstates::WantsSchemes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use serde::Deserialize;
use url::Url;

use super::key_set::{KeySet, KeySetError};
use crate::config::{IssuerConfig, KeysFrom, auth::is_safe_to_fetch};

/// The keys could not be fetched.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The issuer did not answer in time.
    #[error("there is no answer in time")]
    Deadline,
    /// The issuer cannot be reached.
    #[error("the issuer cannot be reached")]
    Unreachable(#[source] hyper_util::client::legacy::Error),
    /// It answered with another status than 200. Redirects are not followed: keys come from where
    /// the configuration says.
    #[error("the issuer answers with status {0}")]
    Status(u16),
    /// The answer broke off.
    #[error("the answer does not arrive whole")]
    Incomplete(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The answer is too long.
    #[error("the answer is longer than {0} bytes")]
    TooLong(u64),
    /// The discovery document is none.
    #[error("the discovery document is not one")]
    NotDiscovery,
    /// The discovery document is about somebody else (OpenID Connect Discovery 1.0 §4.3).
    #[error("the discovery document is about another issuer")]
    OtherIssuer,
    /// The discovery document points to a place that keys cannot be believed from.
    #[error("the discovery document has the keys at a place that is not safe to fetch from")]
    UnsafePlace,
    /// What came is no set of keys that could be used.
    #[error("the keys cannot be used")]
    Keys(#[source] KeySetError),
}

/// A client for HTTPS could not be made.
#[derive(Debug, thiserror::Error)]
pub enum HttpClientError {
    /// Nobody's certificate could be verified.
    #[error("this machine trusts no certificate authority; install them or set SSL_CERT_FILE")]
    NoAuthorities(#[source] std::io::Error),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
}

/// A client that follows no redirects, uses no proxy and keeps no cookies.
#[derive(Debug, Clone)]
pub struct HttpClient(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

impl HttpClient {
    /// A client that trusts the certificate authorities of this machine.
    ///
    /// # Errors
    /// [`HttpClientError::NoAuthorities`] if there are none.
    pub fn new() -> Result<Self, HttpClientError> {
        HttpsConnectorBuilder::new()
            .with_provider_and_native_roots(ring::default_provider())
            .map(Self::with_schemes)
            .map_err(HttpClientError::NoAuthorities)
    }

    /// A client that trusts nobody: for issuers on this machine, spoken to without TLS.
    ///
    /// # Errors
    /// [`HttpClientError::Tls`] if even that cannot be set up.
    pub fn without_authorities() -> Result<Self, HttpClientError> {
        let tls = ClientConfig::builder_with_provider(ring::default_provider().into())
            .with_safe_default_protocol_versions()
            .map_err(HttpClientError::Tls)?
            .with_root_certificates(RootCertStore::empty())
            .with_no_client_auth();
        Ok(Self::with_schemes(HttpsConnectorBuilder::new().with_tls_config(tls)))
    }

    fn with_schemes(builder: HttpsConnectorBuilder<WantsSchemes>) -> Self {
        let connector = builder.https_or_http().enable_http1().build();
        // Minutes lie between two fetches: a connection kept open would only go stale.
        Self(Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector))
    }

    /// Gets a document of at most `max_bytes`.
    async fn get(&self, url: &Url, max_bytes: u64) -> Result<Bytes, FetchError> {
        let uri = url.as_str().parse().map_err(|_| FetchError::UnsafePlace)?;
        let response = self.0.get(uri).await.map_err(FetchError::Unreachable)?;
        if response.status() != hyper::StatusCode::OK {
            return Err(FetchError::Status(response.status().as_u16()));
        }
        let limit = usize::try_from(max_bytes).unwrap_or(usize::MAX);
        let body = Limited::new(response.into_body(), limit).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                FetchError::TooLong(max_bytes)
            } else {
                FetchError::Incomplete(error)
            }
        })?;
        Ok(body.to_bytes())
    }
}

/// Fetches the keys of one issuer.
#[derive(Debug, Clone)]
pub struct KeyFetcher {
    client: HttpClient,
    issuer: IssuerConfig,
    max_bytes: u64,
}

impl KeyFetcher {
    /// A fetcher that takes documents of at most `max_bytes`.
    #[must_use]
    pub fn new(client: HttpClient, issuer: IssuerConfig, max_bytes: u64) -> Self {
        Self { client, issuer, max_bytes }
    }

    /// Fetches the keys once. How long that may take is the caller's question.
    ///
    /// # Errors
    /// One variant of [`FetchError`] for each step that can fail.
    ///
    /// # Cancel safety
    /// Cancelling it closes the connection, and nothing is lost.
    pub async fn fetch(&self) -> Result<KeySet, FetchError> {
        let url = match &self.issuer.keys {
            KeysFrom::Jwks(url) => url.clone(),
            KeysFrom::Discovery => self.discover().await?,
        };
        let json = self.client.get(&url, self.max_bytes).await?;
        KeySet::parse(&json, &self.issuer.algorithms).map_err(FetchError::Keys)
    }

    async fn discover(&self) -> Result<Url, FetchError> {
        #[derive(Deserialize)]
        struct Discovery {
            issuer: String,
            jwks_uri: Url,
        }
        let issuer = self.issuer.issuer.trim_end_matches('/');
        let url = Url::parse(&format!("{issuer}/.well-known/openid-configuration"))
            .map_err(|_| FetchError::UnsafePlace)?;
        let json = self.client.get(&url, self.max_bytes).await?;
        let discovery: Discovery =
            serde_json::from_slice(&json).map_err(|_| FetchError::NotDiscovery)?;
        if discovery.issuer != self.issuer.issuer {
            return Err(FetchError::OtherIssuer);
        }
        // An issuer elsewhere has nothing to say about what is on this machine.
        let is_downgrade = url.scheme() == "https" && discovery.jwks_uri.scheme() != "https";
        if is_downgrade || !is_safe_to_fetch(&discovery.jwks_uri) {
            return Err(FetchError::UnsafePlace);
        }
        Ok(discovery.jwks_uri)
    }
}
