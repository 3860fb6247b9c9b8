//! `GET /openapi.json`: the interface, as a description for programs (OpenAPI 3.1).

use axum::{
    Json,
    http::{Method, header},
    response::IntoResponse,
};
use utoipa::{
    OpenApi,
    openapi::{
        self, ContentBuilder, Ref, ResponseBuilder,
        path::Operation,
        schema::{ObjectBuilder, Schema, SchemaType, Type},
        security::{Http, HttpAuthScheme, SecurityScheme},
    },
};

use super::{credentials, health, objects, permissions, ping, presence, publish, revoke, session};
use crate::error::{Body, Code, PROBLEM_JSON};

/// The description of itself.
#[utoipa::path(
    get,
    path = "/openapi.json",
    responses((status = 200, description = "This document", body = Object)),
    security(())
)]
pub async fn openapi() -> impl IntoResponse {
    ([(header::CACHE_CONTROL, "no-cache")], Json(document()))
}

#[derive(OpenApi)]
#[openapi(
    paths(
        ping::ping,
        credentials::credentials,
        publish::publish,
        permissions::permissions,
        presence::presence,
        objects::list_objects,
        objects::get_object,
        objects::put_object,
        objects::delete_object,
        revoke::revoke,
        session::begin_session,
        session::end_session,
        health::healthz,
        health::readyz,
        openapi,
    ),
    components(schemas(Body)),
    security((), ("bearer" = [])),
)]
struct Described;

/// What every route answers to a request that it cannot read to its end.
const ANYWHERE: [Code; 4] =
    [Code::MethodNotAllowed, Code::RequestTimeout, Code::BodyTooLarge, Code::Internal];
/// What a call is refused with before its route is asked.
const CALLS: [Code; 5] = [
    Code::OriginNotAllowed,
    Code::AuthenticationRequired,
    Code::InvalidCredentials,
    Code::IssuerUnavailable,
    Code::RateLimited,
];
/// What is wrong with a body.
const BODIES: [Code; 4] =
    [Code::MalformedJson, Code::InvalidRequest, Code::UnsupportedMediaType, Code::IncompleteBody];
/// Why a role or a channel is not given.
const ROLES: [Code; 5] = [
    Code::RoleNotAllowed,
    Code::InvalidNkey,
    Code::InvalidChannel,
    Code::ChannelNotAllowed,
    Code::CredentialTooLarge,
];
/// Why it is not told who is there.
const PRESENCE: [Code; 7] = [
    Code::NotFound,
    Code::RoleNotAllowed,
    Code::InvalidChannel,
    Code::InvalidQuery,
    Code::InvalidNkey,
    Code::ChannelNotAllowed,
    Code::NatsUnavailable,
];
/// Why nothing is done with objects, whatever was to be done.
const OBJECTS: [Code; 9] = [
    Code::Banned,
    Code::RoleNotAllowed,
    Code::InvalidChannel,
    Code::ChannelNotAllowed,
    Code::CredentialTooLarge,
    Code::InvalidQuery,
    Code::NatsUnavailable,
    Code::JetstreamUnavailable,
    Code::TooManyTransfers,
];
/// Why an object is not given.
const OBJECT: [Code; 4] = [
    Code::InvalidObjectName,
    Code::ObjectNotFound,
    Code::PreconditionFailed,
    Code::ObjectUnreadable,
];
/// Why an object is not put.
const PUT: [Code; 8] = [
    Code::InvalidObjectName,
    Code::ObjectNotAllowed,
    Code::PreconditionFailed,
    Code::ObjectTooLarge,
    Code::IncompleteBody,
    Code::BucketRefused,
    Code::ObjectUnreadable,
    Code::ObjectUnconfirmed,
];
/// Why an object is not deleted, beside what goes for giving it.
const DELETE: [Code; 2] = [Code::ObjectNotAllowed, Code::ObjectUnconfirmed];
/// Why nobody is banned, or not wholly.
const REVOKES: [Code; 3] = [Code::RevokeNotAllowed, Code::InvalidNkey, Code::RevokeIncomplete];
/// Why something is not known to be published.
const PUBLISHES: [Code; 2] = [Code::NatsUnavailable, Code::PublishUnconfirmed];
/// What cannot be published.
const MESSAGES: [Code; 9] = [
    Code::RoleNotAllowed,
    Code::InvalidSubject,
    Code::InvalidHeader,
    Code::InvalidMsgId,
    Code::InvalidPayload,
    Code::SubjectNotAllowed,
    Code::PayloadTooLarge,
    Code::NoStream,
    Code::StreamRefused,
];

