//! Whom what is going on is counted for.

use std::net::IpAddr;

use axum::{extract::FromRequestParts, http::request::Parts};

use super::{ClientAddress, network};
use crate::{auth::Identity, error::Problem};

/// Somebody who shares what the service can do at once with others: a guest by address, of which an
/// IPv6 one counts as its /64, all others by who they are, wherever they call from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Caller {
    /// Nobody in particular, from this network.
    Guest(IpAddr),
    /// A back end, by the name of its key.
    Service(String),
    /// A person, by issuer and subject.
    User(String, String),
}

impl Caller {
    /// The one with this identity, who calls from this address.
    #[must_use]
    pub fn new(identity: Identity, address: ClientAddress) -> Self {
        match identity {
            Identity::Guest => Self::Guest(network(address.0)),
            Identity::Service { name } => Self::Service(name),
            Identity::User { issuer, subject, .. } => Self::User(issuer, subject),
        }
    }
}

/// What the middlewares [`authenticate`](crate::middleware::authenticate) and
/// [`admit`](crate::middleware::admit) found out. A route without them answers 500.
impl<S: Send + Sync> FromRequestParts<S> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let identity = Identity::from_request_parts(parts, state).await?;
        let address = parts.extensions.get::<ClientAddress>().copied();
        let address = address.ok_or_else(|| Problem::internal("the route counts no addresses"))?;
        Ok(Self::new(identity, address))
    }
}
