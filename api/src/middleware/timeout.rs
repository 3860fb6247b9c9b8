//! Bounds the time a request may take.

use std::time::Duration;

use axum::response::{IntoResponse, Response};

use crate::error::{Code, Problem};

/// Answers 408 when there is no response within `limit`. What a handler does is bounded on its own,
/// so what runs into this is a body that trickles in. An object, which has no limit here, may take
/// longer as a whole; its route sees to it that each piece comes within this time.
pub(super) async fn within(
    limit: Option<Duration>,
    answer: impl Future<Output = Response>,
) -> Response {
    let Some(limit) = limit else { return answer.await };
    tokio::time::timeout(limit, answer).await.unwrap_or_else(|_| {
        Problem::new(Code::RequestTimeout, "The request took too long to arrive or to answer.")
            .into_response()
    })
}
