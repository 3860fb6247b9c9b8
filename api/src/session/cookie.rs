//! The cookie a session comes in (RFC 6265bis).

use axum::http::HeaderValue;

use crate::config::CalloutConfig;

/// How the cookie is set and cleared. Cheap to clone.
///
/// No script can read it, no other site's page has it sent, and it goes to every port and path of the
/// host that set it: nats-server's is another port.
#[derive(Debug, Clone)]
pub struct SessionCookie {
    name: String,
    attributes: &'static str,
    max_age: u32,
}

impl SessionCookie {
    /// The cookie of the configuration.
    #[must_use]
    pub fn new(config: &CalloutConfig) -> Self {
        let attributes = if config.secure_cookie {
            "Path=/; HttpOnly; Secure; SameSite=Strict"
        } else {
            "Path=/; HttpOnly; SameSite=Strict"
        };
        Self { name: config.cookie_name.clone(), attributes, max_age: config.session_seconds }
    }

    /// Seconds that a session lasts.
    #[must_use]
    pub fn max_age(&self) -> u32 {
        self.max_age
    }

    /// A value for `Set-Cookie` that has the browser keep this session; not shown in logs. `None` if
    /// the session has characters that no cookie has.
    #[must_use]
    pub fn set(&self, session: &str) -> Option<HeaderValue> {
        self.header(session, self.max_age)
    }

    /// A value for `Set-Cookie` that has the browser forget it.
    #[must_use]
    pub fn clear(&self) -> Option<HeaderValue> {
        self.header("", 0)
    }

    fn header(&self, value: &str, max_age: u32) -> Option<HeaderValue> {
        let text = format!("{}={value}; Max-Age={max_age}; {}", self.name, self.attributes);
        let mut header = HeaderValue::from_str(&text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}
