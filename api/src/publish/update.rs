//! The update that a ping publishes.

use bytes::Bytes;
use serde::Serialize;
use time::{OffsetDateTime, UtcOffset};

/// "Someone called the API at this time."
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Update {
    send_time: String,
}

impl Update {
    /// The subject that every update is published on.
    pub const SUBJECT: &str = "com.scaling-ws.updates";

    /// An update sent at this time.
    #[must_use]
    pub fn sent_at(time: OffsetDateTime) -> Self {
        Self { send_time: rfc3339_milliseconds(time) }
    }

    /// The update as it goes to NATS: `{"sendTime":"2026-11-25T07:00:00.123Z"}`.
    ///
    /// # Errors
    /// [`serde_json::Error`] if it has no JSON form, which a single text rules out.
    pub fn to_payload(&self) -> Result<Bytes, serde_json::Error> {
        serde_json::to_vec(self).map(Bytes::from)
    }
}

/// RFC 3339 in UTC with exactly three digits after the second; the rest is cut off, so that the
/// text never lies in the future.
fn rfc3339_milliseconds(time: OffsetDateTime) -> String {
    let time = time.to_offset(UtcOffset::UTC);
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanoseconds: i128) -> String {
        let time = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap();
        String::from_utf8(Update::sent_at(time).to_payload().unwrap().to_vec()).unwrap()
    }

    #[test]
    fn there_are_always_three_digits() {
        assert_eq!(at(1_795_590_000_123_000_000), r#"{"sendTime":"2026-11-25T07:00:00.123Z"}"#);
        assert_eq!(at(1_795_590_000_000_000_000), r#"{"sendTime":"2026-11-25T07:00:00.000Z"}"#);
        assert_eq!(at(1_795_590_000_009_999_999), r#"{"sendTime":"2026-11-25T07:00:00.009Z"}"#);
    }

    #[test]
    fn other_offsets_are_brought_to_utc() {
        let time = OffsetDateTime::from_unix_timestamp(1_795_590_000)
            .unwrap()
            .to_offset(UtcOffset::from_hms(5, 30, 0).unwrap());
        assert_eq!(rfc3339_milliseconds(time), "2026-11-25T07:00:00.000Z");
    }
}
