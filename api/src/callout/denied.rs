//! Why a client does not get in.

use crate::{
    auth::AuthError,
    limits::Limited,
    mint::{ChannelError, MintError, RoleDenied},
    revoke::AdmitError,
    session::SessionError,
    streams::StreamsNotReady,
};

/// Why a client does not get in. It is told none of it.
#[derive(Debug, thiserror::Error)]
pub enum Denied {
    /// It is no client, or comes over a kind of connection that is not let in.
    #[error("it comes over a kind of connection that is not let in")]
    ConnectionType,
    /// It names a user or a password, which nobody has here.
    #[error("it names a user or a password")]
    Password,
    /// Who it is, is not known.
    #[error(transparent)]
    Auth(#[from] AuthError),
    /// Its session does not count.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// Its session is somebody's who is not known any more.
    #[error("the session is of somebody who is not known any more")]
    Unknown,
    /// It comes too often.
    #[error(transparent)]
    Limited(#[from] Limited),
    /// It may not have the role, or none at all.
    #[error(transparent)]
    Role(#[from] RoleDenied),
    /// It may not have a channel.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// Its role is not for this kind of connection.
    #[error("its role is not for this kind of connection")]
    RoleConnectionType,
    /// No token could be made for it.
    #[error(transparent)]
    Mint(#[from] MintError),
    /// It is banned, or has too many tokens.
    #[error(transparent)]
    Ban(#[from] AdmitError),
    /// What its role rests on is not there.
    #[error(transparent)]
    Streams(#[from] StreamsNotReady),
    /// It was not decided in time.
    #[error("it was not decided in time")]
    Deadline,
}

impl Denied {
    /// One word for it, for metrics and logs.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::ConnectionType | Self::RoleConnectionType => "connection_type",
            Self::Password => "password",
            Self::Auth(AuthError::NoCredential) => "no_credential",
            Self::Auth(AuthError::Unverifiable(_)) => "issuer_unavailable",
            Self::Auth(_) => "invalid_credential",
            Self::Session(SessionError::Expired) => "session_expired",
            Self::Session(SessionError::Forged) => "invalid_session",
            Self::Unknown => "unknown_caller",
            Self::Limited(_) => "rate_limited",
            Self::Role(_) => "role",
            Self::Channel(_) => "channel",
            Self::Mint(MintError::Over) => "session_expired",
            Self::Mint(_) => "mint",
            Self::Ban(AdmitError::Banned) => "banned",
            Self::Ban(_) => "too_many_keys",
            Self::Streams(_) => "jetstream_unavailable",
            Self::Deadline => "deadline",
        }
    }
}
