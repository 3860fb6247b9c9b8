//! Who may call at all, whoever it is.

use std::{future::ready, sync::Arc, time::Instant};

use axum::{
    extract::Request,
    response::{IntoResponse, Response},
    routing::Route,
};

use futures_util::future::Either;

use super::{
    layer::{Middleware, answer},
    origin_check::AllowedOrigins,
    rate_limit::limited,
};
use crate::{
    error::Problem,
    limits::{AddressSource, RateLimits},
    server::Peer,
    telemetry::Metrics,
};

/// Answers 403 to a page that may not call, and 429 to an address that calls too often.
///
/// The page comes first, before anything is counted: a foreign one must not use up what its visitor
/// may call. The address comes before authentication, so that trying out credentials counts too.
#[derive(Debug)]
pub struct Admission {
    /// Whose pages may call.
    pub origins: AllowedOrigins,
    /// Where the address of a caller is taken from.
    pub addresses: AddressSource,
    /// How often an address may call.
    pub limits: RateLimits,
    /// Counts.
    pub metrics: Metrics,
}

impl Admission {
    fn check(&self, request: &mut Request) -> Result<(), Problem> {
        self.origins.check(request.headers())?;
        let Some(Peer(peer)) = request.extensions().get::<Peer>().copied() else {
            return Err(Problem::internal("a request has no peer"));
        };
        let address = self.addresses.address(peer, request.headers());
        self.limits
            .check_address(address, Instant::now())
            .map_err(|error| limited(error, &self.metrics))?;
        request.extensions_mut().insert(address);
        Ok(())
    }
}

impl Middleware for Admission {
    fn handle(
        self: Arc<Self>,
        mut request: Request,
        rest: &mut Route,
    ) -> impl Future<Output = Response> + Send + 'static {
        match self.check(&mut request) {
            Ok(()) => Either::Left(answer(rest, request)),
            Err(problem) => Either::Right(ready(problem.into_response())),
        }
    }
}
