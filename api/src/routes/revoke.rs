//! `POST /v1/revoke`: takes somebody off NATS.

use axum::{Json, extract::State, http::header, response::IntoResponse};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::credentials::parse_nkey;
use crate::{
    auth::Identity,
    clock::unix_now,
    error::{Code, Problem},
    extract::JsonBody,
    revoke::{Revoker, Target, UserId},
};

/// Whom to ban, by one of the first two; for how long, by at most one of the others.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// A key, whoever holds it.
    #[serde(default)]
    nkey: Option<String>,
    /// A person, with all keys.
    #[serde(default)]
    user: Option<User>,
    /// When the ban ends, in Unix seconds.
    #[serde(default)]
    until: Option<i64>,
    /// How long the ban lasts.
    #[serde(default)]
    ttl_seconds: Option<i64>,
}

/// A person, by the token that says who it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct User {
    issuer: String,
    subject: String,
}

/// What was done.
#[derive(Serialize, ToSchema)]
struct Done {
    /// When the ban ends, in Unix seconds; null means never.
    banned_until: Option<i64>,
    /// How many keys are kept out.
    nkeys: usize,
    /// Whether the account's JWT names them.
    revoked: bool,
    /// How many connections were ended.
    kicked: u64,
}

/// Bans a key or a person: no credential any more, and no connection. Calling it again is harmless,
/// completes what was left undone, and may move the end.
///
/// # Errors
/// * 403 `revoke_not_allowed`: the caller may not, whoever it is about and whatever the body.
/// * 400 `invalid_nkey`: the key is none of a user.
/// * 422 `invalid_request`: it is not said whom, or until when in two ways, or the end has passed.
/// * 503 `revoke_incomplete`: the ban holds, but connections may go on; to be called again.
/// * What [`JsonBody`] answers to other bodies.
#[utoipa::path(
    post,
    path = "/v1/revoke",
    request_body = RevokeRequest,
    responses((status = 200, description = "The ban holds", body = Done))
)]
pub async fn revoke(
    identity: Identity,
    State(revoker): State<Revoker>,
    body: Result<JsonBody<RevokeRequest>, Problem>,
) -> Result<impl IntoResponse, Problem> {
    if !revoker.is_for(&identity) {
        return Err(Problem::new(Code::RevokeNotAllowed, "The caller may not ban anybody."));
    }
    let JsonBody(request) = body?;
    let target = match (&request.nkey, &request.user) {
        (Some(nkey), None) => Target::Nkey(parse_nkey(nkey)?),
        (None, Some(user)) => Target::User(UserId::new(&user.issuer, &user.subject)),
        _ => return Err(invalid("Say whom to ban by either \"nkey\" or \"user\".")),
    };
    let now = unix_now();
    let until = match (request.until, request.ttl_seconds) {
        (None, None) => None,
        (Some(until), None) => Some(until),
        (None, Some(ttl)) => Some(now.saturating_add(ttl)),
        _ => return Err(invalid("Say the end by either \"until\" or \"ttl_seconds\".")),
    };
    if until.is_some_and(|until| until <= now) {
        return Err(invalid("The end of the ban lies in the past."));
    }
    let done = revoker.revoke(target, until).await?;
    let body = Done {
        banned_until: done.ban.until,
        nkeys: done.ban.nkeys.len(),
        revoked: done.revoked,
        kicked: done.kicked,
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(body)))
}

fn invalid(detail: &'static str) -> Problem {
    Problem::new(Code::InvalidRequest, detail)
}
