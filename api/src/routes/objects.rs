//! `/v1/objects/…`: objects for those whose role may have them.

use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tracing::info;
use utoipa::ToSchema;

use super::{
    credentials::{Issuer, parse_role},
    object_headers::{described, etag, media_type, preconditions},
    query::{self, QueryError},
};
use crate::{
    auth::Identity,
    clock::unix_now,
    error::{Code, Problem, object_not_found},
    limits::Caller,
    middleware::body_limit::OBJECTS,
    mint::RolePolicy,
    objects::{Action, Meta, NewObject, ObjectGrant, ObjectName, Objects, PutError, Work},
    revoke::Revoker,
};

/// Objects in one answer at most.
const PAGE: usize = 100;

/// Some of the objects of a bucket.
#[derive(Serialize, ToSchema)]
pub(crate) struct ObjectList {
    bucket: String,
    /// What stands for the caller in names, where its role says `{{subject()}}`; none for guests.
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
    /// Those that the caller may read, in the order in which they were stored.
    objects: Vec<ListedObject>,
    /// What to ask for as `after` to get the next, if there are more. There may be none among those.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// An object in a list.
#[derive(Serialize, ToSchema)]
struct ListedObject {
    name: String,
    size: u64,
    /// As the header of the same name.
    etag: String,
    /// When it was stored, by RFC 3339.
    stored_at: String,
}

impl From<(ObjectName, Meta)> for ListedObject {
    fn from((name, meta): (ObjectName, Meta)) -> Self {
        Self {
            name: name.to_string(),
            size: meta.size(),
            etag: etag(meta.tag()),
            stored_at: meta.stored().to_owned(),
        }
    }
}

/// An object that is stored.
#[derive(Serialize, ToSchema)]
pub(crate) struct StoredObject {
    name: String,
    size: u64,
    /// As the header of the same name.
    etag: String,
}

/// Who asks for what, and may.
struct Asked<'a> {
    policy: &'a RolePolicy,
    grant: Option<ObjectGrant<'a>>,
    bucket: &'a str,
    /// What is behind the bucket in the path.
    rest: &'a str,
    query: Query,
}

impl<'a> Asked<'a> {
    /// Reads a path and a query. A path is taken as it stands: no character of a name is ever escaped,
    /// so none that is escaped is one of a name.
    fn read(
        identity: &Identity,
        issuer: &'a Issuer,
        revoker: &Revoker,
        uri: &'a Uri,
    ) -> Result<Self, Problem> {
        if revoker.bans().is_banned(identity, unix_now()) {
            return Err(Problem::new(Code::Banned, "The caller or its key is banned."));
        }
        let path = uri.path().strip_prefix(OBJECTS).unwrap_or_default();
        let (bucket, rest) = path.split_once('/').unwrap_or((path, ""));
        let query = Query::parse(uri.query())?;
        let requested = query.role.as_deref().map(parse_role).transpose()?;
        let policy = issuer.roles.choose(identity, requested.as_ref())?;
        let grant = policy.objects(identity, bucket, &query.channels)?;
        Ok(Self { policy, grant, bucket, rest, query })
    }

    fn name(&self) -> Result<ObjectName, Problem> {
        Ok(ObjectName::parse(self.rest)?)
    }

    fn allows(&self, action: Action, name: &ObjectName) -> bool {
        self.grant.as_ref().is_some_and(|grant| grant.allows(action, name))
    }
}

/// Lists objects of a bucket that the caller may read: up to 100 at a time, in the order in which they
/// were stored; `after` asks for those after the last. `next` is a number that grows with whatever is
/// stored in the bucket, and names nothing. The role is the first that is for the caller or the one it
/// asks for, and `channels`, once for each, open what they would in a credential.
///
/// # Errors
/// * 403 `banned`: the caller is.
/// * 400 `invalid_query`: a parameter is unknown, malformed or given twice.
/// * 403 `role_not_allowed`, 400 `invalid_channel`, 403 `channel_not_allowed`, 422
///   `credential_too_large`: as `POST /v1/credentials` would answer.
/// * 404 `object_not_found`: there is no such bucket, or the role reads nothing of it.
/// * 429 `too_many_own_transfers`: the caller has as many on their way as one may.
/// * 503 `too_many_transfers`, `nats_unavailable`, `jetstream_unavailable`.
#[utoipa::path(
    get,
    path = "/v1/objects/{bucket}",
    params(("bucket" = String, Path, description = "The bucket."), Query),
    responses((status = 200, description = "Objects", body = ObjectList))
)]
pub async fn list_objects(
    (identity, caller): (Identity, Caller),
    State(issuer): State<Issuer>,
    State(revoker): State<Revoker>,
    State(objects): State<Objects>,
    uri: Uri,
) -> Result<impl IntoResponse, Problem> {
    let asked = Asked::read(&identity, &issuer, &revoker, &uri)?;
    let grant = asked.grant.as_ref().filter(|grant| grant.reads_anything());
    let grant = grant.ok_or_else(object_not_found)?;
    let store = objects.open(asked.bucket)?;
    let place = objects.admit(Work::List, caller)?;
    let after = asked.query.after.unwrap_or(0);
    let page = store.list(after, PAGE, |name| grant.allows(Action::Read, name), place).await?;
    let list = ObjectList {
        bucket: asked.bucket.to_owned(),
        owner: grant.owner().map(ToString::to_string),
        objects: page.objects.into_iter().map(ListedObject::from).collect(),
        next: page.next.map(|next| next.to_string()),
    };
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(list)))
}

