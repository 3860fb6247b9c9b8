//! The clock, as tokens and bans count it.

use time::OffsetDateTime;

/// Now, in Unix seconds.
pub(crate) fn unix_now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}
