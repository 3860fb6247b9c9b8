//! What an account may use of JetStream, and uses.

use alloc::collections::BTreeMap;
use alloc::string::String;

use serde::{Deserialize, Deserializer};

use super::wire::null_as_default;

/// What an account uses of JetStream, all tiers together, and may use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Account {
    /// Bytes of messages in memory.
    pub memory: u64,
    /// Bytes of messages in files.
    pub storage: u64,
    /// Bytes of memory that are set aside.
    pub reserved_memory: u64,
    /// Bytes of files that are set aside.
    pub reserved_storage: u64,
    /// Streams.
    pub streams: u64,
    /// Consumers.
    pub consumers: u64,
    /// What may be used; nothing is said where it depends on the tier.
    pub limits: Limits,
    /// The domain of its JetStream, if that has one.
    pub domain: Option<String>,
    /// The requests that it made.
    #[serde(rename = "api")]
    pub requests: Requests,
    /// What it uses and may use by the number of replicas, such as `R3`.
    #[serde(deserialize_with = "null_as_default")]
    pub tiers: BTreeMap<String, Tier>,
}

/// What is used, and may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Tier {
    /// Bytes of messages in memory.
    pub memory: u64,
    /// Bytes of messages in files.
    pub storage: u64,
    /// Bytes of memory that are set aside.
    pub reserved_memory: u64,
    /// Bytes of files that are set aside.
    pub reserved_storage: u64,
    /// Streams.
    pub streams: u64,
    /// Consumers.
    pub consumers: u64,
    /// What may be used.
    pub limits: Limits,
}

/// What may be used; `None` for no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of messages in memory.
    #[serde(deserialize_with = "unlimited_as_none")]
    pub max_memory: Option<u64>,
    /// Bytes of messages in files.
    #[serde(deserialize_with = "unlimited_as_none")]
    pub max_storage: Option<u64>,
    /// Streams.
    #[serde(deserialize_with = "unlimited_as_none")]
    pub max_streams: Option<u64>,
    /// Consumers.
    #[serde(deserialize_with = "unlimited_as_none")]
    pub max_consumers: Option<u64>,
    /// Whether every stream must have a limit of bytes.
    pub max_bytes_required: bool,
    /// Messages of one consumer that wait for their acknowledgement.
    #[serde(deserialize_with = "unlimited_as_none")]
    pub max_ack_pending: Option<u64>,
    /// Bytes of one stream in memory.
    #[serde(deserialize_with = "unlimited_as_none")]
    pub memory_max_stream_bytes: Option<u64>,
    /// Bytes of one stream in files.
    #[serde(deserialize_with = "unlimited_as_none")]
    pub storage_max_stream_bytes: Option<u64>,
}

/// The requests that an account made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Requests {
    /// The generation of the API that the server speaks.
    pub level: u64,
    /// How many there were.
    pub total: u64,
    /// How many were refused.
    pub errors: u64,
    /// How many are being dealt with.
    pub inflight: u64,
}

fn unlimited_as_none<'de, D: Deserializer<'de>>(input: D) -> Result<Option<u64>, D::Error> {
    i64::deserialize(input).map(|limit| limit.try_into().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_written_as_minus_one() {
        let text = r#"{"memory":1,"storage":2,"reserved_memory":3,"reserved_storage":4,
            "streams":5,"consumers":6,"limits":{"max_memory":-1,"max_storage":7,"max_streams":-1,
            "max_consumers":0,"max_ack_pending":-1,"memory_max_stream_bytes":-1,
            "storage_max_stream_bytes":-1,"max_bytes_required":true},
            "api":{"level":2,"total":8,"errors":1},
            "tiers":{"R1":{"memory":9,"storage":0,"streams":1,"consumers":1}}}"#;
        let account: Account = serde_json::from_str(text).unwrap();
        assert_eq!((account.memory, account.consumers), (1, 6));
        let limits = &account.limits;
        assert_eq!((limits.max_memory, limits.max_storage), (None, Some(7)));
        assert_eq!((limits.max_consumers, limits.max_bytes_required), (Some(0), true));
        assert_eq!((account.requests.total, account.requests.level), (8, 2));
        assert_eq!(account.tiers["R1"].memory, 9);
    }
}
