//! Finds out who calls.

use std::time::Instant;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::rate_limit::limited;
use crate::{auth::Authenticator, error::Problem, limits::RateLimits, telemetry::Metrics};

/// Answers 401 to who is not known, and 429 to who calls too often. Routes behind it can ask for an
/// [`Identity`](crate::auth::Identity).
pub async fn authenticate(
    State(authenticator): State<Authenticator>,
    State(limits): State<RateLimits>,
    State(metrics): State<Metrics>,
    mut request: Request,
    next: Next,
) -> Response {
    let identity = match authenticator.authenticate(request.headers()).await {
        Ok(identity) => identity,
        Err(error) => return Problem::from(error).into_response(),
    };
    if let Err(error) = limits.check_caller(&identity, Instant::now()) {
        return limited(error, &metrics).into_response();
    }
    request.extensions_mut().insert(identity);
    next.run(request).await
}
