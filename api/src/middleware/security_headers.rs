//! Headers that tell the browser what the page may not do.

use std::fmt::Write;

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use url::Url;

const CROSS_ORIGIN_OPENER_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-opener-policy");
const CROSS_ORIGIN_RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Beside the policy.
const OTHERS: [(HeaderName, &str); 5] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
    (CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
    (PERMISSIONS_POLICY, "camera=(), geolocation=(), microphone=()"),
];

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

/// The headers of every response.
#[derive(Debug, Clone)]
pub struct SecurityHeaders {
    /// What [`content_security_policy`] says.
    pub policy: HeaderValue,
}

impl SecurityHeaders {
    /// Adds the headers to a response. One that has a policy of its own keeps it, which is stricter:
    /// that of an object.
    pub(super) fn add_to(&self, headers: &mut HeaderMap) {
        // In one go, and not half of them after the other.
        headers.reserve(OTHERS.len() + 2);
        headers.entry(header::CONTENT_SECURITY_POLICY).or_insert_with(|| self.policy.clone());
        for (name, value) in OTHERS {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
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
