//! Finds out who calls.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::Request,
    http::HeaderMap,
    response::{IntoResponse, Response},
    routing::Route,
};

use super::{
    layer::{Middleware, answer},
    rate_limit::limited,
};
use crate::{
    auth::{Authenticator, Identity},
    error::Problem,
    limits::RateLimits,
    telemetry::Metrics,
};

/// Answers 401 to who is not known, and 429 to who calls too often. Routes behind it can ask for an
/// [`Identity`].
#[derive(Debug)]
pub struct Authentication {
    /// Knows who calls.
    pub authenticator: Authenticator,
    /// How often a caller may.
    pub limits: RateLimits,
    /// Counts.
    pub metrics: Metrics,
}

impl Authentication {
    async fn check(&self, headers: &HeaderMap) -> Result<Identity, Problem> {
        let identity = self.authenticator.authenticate(headers).await?;
        self.limits
            .check_caller(&identity, Instant::now())
            .map_err(|error| limited(error, &self.metrics))?;
        Ok(identity)
    }
}

impl Middleware for Authentication {
    fn handle(
        self: Arc<Self>,
        mut request: Request,
        rest: &mut Route,
    ) -> impl Future<Output = Response> + Send + 'static {
        let mut rest = rest.clone();
        async move {
            match self.check(request.headers()).await {
                Ok(identity) => {
                    request.extensions_mut().insert(identity);
                    answer(&mut rest, request).await
                }
                Err(problem) => problem.into_response(),
            }
        }
    }
}
