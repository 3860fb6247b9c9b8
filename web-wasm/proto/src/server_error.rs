//! What the server says went wrong.

use bytestring::ByteString;

use crate::quoted::Quoted;

/// What a permission was wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Publishing.
    Publish,
    /// Subscribing.
    Subscribe,
}

/// A `-ERR` of the server, sorted by what it means for the client.
///
/// Texts are compared without regard to case, as nats-server 2.15 sends them; one that is not
/// known is kept word for word in [`ServerError::Other`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The credential does not allow this subject. The connection lives on.
    #[error("permissions violation: {operation:?} on {}", Quoted(.subject))]
    PermissionsViolation {
        /// What was tried.
        operation: Operation,
        /// The subject, as the server repeats it.
        subject: ByteString,
        /// The queue group, if the subscription had one.
        queue_group: Option<ByteString>,
    },
    /// The connection holds as many subscriptions as it may. The connection lives on.
    #[error("maximum subscriptions exceeded")]
    MaximumSubscriptionsExceeded,
    /// The subject is malformed in the server's eyes. The connection lives on.
    #[error("invalid subject")]
    InvalidSubject,
    /// The server does not know the credential, or no longer accepts it.
    #[error("authorization violation")]
    AuthorizationViolation,
    /// The server waited too long for CONNECT.
    #[error("authentication timeout")]
    AuthenticationTimeout,
    /// The user's credential expired.
    #[error("user authentication expired")]
    UserAuthenticationExpired,
    /// The user's credential was revoked.
    #[error("user authentication revoked")]
    UserAuthenticationRevoked,
    /// The account's credential expired.
    #[error("account authentication expired")]
    AccountAuthenticationExpired,
    /// The account has as many connections as it may.
    #[error("maximum account active connections exceeded")]
    MaximumAccountConnectionsExceeded,
    /// The server has as many connections as it may.
    #[error("maximum connections exceeded")]
    MaximumConnectionsExceeded,
    /// A message was larger than the server admits.
    #[error("maximum payload violation")]
    MaximumPayloadViolation,
    /// A control line was longer than the server admits.
    #[error("maximum control line exceeded")]
    MaximumControlLineExceeded,
    /// The server did not understand what it got.
    #[error("unknown protocol operation")]
    UnknownProtocolOperation,
    /// The server gave up on a client that did not read fast enough, or did not answer its PINGs.
    #[error("stale connection")]
    StaleConnection,
    /// The server stops.
    #[error("server shutdown")]
    ServerShutdown,
    /// Anything else, word for word.
    #[error("{0}")]
    Other(ByteString),
}

impl ServerError {
    /// Reads the text between the quotes of a `-ERR` line. Never fails: what is not known is
    /// [`ServerError::Other`].
    pub fn parse(text: &ByteString) -> Self {
        if let Some(violation) = Self::parse_violation(text) {
            return violation;
        }
        const KNOWN: &[(&str, ServerError)] = &[
            ("maximum subscriptions exceeded", ServerError::MaximumSubscriptionsExceeded),
            ("invalid subject", ServerError::InvalidSubject),
            ("invalid publish subject", ServerError::InvalidSubject),
            ("authorization violation", ServerError::AuthorizationViolation),
            ("authentication timeout", ServerError::AuthenticationTimeout),
            ("user authentication expired", ServerError::UserAuthenticationExpired),
            ("user authentication revoked", ServerError::UserAuthenticationRevoked),
            ("account authentication expired", ServerError::AccountAuthenticationExpired),
            (
                "maximum account active connections exceeded",
                ServerError::MaximumAccountConnectionsExceeded,
            ),
            ("maximum connections exceeded", ServerError::MaximumConnectionsExceeded),
            ("maximum payload violation", ServerError::MaximumPayloadViolation),
            ("maximum control line exceeded", ServerError::MaximumControlLineExceeded),
            ("unknown protocol operation", ServerError::UnknownProtocolOperation),
            ("stale connection", ServerError::StaleConnection),
            ("server shutdown", ServerError::ServerShutdown),
        ];
        let known = KNOWN.iter().find(|(known, _)| text.eq_ignore_ascii_case(known));
        known.map_or_else(|| Self::Other(text.clone()), |(_, error)| error.clone())
    }

