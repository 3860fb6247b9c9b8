//! Errors, as JavaScript gets them.

use core::fmt::Display;

use js_sys::{Object, Reflect};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_wasm::{
    ConnectError, DisconnectReason, EndReason, FlushError, HeaderError, Operation, PublishError,
    RequestError, ServerError, SubscribeError,
};

use crate::object::object;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** What every function here throws or rejects with; its class is nats.js's where that has one. */
export interface NatsError extends Error {
  /** What went wrong, in a word that stays the same from version to version. */
  code: string;
}
"#;

// The classes are JavaScript's, since pages tell errors apart by `instanceof`.
#[wasm_bindgen(module = "/src/errors.js")]
extern "C" {
    #[wasm_bindgen(js_name = makeError)]
    fn make_error(code: &str, message: &str, about: &Object) -> JsValue;
}

/// An error on its way to JavaScript.
#[derive(Debug)]
pub(crate) struct NatsError {
    code: &'static str,
    message: String,
    /// What the credential does not allow, if that is it.
    violation: Option<ServerError>,
}

impl NatsError {
    /// An error of these words.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), violation: None }
    }

    /// The caller's argument is not what it should be.
    pub(crate) fn argument(what: &str, expected: &str) -> Self {
        Self::new("invalid_argument", format!("{what} must be {expected}"))
    }

    /// The caller's option is not what it should be.
    pub(crate) fn option(name: &str, expected: &str) -> Self {
        Self::new("invalid_option", format!("the option {name} must be {expected}"))
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }
}

impl From<NatsError> for JsValue {
    fn from(error: NatsError) -> Self {
        let about = match error.violation {
            Some(ServerError::PermissionsViolation { operation, subject, queue_group }) => {
                let operation = match operation {
                    Operation::Publish => "publish",
                    Operation::Subscribe => "subscription",
                };
                let queue = queue_group.map_or(Self::UNDEFINED, |queue| (*queue).into());
                object(&[
                    ("operation", operation.into()),
                    ("subject", (*subject).into()),
                    ("queue", queue),
                ])
            }
            _ => Object::new(),
        };
        make_error(error.code, &error.message, &about)
    }
}

impl<E: Coded + Display> From<E> for NatsError {
    fn from(error: E) -> Self {
        let violation = error.violation().cloned();
        Self { violation, ..Self::new(error.code(), error.to_string()) }
    }
}

/// The words of something that JavaScript threw.
pub(crate) fn thrown_words(thrown: &JsValue) -> String {
    let message = Reflect::get(thrown, &"message".into()).ok();
    let message = message.and_then(|message| message.as_string());
    message.or_else(|| thrown.as_string()).unwrap_or_else(|| "something without words".into())
}

/// What has a stable code.
pub(crate) trait Coded {
    fn code(&self) -> &'static str;

    /// What the server refused, if this is about that.
    fn violation(&self) -> Option<&ServerError> {
        None
    }
}

/// For what a later version of the client may add before it has a code here.
const UNKNOWN: &str = "unknown";

impl Coded for ConnectError {
    fn code(&self) -> &'static str {
        match self {
            Self::NoServers => "no_servers",
            Self::InvalidServerAddr { .. } => "invalid_server_address",
            Self::InvalidInboxPrefix(_) => "invalid_inbox_prefix",
            Self::InvalidSubprotocol(_) => "invalid_subprotocol",
            Self::NotConnected(reason) => reason.code(),
            Self::Closed => "connection_closed",
            Self::NoEntropy(_) => "no_entropy",
            _ => UNKNOWN,
        }
    }

    fn violation(&self) -> Option<&ServerError> {
        match self {
            Self::NotConnected(reason) => reason.violation(),
            _ => None,
        }
    }
}

