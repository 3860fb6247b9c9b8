//! `GET /v1/presence/{channel}`: says who is on a channel.

use axum::{
    Json,
    extract::{Path, State},
    http::{Uri, header},
    response::IntoResponse,
};
use nats_proto::presence::{Channel, Snapshot, SnapshotMember, SnapshotTab};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    credentials::{Issuer, parse_nkey, parse_role},
    query,
};
use crate::{
    auth::Identity,
    claims::UserKey,
    error::{Code, Problem},
    mint::{ChannelError, RolePolicy},
    presence::{Presence, PresenceError},
};

/// Users in one answer at most.
const PAGE: usize = 100;

/// Who is on a channel. Spans are milliseconds before the answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct Present {
    channel: String,
    /// How long a tab counts as present that is not heard.
    ttl_ms: u64,
    /// Whether who is not in the answers is not there: the service has listened for long enough, and
    /// there was room for everybody.
    complete: bool,
    /// The users, in the order of their keys.
    members: Vec<Member>,
    /// What to ask for as `after` to get the next users, if there are more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// A user on a channel.
#[derive(Serialize, ToSchema)]
struct Member {
    /// The user's public key.
    nkey: String,
    /// For how long the user has been there, as far as this process has heard.
    since_ms: u64,
    /// What the tab says that changed last: anything, by whoever holds the key.
    data: serde_json::Value,
    tabs: Vec<Tab>,
}

/// A tab of a user.
#[derive(Serialize, ToSchema)]
struct Tab {
    id: String,
    /// The id of the NATS server that it is connected to.
    server: String,
    /// The number of the connection there.
    client: u64,
    heard_ms: u64,
    changed_ms: u64,
    data: serde_json::Value,
}

impl From<Snapshot> for Present {
    fn from(Snapshot { channel, ttl_ms, complete, members, next }: Snapshot) -> Self {
        let members = members.into_iter().map(Member::from).collect();
        Self { channel, ttl_ms, complete, members, next }
    }
}

impl From<SnapshotMember> for Member {
    fn from(SnapshotMember { nkey, since_ms, data, tabs }: SnapshotMember) -> Self {
        Self { nkey, since_ms, data, tabs: tabs.into_iter().map(Tab::from).collect() }
    }
}

impl From<SnapshotTab> for Tab {
    fn from(tab: SnapshotTab) -> Self {
        let SnapshotTab { id, server, client, heard_ms, changed_ms, data } = tab;
        Self { id, server, client, heard_ms, changed_ms, data }
    }
}

/// Says who is on a channel such as `room:7`, to whoever may read what the tabs on it say on NATS, which
/// is `presence.room.7.>`: by the channel itself, or because the role reads it without. Up to 100 users
/// at a time, in the order of their keys; `after` asks for those after a key, and `role` for another
/// role than the first that is for the caller.
///
/// # Errors
/// * 404 `not_found`: presence is switched off.
/// * 400 `invalid_channel`: the channel is not of the form `kind:value`.
/// * 400 `invalid_query`: a parameter is unknown or given twice.
/// * 400 `invalid_nkey`: `after` is no public key of a user.
/// * 403 `role_not_allowed`: no role is for this caller, or not the one it asks for.
/// * 403 `channel_not_allowed`: the caller may not have this channel, or its role may not read who is
///   there.
/// * 503 `nats_unavailable`: there is no connection to NATS.
#[utoipa::path(
    get,
    path = "/v1/presence/{channel}",
    params(("channel" = String, Path, description = "The channel, as `room:7`."), Query),
    responses((status = 200, description = "Who is there", body = Present))
)]
pub async fn presence(
    identity: Identity,
    State(issuer): State<Issuer>,
    State(presence): State<Presence>,
    Path(channel): Path<String>,
    uri: Uri,
) -> Result<impl IntoResponse, Problem> {
    let query = Query::parse(uri.query())?;
    let requested = query.role.as_deref().map(parse_role).transpose()?;
    let channel: Channel = channel.parse().map_err(|_| Problem::from(ChannelError::Malformed))?;
    let policy = issuer.roles.choose(&identity, requested.as_ref())?;
    check(policy, &identity, &channel)?;
    let after = query.after.as_ref().map(UserKey::as_str);
    let snapshot = presence.snapshot(&channel, after, PAGE)?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(Present::from(snapshot))))
}

/// Holds a caller to what a credential would let it read on NATS.
fn check(policy: &RolePolicy, identity: &Identity, channel: &Channel) -> Result<(), Problem> {
    let rights = match policy.rights(identity, None, &[channel.to_string()]) {
        // The role may read it by a subject that no channel is put into.
        Err(ChannelError::Denied(_)) => policy.rights(identity, None, &[] as &[&str])?,
        rights => rights?,
    };
    let pattern = channel.pattern();
    let verdict = rights.subscribe.subscription_verdict(&pattern);
    if verdict.verdict.is_allowed() && verdict.kept_back.is_empty() {
        Ok(())
    } else {
        Err(Problem::new(
            Code::ChannelNotAllowed,
            "The caller may not read who is on this channel.",
        ))
    }
}

/// What is asked for, besides the channel.
#[derive(Debug, Default, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Query {
    /// The role wanted; absent means the first that is for the caller.
    role: Option<String>,
    /// A public key: only users after it are told.
    #[param(value_type = Option<String>)]
    after: Option<UserKey>,
}

impl Query {
    fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let read = query::read(query, ["role", "after"], None);
        let ([role, after], _) = read.map_err(|error| {
            error.answer("Ask with nothing else than \"role\" and \"after\", each once.")
        })?;
        Ok(Self { role, after: after.as_deref().map(parse_nkey).transpose()? })
    }
}

impl From<PresenceError> for Problem {
    fn from(error: PresenceError) -> Self {
        match error {
            PresenceError::Off => Self::new(Code::NotFound, "Presence is switched off."),
            PresenceError::NotListening => {
                Self::new(Code::NatsUnavailable, "There is no connection to NATS.")
            }
        }
        .caused_by(error)
    }
}
