//! Calls to the API, but for the one that asks for credentials, which the client makes itself.

use gloo_net::http::Request;
use serde::Deserialize;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    #[error("the API was not reached: {0}")]
    Unreachable(#[from] gloo_net::Error),
    #[error("the API answered {status}: {detail}")]
    Refused { status: u16, detail: String },
}

/// As much of the API's problem details (RFC 9457) as is meant for people.
#[derive(Default, Deserialize)]
struct Problem {
    #[serde(default)]
    detail: String,
}

/// Has the API publish an update, which comes by NATS.
pub(crate) async fn ping() -> Result<(), CallError> {
    let answer = Request::post("/ping").send().await?;
    if answer.ok() {
        return Ok(());
    }
    let Problem { detail } = answer.json().await.unwrap_or_default();
    Err(CallError::Refused { status: answer.status(), detail })
}
