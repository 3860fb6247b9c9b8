//! Which request goes where, and through what.

use std::{path::PathBuf, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::FromRef,
    http::{HeaderValue, Method, header},
    routing::{delete, get, post},
};
use tower_http::cors::CorsLayer;

use crate::{
    auth::Authenticator,
    config::Origin,
    error::{Code, Problem},
    limits::{AddressSource, RateLimits},
    middleware::{
        admit::Admission,
        authenticate::Authentication,
        body_limit::{BodyLimits, PUBLISH},
        layer::Around,
        observe::REQUEST_ID,
        origin_check::AllowedOrigins,
        security_headers::SecurityHeaders,
        surroundings::Surroundings,
    },
    objects::Objects,
    presence::Presence,
    publish::Publisher,
    revoke::Revoker,
    routes::{
        credentials::{Issuer, credentials},
        health::{healthz, readyz},
        metrics::metrics,
        objects::{delete_object, get_object, list_objects, put_object},
        openapi::openapi,
        page::page,
        permissions::permissions,
        ping::ping,
        presence::presence,
        publish::publish,
        revoke::revoke,
        session::{SessionIssuer, begin_session, end_session},
    },
    streams::Streams,
    telemetry::Metrics,
};

/// Time a browser may remember the answer to a preflight.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(600);

/// What handlers work with. They share it, since each request takes it along.
#[derive(Debug)]
pub struct AppState {
    /// Publishes to NATS.
    pub publisher: Publisher,
    /// Mints credentials.
    pub issuer: Issuer,
    /// Gives out sessions.
    pub sessions: SessionIssuer,
    /// Knows who calls.
    pub authenticator: Authenticator,
    /// Bans.
    pub revoker: Revoker,
    /// What some roles rest on.
    pub streams: Streams,
    /// Keeps objects.
    pub objects: Objects,
    /// Knows who is there.
    pub presence: Presence,
    /// Bounds how often.
    pub limits: RateLimits,
    /// Tells from where.
    pub addresses: AddressSource,
    /// Counts.
    pub metrics: Metrics,
}

/// Lets a handler or a middleware ask for one part of the state.
macro_rules! parts_of_state {
    ($($field:ident: $part:ty),* $(,)?) => {$(
        impl FromRef<Arc<AppState>> for $part {
            fn from_ref(state: &Arc<AppState>) -> Self {
                state.$field.clone()
            }
        }
    )*};
}

parts_of_state! {
    publisher: Publisher,
    issuer: Issuer,
    sessions: SessionIssuer,
    authenticator: Authenticator,
    revoker: Revoker,
    streams: Streams,
    objects: Objects,
    presence: Presence,
    limits: RateLimits,
    metrics: Metrics,
}

/// What surrounds the handlers.
#[derive(Debug, Clone)]
pub struct RouterSettings {
    /// Origins this service has itself.
    pub own_origins: Vec<Origin>,
    /// Other origins that may call.
    pub cross_origins: Vec<Origin>,
    /// Largest bodies.
    pub body_limits: BodyLimits,
    /// Longest time a request may take.
    pub request_timeout: Duration,
    /// Directory of the page.
    pub page_dir: PathBuf,
    /// The content security policy of every response.
    pub content_security_policy: HeaderValue,
}