    fn parse_violation(text: &ByteString) -> Option<Self> {
        const PREFIX: &str = "permissions violation for ";
        let prefix = text.get(..PREFIX.len())?;
        if !prefix.eq_ignore_ascii_case(PREFIX) {
            return None;
        }
        let rest = text.get(PREFIX.len()..)?;
        let (what, rest) = rest.split_once('"')?;
        let what = what.strip_suffix(" to ")?;
        let operation = match what {
            _ if what.eq_ignore_ascii_case("publish") => Operation::Publish,
            _ if what.eq_ignore_ascii_case("subscription") => Operation::Subscribe,
            _ => return None,
        };
        let (subject, rest) = rest.split_once('"')?;
        let queue_group = rest
            .split_once('"')
            .filter(|(words, _)| words.ends_with("using queue "))
            .and_then(|(_, rest)| rest.split_once('"'))
            .map(|(group, _)| text.slice_ref(group));
        Some(Self::PermissionsViolation {
            operation,
            subject: text.slice_ref(subject),
            queue_group,
        })
    }

    /// Whether the server keeps the connection open after this error.
    pub fn is_survivable(&self) -> bool {
        matches!(
            self,
            Self::PermissionsViolation { .. }
                | Self::MaximumSubscriptionsExceeded
                | Self::InvalidSubject
        )
    }

    /// Whether the error is about who the client is, so that dialling again with the same
    /// credential would meet it again.
    pub fn is_authentication(&self) -> bool {
        matches!(
            self,
            Self::AuthorizationViolation
                | Self::UserAuthenticationExpired
                | Self::UserAuthenticationRevoked
                | Self::AccountAuthenticationExpired
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &'static str) -> ServerError {
        ServerError::parse(&ByteString::from_static(text))
    }

    #[test]
    fn permission_violations_name_operation_subject_and_queue() {
        let violation =
            |operation, subject, queue: Option<&'static str>| ServerError::PermissionsViolation {
                operation,
                subject: ByteString::from_static(subject),
                queue_group: queue.map(ByteString::from_static),
            };
        for (text, expected) in [
            (
                "Permissions Violation for Publish to \"a.b\"",
                violation(Operation::Publish, "a.b", None),
            ),
            (
                "Permissions Violation for Subscription to \"a.>\"",
                violation(Operation::Subscribe, "a.>", None),
            ),
            (
                "Permissions Violation for Subscription to \"a\" using queue \"q\"",
                violation(Operation::Subscribe, "a", Some("q")),
            ),
        ] {
            assert_eq!(parse(text), expected);
            assert!(expected.is_survivable());
        }
    }

    #[test]
    fn every_error_of_the_server_is_named() {
        use ServerError::*;
        for (text, expected) in [
            ("Authorization Violation", AuthorizationViolation),
            ("User Authentication Expired", UserAuthenticationExpired),
            ("User Authentication Revoked", UserAuthenticationRevoked),
            ("Account Authentication Expired", AccountAuthenticationExpired),
            ("Authentication Timeout", AuthenticationTimeout),
            ("maximum subscriptions exceeded", MaximumSubscriptionsExceeded),
            ("Maximum Payload Violation", MaximumPayloadViolation),
            ("maximum control line exceeded", MaximumControlLineExceeded),
            ("maximum account active connections exceeded", MaximumAccountConnectionsExceeded),
            ("maximum connections exceeded", MaximumConnectionsExceeded),
            ("Unknown Protocol Operation", UnknownProtocolOperation),
            ("Stale Connection", StaleConnection),
            ("Server Shutdown", ServerShutdown),
            ("Invalid Subject", InvalidSubject),
            ("Permissions Violation", Other("Permissions Violation".into())),
            (
                "Permissions Violation for Publish to \"",
                Other("Permissions Violation for Publish to \"".into()),
            ),
            ("", Other("".into())),
            ("é", Other("é".into())),
        ] {
            assert_eq!(parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn authentication_errors_are_told_apart() {
        assert!(ServerError::AuthorizationViolation.is_authentication());
        assert!(ServerError::UserAuthenticationExpired.is_authentication());
        assert!(!ServerError::AuthenticationTimeout.is_authentication());
        assert!(!ServerError::StaleConnection.is_authentication());
        assert!(!ServerError::StaleConnection.is_survivable());
    }
}