/// Gives an object, to be saved and not to be shown: whatever is stored, no browser runs it. The header
/// ETag changes when the object does. The body breaks off before its end where the object turns out not
/// to be what was stored, or is replaced or deleted meanwhile. HEAD answers the same without it.
///
/// # Errors
/// * What `GET /v1/objects/{bucket}` answers.
/// * 400 `invalid_object_name`: nothing can have this name.
/// * 404 `object_not_found`: there is no such object, or not for this caller.
/// * 502 `object_unreadable`: what is known of it is malformed.
#[utoipa::path(
    get,
    path = "/v1/objects/{bucket}/{name}",
    params(
        ("bucket" = String, Path, description = "The bucket."),
        ("name" = String, Path, description = "The name, with its slashes as they are."),
        ("If-None-Match" = Option<String>, Header, description = "Versions that are there already."),
        Query,
    ),
    responses(
        (status = 200, description = "The object", body = [u8], content_type = "application/octet-stream"),
        (status = 304, description = "It is one of these versions"),
    )
)]
pub async fn get_object(
    (identity, caller): (Identity, Caller),
    State(issuer): State<Issuer>,
    State(revoker): State<Revoker>,
    State(objects): State<Objects>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let asked = Asked::read(&identity, &issuer, &revoker, &uri)?;
    let name = asked.name()?;
    if !asked.allows(Action::Read, &name) {
        return Err(object_not_found());
    }
    let store = objects.open(asked.bucket)?;
    let preconditions = preconditions(&headers)?;
    let meta = store.find(&name).await?.ok_or_else(object_not_found)?;
    let tag = etag(meta.tag());
    if preconditions.not_matching.is_some() && !preconditions.hold(Some(meta.tag())) {
        let headers =
            [(header::ETAG, tag), (header::CACHE_CONTROL, "private, no-cache".to_owned())];
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let headers = described(&name, &meta);
    if method == Method::HEAD {
        return Ok((headers, Body::empty()).into_response());
    }
    let place = objects.admit(Work::Download, caller)?;
    let role = &asked.policy.role.name;
    info!(?identity, %role, bucket = asked.bucket, bytes = meta.size(), "gives an object");
    Ok((headers, Body::from_stream(store.read(&meta, place))).into_response())
}

/// Stores an object, whole or not at all, in the place of what was there before. `If-None-Match: *`
/// stores it only where there is none, and `If-Match` only in the place of that version; both hold up to
/// the moment when it is stored. What the header Content-Type says is kept with it.
///
/// # Errors
/// * What `GET /v1/objects/{bucket}` answers, but 404.
/// * 400 `invalid_object_name`: nothing can have this name.
/// * 403 `object_not_allowed`: the role does not let the caller write it; also where there is no such
///   bucket.
/// * 412 `precondition_failed`: a precondition does not hold.
/// * 413 `object_too_large`: the bucket takes none as large.
/// * 400 `incomplete_body`, 408 `request_timeout`: it did not come whole, or not fast enough.
/// * 507 `bucket_refused`: the bucket is full.
/// * 502 `object_unreadable`: others keep replacing it.
/// * 504 `object_unconfirmed`: nobody can tell whether it is stored.
#[utoipa::path(
    put,
    path = "/v1/objects/{bucket}/{name}",
    params(
        ("bucket" = String, Path, description = "The bucket."),
        ("name" = String, Path, description = "The name, with its slashes as they are."),
        ("If-Match" = Option<String>, Header, description = "Versions of which one must be there."),
        ("If-None-Match" = Option<String>, Header, description = "Versions that must not be there."),
        Query,
    ),
    request_body(content = [u8], content_type = "application/octet-stream"),
    responses(
        (status = 201, description = "Stored", body = StoredObject),
        (status = 200, description = "Stored in the place of another", body = StoredObject),
    )
)]
pub async fn put_object(
    (identity, caller): (Identity, Caller),
    State(issuer): State<Issuer>,
    State(revoker): State<Revoker>,
    State(objects): State<Objects>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<impl IntoResponse, Problem> {
    let asked = Asked::read(&identity, &issuer, &revoker, &uri)?;
    let name = asked.name()?;
    if !asked.allows(Action::Write, &name) {
        return Err(object_not_allowed());
    }
    let store = objects.open(asked.bucket)?;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    let announced = announced.and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > store.max_object_bytes()) {
        return Err(PutError::TooLarge { max: store.max_object_bytes() }.into());
    }
    let new = NewObject {
        name: name.clone(),
        content_type: headers.get(header::CONTENT_TYPE).and_then(media_type),
        preconditions: preconditions(&headers)?,
    };
    let _place = objects.admit(Work::Upload, caller)?;
    let put = store.put(new, body.into_data_stream()).await?;
    let role = &asked.policy.role.name;
    info!(?identity, %role, bucket = asked.bucket, bytes = put.size, "stored an object");
    let status = if put.replaced { StatusCode::OK } else { StatusCode::CREATED };
    let etag = etag(&put.tag);
    let stored = StoredObject { name: name.to_string(), size: put.size, etag: etag.clone() };
    let headers = [
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::ETAG, HeaderValue::try_from(etag).map_err(Problem::internal)?),
    ];
    Ok((status, headers, Json(stored)))
}

