//! Key-value buckets, kept in streams.
//!
//! Names and shapes follow async-nats's `jetstream::kv`. Buckets are made and found by a
//! [`Context`](crate::jetstream::Context):
//!
//! ```no_run
//! # async fn example(client: web_wasm::Client) -> Result<(), Box<dyn core::error::Error>> {
//! use web_wasm::{jetstream, kv};
//!
//! let jetstream = jetstream::new(client);
//! let config = kv::Config { bucket: "profiles".into(), history: 5, ..Default::default() };
//! let profiles = jetstream.create_key_value(config).await?;
//! let revision = profiles.put("user.7", "Ada".into()).await?;
//! profiles.update("user.7", "Ada L.".into(), revision).await?;
//! assert_eq!(profiles.get("user.7").await?.as_deref(), Some(&b"Ada L."[..]));
//! # Ok(())
//! # }
//! ```
//!
//! | to do this | use |
//! |---|---|
//! | make, change, find and delete buckets | [`Context`](crate::jetstream::Context) |
//! | read values | [`Store::get`], [`Store::entry`], [`Store::entry_for_revision`] |
//! | write values | [`Store::put`], [`Store::create`], [`Store::update`] |
//! | delete values | [`Store::delete`], [`Store::purge`], [`Store::purge_deletes`] |
//! | see what happens | [`Store::watch`], [`Store::watch_with_options`] |
//! | list what there is | [`Store::keys`], [`Store::history`] |
//!
//! A credential for a bucket `b` and the keys below `user` of it needs to publish to these subjects:
//!
//! | to | subjects |
//! |---|---|
//! | have its [`Store`] | `$JS.API.STREAM.INFO.KV_b` |
//! | read a key | `$JS.API.DIRECT.GET.KV_b.$KV.b.user.>` |
//! | watch and list keys | `$JS.API.CONSUMER.CREATE.KV_b.*.$KV.b.user.>`, `$JS.API.CONSUMER.MSG.NEXT.KV_b.*`, `$JS.API.CONSUMER.DELETE.KV_b.*` |
//! | write and delete a key | `$KV.b.user.>` |
//!
//! [`Store::entry_for_revision`], watching several patterns at once, [`Store::purge_deletes`] and a
//! list that is interrupted by deletions ask for more than that, since what they want is not part
//! of the subject: `$JS.API.DIRECT.GET.KV_b`, `$JS.API.CONSUMER.CREATE.KV_b.*` and
//! `$JS.API.STREAM.PURGE.KV_b` are for the bucket as a whole.

mod error;
mod listing;
mod manage;
mod purge_deletes;
mod status;
mod store;
mod watch;
mod write;

pub use error::{
    CreateError, CreateKeyValueError, CreateOrUpdateKeyValueError, DeleteError, EntryError,
    HistoryError, KeyValueError, PurgeDeletesError, PurgeError, PutError, StatusError, UpdateError,
    UpdateKeyValueError, WatchError, WatcherError,
};
pub use listing::{History, Keys};
pub use manage::{BucketNames, Buckets};
pub use status::Status;
pub use store::Store;
pub use watch::Watch;

pub use nats_proto::kv::{
    ALL_KEYS, Bucket, BucketError, Config, ConfigError, Entry, KeyError, MAX_HISTORY, Operation,
    WatchFrom, WatchOptions,
};
