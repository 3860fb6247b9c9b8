//! Answers for a handler that panicked.

use std::{any::Any, panic::AssertUnwindSafe};

use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use tracing::error;

use crate::error::{Code, Problem};

/// Answers 500 in the place of a handler that panicked, and tells the log why.
pub(super) async fn catch_panic(answer: impl Future<Output = Response>) -> Response {
    // What a handler was in the middle of is dropped with it; what is shared guards itself.
    AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|payload| panicked(&*payload))
}

fn panicked(payload: &(dyn Any + Send)) -> Response {
    let message = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    error!(message, "a handler panicked");
    Problem::new(Code::Internal, "Something went wrong on the server; it has been logged.")
        .into_response()
}