/// Deletes an object; with `If-Match`, only that version.
///
/// # Errors
/// * What `GET /v1/objects/{bucket}` answers, but 404.
/// * 400 `invalid_object_name`: nothing can have this name.
/// * 403 `object_not_allowed`: the role does not let the caller delete it; also where there is no such
///   bucket.
/// * 404 `object_not_found`: there is no such object.
/// * 412 `precondition_failed`: a precondition does not hold.
/// * 502 `object_unreadable`: others keep replacing it.
/// * 504 `object_unconfirmed`: nobody can tell whether it is deleted.
#[utoipa::path(
    delete,
    path = "/v1/objects/{bucket}/{name}",
    params(
        ("bucket" = String, Path, description = "The bucket."),
        ("name" = String, Path, description = "The name, with its slashes as they are."),
        ("If-Match" = Option<String>, Header, description = "Versions of which one must be there."),
        Query,
    ),
    responses((status = 204, description = "Deleted"))
)]
pub async fn delete_object(
    identity: Identity,
    State(issuer): State<Issuer>,
    State(revoker): State<Revoker>,
    State(objects): State<Objects>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let asked = Asked::read(&identity, &issuer, &revoker, &uri)?;
    let name = asked.name()?;
    if !asked.allows(Action::Delete, &name) {
        return Err(object_not_allowed());
    }
    let store = objects.open(asked.bucket)?;
    store.delete(&name, &preconditions(&headers)?).await?;
    let role = &asked.policy.role.name;
    info!(?identity, %role, bucket = asked.bucket, "deleted an object");
    Ok(StatusCode::NO_CONTENT)
}

fn object_not_allowed() -> Problem {
    Problem::new(Code::ObjectNotAllowed, "The caller may not do that with this object.")
}

/// What is asked for, besides the object.
#[derive(Debug, Default, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Query {
    /// The role wanted; absent means the first that is for the caller.
    role: Option<String>,
    /// Channels wanted, as `room:7`.
    #[param(required = false)]
    channels: Vec<String>,
    /// Only in lists: the `next` of the list before.
    #[param(value_type = Option<String>)]
    after: Option<u64>,
}

impl Query {
    fn parse(query: Option<&str>) -> Result<Self, Problem> {
        let ([role, after], channels) =
            query::read(query, ["role", "after"], Some("channels")).map_err(refused)?;
        let after = after.map(|after| after.parse()).transpose();
        let after = after.map_err(|_| refused(QueryError::Malformed))?;
        Ok(Self { role, channels, after })
    }
}

fn refused(error: QueryError) -> Problem {
    error.answer(
        "Ask with nothing else than \"role\" and \"after\", each once, and, once for each, \
         \"channels\".",
    )
}
