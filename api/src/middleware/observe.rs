//! One span and one line in the log for each request, and its part in the metrics.

use std::{borrow::Cow, time::Instant};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method},
    response::Response,
};
use tracing::{Span, debug, info, info_span};

use crate::{error::Code, telemetry::Metrics};

/// The response header that names the request, so that a caller can quote it.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest path that is logged. API keys, seeds and tokens are longer: one that was put into a path
/// by mistake stays out of the log.
const MAX_PATH_BYTES: usize = 40;

/// A request on its way.
#[derive(Debug)]
pub(super) struct Observed {
    id: HeaderValue,
    route: Option<MatchedPath>,
    method: Method,
    started: Instant,
}

impl Observed {
    /// Gives the request an id, and a span for all that is logged about it. Queries and headers are
    /// never logged.
    pub(super) fn begin(request: &Request) -> (Self, Span) {
        let id = hex(fastrand::u64(..));
        let route = request.extensions().get::<MatchedPath>().cloned();
        let path = route.as_ref().map_or_else(|| request.uri().path(), MatchedPath::as_str);
        let span = info_span!(
            "request",
            id = str::from_utf8(&id).unwrap_or_default(),
            method = loggable_method(request.method()),
            path = &*loggable_path(path),
        );
        // Sixteen digits always make a value.
        let id = HeaderValue::from_bytes(&id).unwrap_or(HeaderValue::from_static(""));
        let method = request.method().clone();
        (Self { id, route, method, started: Instant::now() }, span)
    }

    /// Logs and counts the outcome, and names the request to the caller.
    pub(super) fn end(self, metrics: &Metrics, response: &mut Response) {
        let status = response.status().as_u16();
        let took = self.started.elapsed();
        let route = self.route.as_ref().map(MatchedPath::as_str);
        metrics.answered(route, self.method.as_str(), status, took);
        if let Some(code) = response.extensions().get::<Code>() {
            metrics.refused(*code);
        }
        let ms = took.as_millis();
        if matches!(route, Some("/healthz" | "/readyz")) {
            debug!(status, ms, "answered");
        } else {
            info!(status, ms, "answered");
        }
        response.headers_mut().insert(REQUEST_ID, self.id);
    }
}

/// Sixteen digits.
fn hex(number: u64) -> [u8; 16] {
    let mut rest = number;
    std::array::from_fn(|_| {
        rest = rest.rotate_left(4);
        b"0123456789abcdef"[(rest & 0xf) as usize]
    })
}

fn loggable_path(path: &str) -> Cow<'_, str> {
    if path.len() > MAX_PATH_BYTES { format!("[{} bytes]", path.len()).into() } else { path.into() }
}

fn loggable_method(method: &Method) -> &str {
    let name = method.as_str();
    if name.len() > 16 { "[long]" } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_sixteen_digits() {
        for number in [0, 1, 0x0123_4567_89ab_cdef, u64::MAX] {
            assert_eq!(hex(number), format!("{number:016x}").as_bytes());
        }
    }
}
