//! `POST /v1/publish`: publishes for those whose role may.

use std::collections::BTreeMap;

use axum::{Json, extract::State, http::header, response::IntoResponse};
use bytes::Bytes;
use data_encoding::BASE64;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;
use tracing::info;
use utoipa::ToSchema;

use super::credentials::{Issuer, parse_role};
use crate::{
    auth::Identity,
    error::{Code, Problem, subject_not_allowed},
    extract::JsonBody,
    mint::Role,
    publish::{Message, Publisher, Stored},
};

/// What a back end sends.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishRequest {
    subject: String,
    /// The payload as text.
    payload: Option<String>,
    /// The payload in Base64 with padding (RFC 4648 §4).
    payload_base64: Option<String>,
    /// The payload as JSON, sent as it stands here.
    #[serde(default, deserialize_with = "even_null")]
    #[schema(value_type = Option<serde_json::Value>)]
    json: Option<Box<RawValue>>,
    #[serde(default)]
    headers: BTreeMap<String, HeaderValues>,
    /// By what a stream tells that it has the message already.
    msg_id: Option<String>,
    /// Whether to wait until a stream has stored the message.
    #[serde(default)]
    jetstream: bool,
    /// The role to publish with; absent means the first that is for the caller.
    role: Option<String>,
}

/// One value of a header, or several.
#[derive(Deserialize, ToSchema)]
#[serde(untagged)]
enum HeaderValues {
    One(String),
    Many(Vec<String>),
}

/// A payload may be `null`, which is something else than none.
fn even_null<'de, D: Deserializer<'de>>(json: D) -> Result<Option<Box<RawValue>>, D::Error> {
    Box::<RawValue>::deserialize(json).map(Some)
}

/// What it gets when it did not ask for a stream.
#[derive(Serialize, ToSchema)]
pub(crate) struct Sent {
    subject: String,
}

/// What it gets when a stream has stored the message.
#[derive(Serialize, ToSchema)]
pub(crate) struct InStream {
    stream: String,
    sequence: u64,
    duplicate: bool,
}

/// What it gets, as it asked.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub(crate) enum Published {
    /// For a message that went out.
    Sent(Sent),
    /// For one that a stream has stored.
    Stored(InStream),
}

impl From<Stored> for InStream {
    fn from(Stored { stream, sequence, duplicate }: Stored) -> Self {
        Self { stream, sequence, duplicate }
    }
}

/// Publishes a message on a subject that the caller's role may publish on. 200 means that the NATS
/// server has it or, if asked for, that a stream has stored it.
///
/// Channels do not count here, nor do subjects that hold the publisher's key: those are for who
/// comes to NATS with a credential.
///
/// # Errors
/// * 403 `role_not_allowed`: no role is for this caller, or not the one it asks for.
/// * 400 `invalid_subject`, `invalid_header`, `invalid_msg_id`, `invalid_payload`: this cannot be
///   published.
/// * 403 `subject_not_allowed`: the role may not publish there, or this service itself may not.
/// * 413 `payload_too_large`: headers and payload are larger than the role allows.
/// * 404 `no_stream`, 502 `stream_refused`: it was not stored.
/// * 503 `nats_unavailable`: nothing was sent, and nothing will be.
/// * 504 `publish_unconfirmed`: nobody can tell.
/// * What [`JsonBody`] answers to other bodies.
#[utoipa::path(
    post,
    path = "/v1/publish",
    request_body = PublishRequest,
    responses((status = 200, description = "Sent, or stored", body = Published))
)]
pub async fn publish(
    identity: Identity,
    State(issuer): State<Issuer>,
    State(publisher): State<Publisher>,
    body: Result<JsonBody<PublishRequest>, Problem>,
) -> Result<impl IntoResponse, Problem> {
    let JsonBody(request) = body?;
    let requested = request.role.as_deref().map(parse_role).transpose()?;
    let role = &issuer.roles.choose(&identity, requested.as_ref())?.role;
    let to_stream = request.jetstream;
    let message = request.into_message()?;
    check(role, &message)?;

    let (subject, bytes) = (message.subject().to_owned(), message.size());
    let answer = if to_stream {
        Published::Stored(publisher.store(message).await?.into())
    } else {
        publisher.publish(message).await?;
        Published::Sent(Sent { subject: subject.clone() })
    };
    info!(?identity, role = %role.name, subject, bytes, "published for a caller");
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(answer)))
}

