//! Reading a JSON body with an error for each way it can be wrong.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request, rejection::BytesRejection},
    http::{HeaderMap, header},
};
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::error::{Code, Problem};

/// A JSON body of the form `T`.
///
/// The parser's own words never leave this function: for a field of the wrong type they quote the
/// value, which may be a secret sent by mistake.
#[derive(Debug)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            return Err(Problem::new(
                Code::UnsupportedMediaType,
                "Send the body as JSON, with the header Content-Type: application/json.",
            ));
        }
        let body = Bytes::from_request(request, state).await.map_err(|rejection| {
            if is_too_large(&rejection) {
                too_large()
            } else {
                Problem::new(Code::IncompleteBody, "The body did not arrive whole.")
            }
        })?;
        // First whether it is JSON to its end, then whether it is the JSON asked for.
        serde_json::from_slice::<IgnoredAny>(&body)
            .map_err(|_| Problem::new(Code::MalformedJson, "The body is not JSON."))?;
        serde_json::from_slice(&body).map(Self).map_err(|_| {
            Problem::new(
                Code::InvalidRequest,
                "The body is JSON, but a field is missing, unknown or of the wrong type.",
            )
        })
    }
}

/// The answer to a body that is larger than allowed.
pub(crate) fn too_large() -> Problem {
    Problem::new(Code::BodyTooLarge, "The body is larger than this service takes.")
}

fn is_too_large(rejection: &BytesRejection) -> bool {
    rejection.status() == axum::http::StatusCode::PAYLOAD_TOO_LARGE
}

/// `application/json`, with or without parameters, in any case (RFC 9110 §8.3.1).
fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}
