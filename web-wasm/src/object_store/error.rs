//! What goes wrong with object stores.

use core::convert::Infallible;

use nats_proto::Quoted;
use nats_proto::object_store::{AssemblyError, BucketError, NameError};

use crate::jetstream::consumer::InboxError;
use crate::jetstream::consumer::pull::OrderedMessagesError;
use crate::jetstream::stream::{
    ConsumerCreateError, CreateStreamError, DeleteStreamError, DirectGetError, GetStreamError,
    InfoError as StreamInfoError, LastRawMessageError, PurgeError, UpdateStreamError,
};
use crate::jetstream::{MessageInfoError, PublishError};

/// Why a store was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CreateObjectStoreError {
    /// The caller's name is none.
    #[error(transparent)]
    InvalidBucket(#[from] BucketError),
    /// Its stream was not made.
    #[error(transparent)]
    Stream(#[from] CreateStreamError),
}

/// Why a store was not got.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GetObjectStoreError {
    /// The caller's name is none.
    #[error(transparent)]
    InvalidBucket(#[from] BucketError),
    /// Its stream was not got.
    #[error(transparent)]
    Stream(#[from] GetStreamError),
}

/// Why a store was not deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteObjectStoreError {
    /// The caller's name is none.
    #[error(transparent)]
    InvalidBucket(#[from] BucketError),
    /// Its stream was not deleted.
    #[error(transparent)]
    Stream(#[from] DeleteStreamError),
}

/// Why nothing is known of an object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InfoError {
    /// The caller's name is none.
    #[error(transparent)]
    InvalidName(#[from] NameError),
    /// There is no such object, or there is none any more.
    #[error("there is no such object")]
    NotFound,
    /// The request failed.
    #[error(transparent)]
    DirectGet(DirectGetError),
    /// The request failed, to a store that can't be asked directly.
    #[error(transparent)]
    Get(LastRawMessageError),
    /// What the store has is no object's info.
    #[error("the object's info can't be read: {problem}")]
    Malformed {
        /// What is wrong with it.
        problem: String,
    },
}

/// Why an object was not got.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GetError {
    /// Nothing is known of it.
    #[error(transparent)]
    Info(#[from] InfoError),
    /// It stands for a whole store.
    #[error("the object is a link to the store {}", Quoted(.bucket))]
    BucketLink {
        /// The store's name.
        bucket: String,
    },
    /// It stands for an object that stands for another, which no link may.
    #[error("the object is a link to a link")]
    LinkToLink,
    /// The store that it is a link into was not got.
    #[error("the store that the object is a link into: {0}")]
    Store(#[from] GetObjectStoreError),
}

/// Why an object can't be read to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The pieces that there are don't make up the object.
    #[error(transparent)]
    Assembly(#[from] AssemblyError),
    /// The object was deleted, or another was put in its place.
    #[error("the object is not there any more")]
    Replaced,
    /// The store's stream can't be read.
    #[error(transparent)]
    Consumer(#[from] ConsumerCreateError),
    /// The pieces don't come.
    #[error(transparent)]
    Messages(#[from] OrderedMessagesError),
    /// There is nowhere for the pieces to come.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// A piece came that no consumer delivered.
    #[error(transparent)]
    Message(#[from] MessageInfoError),
}

/// Why an object was not put into a store. `E` is what reading its bytes may fail of. What was stored
/// of it is deleted again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PutError<E = Infallible> {
    /// The caller's name is none.
    #[error(transparent)]
    InvalidName(#[from] NameError),
    /// The bytes can't be read.
    #[error("the bytes can't be read: {0}")]
    Read(#[source] E),
    /// It is not known whether there is an object of this name already.
    #[error(transparent)]
    Info(InfoError),
    /// A piece was not stored.
    #[error("a piece was not stored: {0}")]
    Chunk(#[source] PublishError),
    /// The info was not stored.
    #[error("the info was not stored: {0}")]
    Meta(#[source] PublishError),
    /// The object is stored; the one that was in its place is not deleted.
    #[error("the object that was in its place is not deleted: {0}")]
    PurgeOld(#[source] PurgeError),
}

/// Why an object was not deleted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeleteError {
    /// Nothing is known of it.
    #[error(transparent)]
    Info(#[from] InfoError),
    /// That it is deleted was not stored.
    #[error(transparent)]
    Meta(#[from] PublishError),
    /// It is deleted; its pieces are not.
    #[error(transparent)]
    Purge(#[from] PurgeError),
}

/// Why what is known of an object was not changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UpdateMetadataError {
    /// The caller's new name is none.
    #[error(transparent)]
    InvalidName(#[from] NameError),
    /// Nothing is known of it.
    #[error(transparent)]
    Info(#[from] InfoError),
    /// There is an object of the new name.
    #[error("there is an object of this name already")]
    NameAlreadyInUse,
    /// The change was not stored.
    #[error(transparent)]
    Meta(#[from] PublishError),
    /// The object has its new name, and the old one too.
    #[error(transparent)]
    Purge(#[from] PurgeError),
}

/// Why a link was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AddLinkError {
    /// The caller's name is none.
    #[error(transparent)]
    InvalidName(#[from] NameError),
    /// The store that is to be linked to can't be one.
    #[error(transparent)]
    InvalidBucket(#[from] BucketError),
    /// What is to be linked to was deleted.
    #[error("a deleted object can't be linked to")]
    Deleted,
    /// What is to be linked to is a link itself.
    #[error("a link can't be linked to")]
    LinkToLink,
    /// There is an object of this name, which is no link.
    #[error("there is an object of this name already")]
    AlreadyExists,
    /// It is not known whether there is an object of this name.
    #[error(transparent)]
    Info(InfoError),
    /// The link was not stored.
    #[error(transparent)]
    Meta(#[from] PublishError),
}

/// Why a store was not sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It can't be asked what it is.
    #[error(transparent)]
    Info(#[from] StreamInfoError),
    /// Its stream was not changed.
    #[error(transparent)]
    Update(#[from] UpdateStreamError),
}

/// Why a store's objects are not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ListError {
    /// The store's stream can't be read.
    #[error(transparent)]
    Consumer(#[from] ConsumerCreateError),
    /// The infos don't come.
    #[error(transparent)]
    Messages(#[from] OrderedMessagesError),
    /// There is nowhere for the infos to come.
    #[error(transparent)]
    Inbox(#[from] InboxError),
    /// A message came that no consumer delivered.
    #[error(transparent)]
    Message(#[from] MessageInfoError),
    /// What the store has is no object's info.
    #[error("an object's info can't be read: {problem}")]
    Malformed {
        /// What is wrong with it.
        problem: String,
    },
}

/// Why a store does not say what it has.
pub type StatusError = StreamInfoError;
