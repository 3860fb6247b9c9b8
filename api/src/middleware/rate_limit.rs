//! Refuses those who call too often.

use std::time::Instant;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};

use crate::{
    auth::Identity,
    claims::UserKey,
    error::Problem,
    limits::{ClientAddress, Limited, RateLimits},
    telemetry::Metrics,
};

/// Counts and answers a call that came too soon.
pub(super) fn limited(limited: Limited, metrics: &Metrics) -> Problem {
    metrics.rate_limited(limited.kind);
    limited.into()
}

/// The limit of calls for one public key, for routes that are told a key in the body.
#[derive(Debug)]
pub struct SessionLimit {
    limits: RateLimits,
    metrics: Metrics,
    identity: Identity,
    address: ClientAddress,
}

impl SessionLimit {
    /// Counts a call for this key.
    ///
    /// # Errors
    /// 429 `rate_limited` if it came too soon.
    pub fn check(&self, nkey: &UserKey) -> Result<(), Problem> {
        self.limits
            .check_session(nkey, &self.identity, self.address, Instant::now())
            .map_err(|error| limited(error, &self.metrics))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for SessionLimit
where
    RateLimits: FromRef<S>,
    Metrics: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let identity = Identity::from_request_parts(parts, state).await?;
        let address = parts.extensions.get::<ClientAddress>().copied();
        Ok(Self {
            limits: RateLimits::from_ref(state),
            metrics: Metrics::from_ref(state),
            identity,
            address: address.ok_or_else(|| Problem::internal("the route has no rate limit"))?,
        })
    }
}
