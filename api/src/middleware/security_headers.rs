//! Headers that tell the browser what the page may not do.

use std::fmt::Write;

use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use url::Url;

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// The policy that a page of this service runs under: nothing but its own files, WebAssembly, this
/// service and the listed websocket listeners. No inline script, no frames, no forms.
///
/// # Errors
/// If the URLs make no header value, which the configuration's check rules out.
pub fn content_security_policy(
    websockets: &[Url],
) -> Result<HeaderValue, header::InvalidHeaderValue> {
    let mut connect = String::from("'self'");
    for url in websockets {
        // Scheme, host and port; writing to a String cannot fail.
        let _ = write!(connect, " {}", url.origin().ascii_serialization());
    }
    HeaderValue::try_from(format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
         img-src 'self' data:; connect-src {connect}; worker-src 'self'; manifest-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ))
}

/// Adds the headers to every response. One that has a policy of its own keeps it, which is stricter:
/// that of an object.
pub async fn security_headers(
    State(policy): State<HeaderValue>,
    request: Request,
    next: Next,
) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.entry(header::CONTENT_SECURITY_POLICY).or_insert(policy);
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
        (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
        (PERMISSIONS_POLICY, "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_lists_exactly_the_websocket_listeners() {
        let urls =
            ["ws://localhost:5000".parse().unwrap(), "wss://a.example/nats".parse().unwrap()];
        let policy = content_security_policy(&urls).unwrap();
        let policy = policy.to_str().unwrap();
        assert!(
            policy.contains("connect-src 'self' ws://localhost:5000 wss://a.example;"),
            "{policy}"
        );
        assert!(policy.contains("script-src 'self' 'wasm-unsafe-eval';"), "{policy}");
        assert!(!policy.contains("unsafe-inline"), "{policy}");
    }
}
