//! The status code of a message from the server.

use core::fmt;

/// A status that the server puts on the first line of a message's headers.
///
/// It works as in HTTP: 100 is a heartbeat or flow control, 404 no messages, 408 a request
/// expired, 409 a conflict, 503 no responders. Source: ADR-4 and ADR-37.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StatusCode(u16);

impl StatusCode {
    /// A heartbeat, or a flow-control request when a reply subject comes with it.
    pub const IDLE_HEARTBEAT: Self = Self(100);
    /// Success.
    pub const OK: Self = Self(200);
    /// The request was malformed.
    pub const BAD_REQUEST: Self = Self(400);
    /// There is no such message, or there are no messages now.
    pub const NOT_FOUND: Self = Self(404);
    /// The request expired.
    pub const TIMEOUT: Self = Self(408);
    /// The request conflicts with the consumer's state or limits.
    pub const CONFLICT: Self = Self(409);
    /// Nobody is subscribed to the subject of the request.
    pub const NO_RESPONDERS: Self = Self(503);

    /// The code as a number, 100 to 999.
    pub const fn as_u16(self) -> u16 {
        self.0
    }

    /// Whether the code is from 200 to 299.
    pub const fn is_success(self) -> bool {
        self.0 / 100 == 2
    }

    /// Reads exactly three digits; anything else is no status.
    pub(crate) fn from_digits(digits: &str) -> Option<Self> {
        match digits.as_bytes() {
            [b'1'..=b'9', b'0'..=b'9', b'0'..=b'9'] => digits.parse().ok().map(Self),
            _ => None,
        }
    }
}

impl fmt::Display for StatusCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl PartialEq<u16> for StatusCode {
    fn eq(&self, other: &u16) -> bool {
        self.0 == *other
    }
}
