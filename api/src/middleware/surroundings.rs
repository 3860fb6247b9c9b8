//! What every request goes through.

use std::{sync::Arc, time::Duration};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
    routing::Route,
};
use tracing::Instrument;

use super::{
    body_limit::{BodyLimits, is_upload},
    catch_panic::catch_panic,
    layer::{Middleware, answer},
    observe::Observed,
    security_headers::SecurityHeaders,
    timeout::within,
};
use crate::telemetry::Metrics;

/// What surrounds every handler, from the outside in: log and metrics, the headers for browsers, the
/// end of a panic, the time a request may take, and the size of its body.
#[derive(Debug)]
pub struct Surroundings {
    /// What requests are counted in.
    pub metrics: Metrics,
    /// Headers of every response.
    pub headers: SecurityHeaders,
    /// Longest time a request may take, if its body is no object.
    pub timeout: Duration,
    /// Largest bodies.
    pub body_limits: BodyLimits,
}

impl Middleware for Surroundings {
    fn handle(
        self: Arc<Self>,
        mut request: Request,
        rest: &mut Route,
    ) -> impl Future<Output = Response> + Send + 'static {
        let (observed, span) = Observed::begin(&request);
        let limit = (!is_upload(&request)).then_some(self.timeout);
        let checked = self.body_limits.apply(&mut request);
        // Nothing is called before it is awaited, which does not happen to what is refused.
        let mut answer = answer(rest, request);
        async move {
            let mut response = match checked {
                // By reference, since whoever is handed a future makes room for it, each again.
                Ok(()) => catch_panic(within(limit, &mut answer)).await,
                Err(problem) => problem.into_response(),
            };
            self.headers.add_to(response.headers_mut());
            observed.end(&self.metrics, &mut response);
            response
        }
        .instrument(span)
    }
}