/// What an open call is refused with before its route is asked.
const OPEN_CALLS: [Code; 2] = [Code::OriginNotAllowed, Code::RateLimited];
/// Why there is no session.
const SESSIONS: [Code; 6] = [
    Code::NotFound,
    Code::RoleNotAllowed,
    Code::InvalidChannel,
    Code::ChannelNotAllowed,
    Code::CredentialTooLarge,
    Code::Banned,
];

/// What each route answers when it does not do what it was asked.
fn problems(method: &Method, path: &str) -> Vec<Code> {
    let own: &[&[Code]] = match path {
        "/v1/session" if *method == Method::DELETE => &[&OPEN_CALLS, &[Code::NotFound]],
        "/v1/session" => &[&CALLS, &BODIES, &SESSIONS],
        "/ping" => &[&CALLS, &PUBLISHES],
        "/v1/credentials" => &[&CALLS, &BODIES, &ROLES, &[Code::Banned]],
        "/v1/revoke" => &[&CALLS, &BODIES, &REVOKES],
        "/v1/publish" => &[&CALLS, &BODIES, &MESSAGES, &PUBLISHES],
        "/v1/permissions" => &[&CALLS, &ROLES, &[Code::InvalidQuery, Code::InvalidSubject]],
        "/v1/presence/{channel}" => &[&CALLS, &PRESENCE],
        "/v1/objects/{bucket}" => &[&CALLS, &OBJECTS, &[Code::ObjectNotFound]],
        "/v1/objects/{bucket}/{name}" => match *method {
            Method::PUT => &[&CALLS, &OBJECTS, &PUT],
            Method::DELETE => &[&CALLS, &OBJECTS, &OBJECT, &DELETE],
            _ => &[&CALLS, &OBJECTS, &OBJECT],
        },
        "/readyz" => &[&[Code::NatsUnavailable]],
        _ => &[],
    };
    [&ANYWHERE[..]].iter().chain(own).flat_map(|codes| codes.iter().copied()).collect()
}

/// The whole description.
#[must_use]
pub fn document() -> openapi::OpenApi {
    let mut document = Described::openapi();
    for (path, item) in &mut document.paths.paths {
        let operations = [
            (Method::GET, &mut item.get),
            (Method::POST, &mut item.post),
            (Method::PUT, &mut item.put),
            (Method::DELETE, &mut item.delete),
        ];
        for (method, operation) in operations {
            if let Some(operation) = operation {
                add_problems(operation, &problems(&method, path));
            }
        }
    }
    document
        .components
        .get_or_insert_default()
        .add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
    document
}

/// Adds a response for each status, which names the codes that go with it.
fn add_problems(operation: &mut Operation, codes: &[Code]) {
    let mut statuses: Vec<u16> = codes.iter().map(|code| code.status().as_u16()).collect();
    statuses.sort_unstable();
    statuses.dedup();
    for status in statuses {
        let words: Vec<&str> = codes
            .iter()
            .filter(|code| code.status().as_u16() == status)
            .map(|code| code.as_str())
            .collect();
        let description = words.join(", ");
        let code = ObjectBuilder::new()
            .schema_type(SchemaType::Type(Type::String))
            .enum_values(Some(words))
            .build();
        let narrowed = ObjectBuilder::new().property("code", Schema::Object(code)).build();
        let schema = openapi::AllOfBuilder::new()
            .item(Ref::from_schema_name("Problem"))
            .item(Schema::Object(narrowed))
            .build();
        let content = ContentBuilder::new().schema(Some(Schema::AllOf(schema))).build();
        let response =
            ResponseBuilder::new().description(description).content(PROBLEM_JSON, content).build();
        operation.responses.responses.insert(status.to_string(), response.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_of_the_router_is_described() {
        let router = include_str!("../router.rs");
        let mut routes: Vec<&str> = router
            .split(".route(\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            // It is on a listener of its own, and no JSON.
            .filter(|path| *path != "/metrics" && *path != "/")
            .collect();
        // Where the router has `{*name}`, slashes and all.
        routes.push("/v1/objects/{bucket}/{name}");
        routes.push(crate::middleware::body_limit::PUBLISH);
        routes.sort_unstable();
        routes.dedup();
        let document = document();
        let described: Vec<&str> = document.paths.paths.keys().map(String::as_str).collect();
        assert_eq!(described, routes);
    }

    #[test]
    fn it_is_version_3_1() {
        let json = serde_json::to_value(document()).unwrap();
        assert_eq!(json["openapi"], "3.1.0");
        let problems = &json["paths"]["/v1/publish"]["post"]["responses"];
        let codes = &problems["403"]["content"][PROBLEM_JSON]["schema"]["allOf"][1]["properties"];
        assert_eq!(
            codes["code"]["enum"],
            serde_json::json!(["origin_not_allowed", "role_not_allowed", "subject_not_allowed"])
        );
    }
}
