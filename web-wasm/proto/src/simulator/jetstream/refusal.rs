//! The errors of the API.

use alloc::string::String;

use serde_json::{Value, json};

use crate::jetstream::ErrorCode;

/// Why something is not done, in nats-server's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    code: u16,
    err_code: ErrorCode,
    description: String,
}

impl Refusal {
    pub(super) fn new(code: u16, err_code: ErrorCode, description: impl Into<String>) -> Self {
        Self { code, err_code, description: description.into() }
    }

    pub(super) fn stream_not_found() -> Self {
        Self::new(404, ErrorCode::STREAM_NOT_FOUND, "stream not found")
    }

    pub(super) fn consumer_not_found() -> Self {
        Self::new(404, ErrorCode::CONSUMER_NOT_FOUND, "consumer not found")
    }

    pub(super) fn no_message() -> Self {
        Self::new(404, ErrorCode::NO_MESSAGE_FOUND, "no message found")
    }

    pub(super) fn bad_request() -> Self {
        Self::new(400, ErrorCode::BAD_REQUEST, "bad request")
    }

    pub(super) fn invalid_json(problem: &serde_json::Error) -> Self {
        Self::new(400, ErrorCode::INVALID_JSON, alloc::format!("invalid JSON: {problem}"))
    }

    /// A test asks for something that is not simulated, and is not to take silence for success.
    pub(super) fn not_simulated(what: &str) -> Self {
        let description = alloc::format!("the simulator knows nothing of {what}");
        Self::new(501, ErrorCode::NOT_SUPPORTED_IN_CLUSTER_MODE, description)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({
            "code": self.code,
            "err_code": self.err_code,
            "description": self.description,
        })
    }
}
