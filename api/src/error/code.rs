//! What goes wrong, as words for programs.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use serde::{Serialize, Serializer};

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
    /// The name is none that an object can have.
    InvalidObjectName,
    /// The caller's role does not allow that with this object.
    ObjectNotAllowed,
    /// There is no such object, or not for this caller.
    ObjectNotFound,
    /// The object is larger than its bucket takes.
    ObjectTooLarge,
    /// A precondition of the request does not hold.
    PreconditionFailed,
    /// The bucket did not take the object: it is full.
    BucketRefused,
    /// The object is not what was stored, or is being replaced again and again.
    ObjectUnreadable,
    /// Whether the object is stored, or deleted, cannot be told.
    ObjectUnconfirmed,
    /// There is no room for another transfer.
    TooManyTransfers,
    /// The caller has as many transfers on their way as one may.
    TooManyOwnTransfers,
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
            Self::InvalidObjectName => "invalid_object_name",
            Self::ObjectNotAllowed => "object_not_allowed",
            Self::ObjectNotFound => "object_not_found",
            Self::ObjectTooLarge => "object_too_large",
            Self::PreconditionFailed => "precondition_failed",
            Self::BucketRefused => "bucket_refused",
            Self::ObjectUnreadable => "object_unreadable",
            Self::ObjectUnconfirmed => "object_unconfirmed",
            Self::TooManyTransfers => "too_many_transfers",
            Self::TooManyOwnTransfers => "too_many_own_transfers",
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
            | Self::InvalidObjectName
            | Self::IncompleteBody => StatusCode::BAD_REQUEST,
            Self::InvalidRequest | Self::CredentialTooLarge => StatusCode::UNPROCESSABLE_ENTITY,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge | Self::PayloadTooLarge | Self::ObjectTooLarge => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::NotFound | Self::PageNotBuilt | Self::NoStream | Self::ObjectNotFound => {
                StatusCode::NOT_FOUND
            }
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::OriginNotAllowed
            | Self::RoleNotAllowed
            | Self::ChannelNotAllowed
            | Self::SubjectNotAllowed
            | Self::ObjectNotAllowed
            | Self::Banned
            | Self::RevokeNotAllowed => StatusCode::FORBIDDEN,
            Self::AuthenticationRequired | Self::InvalidCredentials => StatusCode::UNAUTHORIZED,
            Self::RateLimited | Self::TooManyOwnTransfers => StatusCode::TOO_MANY_REQUESTS,
            Self::NatsUnavailable
            | Self::JetstreamUnavailable
            | Self::TooManyTransfers
            | Self::IssuerUnavailable
            | Self::RevokeIncomplete => StatusCode::SERVICE_UNAVAILABLE,
            Self::StreamRefused | Self::ObjectUnreadable => StatusCode::BAD_GATEWAY,
            Self::BucketRefused => StatusCode::INSUFFICIENT_STORAGE,
            Self::PublishUnconfirmed | Self::ObjectUnconfirmed => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The header that this status calls for, if any.
    pub(super) const fn header(self) -> Option<(HeaderName, HeaderValue)> {
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
            | Self::TooManyTransfers
            | Self::TooManyOwnTransfers
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
