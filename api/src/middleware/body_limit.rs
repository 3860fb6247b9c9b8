//! Refuses a body that announces itself as too large, before a byte of it is read.
//!
//! A body without a length is cut off by axum's own limit while it is read.

use axum::{
    extract::{DefaultBodyLimit, Request},
    http::{Method, header},
};

use crate::{error::Problem, extract::too_large};

/// The one route with bodies of another size.
pub const PUBLISH: &str = "/v1/publish";
/// What the paths of objects begin with.
pub const OBJECTS: &str = "/v1/objects/";

/// Whether the body is an object. Those are bounded by their buckets, in size and in time, while they
/// are read.
#[must_use]
pub fn is_upload(request: &Request) -> bool {
    *request.method() == Method::PUT && request.uri().path().starts_with(OBJECTS)
}

/// Largest bodies in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BodyLimits {
    /// For what is published: the largest message that any role may publish, in Base64, and an
    /// ordinary body around it.
    pub publish: u64,
    /// For all else.
    pub ordinary: u64,
}

impl BodyLimits {
    /// Limits where ordinary bodies have at most `ordinary` bytes and messages `max_payload`.
    #[must_use]
    pub fn new(ordinary: u64, max_payload: usize) -> Self {
        let base64 = u64::try_from(max_payload.div_ceil(3).saturating_mul(4)).unwrap_or(u64::MAX);
        Self { publish: ordinary.saturating_add(base64), ordinary }
    }

    /// Has the body cut off at its limit by axum, while it is read.
    ///
    /// # Errors
    /// 413 when `Content-Length` is above the limit already, unless the body is an object.
    pub(super) fn apply(&self, request: &mut Request) -> Result<(), Problem> {
        let limit = if request.uri().path() == PUBLISH { self.publish } else { self.ordinary };
        let announced = request
            .headers()
            .get(header::CONTENT_LENGTH)
            .and_then(|value| value.to_str().ok())
            .and_then(|value| value.parse::<u64>().ok());
        if announced.is_some_and(|length| length > limit) && !is_upload(request) {
            return Err(too_large());
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        DefaultBodyLimit::max(limit).apply(request);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_message_fits_in_base64() {
        let limits = BodyLimits::new(16_384, 65_536);
        assert_eq!(limits, BodyLimits { publish: 16_384 + 87_384, ordinary: 16_384 });
        assert_eq!(data_encoding::BASE64.encode_len(65_536), 87_384);
        assert_eq!(BodyLimits::new(1, usize::MAX).publish, u64::MAX);
    }
}
