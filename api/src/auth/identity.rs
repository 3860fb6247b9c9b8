//! A caller, known.

use std::fmt;

use axum::{extract::FromRequestParts, http::request::Parts};
use serde_json::{Map, Value};

use crate::error::Problem;

/// Who a caller has proven to be.
///
/// `Debug` shows no claims: they may hold what identifies a person.
#[derive(Clone, PartialEq, Eq)]
pub enum Identity {
    /// Nobody in particular; only where guests are let in.
    Guest,
    /// A back end that holds an API key.
    Service {
        /// The key's name in the configuration, safe to log.
        name: String,
    },
    /// A person, by a token of an issuer that is trusted.
    User {
        /// The issuer, `iss`.
        issuer: String,
        /// The person at that issuer, `sub`.
        subject: String,
        /// Every claim of the token, verified.
        claims: Map<String, Value>,
    },
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guest => f.write_str("Guest"),
            Self::Service { name } => f.debug_struct("Service").field("name", name).finish(),
            Self::User { issuer, subject, .. } => f
                .debug_struct("User")
                .field("issuer", issuer)
                .field("subject", subject)
                .finish_non_exhaustive(),
        }
    }
}

/// What the middleware [`authenticate`](crate::middleware::authenticate) found out. A route that it
/// does not stand before answers 500: nobody is let in by mistake.
impl<S: Sync> FromRequestParts<S> for Identity {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let identity = parts.extensions.get::<Self>();
        identity.cloned().ok_or_else(|| Problem::internal("the route is not authenticated"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_claims() {
        let claims = Map::from_iter([("email".to_owned(), "a@b.example".into())]);
        let user = Identity::User { issuer: "i".into(), subject: "s".into(), claims };
        let shown = format!("{user:?}");
        assert!(shown.contains("\"s\"") && !shown.contains("a@b.example"), "{shown}");
    }
}
