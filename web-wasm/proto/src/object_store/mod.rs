//! Object stores: streams that keep each object in pieces, and beside them what is to be known of it.
//!
//! | unit | what it is for |
//! |---|---|
//! | [`Bucket`], [`NameError`] | names, checked |
//! | [`Config`] | a store's configuration, as that of its stream |
//! | [`Layout`] | which subjects an object has |
//! | [`ObjectInfo`], [`ObjectMetadata`] | what is known of an object |
//! | [`Chunker`] | an object cut into pieces |
//! | [`Assembly`] | pieces that must make up the object |
//!
//! Digests are computed elsewhere, and compared as text. Source: ADR-20.

mod assembly;
mod bucket;
mod chunker;
mod config;
mod info;
mod layout;

pub use assembly::{Assembly, AssemblyError};
pub use bucket::Bucket;
pub use chunker::{Chunker, DEFAULT_CHUNK_SIZE};
pub use config::Config;
pub use info::{ObjectInfo, ObjectLink, ObjectMetadata, ObjectOptions, UpdateMetadata};
pub use layout::{Layout, NameError};

pub use crate::kv::BucketError;
