//! Errors as HTTP responses: `application/problem+json` (RFC 9457).
//!
//! A problem says what the caller can act on. The cause is logged once, when the response is made,
//! and never sent.

mod code;
mod objects;

use std::{error::Error, fmt};

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use tracing::{error, warn};
use utoipa::ToSchema;

pub use self::code::Code;
pub(crate) use self::objects::object_not_found;
use crate::{
    auth::AuthError,
    causes::Causes,
    limits::Limited,
    mint::MintError,
    publish::{MessageError, PublishError},
    revoke::{AdmitError, RevokeError},
    streams::{JetStreamError, StreamsNotReady},
};

/// The media type of a problem.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// nats-server's number for a stream, or an account, that has as many consumers as it may.
const MAXIMUM_CONSUMERS: u32 = 10_026;

/// An error response in the making.
pub struct Problem {
    code: Code,
    detail: &'static str,
    cause: Option<Box<dyn Error + Send + Sync>>,
    /// Seconds for `Retry-After`, where the code alone does not tell.
    retry_after: Option<u64>,
}

impl Problem {
    /// A problem the caller can be told about in full. `detail` is fixed text: nothing of the
    /// request is ever repeated, since it may hold a secret sent by mistake.
    #[must_use]
    pub fn new(code: Code, detail: &'static str) -> Self {
        Self { code, detail, cause: None, retry_after: None }
    }

    /// Adds what only the log is to know.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// A fault on this side.
    #[must_use]
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::new(Code::Internal, "Something went wrong on the server; it has been logged.")
            .caused_by(cause)
    }

    /// The stable code.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    fn log(&self) {
        let Some(cause) = &self.cause else { return };
        let cause = Causes(cause.as_ref());
        if self.code == Code::Internal {
            error!(code = ?self.code, %cause, "request failed");
        } else {
            warn!(code = ?self.code, %cause, "request failed");
        }
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem").field("code", &self.code).finish_non_exhaustive()
    }
}

/// The JSON body. `type` is `about:blank`, which by RFC 9457 means that the title is that of the
/// status; `code` is the extension member that programs read.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Body {
    r#type: &'static str,
    title: &'static str,
    status: u16,
    #[schema(value_type = String)]
    code: Code,
    detail: &'static str,
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.log();
        let status = self.code.status();
        let body = Body {
            r#type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code: self.code,
            detail: self.detail,
        };
        // Five plain fields always have a JSON form.
        let json = serde_json::to_vec(&body).unwrap_or_default();
        let mut response = (
            status,
            [(header::CONTENT_TYPE, PROBLEM_JSON), (header::CACHE_CONTROL, "no-store")],
            json,
        )
            .into_response();
        if let Some((name, value)) = self.code.header() {
            response.headers_mut().insert(name, value);
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        // For who counts refusals.
        response.extensions_mut().insert(self.code);
        response
    }
}

impl From<PublishError> for Problem {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::NotConnected | PublishError::Busy => {
                Self::new(Code::NatsUnavailable, "NATS cannot be reached; nothing was sent.")
                    .caused_by(error)
            }
            PublishError::Unconfirmed(_) => Self::new(
                Code::PublishUnconfirmed,
                "NATS did not confirm the message; it may or may not have been sent.",
            )
            .caused_by(error),
            PublishError::NotPermitted => subject_not_allowed().caused_by(error),
            PublishError::NoStream => Self::new(
                Code::NoStream,
                "No stream keeps this subject and nobody listens there; nobody got the message.",
            ),
            PublishError::NotStored(_) => {
                Self::new(Code::StreamRefused, "The stream did not store the message.")
                    .caused_by(error)
            }
            PublishError::Refused(_) => Self::internal(error),
        }
    }
}

/// The answer to a subject that the caller may not publish on.
pub(crate) fn subject_not_allowed() -> Problem {
    Problem::new(Code::SubjectNotAllowed, "The caller may not publish on this subject.")
}

impl From<StreamsNotReady> for Problem {
    fn from(error: StreamsNotReady) -> Self {
        Self::new(
            Code::JetstreamUnavailable,
            "A stream that this role rests on is not ready; try again.",
        )
        .caused_by(error)
    }
}

impl From<JetStreamError> for Problem {
    fn from(error: JetStreamError) -> Self {
        let detail = match error {
            JetStreamError::Refused { err_code: MAXIMUM_CONSUMERS, .. } => {
                "As many read this stream as may; try again later."
            }
            _ => "What this role reads of a stream could not be made ready; try again.",
        };
        Self::new(Code::JetstreamUnavailable, detail).caused_by(error)
    }
}

