//! Key-value buckets: streams, one subject a key, whose last message is the key's value.
//!
//! | unit | what it is for |
//! |---|---|
//! | [`Bucket`], [`KeyError`] | names, checked |
//! | [`Config`] | a bucket's configuration, as that of its stream |
//! | [`Layout`] | which subject a key has, and which key a subject |
//! | [`Entry`], [`Operation`] | what a message of a bucket says |
//! | [`Watch`] | which messages a watcher is told of, and when it has seen all that there is |
//!
//! Source: ADR-8, and ADR-48 for markers.

mod bucket;
mod config;
mod entry;
pub mod headers;
mod key;
mod layout;
mod watch;

pub use bucket::{Bucket, BucketError};
pub use config::{Config, ConfigError, MAX_HISTORY};
pub use entry::{Entry, Operation};
pub use key::{ALL_KEYS, KeyError};
pub use layout::Layout;
pub use watch::{Watch, WatchFrom, WatchOptions};
