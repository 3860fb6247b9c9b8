//! One span and one line in the log for each request, and its part in the metrics.

use std::time::Instant;

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument, debug, info, info_span};

use crate::{error::Code, telemetry::Metrics};

/// The response header that names the request, so that a caller can quote it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest path that is logged. API keys, seeds and tokens are longer: one that was put into a path
/// by mistake stays out of the log.
const MAX_PATH_BYTES: usize = 40;

/// Gives the request an id, wraps all that is logged about it in a span, and logs and counts the
/// outcome. Queries and headers are never logged.
pub async fn observe(State(metrics): State<Metrics>, request: Request, next: Next) -> Response {
    let id = format!("{:016x}", fastrand::u64(..));
    let path = loggable_path(&request);
    let is_probe = matches!(path.as_str(), "/healthz" | "/readyz");
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let span = info_span!("request", id, method = loggable_method(request.method()), path);

    let started = Instant::now();
    async move {
        let mut response = next.run(request).await;
        let status = response.status().as_u16();
        let took = started.elapsed();
        let route = route.as_ref().map(MatchedPath::as_str);
        metrics.answered(route, method.as_str(), status, took);
        if let Some(code) = response.extensions().get::<Code>() {
            metrics.refused(*code);
        }
        let ms = took.as_millis();
        if is_probe {
            debug!(status, ms, "answered");
        } else {
            info!(status, ms, "answered");
        }
        if let Ok(id) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response
    }
    .instrument(span)
    .await
}

fn loggable_path(request: &Request) -> String {
    let path = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| request.uri().path(), MatchedPath::as_str);
    if path.len() > MAX_PATH_BYTES { format!("[{} bytes]", path.len()) } else { path.to_owned() }
}

fn loggable_method(method: &Method) -> &str {
    let name = method.as_str();
    if name.len() > 16 { "[long]" } else { name }
}
