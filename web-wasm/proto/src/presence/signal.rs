//! What a tab says of itself.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytestring::ByteString;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Largest display data, in bytes as JSON.
pub const MAX_DATA_BYTES: usize = 512;
/// Largest signal, in bytes.
pub const MAX_SIGNAL_BYTES: usize = 1_024;
/// Longest id of a server, in bytes; nats-server's own have 56.
const MAX_SERVER_BYTES: usize = 64;
/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;

/// A connection, as nats-server tells it to its client and to whoever listens to its events.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ConnectionId {
    /// The server's id, as `server_id` of INFO.
    pub server: ByteString,
    /// The client's number there, as `client_id` of INFO.
    pub client: u64,
}

/// What a tab says, or what is said of it.
///
/// ```
/// use nats_proto::presence::{ConnectionId, Signal};
///
/// let connection = ConnectionId { server: "NABC".into(), client: 12 };
/// let here = Signal::Here { connection, data: serde_json::json!({"name": "Ada"}) };
/// assert_eq!(Signal::read(&here.write().unwrap()), Ok(here));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Signal {
    /// It is there.
    Here {
        /// The connection that says so.
        connection: ConnectionId,
        /// What the application shows of it; any JSON of up to [`MAX_DATA_BYTES`].
        data: Value,
    },
    /// It is not there any more, as far as this connection goes.
    Gone {
        /// The connection that it was there over.
        connection: ConnectionId,
    },
}

/// Why something is no signal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignalError {
    /// It is larger than [`MAX_SIGNAL_BYTES`].
    #[error("the signal has {len} bytes; {MAX_SIGNAL_BYTES} are allowed")]
    TooLarge {
        /// Its length in bytes.
        len: usize,
    },
    /// Its data is larger than [`MAX_DATA_BYTES`].
    #[error("the data has {len} bytes as JSON; {MAX_DATA_BYTES} are allowed")]
    DataTooLarge {
        /// Its length in bytes, as JSON without white space.
        len: usize,
    },
    /// It is not JSON, or has not the fields.
    #[error("malformed: {0}")]
    Malformed(String),
    /// It is of another version.
    #[error("version {0} is not known")]
    OtherVersion(u32),
}

#[derive(Serialize, Deserialize)]
struct Wire {
    v: u32,
    server: String,
    client: u64,
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    gone: bool,
    #[serde(default, skip_serializing_if = "Value::is_null")]
    data: Value,
}

impl Signal {
    /// The connection that it came over, or that it is about.
    pub fn connection(&self) -> &ConnectionId {
        match self {
            Self::Here { connection, .. } | Self::Gone { connection } => connection,
        }
    }

    /// Writes it as a payload.
    ///
    /// # Errors
    /// [`SignalError::DataTooLarge`], and [`SignalError::TooLarge`] for an id of a server that is none.
    pub fn write(&self) -> Result<Vec<u8>, SignalError> {
        let ConnectionId { server, client } = self.connection().clone();
        let (gone, data) = match self {
            Self::Here { data, .. } => (false, data.clone()),
            Self::Gone { .. } => (true, Value::Null),
        };
        check_data(&data)?;
        let wire = Wire { v: VERSION, server: (&*server).into(), client, gone, data };
        let payload = serde_json::to_vec(&wire)
            .map_err(|error| SignalError::Malformed(format!("{error}")))?;
        if payload.len() > MAX_SIGNAL_BYTES {
            return Err(SignalError::TooLarge { len: payload.len() });
        }
        Ok(payload)
    }

    /// Reads a payload that anybody may have written. Fields that are not known are passed over.
    ///
    /// Never panics.
    ///
    /// # Errors
    /// Any [`SignalError`].
    pub fn read(payload: &[u8]) -> Result<Self, SignalError> {
        if payload.len() > MAX_SIGNAL_BYTES {
            return Err(SignalError::TooLarge { len: payload.len() });
        }
        let malformed = |error| SignalError::Malformed(format!("{error}"));
        let Wire { v, server, client, gone, data } =
            serde_json::from_slice(payload).map_err(malformed)?;
        if v != VERSION {
            return Err(SignalError::OtherVersion(v));
        }
        if server.len() > MAX_SERVER_BYTES {
            return Err(SignalError::Malformed("the server's id is too long".into()));
        }
        check_data(&data)?;
        let connection = ConnectionId { server: server.into(), client };
        Ok(if gone { Self::Gone { connection } } else { Self::Here { connection, data } })
    }
}

/// Checks data that goes out or came in.
pub(super) fn check_data(data: &Value) -> Result<(), SignalError> {
    // A `Value` has nothing that JSON can't have.
    let len = serde_json::to_vec(data).map_or(usize::MAX, |json| json.len());
    if len > MAX_DATA_BYTES { Err(SignalError::DataTooLarge { len }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn connection() -> ConnectionId {
        ConnectionId { server: "NABC".into(), client: 12 }
    }

    #[test]
    fn what_is_written_is_read() {
        for signal in [
            Signal::Gone { connection: connection() },
            Signal::Here { connection: connection(), data: Value::Null },
            Signal::Here { connection: connection(), data: json!({"name": "Ada", "n": [1.5]}) },
        ] {
            assert_eq!(Signal::read(&signal.write().unwrap()), Ok(signal));
        }
        let newer = br#"{"v":1,"server":"N","client":1,"mood":"good"}"#;
        assert!(matches!(Signal::read(newer), Ok(Signal::Here { data: Value::Null, .. })));
    }

    #[test]
    fn what_is_too_large_or_no_signal_is_refused_by_name() {
        let data = Value::String("x".repeat(MAX_DATA_BYTES - 1));
        let large = Signal::Here { connection: connection(), data };
        assert_eq!(large.write(), Err(SignalError::DataTooLarge { len: MAX_DATA_BYTES + 1 }));
        let spaces = [&b"{"[..], &[b' '; MAX_SIGNAL_BYTES]].concat();
        assert_eq!(Signal::read(&spaces), Err(SignalError::TooLarge { len: spaces.len() }));
        let other = br#"{"v":2,"server":"N","client":1}"#;
        assert_eq!(Signal::read(other), Err(SignalError::OtherVersion(2)));
        let long = format!(r#"{{"v":1,"server":"{}","client":1}}"#, "N".repeat(65));
        for bad in [
            "",
            "{}",
            "[]",
            "null",
            "\u{0}",
            r#"{"v":1}"#,
            &long,
            &"[".repeat(1_000),
            r#"{"v":1,"server":"N","client":-1}"#,
            r#"{"v":1,"server":1,"client":1}"#,
        ] {
            let read = Signal::read(bad.as_bytes());
            assert!(matches!(read, Err(SignalError::Malformed(_))), "{bad:?}: {read:?}");
        }
    }

    proptest! {
        #[test]
        fn no_payload_makes_it_panic(payload: Vec<u8>, text in "\\{.{0,80}\\}") {
            let _ = Signal::read(&payload);
            let _ = Signal::read(text.as_bytes());
        }
    }
}
