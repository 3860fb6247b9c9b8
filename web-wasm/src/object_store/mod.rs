//! Object stores: files of any size, kept in pieces.
//!
//! Names and shapes follow async-nats's module of the same name. What differs: bytes come and go as
//! streams of [`Bytes`](crate::Bytes), so that no object need fit into memory, and each operation has
//! an error enum of its own.
//!
//! ```no_run
//! # async fn example(jetstream: web_wasm::jetstream::Context)
//! # -> Result<(), Box<dyn core::error::Error>> {
//! use futures_util::TryStreamExt;
//! use web_wasm::object_store::Config;
//!
//! let config = Config { bucket: "images".into(), ..Default::default() };
//! let store = jetstream.create_object_store(config).await?;
//! store.put_bytes("a cat.png", "not a cat".into()).await?;
//! let mut object = store.get("a cat.png").await?;
//! println!("{} bytes", object.info().size);
//! while let Some(bytes) = object.try_next().await? {
//!     println!("{} more", bytes.len());
//! }
//! # Ok(())
//! # }
//! ```
//!
//! | to do this | use |
//! |---|---|
//! | make, find and delete stores | [`Context`](crate::jetstream::Context) |
//! | put a stream of bytes into a store | [`ObjectStore::put`] |
//! | put a `Blob`, a `File` or a `ReadableStream` into a store | `blob_stream`, `readable_stream` |
//! | get an object, as it comes | [`ObjectStore::get`], [`Object`] |
//! | see what there is, and what changes | [`ObjectStore::list`], [`ObjectStore::watch`] |
//! | link, rename, delete, seal | [`ObjectStore`] |

#[cfg(target_arch = "wasm32")]
mod browser;
mod digest;
mod error;
mod listing;
mod manage;
mod object;
mod put;
mod status;
mod store;
mod upload;

#[cfg(target_arch = "wasm32")]
pub use browser::{JsReadError, blob_stream, readable_stream};
pub use error::{
    AddLinkError, CreateObjectStoreError, DeleteError, DeleteObjectStoreError, GetError,
    GetObjectStoreError, InfoError, ListError, PutError, ReadError, SealError, StatusError,
    UpdateMetadataError,
};
pub use listing::{List, Watch};
pub use object::Object;
pub use put::Put;
pub use status::Status;
pub use store::{AsObjectInfo, ObjectStore};

pub use nats_proto::object_store::{
    AssemblyError, Bucket, BucketError, Config, DEFAULT_CHUNK_SIZE, NameError, ObjectInfo,
    ObjectLink, ObjectMetadata, ObjectOptions, UpdateMetadata,
};
