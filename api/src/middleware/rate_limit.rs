//! Refuses those who call too often.

use std::time::Instant;

use axum::{
    extract::{FromRef, FromRequestParts},
    http::request::Parts,
};

use crate::{
    claims::UserKey,
    error::Problem,
    limits::{Caller, Limited, RateLimits},
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
    caller: Caller,
}

impl SessionLimit {
    /// Counts a call for this key.
    ///
    /// # Errors
    /// 429 `rate_limited` if it came too soon.
    pub fn check(&self, nkey: &UserKey) -> Result<(), Problem> {
        self.limits
            .check_session(nkey, &self.caller, Instant::now())
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
        Ok(Self {
            limits: RateLimits::from_ref(state),
            metrics: Metrics::from_ref(state),
            caller: Caller::from_request_parts(parts, state).await?,
        })
    }
}
