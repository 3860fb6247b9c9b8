//! How what JSON has no form for is written to the server, and read.

use alloc::collections::BTreeMap;
use alloc::string::String;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::DateTime;

/// The fields of a configuration that this version does not know.
///
/// They are kept as they came, so that a configuration which was read from a newer server,
/// changed and sent back loses nothing.
pub type UnknownFields = BTreeMap<String, Value>;

/// Whether a field has the value that leaving it out means.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Reads `null` as nothing: servers write an empty list so where they made none.
pub(crate) fn null_as_default<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Default + Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A moment that need not be there. The first moment of the year 1 is none.
pub(crate) fn some_time<'de, D>(deserializer: D) -> Result<Option<DateTime>, D::Error>
where
    D: Deserializer<'de>,
{
    let moment = Option::<DateTime>::deserialize(deserializer)?;
    Ok(moment.filter(|moment| !moment.is_zero()))
}

/// A duration as a whole number of nanoseconds, which is how Go writes one.
///
/// More than an `i64` of them, 292 years, is written as that; fewer than none is read as none.
pub(crate) mod nanos {
    use core::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn to_i64(duration: Duration) -> i64 {
        i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
    }

    pub(crate) fn from_i64(nanos: i64) -> Duration {
        Duration::from_nanos(u64::try_from(nanos).unwrap_or_default())
    }

    pub(crate) fn serialize<S: Serializer>(value: &Duration, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_i64(to_i64(*value))
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<Duration, D::Error> {
        i64::deserialize(input).map(from_i64)
    }

    /// A duration that need not be there. One of less than nothing is none, as the server writes
    /// that something never happened.
    pub(crate) fn some<'de, D: Deserializer<'de>>(input: D) -> Result<Option<Duration>, D::Error> {
        let nanos = Option::<i64>::deserialize(input)?;
        Ok(nanos.filter(|nanos| *nanos >= 0).map(from_i64))
    }

    pub(crate) fn serialize_some<S: Serializer>(
        value: &Option<Duration>,
        out: S,
    ) -> Result<S::Ok, S::Error> {
        match value {
            Some(duration) => serialize(duration, out),
            None => out.serialize_none(),
        }
    }

    /// A list of durations.
    pub(crate) mod list {
        use alloc::vec::Vec;

        use super::{Deserialize, Deserializer, Duration, Serializer, from_i64, to_i64};

        pub(crate) fn serialize<S: Serializer>(
            value: &[Duration],
            out: S,
        ) -> Result<S::Ok, S::Error> {
            out.collect_seq(value.iter().map(|duration| to_i64(*duration)))
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
            input: D,
        ) -> Result<Vec<Duration>, D::Error> {
            let nanos = Option::<Vec<i64>>::deserialize(input)?.unwrap_or_default();
            Ok(nanos.into_iter().map(from_i64).collect())
        }
    }
}

/// A percentage, which the server writes as text, with or without its sign.
pub(crate) mod sample_frequency {
    use alloc::string::String;

    use serde::{Deserialize, Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(value: &u8, out: S) -> Result<S::Ok, S::Error> {
        out.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(input: D) -> Result<u8, D::Error> {
        let text = String::deserialize(input)?;
        let number = text.strip_suffix('%').unwrap_or(&text);
        if number.is_empty() { Ok(0) } else { number.parse().map_err(serde::de::Error::custom) }
    }
}
