//! Web origins, compared exactly.

use std::fmt;

use serde::{Deserialize, Deserializer, de};
use url::Url;

/// Who may call from a browser.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginsConfig {
    /// Origins under which this service itself is reached, as the address bar shows them. When the
    /// listener is on loopback, `http://localhost` and `http://127.0.0.1` with its real port are
    /// added.
    pub own: Vec<Origin>,
    /// Other origins whose pages may call, by CORS. Empty means none.
    pub cross: Vec<Origin>,
}

/// A web origin: `scheme://host` or `scheme://host:port`, lower case, without the default port,
/// exactly as browsers send it (RFC 6454 §6.2).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Origin(String);

/// A text is not an origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// Not a URL at all, or of a scheme that has no web origin.
    #[error("{0:?} is not an http or https origin, such as \"https://example.com\"")]
    NotAnOrigin(String),
    /// Right but for its spelling, which a browser would not send.
    #[error("{given:?} is not how a browser spells it; write {canonical:?}")]
    Spelling {
        /// What was given.
        given: String,
        /// The same origin as browsers send it.
        canonical: String,
    },
}

impl Origin {
    /// Reads an origin strictly.
    ///
    /// # Errors
    /// * [`OriginError::NotAnOrigin`]: another thing, `*` and `null` included.
    /// * [`OriginError::Spelling`]: a path, a default port, upper case and so on.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let not_an_origin = || OriginError::NotAnOrigin(text.to_owned());
        let url = Url::parse(text).map_err(|_| not_an_origin())?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(not_an_origin());
        }
        let canonical = url.origin().ascii_serialization();
        if canonical == text {
            Ok(Self(canonical))
        } else {
            Err(OriginError::Spelling { given: text.to_owned(), canonical })
        }
    }

    /// The origin as browsers send it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::str::FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl<'de> Deserialize<'de> for Origin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_origins_pass() {
        for good in [
            "http://localhost:3000",
            "http://127.0.0.1:3000",
            "https://example.com",
            "http://[::1]:3000",
        ] {
            assert_eq!(Origin::parse(good).unwrap().as_str(), good);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            "*",
            "null",
            "localhost:3000",
            "http://",
            "http://localhost:3000/",
            "http://localhost:3000/page",
            "http://LOCALHOST:3000",
            "http://localhost:80",
            "https://user@example.com",
            "ftp://example.com",
            "file:///tmp",
            "http://*.example.com:3000/",
        ] {
            assert!(Origin::parse(bad).is_err(), "accepted {bad:?}");
        }
    }
}
