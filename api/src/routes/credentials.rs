//! `POST /v1/credentials`: lets a browser onto NATS.

use std::sync::Arc;

use axum::{Json, extract::State, http::header, response::IntoResponse};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use tracing::info;
use url::Url;

use crate::{
    auth::Identity,
    claims::{Permission, UserKey},
    error::{Code, Problem},
    extract::JsonBody,
    middleware::rate_limit::SessionLimit,
    mint::{self, Caller, Minted, NAME_ENTROPY, RolePolicy},
    telemetry::Metrics,
};

/// Who gets what. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// The role of everybody who gets in; `None` where nobody does.
    pub guest: Option<Arc<RolePolicy>>,
    /// Where to connect, best first.
    pub servers: Arc<[String]>,
}

impl Issuer {
    /// An issuer that sends browsers to these websocket listeners.
    #[must_use]
    pub fn new(guest: Option<RolePolicy>, servers: &[Url]) -> Self {
        let plain = |url: &Url| match url.path() {
            // "ws://host:port/" and "ws://host:port" are the same; the shorter is usual.
            "/" => url.as_str().trim_end_matches('/').to_owned(),
            _ => url.as_str().to_owned(),
        };
        Self { guest: guest.map(Arc::new), servers: servers.iter().map(plain).collect() }
    }
}

/// What a browser sends.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialsRequest {
    nkey: String,
}

/// What it gets. Times are Unix seconds, spans are seconds.
#[derive(Serialize)]
struct Credentials {
    jwt: String,
    expires_at: i64,
    server_time: i64,
    ttl: u64,
    refresh_after: u64,
    inbox_prefix: String,
    servers: Vec<String>,
    permissions: Permissions,
    role: &'static str,
}

#[derive(Serialize)]
struct Permissions {
    publish: Permission,
    subscribe: Permission,
}

/// Mints a credential for the public key in the body. The caller proves that the key is its own
/// when it logs in to NATS, not here: a credential for a stranger's key is of no use.
///
/// Who calls, and not too often, has been settled before the body is read.
///
/// # Errors
/// * 429 `rate_limited`: this caller asked too often for this key.
/// * 400 `invalid_nkey`: the key is none of a user.
/// * 422 `credential_too_large`: it would not fit a login.
/// * What [`JsonBody`] answers to other bodies.
pub async fn credentials(
    identity: Identity,
    session: SessionLimit,
    State(issuer): State<Issuer>,
    State(metrics): State<Metrics>,
    body: Result<JsonBody<CredentialsRequest>, Problem>,
) -> Result<impl IntoResponse, Problem> {
    let JsonBody(request) = body?;
    let caller = Caller { nkey: parse_nkey(&request.nkey)? };
    session.check(&caller.nkey)?;
    let policy = issuer
        .guest
        .ok_or_else(|| Problem::internal("a caller was let in, and no role is loaded"))?;

    let minted = mint_now(&policy, &caller)?;
    metrics.minted(policy.role.as_str());
    info!(
        ?identity,
        role = %policy.role,
        jti = minted.jti,
        name = minted.name,
        nkey = %caller.nkey,
        expires_at = minted.expires_at,
        "minted a credential"
    );
    let body = Credentials {
        jwt: minted.jwt.as_str().to_owned(),
        expires_at: minted.expires_at,
        server_time: minted.issued_at,
        ttl: minted.ttl,
        refresh_after: minted.refresh_after,
        inbox_prefix: caller.inbox_prefix(),
        servers: issuer.servers.to_vec(),
        permissions: Permissions { publish: minted.publish, subscribe: minted.subscribe },
        role: policy.role.as_str(),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)))
}

fn parse_nkey(text: &str) -> Result<UserKey, Problem> {
    UserKey::parse(text).map_err(|error| {
        Problem::new(
            Code::InvalidNkey,
            "\"nkey\" must be the public key of a user: 56 characters that begin with U.",
        )
        .caused_by(error)
    })
}

fn mint_now(policy: &RolePolicy, caller: &Caller) -> Result<Minted, Problem> {
    let mut random = [0; NAME_ENTROPY];
    getrandom::fill(&mut random).map_err(Problem::internal)?;
    let now = OffsetDateTime::now_utc().unix_timestamp();
    Ok(mint::mint(policy, caller, now, random)?)
}
