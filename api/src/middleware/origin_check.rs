//! Keeps pages of other origins from making a visitor's browser call this service.
//!
//! Browsers send `Origin` with every POST, and `Sec-Fetch-Site` to hosts they trust (HTTPS and
//! loopback). Neither can be forged by a page. Programs send neither and pass: they speak for
//! themselves, not for a visitor.

use std::{collections::HashSet, sync::Arc};

use axum::http::{HeaderMap, HeaderName, header};

use crate::{
    config::Origin,
    error::{Code, Problem},
};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The origins whose pages may call, compared byte for byte.
#[derive(Debug, Clone)]
pub struct AllowedOrigins(Arc<HashSet<String>>);

impl AllowedOrigins {
    /// Admits these origins and no others.
    pub fn new<'a>(origins: impl IntoIterator<Item = &'a Origin>) -> Self {
        Self(Arc::new(origins.into_iter().map(|origin| origin.as_str().to_owned()).collect()))
    }

    /// Whether a call with these headers is from no page, or from one that may call.
    ///
    /// # Errors
    /// 403 `origin_not_allowed` for a page whose origin is not admitted.
    pub(super) fn check(&self, headers: &HeaderMap) -> Result<(), Problem> {
        if self.admits(headers) {
            Ok(())
        } else {
            Err(Problem::new(
                Code::OriginNotAllowed,
                "Pages of this origin may not call this service.",
            ))
        }
    }

    fn admits(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        match (origins.next(), origins.next()) {
            // A listed origin may be cross-site: that is what it was listed for.
            (Some(origin), None) => origin.to_str().is_ok_and(|origin| self.0.contains(origin)),
            (Some(_), Some(_)) => false,
            // No page, or a page whose browser keeps its origin to itself.
            (None, _) => headers
                .get_all(SEC_FETCH_SITE)
                .iter()
                .all(|site| matches!(site.as_bytes(), b"same-origin" | b"none")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(headers: &[(&'static str, &str)]) -> bool {
        let allowed = AllowedOrigins::new(&[Origin::parse("http://localhost:3000").unwrap()]);
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        allowed.admits(&map)
    }

    #[test]
    fn programs_and_listed_pages_pass() {
        assert!(admits(&[]));
        assert!(admits(&[("origin", "http://localhost:3000")]));
        assert!(admits(&[("origin", "http://localhost:3000"), ("sec-fetch-site", "same-origin")]));
        assert!(admits(&[("origin", "http://localhost:3000"), ("sec-fetch-site", "cross-site")]));
        assert!(admits(&[("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn everything_else_is_refused() {
        for origin in [
            "null",
            "",
            "http://localhost:3001",
            "https://localhost:3000",
            "http://LOCALHOST:3000",
            "http://localhost:3000/",
            "http://localhost:3000.evil.com",
            "http://evil.com",
            "*",
        ] {
            assert!(!admits(&[("origin", origin)]), "{origin}");
        }
        assert!(!admits(&[("origin", "http://localhost:3000"), ("origin", "http://evil.com")]));
        assert!(!admits(&[("sec-fetch-site", "cross-site")]));
        assert!(!admits(&[("sec-fetch-site", "same-site")]));
    }
}
