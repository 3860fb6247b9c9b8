//! `GET /metrics`, on a listener of its own: for Prometheus.

use axum::{extract::State, http::header, response::IntoResponse};

use crate::{
    error::Problem,
    publish::Publisher,
    telemetry::{Metrics, metrics::OPENMETRICS},
};

/// All metrics as of now.
///
/// # Errors
/// 500 `internal` if they have no text form, which writing to memory does not meet with.
pub async fn metrics(
    State(metrics): State<Metrics>,
    State(publisher): State<Publisher>,
) -> Result<impl IntoResponse, Problem> {
    let text = metrics.encode(publisher.is_connected()).map_err(Problem::internal)?;
    Ok(([(header::CONTENT_TYPE, OPENMETRICS), (header::CACHE_CONTROL, "no-store")], text))
}
