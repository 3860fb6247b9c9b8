//! Bounds the time a request may take.

use std::time::Duration;

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};

use super::body_limit::is_upload;
use crate::error::{Code, Problem};

/// Answers 408 when there is no response within `limit`. What a handler does is bounded on its own,
/// so what runs into this is a body that trickles in. An object may take longer as a whole; its route
/// sees to it that each piece comes within this time.
pub async fn timeout(State(limit): State<Duration>, request: Request, next: Next) -> Response {
    if is_upload(&request) {
        return next.run(request).await;
    }
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            Problem::new(Code::RequestTimeout, "The request took too long to arrive or to answer.")
                .into_response()
        }
    }
}
