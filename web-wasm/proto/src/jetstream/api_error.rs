//! What the server says when it refuses.

use alloc::string::String;

use serde::Deserialize;

use super::ErrorCode;

/// An error of the JetStream API, as the server sent it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, thiserror::Error)]
#[error("{description} (code {code}, error code {err_code})")]
pub struct ApiError {
    /// The class of the error, as HTTP has them: 400 for a bad request, 404, 500, 503.
    code: u16,
    /// The error's number.
    #[serde(default)]
    err_code: ErrorCode,
    /// The error in words, which differ from version to version.
    #[serde(default)]
    description: String,
}

impl ApiError {
    /// The class of the error, as HTTP has them: 400 for a bad request, 404, 500, 503.
    pub const fn code(&self) -> u16 {
        self.code
    }

    /// Which error it is.
    pub const fn error_code(&self) -> ErrorCode {
        self.err_code
    }

    /// The error in words, which differ from version to version.
    pub fn description(&self) -> &str {
        &self.description
    }
}