/// Holds a message to what the role may publish.
fn check(role: &Role, message: &Message) -> Result<(), Problem> {
    if !role.publish_by_call().verdict(message.subject()).is_allowed() {
        return Err(subject_not_allowed());
    }
    if message.size() > role.max_payload() {
        return Err(Problem::new(
            Code::PayloadTooLarge,
            "Headers and payload are larger than the role may publish.",
        ));
    }
    Ok(())
}

impl PublishRequest {
    fn into_message(self) -> Result<Message, Problem> {
        let payload = match (self.payload, self.payload_base64, self.json) {
            (Some(text), None, None) => Bytes::from(text),
            (None, Some(text), None) => {
                BASE64.decode(text.as_bytes()).map(Bytes::from).map_err(|_| {
                    Problem::new(
                        Code::InvalidPayload,
                        "\"payload_base64\" must be Base64 with padding.",
                    )
                })?
            }
            (None, None, Some(json)) => Bytes::from(Box::<str>::from(json).into_string()),
            _ => {
                return Err(Problem::new(
                    Code::InvalidRequest,
                    "Send exactly one of \"payload\", \"payload_base64\" and \"json\".",
                ));
            }
        };
        let mut message = Message::new(self.subject, payload)?;
        for (name, values) in self.headers {
            let values = match values {
                HeaderValues::One(value) => vec![value],
                HeaderValues::Many(values) => values,
            };
            for value in values {
                message.add_header(&name, &value)?;
            }
        }
        if let Some(id) = self.msg_id {
            message.set_msg_id(&id)?;
        }
        Ok(message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: &Value) -> Result<Message, Code> {
        let request: PublishRequest =
            serde_json::from_str(&body.to_string()).map_err(|_| Code::InvalidRequest)?;
        request.into_message().map_err(|problem| problem.code())
    }

    #[test]
    fn exactly_one_payload_is_sent_and_it_may_be_empty_or_null() {
        for (body, size) in [
            (json!({ "subject": "a", "payload": "" }), 0),
            (json!({ "subject": "a", "payload": "é" }), 2),
            (json!({ "subject": "a", "payload_base64": "AAH/" }), 3),
            (json!({ "subject": "a", "json": null }), 4),
            (json!({ "subject": "a", "json": { "a": [1, "b"] } }), 13),
        ] {
            assert_eq!(read(&body).unwrap().size(), size, "{body}");
        }
        for (body, code) in [
            (json!({ "subject": "a" }), Code::InvalidRequest),
            (json!({ "subject": "a", "payload": "x", "json": null }), Code::InvalidRequest),
            (json!({ "subject": "a", "payload": 1 }), Code::InvalidRequest),
            (json!({ "payload": "x" }), Code::InvalidRequest),
            (json!({ "subject": "a", "payload": "x", "reply": "b" }), Code::InvalidRequest),
            (json!({ "subject": "a", "payload": "", "headers": {"A": 1} }), Code::InvalidRequest),
            (json!({ "subject": "a", "payload_base64": "AAH" }), Code::InvalidPayload),
            (json!({ "subject": "a", "payload_base64": "AA==\n" }), Code::InvalidPayload),
        ] {
            assert_eq!(read(&body).unwrap_err(), code, "{body}");
        }
    }

    #[test]
    fn json_is_sent_as_it_stands() {
        let text = r#"{"subject":"a","json":{"b": 1e400, "a":12345678901234567890123}}"#;
        let request: PublishRequest = serde_json::from_str(text).unwrap();
        assert_eq!(request.json.unwrap().get(), r#"{"b": 1e400, "a":12345678901234567890123}"#);
    }
}
