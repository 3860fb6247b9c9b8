//! `POST /v1/credentials`: lets a browser onto NATS.

use std::sync::Arc;

use axum::{Json, extract::State, http::header, response::IntoResponse};
use serde::{Deserialize, Serialize};
use tracing::info;
use url::Url;
use utoipa::ToSchema;

use crate::{
    auth::Identity,
    claims::{Permission, UserKey},
    clock::unix_now,
    error::{Code, Problem},
    extract::JsonBody,
    middleware::rate_limit::SessionLimit,
    mint::{
        self, ChannelError, Consumer, Grant, Minted, NAME_ENTROPY, RoleDenied, RoleName, Roles,
    },
    revoke::Revoker,
    streams::Streams,
    telemetry::Metrics,
};

/// Who gets what. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Issuer {
    /// Which roles there are.
    pub roles: Roles,
    /// Where to connect, best first.
    pub servers: Arc<[String]>,
}

impl Issuer {
    /// An issuer that sends browsers to these websocket listeners.
    #[must_use]
    pub fn new(roles: Roles, servers: &[Url]) -> Self {
        let plain = |url: &Url| match url.path() {
            // "ws://host:port/" and "ws://host:port" are the same; the shorter is usual.
            "/" => url.as_str().trim_end_matches('/').to_owned(),
            _ => url.as_str().to_owned(),
        };
        Self { roles, servers: servers.iter().map(plain).collect() }
    }
}

/// What a browser sends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CredentialsRequest {
    /// The public key of a user.
    nkey: String,
    /// The role wanted; absent means the first that is for the caller.
    #[serde(default)]
    role: Option<String>,
    /// Channels wanted, as `room:7`.
    #[serde(default)]
    channels: Vec<String>,
}

/// What it gets. Times are Unix seconds, spans are seconds.
#[derive(Serialize, ToSchema)]
pub(crate) struct Credentials {
    jwt: String,
    expires_at: i64,
    server_time: i64,
    ttl: u64,
    refresh_after: u64,
    inbox_prefix: String,
    servers: Vec<String>,
    permissions: Permissions,
    role: String,
    channels: Vec<String>,
    /// What it is sent from streams.
    consumers: Vec<Delivery>,
}

/// What a consumer, made for the holder, sends it.
#[derive(Serialize, ToSchema)]
struct Delivery {
    stream: String,
    /// Where to subscribe, to just this; whoever of the holder's tabs does gets all.
    deliver_subject: String,
    /// What it delivers.
    filter: Vec<String>,
}

/// What the holder may do.
#[derive(Serialize, ToSchema)]
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
/// * 403 `role_not_allowed`: no role is for this caller, or not the one it asks for.
/// * 400 `invalid_channel`: a channel is not of the form `kind:value`.
/// * 403 `channel_not_allowed`: the role has no such channel, or not for this caller.
/// * 403 `banned`: the caller or the key is.
/// * 422 `credential_too_large`: it would not fit a login.
/// * 503 `jetstream_unavailable`: the role writes to a stream that is not known to be right, or has a
///   consumer that could not be made.
/// * What [`JsonBody`] answers to other bodies.
#[utoipa::path(
    post,
    path = "/v1/credentials",
    request_body = CredentialsRequest,
    responses((status = 200, description = "A credential", body = Credentials))
)]
pub async fn credentials(
    identity: Identity,
    session: SessionLimit,
    State(issuer): State<Issuer>,
    State(revoker): State<Revoker>,
    State(streams): State<Streams>,
    State(metrics): State<Metrics>,
    body: Result<JsonBody<CredentialsRequest>, Problem>,
) -> Result<impl IntoResponse, Problem> {
    let JsonBody(request) = body?;
    let nkey = parse_nkey(&request.nkey)?;
    session.check(&nkey)?;
    let requested = request.role.as_deref().map(parse_role).transpose()?;
    let policy = issuer.roles.choose(&identity, requested.as_ref())?;
    let grant = policy.grant(&identity, nkey, &request.channels)?;
    streams.admit(&policy.role)?;

    let minted = mint_now(&grant)?;
    // Afterwards, so that no token is younger than a ban that did not find it.
    revoker.bans().admit(&identity, grant.nkey(), minted.expires_at, minted.issued_at)?;
    // Last, so that nobody who is banned is sent anything.
    streams.make_consumers(&grant).await?;
    let role = &grant.role().name;
    let channels: Vec<String> = grant.channels().iter().map(ToString::to_string).collect();
    metrics.minted(role.as_str());
    info!(
        ?identity,
        %role,
        channels = channels.join(" "),
        jti = minted.jti,
        name = minted.name,
        nkey = %grant.nkey(),
        expires_at = minted.expires_at,
        "minted a credential"
    );
    let body = Credentials {
        jwt: minted.jwt.as_str().to_owned(),
        expires_at: minted.expires_at,
        server_time: minted.issued_at,
        ttl: minted.ttl,
        refresh_after: minted.refresh_after,
        inbox_prefix: grant.inbox_prefix(),
        servers: issuer.servers.to_vec(),
        permissions: Permissions { publish: minted.publish, subscribe: minted.subscribe },
        role: role.to_string(),
        channels,
        consumers: grant.consumers().into_iter().map(Delivery::from).collect(),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)))
}

impl From<Consumer> for Delivery {
    fn from(consumer: Consumer) -> Self {
        let Consumer { stream, deliver_subject, filter, .. } = consumer;
        Self { stream, deliver_subject, filter }
    }
}

/// A name that no role can have is answered as that of a role that does not exist.
pub(super) fn parse_role(text: &str) -> Result<RoleName, Problem> {
    RoleName::parse(text).map_err(|error| role_not_allowed().caused_by(error))
}

fn role_not_allowed() -> Problem {
    Problem::new(Code::RoleNotAllowed, "The caller may not have this role, or none at all.")
}

impl From<RoleDenied> for Problem {
    fn from(denied: RoleDenied) -> Self {
        role_not_allowed().caused_by(denied)
    }
}

impl From<ChannelError> for Problem {
    fn from(error: ChannelError) -> Self {
        match error {
            ChannelError::Malformed => Self::new(
                Code::InvalidChannel,
                "Each of \"channels\" must be of the form kind:value, with a-z, 0-9, - and _.",
            ),
            ChannelError::Denied(_) => {
                Self::new(Code::ChannelNotAllowed, "The caller may not have one of these channels.")
            }
            ChannelError::TooMany { .. } => Self::new(
                Code::CredentialTooLarge,
                "These are more channels than one credential can have; ask for less.",
            ),
        }
        .caused_by(error)
    }
}

pub(super) fn parse_nkey(text: &str) -> Result<UserKey, Problem> {
    UserKey::parse(text).map_err(|error| {
        Problem::new(
            Code::InvalidNkey,
            "\"nkey\" must be the public key of a user: 56 characters that begin with U.",
        )
        .caused_by(error)
    })
}

fn mint_now(grant: &Grant<'_>) -> Result<Minted, Problem> {
    let mut random = [0; NAME_ENTROPY];
    getrandom::fill(&mut random).map_err(Problem::internal)?;
    let now = unix_now();
    Ok(mint::mint(grant, now, random)?)
}