/// Builds the service. Each request must carry the extension [`Peer`](crate::server::Peer).
pub fn router(state: Arc<AppState>, settings: &RouterSettings) -> Router {
    let authentication = Authentication {
        authenticator: state.authenticator.clone(),
        limits: state.limits.clone(),
        metrics: state.metrics.clone(),
    };
    let admission = Admission {
        origins: AllowedOrigins::new(settings.own_origins.iter().chain(&settings.cross_origins)),
        addresses: state.addresses.clone(),
        limits: state.limits.clone(),
        metrics: state.metrics.clone(),
    };
    // What a page makes the visitor's browser do.
    let calls = Router::<Arc<AppState>>::new()
        .route("/ping", post(ping))
        .route("/v1/credentials", post(credentials))
        .route("/v1/permissions", get(permissions))
        .route("/v1/objects/{bucket}", get(list_objects))
        .route(
            "/v1/objects/{bucket}/{*name}",
            get(get_object).put(put_object).delete(delete_object),
        )
        .route("/v1/presence/{channel}", get(presence))
        .route(PUBLISH, post(publish))
        .route("/v1/revoke", post(revoke))
        .route("/v1/session", post(begin_session))
        .method_not_allowed_fallback(method_not_allowed)
        .layer(Around::new(authentication))
        // Who has nothing to show any more can still sign out.
        .route("/v1/session", delete(end_session))
        .layer(Around::new(admission));
    let calls = match cors(&settings.cross_origins) {
        Some(cors) => calls.layer(cors),
        None => calls,
    };
    let probes = Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/openapi.json", get(openapi))
        .method_not_allowed_fallback(method_not_allowed);

    let metrics = state.metrics.clone();
    let routes = calls.merge(probes).merge(page(&settings.page_dir)).with_state(state);
    around(routes, metrics, settings)
}

/// Builds what the listener for Prometheus serves.
pub fn metrics_router(state: Arc<AppState>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .method_not_allowed_fallback(method_not_allowed)
        .fallback(async || Problem::new(Code::NotFound, "There is nothing here but /metrics."))
        .with_state(state)
}

/// Puts around a router what every request goes through.
fn around(router: Router, metrics: Metrics, settings: &RouterSettings) -> Router {
    router.layer(Around::new(Surroundings {
        metrics,
        headers: SecurityHeaders { policy: settings.content_security_policy.clone() },
        timeout: settings.request_timeout,
        body_limits: settings.body_limits,
    }))
}

fn cors(origins: &[Origin]) -> Option<CorsLayer> {
    // An origin is ASCII without control characters, so each makes a header value.
    let origins: Vec<HeaderValue> =
        origins.iter().filter_map(|origin| origin.as_str().parse().ok()).collect();
    (!origins.is_empty()).then(|| {
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::POST, Method::PUT, Method::DELETE])
            .allow_headers([
                header::AUTHORIZATION,
                header::CONTENT_TYPE,
                header::IF_MATCH,
                header::IF_NONE_MATCH,
            ])
            .expose_headers([header::ETAG, header::RETRY_AFTER, REQUEST_ID])
            .max_age(PREFLIGHT_MAX_AGE)
    })
}

/// The header `Allow` is added by the router.
async fn method_not_allowed() -> Problem {
    Problem::new(Code::MethodNotAllowed, "This route is not called with this method.")
}

#[cfg(test)]
mod tests {
    use axum::{
        body::{Body, to_bytes},
        http::Request,
    };
    use tower::ServiceExt;

    use super::*;

    fn settings() -> RouterSettings {
        RouterSettings {
            own_origins: Vec::new(),
            cross_origins: Vec::new(),
            body_limits: BodyLimits::new(1024, 1024),
            request_timeout: Duration::from_millis(50),
            page_dir: PathBuf::from("/nonexistent"),
            content_security_policy: HeaderValue::from_static("default-src 'none'"),
        }
    }

    async fn call(router: Router) -> (u16, serde_json::Value) {
        let request = Request::get("/").body(Body::empty()).unwrap();
        let response = around(router, Metrics::new(), &settings()).oneshot(request).await.unwrap();
        assert!(response.headers().contains_key("x-request-id"));
        assert!(response.headers().contains_key(header::CONTENT_SECURITY_POLICY));
        let status = response.status().as_u16();
        let body = to_bytes(response.into_body(), 4096).await.unwrap();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test]
    async fn a_panic_becomes_a_500_that_does_not_tell_why() {
        async fn panics() -> &'static str {
            panic!("a private reason")
        }
        let (status, body) = call(Router::new().route("/", get(panics))).await;
        assert_eq!(status, 500);
        assert_eq!(body["code"], "internal");
        assert!(!body.to_string().contains("private"));
    }

    #[tokio::test]
    async fn a_handler_that_never_ends_becomes_a_408() {
        let never = get(std::future::pending::<()>);
        let (status, body) = call(Router::new().route("/", never)).await;
        assert_eq!(status, 408);
        assert_eq!(body["code"], "request_timeout");
    }
}
