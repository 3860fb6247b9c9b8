//! Errors as HTTP responses: `application/problem+json` (RFC 9457).
//!
//! A problem says what the caller can act on. The cause is logged once, when the response is made,
//! and never sent.

use std::{error::Error, fmt};

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Serialize, Serializer};
use tracing::{error, warn};
use utoipa::ToSchema;

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

/// What went wrong, as a stable word for programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The body is not JSON.
    MalformedJson,
    /// The body is JSON, but not of the form asked for.
    InvalidRequest,
    /// The query is not of the form asked for.
    InvalidQuery,
    /// The public key is none of a user.
    InvalidNkey,
    /// The body is not declared to be JSON.
    UnsupportedMediaType,
    /// The body is larger than allowed.
    BodyTooLarge,
    /// The body did not arrive whole.
    IncompleteBody,
    /// The request took too long.
    RequestTimeout,
    /// There is no such thing.
    NotFound,
    /// The page has not been built.
    PageNotBuilt,
    /// There is such a thing, but not with this method.
    MethodNotAllowed,
    /// The calling page's origin is not admitted.
    OriginNotAllowed,
    /// Nobody gets in without saying who they are.
    AuthenticationRequired,
    /// Who the caller says it is, it is not.
    InvalidCredentials,
    /// Whether the caller is who it says cannot be told at the moment.
    IssuerUnavailable,
    /// The caller calls too often.
    RateLimited,
    /// The caller may not have the role.
    RoleNotAllowed,
    /// The caller, or the key it asks a credential for, is banned.
    Banned,
    /// The caller may not ban anybody.
    RevokeNotAllowed,
    /// A ban holds, but not all of it is in effect yet.
    RevokeIncomplete,
    /// A channel is not of the form of one.
    InvalidChannel,
    /// The caller may not have the channel.
    ChannelNotAllowed,
    /// The credential would be too large to log in with.
    CredentialTooLarge,
    /// The subject is none that a caller can publish on, whoever it is.
    InvalidSubject,
    /// A header of the message has no form on the wire, or is for the server to act on.
    InvalidHeader,
    /// The id of the message is not one printable word.
    InvalidMsgId,
    /// The payload is not what it is said to be.
    InvalidPayload,
    /// The caller's role does not allow the subject.
    SubjectNotAllowed,
    /// The message is larger than the caller's role allows.
    PayloadTooLarge,
    /// No stream keeps the subject, and nobody listens there.
    NoStream,
    /// The stream did not store the message.
    StreamRefused,
    /// There is no connection to NATS; nothing was sent.
    NatsUnavailable,
    /// A stream or bucket that the rights asked for rest on is not known to be right.
    JetstreamUnavailable,
    /// The message was on its way when the connection was lost or silent; it may have arrived.
    PublishUnconfirmed,
    /// A fault on this side.
    Internal,
}

impl Code {
    /// The word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MalformedJson => "malformed_json",
            Self::InvalidRequest => "invalid_request",
            Self::InvalidQuery => "invalid_query",
            Self::InvalidNkey => "invalid_nkey",
            Self::UnsupportedMediaType => "unsupported_media_type",
            Self::BodyTooLarge => "body_too_large",
            Self::IncompleteBody => "incomplete_body",
            Self::RequestTimeout => "request_timeout",
            Self::NotFound => "not_found",
            Self::PageNotBuilt => "page_not_built",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::OriginNotAllowed => "origin_not_allowed",
            Self::AuthenticationRequired => "authentication_required",
            Self::InvalidCredentials => "invalid_credentials",
            Self::IssuerUnavailable => "issuer_unavailable",
            Self::RateLimited => "rate_limited",
            Self::RoleNotAllowed => "role_not_allowed",
            Self::Banned => "banned",
            Self::RevokeNotAllowed => "revoke_not_allowed",
            Self::RevokeIncomplete => "revoke_incomplete",
            Self::InvalidChannel => "invalid_channel",
            Self::ChannelNotAllowed => "channel_not_allowed",
            Self::CredentialTooLarge => "credential_too_large",
            Self::InvalidSubject => "invalid_subject",
            Self::InvalidHeader => "invalid_header",
            Self::InvalidMsgId => "invalid_msg_id",
            Self::InvalidPayload => "invalid_payload",
            Self::SubjectNotAllowed => "subject_not_allowed",
            Self::PayloadTooLarge => "payload_too_large",
            Self::NoStream => "no_stream",
            Self::StreamRefused => "stream_refused",
            Self::NatsUnavailable => "nats_unavailable",
            Self::JetstreamUnavailable => "jetstream_unavailable",
            Self::PublishUnconfirmed => "publish_unconfirmed",
            Self::Internal => "internal",
        }
    }

    /// The HTTP status that goes with it.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::MalformedJson
            | Self::InvalidQuery
            | Self::InvalidNkey
            | Self::InvalidChannel
            | Self::InvalidSubject
            | Self::InvalidHeader
            | Self::InvalidMsgId
            | Self::InvalidPayload
            | Self::IncompleteBody => StatusCode::BAD_REQUEST,
            Self::InvalidRequest | Self::CredentialTooLarge => StatusCode::UNPROCESSABLE_ENTITY,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge | Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::NotFound | Self::PageNotBuilt | Self::NoStream => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::OriginNotAllowed
            | Self::RoleNotAllowed
            | Self::ChannelNotAllowed
            | Self::SubjectNotAllowed
            | Self::Banned
            | Self::RevokeNotAllowed => StatusCode::FORBIDDEN,
            Self::AuthenticationRequired | Self::InvalidCredentials => StatusCode::UNAUTHORIZED,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::NatsUnavailable
            | Self::JetstreamUnavailable
            | Self::IssuerUnavailable
            | Self::RevokeIncomplete => StatusCode::SERVICE_UNAVAILABLE,
            Self::StreamRefused => StatusCode::BAD_GATEWAY,
            Self::PublishUnconfirmed => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The header that this status calls for, if any.
    const fn header(self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            // RFC 6750 §3: who brought no credential is not told of an error.
            Self::AuthenticationRequired => {
                Some((header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")))
            }
            Self::InvalidCredentials => Some((
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer error=\"invalid_token\""),
            )),
            Self::NatsUnavailable
            | Self::JetstreamUnavailable
            | Self::IssuerUnavailable
            | Self::RevokeIncomplete => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => None,
        }
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

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
        Self::new(
            Code::JetstreamUnavailable,
            "What this role reads of a stream could not be made ready; try again.",
        )
        .caused_by(error)
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
