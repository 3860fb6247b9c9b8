//! Middleware as layers of a router.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::{extract::Request, response::Response, routing::Route};
use futures_util::FutureExt;
use tower::{Layer, Service};

/// Something around the rest of the way to a handler.
pub trait Middleware: Send + Sync + 'static {
    /// Answers a request, or has the rest answer it.
    ///
    /// `rest` is what the middleware stands before. What it returns does nothing until it is awaited,
    /// and it may be cloned to call it later; a clone costs as many allocations as there are layers
    /// behind this one.
    fn handle(
        self: Arc<Self>,
        request: Request,
        rest: &mut Route,
    ) -> impl Future<Output = Response> + Send + 'static;
}

/// Puts a middleware around each route of a router.
///
/// `axum::middleware::from_fn` does the same. But there a request costs a copy of everything that a
/// middleware has and stands before, twice, and so again in each middleware behind it: with nine of
/// them, more than all they do.
#[derive(Debug)]
pub struct Around<M>(Arc<M>);

impl<M> Around<M> {
    /// A layer of this middleware.
    pub fn new(middleware: M) -> Self {
        Self(Arc::new(middleware))
    }
}

impl<M> Clone for Around<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M> Layer<Route> for Around<M> {
    type Service = Surrounded<M>;

    fn layer(&self, rest: Route) -> Surrounded<M> {
        Surrounded { middleware: Arc::clone(&self.0), rest }
    }
}

/// A route with a middleware around it.
#[derive(Debug)]
pub struct Surrounded<M> {
    middleware: Arc<M>,
    rest: Route,
}

impl<M> Clone for Surrounded<M> {
    fn clone(&self) -> Self {
        Self { middleware: Arc::clone(&self.middleware), rest: self.rest.clone() }
    }
}

impl<M: Middleware> Service<Request> for Surrounded<M> {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    /// A route is always ready.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        Box::pin(Arc::clone(&self.middleware).handle(request, &mut self.rest).map(Ok))
    }
}

/// Has the rest answer. Nothing happens until it is awaited.
pub(super) fn answer(
    rest: &mut Route,
    request: Request,
) -> impl Future<Output = Response> + Send + Unpin + use<> {
    rest.call(request).map(|answer| answer.unwrap_or_else(|never| match never {}))
}
