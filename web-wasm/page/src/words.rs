//! What happens to a connection, in words that say what to do.

use web_wasm::{DateTime, DisconnectReason, Operation, ServerError};

/// Why a connection is not there.
pub(crate) fn why(reason: &DisconnectReason) -> String {
    match (reason.server_error(), reason) {
        (Some(error), _) => server_error(error),
        (None, DisconnectReason::TransportClosed { closed, .. }) => match closed.code {
            1006 => "the server or the network is gone".to_owned(),
            1001 => "the server is going away".to_owned(),
            code if closed.reason.is_empty() => format!("the server closed it (code {code})"),
            code => format!("the server closed it: {} (code {code})", closed.reason),
        },
        (None, DisconnectReason::Stale { .. }) => "the server no longer answers".to_owned(),
        (None, DisconnectReason::ConnectTimeout { timeout, .. }) => {
            format!("no answer within {} s", timeout.as_secs())
        }
        (None, DisconnectReason::Reconnect) => "this tab dropped it".to_owned(),
        (None, DisconnectReason::ClosedByCaller) => "this tab closed it".to_owned(),
        (None, reason) => reason.to_string(),
    }
}

/// What the server said.
pub(crate) fn server_error(error: &ServerError) -> String {
    match error {
        ServerError::PermissionsViolation { operation, subject, .. } => denied(*operation, subject),
        ServerError::UserAuthenticationExpired => "the credential has expired".to_owned(),
        ServerError::UserAuthenticationRevoked => "the credential was withdrawn".to_owned(),
        ServerError::AuthorizationViolation => {
            "the server does not accept the credential".to_owned()
        }
        ServerError::MaximumSubscriptionsExceeded => {
            "this tab has as many subscriptions as its role may have; end one first".to_owned()
        }
        ServerError::MaximumPayloadViolation => {
            "the message was larger than the role may publish".to_owned()
        }
        error => error.to_string(),
    }
}

/// That a role does not allow something.
pub(crate) fn denied(operation: Operation, subject: &str) -> String {
    let what = match operation {
        Operation::Publish => "publish to",
        Operation::Subscribe => "subscribe to",
    };
    format!("your role does not allow you to {what} {subject}")
}

/// The time of day at which something was stored, in UTC.
pub(crate) fn time(stored: DateTime) -> String {
    stored.to_string().get(11..19).unwrap_or_default().to_owned()
}