impl From<MessageError> for Problem {
    fn from(error: MessageError) -> Self {
        match error {
            MessageError::Subject => Self::new(
                Code::InvalidSubject,
                "\"subject\" must be tokens of printable ASCII with dots between them, without \
                 wildcards, and none of the server's own.",
            ),
            MessageError::HeaderName => {
                Self::new(Code::InvalidHeader, "The name of each header must be an HTTP token.")
            }
            MessageError::ServersHeader => Self::new(
                Code::InvalidHeader,
                "Headers that begin with Nats- are for the server; \"msg_id\" sets Nats-Msg-Id.",
            ),
            MessageError::HeaderValue => {
                Self::new(Code::InvalidHeader, "No header may have control characters in it.")
            }
            MessageError::MsgId => Self::new(
                Code::InvalidMsgId,
                "\"msg_id\" must be 1 to 256 printable ASCII characters without spaces.",
            ),
        }
        .caused_by(error)
    }
}

impl From<AuthError> for Problem {
    fn from(error: AuthError) -> Self {
        match error {
            AuthError::NoCredential => Self::new(
                Code::AuthenticationRequired,
                "This service lets nobody in without saying who they are.",
            ),
            AuthError::Unverifiable(_) => Self::new(
                Code::IssuerUnavailable,
                "Who you are cannot be verified at the moment; try again.",
            )
            .caused_by(error),
            // One answer, whatever was wrong: it tells nobody which part they guessed right.
            AuthError::Bearer(_)
            | AuthError::ApiKey
            | AuthError::UntrustedIssuer
            | AuthError::Token(_) => {
                Self::new(Code::InvalidCredentials, "The credentials are not valid.")
                    .caused_by(error)
            }
        }
    }
}

impl From<Limited> for Problem {
    fn from(limited: Limited) -> Self {
        let mut problem = Self::new(
            Code::RateLimited,
            "Too many calls; the header Retry-After says when to try again.",
        )
        .caused_by(limited);
        problem.retry_after = Some(limited.too_soon.retry_after());
        problem
    }
}

impl From<MintError> for Problem {
    fn from(error: MintError) -> Self {
        match error {
            MintError::TooLarge { .. } => Self::new(
                Code::CredentialTooLarge,
                "The credential would be too large to log in with; ask for less.",
            )
            .caused_by(error),
            MintError::Clock { .. } | MintError::Over | MintError::Sign(_) => Self::internal(error),
        }
    }
}

/// Seconds after which a caller with too many keys may try again: tokens end meanwhile.
const TOO_MANY_KEYS_WAIT: u64 = 60;

impl From<AdmitError> for Problem {
    fn from(error: AdmitError) -> Self {
        match error {
            AdmitError::Banned => {
                Self::new(Code::Banned, "The caller or its key is banned.").caused_by(error)
            }
            AdmitError::TooManyKeys => {
                let mut problem = Self::new(
                    Code::RateLimited,
                    "There are credentials for too many keys; use one key, or wait for them to end.",
                )
                .caused_by(error);
                problem.retry_after = Some(TOO_MANY_KEYS_WAIT);
                problem
            }
            AdmitError::File(_) => Self::internal(error),
        }
    }
}

impl From<RevokeError> for Problem {
    fn from(error: RevokeError) -> Self {
        match error {
            RevokeError::Ban(_) | RevokeError::Ended(_) => Self::internal(error),
            RevokeError::Signer(_) | RevokeError::Kick(_) | RevokeError::Consumers(_) => Self::new(
                Code::RevokeIncomplete,
                "The ban holds, but connections may not have ended; call again.",
            )
            .caused_by(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::body::to_bytes;

    use super::*;
    use crate::auth::{bearer::BearerError, key_source::FindKeyError, token::TokenError};

    #[tokio::test]
    async fn a_problem_has_the_members_of_the_rfc_and_hides_its_cause() {
        let response = Problem::internal("the secret reason").into_response();
        assert_eq!(response.status(), 500);
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
        let body = to_bytes(response.into_body(), 4096).await.unwrap();
        let text = std::str::from_utf8(&body).unwrap();
        assert!(!text.contains("secret"), "{text}");
        let json: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(json["type"], "about:blank");
        assert_eq!(json["title"], "Internal Server Error");
        assert_eq!(json["status"], 500);
        assert_eq!(json["code"], "internal");
    }

    #[test]
    fn a_401_says_how_to_authenticate() {
        let header = |error: AuthError| {
            let response = Problem::from(error).into_response();
            assert_eq!(response.status(), 401);
            response.headers()[header::WWW_AUTHENTICATE].clone()
        };
        assert_eq!(header(AuthError::NoCredential), "Bearer");
        assert_eq!(header(AuthError::ApiKey), "Bearer error=\"invalid_token\"");
    }

    #[tokio::test]
    async fn a_bad_credential_gets_one_answer_whatever_was_wrong() {
        let mut bodies = Vec::new();
        for error in [
            AuthError::Bearer(BearerError::OtherScheme),
            AuthError::Bearer(BearerError::TooLong),
            AuthError::ApiKey,
            AuthError::UntrustedIssuer,
            AuthError::Token(TokenError::Expired),
            AuthError::Token(TokenError::Signature),
            AuthError::from(TokenError::Key(FindKeyError::Unknown)),
        ] {
            let response = Problem::from(error).into_response();
            bodies.push((
                response.headers().clone(),
                to_bytes(response.into_body(), 4096).await.unwrap(),
            ));
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "{bodies:?}");
    }
}
