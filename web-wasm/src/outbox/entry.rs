//! What an outbox has.

use core::time::Duration;

use nats_proto::outbox::{Record, RecordError};

/// An entry of an outbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its number. Numbers rise and are never used again.
    pub number: u64,
    /// How large it is as it is stored, in bytes.
    pub size: u64,
    /// What it says, if it can be read.
    pub record: Result<Record, RecordError>,
}

/// How full an outbox is, and what with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct State {
    /// How many entries are to be sent, the one on its way included.
    pub pending: u64,
    /// The entry that this tab is sending.
    pub in_flight: Option<u64>,
    /// Whether this is the tab that sends.
    pub sending: bool,
    /// How large all entries are as they are stored, in bytes.
    pub bytes: u64,
    /// When the oldest entry that is to be sent was made, as the time since 1970.
    pub oldest: Option<Duration>,
    /// How many entries were set aside since they were refused, or had no stream.
    pub refused: u64,
    /// How many were set aside since they had their greatest age.
    pub expired: u64,
    /// How many were set aside since they can't be sent again for certain once.
    pub in_doubt: u64,
    /// How many can't be read.
    pub corrupt: u64,
}
