//! How a server ends a connection.

use bytestring::ByteString;

use crate::connection::TransportClosed;

/// Why a server ends a connection: the line that it says first, if any, and the websocket close
/// code. As nats-server 2.15 does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expulsion {
    /// The credential is not known, or no longer.
    AuthorizationViolation,
    /// CONNECT did not come in time.
    AuthenticationTimeout,
    /// The user's JWT expired.
    UserAuthenticationExpired,
    /// The user's JWT was revoked.
    UserAuthenticationRevoked,
    /// The account's JWT expired, or was deleted.
    AccountAuthenticationExpired,
    /// The key that signed the user's JWT was taken off the account.
    SigningKeyRemoved,
    /// The account has as many connections as it may.
    MaximumAccountConnections,
    /// The server has as many connections as it may.
    MaximumConnections,
    /// A message was too large.
    MaximumPayload,
    /// A control line was too long.
    MaximumControlLine,
    /// The client said what the server does not understand.
    UnknownOperation,
    /// The client did not answer PINGs.
    StaleConnection,
    /// The server stops.
    ServerShutdown,
    /// An operator ended this connection.
    Kicked,
}

impl Expulsion {
    /// Every one.
    pub const ALL: [Self; 14] = [
        Self::AuthorizationViolation,
        Self::AuthenticationTimeout,
        Self::UserAuthenticationExpired,
        Self::UserAuthenticationRevoked,
        Self::AccountAuthenticationExpired,
        Self::SigningKeyRemoved,
        Self::MaximumAccountConnections,
        Self::MaximumConnections,
        Self::MaximumPayload,
        Self::MaximumControlLine,
        Self::UnknownOperation,
        Self::StaleConnection,
        Self::ServerShutdown,
        Self::Kicked,
    ];

    /// The text of its `-ERR`, if there is one.
    pub const fn text(self) -> Option<&'static str> {
        match self {
            Self::AuthorizationViolation => Some("Authorization Violation"),
            Self::AuthenticationTimeout => Some("Authentication Timeout"),
            Self::UserAuthenticationExpired => Some("User Authentication Expired"),
            Self::UserAuthenticationRevoked => Some("User Authentication Revoked"),
            Self::AccountAuthenticationExpired => Some("Account Authentication Expired"),
            Self::MaximumAccountConnections => Some("maximum account active connections exceeded"),
            Self::MaximumConnections => Some("maximum connections exceeded"),
            Self::MaximumPayload => Some("Maximum Payload Violation"),
            Self::MaximumControlLine => Some("maximum control line exceeded"),
            Self::UnknownOperation => Some("Unknown Protocol Operation"),
            Self::StaleConnection => Some("Stale Connection"),
            Self::ServerShutdown => Some("Server Shutdown"),
            Self::SigningKeyRemoved | Self::Kicked => None,
        }
    }

    /// The closing handshake.
    pub const fn closed(self) -> TransportClosed {
        let (code, reason) = match self {
            Self::AuthorizationViolation | Self::SigningKeyRemoved => {
                (1008, "Authentication Failure")
            }
            Self::AuthenticationTimeout => (1008, "Authentication Timeout"),
            Self::UserAuthenticationExpired | Self::AccountAuthenticationExpired => {
                (1008, "Authentication Expired")
            }
            Self::UserAuthenticationRevoked => (1008, "Credentials Revoked"),
            Self::MaximumAccountConnections => (1008, "Maximum Account Connections Exceeded"),
            Self::MaximumConnections => (1008, "Maximum Connections Exceeded"),
            Self::MaximumPayload => (1009, "Maximum Message Payload Exceeded"),
            Self::MaximumControlLine => (1008, "Maximum Control Line Exceeded"),
            Self::UnknownOperation => (1002, "Protocol Violation"),
            Self::StaleConnection => (1006, ""),
            Self::ServerShutdown => (1001, "Server Shutdown"),
            Self::Kicked => (1011, "Kicked"),
        };
        TransportClosed { code, reason: ByteString::from_static(reason) }
    }
}