impl Coded for DisconnectReason {
    fn code(&self) -> &'static str {
        // The server's own word says more than how the transport ended.
        if let Some(error) = self.server_error() {
            return error.code();
        }
        match self {
            Self::TransportClosed { .. } => "transport_closed",
            Self::Protocol(_) => "protocol_violation",
            Self::ServerTooOld { .. } => "server_too_old",
            Self::Stale { .. } => "stale_connection",
            Self::ConnectTimeout { .. } => "timeout",
            Self::Credentials(_) => "no_credentials",
            Self::Reconnect => "reconnect",
            Self::ClosedByCaller => "connection_closed",
            _ => UNKNOWN,
        }
    }

    fn violation(&self) -> Option<&ServerError> {
        self.server_error()
    }
}

impl Coded for PublishError {
    fn code(&self) -> &'static str {
        match self {
            Self::InvalidSubject(_) => "invalid_subject",
            Self::InvalidReplySubject(_) => "invalid_reply_subject",
            Self::MaxPayloadExceeded { .. } => "max_payload_exceeded",
            Self::HeadersUnsupported => "headers_unsupported",
            Self::BufferFull { .. } => "buffer_full",
            Self::Closed => "connection_closed",
            _ => UNKNOWN,
        }
    }
}

impl Coded for SubscribeError {
    fn code(&self) -> &'static str {
        match self {
            Self::InvalidSubject(_) => "invalid_subject",
            Self::InvalidQueueGroup(_) => "invalid_queue_group",
            Self::Draining => "connection_draining",
            Self::Closed => "connection_closed",
            _ => UNKNOWN,
        }
    }
}

impl Coded for RequestError {
    fn code(&self) -> &'static str {
        match self {
            Self::Publish(error) => error.code(),
            Self::NoResponders => "no_responders",
            Self::TimedOut { .. } => "timeout",
            Self::Denied(error) => error.code(),
            Self::Draining => "connection_draining",
            Self::Closed => "connection_closed",
            _ => UNKNOWN,
        }
    }

    fn violation(&self) -> Option<&ServerError> {
        match self {
            Self::Denied(error) => Some(error),
            _ => None,
        }
    }
}

impl Coded for FlushError {
    fn code(&self) -> &'static str {
        match self {
            Self::Disconnected => "disconnected",
            Self::TimedOut { .. } => "timeout",
            Self::Closed => "connection_closed",
            _ => UNKNOWN,
        }
    }
}

impl Coded for EndReason {
    fn code(&self) -> &'static str {
        match self {
            Self::Unsubscribed => "unsubscribed",
            Self::Drained => "drained",
            Self::MaxDelivered { .. } => "max_delivered",
            Self::Refused(error) => error.code(),
            Self::Closed => "connection_closed",
            _ => UNKNOWN,
        }
    }

    fn violation(&self) -> Option<&ServerError> {
        match self {
            Self::Refused(error) => Some(error),
            _ => None,
        }
    }
}

impl Coded for HeaderError {
    fn code(&self) -> &'static str {
        "invalid_header"
    }
}

impl Coded for ServerError {
    fn code(&self) -> &'static str {
        match self {
            Self::PermissionsViolation { .. } => "permissions_violation",
            Self::MaximumSubscriptionsExceeded => "max_subscriptions_exceeded",
            Self::InvalidSubject => "invalid_subject",
            Self::AuthorizationViolation => "authorization_violation",
            Self::AuthenticationTimeout => "authentication_timeout",
            Self::UserAuthenticationExpired => "user_authentication_expired",
            Self::UserAuthenticationRevoked => "user_authentication_revoked",
            Self::AccountAuthenticationExpired => "account_authentication_expired",
            Self::MaximumAccountConnectionsExceeded => "max_account_connections_exceeded",
            Self::MaximumConnectionsExceeded => "max_connections_exceeded",
            Self::MaximumPayloadViolation => "max_payload_exceeded",
            Self::MaximumControlLineExceeded => "max_control_line_exceeded",
            Self::UnknownProtocolOperation => "unknown_protocol_operation",
            Self::StaleConnection => "stale_connection",
            Self::ServerShutdown => "server_shutdown",
            Self::Other(_) => "server_error",
            _ => UNKNOWN,
        }
    }

    fn violation(&self) -> Option<&ServerError> {
        Some(self)
    }
}
