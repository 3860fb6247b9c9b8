//! Numbers of requests, by what was asked for and how it was answered.

use std::{
    collections::HashMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::{Registry, Unit},
};

use super::metrics::Latency;

/// The methods that are named.
const USUAL: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Counts requests.
///
/// A family of metrics is asked by labels that own their texts, which would have to be made for each
/// request. So what it has for a route is kept here, by a text that need only be borrowed.
pub(super) struct Answers {
    requests: Family<Request, Counter>,
    durations: Family<Route, Histogram, Latency>,
    routes: RwLock<HashMap<String, OfRoute>>,
}

/// What there is for one route. There are as many counters as answers of different kinds.
struct OfRoute {
    duration: Histogram,
    requests: Vec<(&'static str, u16, Counter)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Request {
    route: String,
    method: &'static str,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Route {
    route: String,
}

impl OfRoute {
    /// False if there has been no such answer yet.
    fn count(&self, method: &'static str, status: u16, took: Duration) -> bool {
        let same = |(m, s, _): &&(_, _, Counter)| (*m, *s) == (method, status);
        let Some((.., counter)) = self.requests.iter().find(same) else { return false };
        counter.inc();
        self.duration.observe(took.as_secs_f64());
        true
    }
}

impl Answers {
    /// All at zero, and part of the registry.
    pub(super) fn register(registry: &mut Registry) -> Self {
        let requests = Family::default();
        let durations = Family::new_with_constructor(Latency);
        registry.register("http_requests", "Requests answered", requests.clone());
        registry.register_with_unit(
            "http_request_duration",
            "Time from a request's head to its response's",
            Unit::Seconds,
            durations.clone(),
        );
        Self { requests, durations, routes: RwLock::default() }
    }

    /// Counts a request. `route` is one of this service's own.
    pub(super) fn count(&self, route: &str, method: &str, status: u16, took: Duration) {
        let method = USUAL.into_iter().find(|usual| *usual == method).unwrap_or("other");
        // Nothing that could panic is done with the lock.
        let known = |routes: &HashMap<String, OfRoute>| {
            routes.get(route).is_some_and(|of| of.count(method, status, took))
        };
        if known(&self.routes.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        let of = routes.entry(route.to_owned()).or_insert_with(|| OfRoute {
            duration: self.durations.get_or_create_owned(&Route { route: route.to_owned() }),
            requests: Vec::new(),
        });
        // Another may have been first.
        if !of.count(method, status, took) {
            let request = Request { route: route.to_owned(), method, status };
            of.requests.push((method, status, self.requests.get_or_create_owned(&request)));
            of.count(method, status, took);
        }
    }
}
