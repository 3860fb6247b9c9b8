//! The page: static files at `/`.

use std::path::Path;

use axum::{
    Router,
    extract::Request,
    handler::HandlerWithoutStateExt,
    http::{HeaderValue, header},
    middleware::{self, Next},
    response::Response,
};
use tower_http::services::ServeDir;

use crate::error::{Code, Problem};

/// Where files lie whose names change with their contents.
const ASSETS: &str = "/assets/";

/// Serves the directory, and a problem for everything that is not in it. Variants compressed
/// beforehand (`x.br`, `x.gz`) are preferred where the browser takes them.
pub fn page<S: Clone + Send + Sync + 'static>(dir: &Path) -> Router<S> {
    let files = ServeDir::new(dir)
        .precompressed_br()
        .precompressed_gzip()
        .call_fallback_on_method_not_allowed(true)
        .fallback(not_found.into_service());
    Router::new().fallback_service(files).layer(middleware::from_fn(cache_control))
}

/// What is below [`ASSETS`] is kept for good; other files keep their names from build to build, so a
/// browser must ask whether they changed.
async fn cache_control(request: Request, next: Next) -> Response {
    let keep = match request.uri().path().starts_with(ASSETS) {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let mut response = next.run(request).await;
    if response.status().is_success() || response.status() == axum::http::StatusCode::NOT_MODIFIED {
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    }
    response
}

async fn not_found(request: Request) -> Problem {
    if matches!(request.uri().path(), "/" | "/index.html") {
        Problem::new(
            Code::PageNotBuilt,
            "The page has not been built yet, or lies elsewhere. Build it as the README says, or \
             point the service to it with API_PAGE_DIR.",
        )
    } else {
        Problem::new(Code::NotFound, "There is nothing here.")
    }
}
