//! Refuses a body that announces itself as too large, before a byte of it is read.
//!
//! A body without a length is cut off by axum's own limit while it is read.

use axum::{
    extract::{Request, State},
    http::header,
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::extract::too_large;

/// Answers 413 when `Content-Length` is above `limit` bytes.
pub async fn body_limit(State(limit): State<u64>, request: Request, next: Next) -> Response {
    let announced = request
        .headers()
        .get(header::CONTENT_LENGTH)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limit) {
        return too_large().into_response();
    }
    next.run(request).await
}
