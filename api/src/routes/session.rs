//! `/v1/session`: lets a browser onto NATS by a cookie.

use axum::{
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use serde::Deserialize;
use tracing::info;
use utoipa::ToSchema;

use super::credentials::{Issuer, parse_role};
use crate::{
    auth::Identity,
    clock::unix_now,
    config::CalloutConfig,
    error::{Code, Problem},
    extract::JsonBody,
    revoke::Revoker,
    session::{SealSessionError, Session, Sessions, cookie::SessionCookie},
};

/// Gives sessions out as cookies, or not at all. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct SessionIssuer(Option<(Sessions, SessionCookie)>);

impl SessionIssuer {
    /// One that gives out these sessions.
    #[must_use]
    pub fn new(sessions: Sessions, config: &CalloutConfig) -> Self {
        Self(Some((sessions, SessionCookie::new(config))))
    }

    fn parts(&self) -> Result<&(Sessions, SessionCookie), Problem> {
        self.0.as_ref().ok_or_else(|| {
            Problem::new(Code::NotFound, "There are no sessions here; ask for a credential.")
        })
    }
}

/// What a session is to be for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SessionRequest {
    /// The role wanted; absent means the first that is for the caller.
    #[serde(default)]
    role: Option<String>,
    /// Channels wanted, as `room:7`.
    #[serde(default)]
    channels: Vec<String>,
}

/// Gives the caller's browser a session, in a cookie that no script can read. With it, the browser
/// connects to NATS without a credential, as the caller and for the role and the channels asked for
/// here. It is no credential for this service.
///
/// # Errors
/// * 404 `not_found`: there are no sessions here.
/// * 403 `role_not_allowed`: the caller may not have the role, or none at all.
/// * 400 `invalid_channel`, 403 `channel_not_allowed`, 422 `credential_too_large`: a channel is
///   malformed, not for the caller, or one too many; or what is known of the caller is too much for
///   a cookie.
/// * 403 `banned`: the caller is banned.
/// * What [`JsonBody`] answers to other bodies.
#[utoipa::path(
    post,
    path = "/v1/session",
    request_body = SessionRequest,
    responses((
        status = 204,
        description = "The browser has a session",
        headers(("set-cookie" = String, description = "The session; HttpOnly and SameSite=Strict")),
    ))
)]
pub async fn begin_session(
    identity: Identity,
    State(issuer): State<Issuer>,
    State(sessions): State<SessionIssuer>,
    State(revoker): State<Revoker>,
    body: Result<JsonBody<SessionRequest>, Problem>,
) -> Result<impl IntoResponse, Problem> {
    let (sessions, cookie) = sessions.parts()?;
    let JsonBody(request) = body?;
    let requested = request.role.as_deref().map(parse_role).transpose()?;
    let policy = issuer.roles.choose(&identity, requested.as_ref())?;
    policy.rights(&identity, None, &request.channels)?;
    let now = unix_now();
    if revoker.bans().is_banned(&identity, now) {
        return Err(Problem::new(Code::Banned, "The caller or its key is banned."));
    }
    let expires_at = now.saturating_add(cookie.max_age().into());
    let session = Session {
        identity: issuer.roles.without_idle_claims(&identity),
        role: Some(policy.role.name.clone()),
        channels: request.channels,
        expires_at,
    };
    let header = sessions.seal(&session)?;
    let header = cookie.set(&header).ok_or_else(|| Problem::internal("a session is no cookie"))?;
    info!(
        ?identity,
        role = %policy.role.name,
        channels = session.channels.join(" "),
        expires_at,
        "gave out a session"
    );
    Ok(answer(header))
}

/// Has the browser forget its session, whoever calls. Connections that were made with it go on until
/// they end by themselves, and the session itself counts until it ends.
///
/// # Errors
/// 404 `not_found`: there are no sessions here.
#[utoipa::path(
    delete,
    path = "/v1/session",
    responses((
        status = 204,
        description = "The browser has no session",
        headers(("set-cookie" = String, description = "Clears the session")),
    )),
    security(())
)]
pub async fn end_session(
    State(sessions): State<SessionIssuer>,
) -> Result<impl IntoResponse, Problem> {
    let (_, cookie) = sessions.parts()?;
    let header = cookie.clear().ok_or_else(|| Problem::internal("the session is no cookie"))?;
    Ok(answer(header))
}

fn answer(cookie: HeaderValue) -> impl IntoResponse {
    let no_store = HeaderValue::from_static("no-store");
    (StatusCode::NO_CONTENT, [(header::CACHE_CONTROL, no_store), (header::SET_COOKIE, cookie)])
}

impl From<SealSessionError> for Problem {
    fn from(error: SealSessionError) -> Self {
        match error {
            SealSessionError::TooLarge { .. } => Self::new(
                Code::CredentialTooLarge,
                "The session would be too large for a cookie; ask for less.",
            )
            .caused_by(error),
            SealSessionError::Encode(_) | SealSessionError::Seal(_) => Self::internal(error),
        }
    }
}
