//! The handle on a store.

use bytes::Bytes;
use futures_util::stream;
use nats_proto::HeaderMap;
use nats_proto::jetstream::headers::ROLLUP;
use nats_proto::object_store::{
    Bucket, Layout, ObjectInfo, ObjectLink, ObjectMetadata, ObjectOptions, UpdateMetadata,
};

use super::{
    AddLinkError, DeleteError, GetError, InfoError, List, ListError, Object, Put, PutError,
    SealError, Status, StatusError, UpdateMetadataError, Watch,
};
use crate::jetstream::consumer::DeliverPolicy;
use crate::jetstream::stream::{DirectGetError, LastRawMessageError, Stream};
use crate::jetstream::{Context, PublishError};

/// The handle on an object store.
#[derive(Clone, Debug)]
pub struct ObjectStore {
    pub(super) layout: Layout,
    pub(super) stream: Stream,
}

/// What tells which object it is about.
pub trait AsObjectInfo {
    /// What is known of the object.
    fn as_info(&self) -> &ObjectInfo;
}

impl AsObjectInfo for &ObjectInfo {
    fn as_info(&self) -> &ObjectInfo {
        self
    }
}

impl AsObjectInfo for &Object {
    fn as_info(&self) -> &ObjectInfo {
        self.info()
    }
}

impl ObjectStore {
    pub(super) fn new(bucket: Bucket, stream: Stream) -> Self {
        Self { layout: Layout::new(bucket), stream }
    }

    /// The store's name.
    pub fn bucket(&self) -> &Bucket {
        self.layout.bucket()
    }

    /// The JetStream that it is in.
    pub fn context(&self) -> &Context {
        self.stream.context()
    }

    /// Puts an object into the store, in the place of the one of this name, when it is awaited.
    ///
    /// The bytes are cut into pieces, of which only a few are in memory at a time.
    ///
    /// ```no_run
    /// # async fn example(store: web_wasm::object_store::ObjectStore)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::stream;
    /// use web_wasm::Bytes;
    ///
    /// let parts = ["first, ", "second"].map(|part| Ok::<_, std::io::Error>(Bytes::from(part)));
    /// let put = store.put("parts.txt", stream::iter(parts));
    /// let info = put.on_progress(|bytes| println!("{bytes} bytes are stored")).await?;
    /// println!("{}", info.digest.unwrap_or_default());
    /// # Ok(())
    /// # }
    /// ```
    pub fn put<T, S, B, E>(&self, metadata: T, data: S) -> Put<S>
    where
        T: Into<ObjectMetadata>,
        S: futures_core::Stream<Item = Result<B, E>>,
        B: Into<Bytes>,
    {
        Put::new(self.clone(), metadata.into(), data)
    }

    /// Puts an object into the store whose bytes are in memory; else as [`put`](Self::put).
    ///
    /// # Errors
    /// [`PutError`].
    ///
    /// # Cancel safety
    /// If the future is dropped, what was stored of the object is deleted again, unless it was just
    /// complete.
    pub async fn put_bytes(
        &self,
        metadata: impl Into<ObjectMetadata>,
        bytes: Bytes,
    ) -> Result<ObjectInfo, PutError> {
        self.put(metadata, stream::iter([Ok::<_, core::convert::Infallible>(bytes)])).await
    }

    /// An object. A link is followed to what it stands for.
    ///
    /// # Errors
    /// [`GetError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get(&self, name: impl AsRef<str>) -> Result<Object, GetError> {
        let info = self.info(name).await?;
        let Some(link) = info.link() else { return Ok(Object::new(self.clone(), info)) };
        let Some(name) = &link.name else {
            return Err(GetError::BucketLink { bucket: link.bucket.clone() });
        };
        let store = if *link.bucket == **self.bucket() {
            self.clone()
        } else {
            self.context().get_object_store(&link.bucket).await?
        };
        let info = store.info(name).await?;
        match info.link() {
            Some(_) => Err(GetError::LinkToLink),
            None => Ok(Object::new(store, info)),
        }
    }

    /// What is known of an object. A link is not followed.
    ///
    /// # Errors
    /// [`InfoError`]; `NotFound` for an object that was deleted, too.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn info(&self, name: impl AsRef<str>) -> Result<ObjectInfo, InfoError> {
        match self.info_even_deleted(name.as_ref()).await? {
            info if info.deleted => Err(InfoError::NotFound),
            info => Ok(info),
        }
    }

    /// What is known of an object that may have been deleted.
    pub(super) async fn info_even_deleted(&self, name: &str) -> Result<ObjectInfo, InfoError> {
        let subject = self.layout.meta(name)?;
        let message = if self.stream.cached_info().config.allow_direct {
            match self.stream.direct_get_last_for_subject(subject.as_str()).await {
                Err(DirectGetError::NotFound) => return Err(InfoError::NotFound),
                result => result.map_err(InfoError::DirectGet)?,
            }
        } else {
            match self.stream.get_last_raw_message_by_subject(subject.as_str()).await {
                Err(LastRawMessageError::NoMessageFound(_)) => return Err(InfoError::NotFound),
                result => result.map_err(InfoError::Get)?,
            }
        };
        let info = serde_json::from_slice::<ObjectInfo>(&message.payload);
        let mut info = info.map_err(|error| InfoError::Malformed { problem: error.to_string() })?;
        info.modified = Some(message.time);
        Ok(info)
    }

    /// Deletes an object. That it was there remains known to those who watch.
    ///
    /// # Errors
    /// [`DeleteError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the object may have been deleted, and its pieces may still be there.
    pub async fn delete(&self, name: impl AsRef<str>) -> Result<(), DeleteError> {
        let mut info = self.info(name).await?;
        let chunks = self.layout.chunks(&info.nuid);
        info.size = 0;
        info.chunks = 0;
        info.digest = None;
        info.deleted = true;
        self.publish_meta(&info).await?;
        self.stream.purge().filter(chunks.as_str()).await?;
        Ok(())
    }

    /// Changes what is known of an object, which may have another name then.
    ///
    /// ```no_run
    /// # async fn example(store: web_wasm::object_store::ObjectStore)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use web_wasm::object_store::UpdateMetadata;
    ///
    /// let info = store.info("draft.txt").await?;
    /// let renamed = UpdateMetadata { name: "final.txt".into(), ..info.into() };
    /// store.update_metadata("draft.txt", renamed).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`UpdateMetadataError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the object may have been changed, and may have both names.
    pub async fn update_metadata(
        &self,
        name: impl AsRef<str>,
        update: UpdateMetadata,
    ) -> Result<ObjectInfo, UpdateMetadataError> {
        let name = name.as_ref();
        self.layout.meta(&update.name)?;
        let mut info = self.info(name).await?;
        let renamed = update.name != name;
        if renamed && self.there_is(&update.name).await? {
            return Err(UpdateMetadataError::NameAlreadyInUse);
        }
        info.name = update.name;
        info.description = update.description;
        info.metadata = update.metadata;
        info.headers = update.headers;
        self.publish_meta(&info).await?;
        if renamed {
            let old = self.layout.meta(name)?;
            self.stream.purge().filter(old.as_str()).await?;
        }
        Ok(info)
    }

    async fn there_is(&self, name: &str) -> Result<bool, InfoError> {
        match self.info(name).await {
            Ok(_) => Ok(true),
            Err(InfoError::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Makes a link to an object, which may be in another store. A link may take the place of
    /// another.
    ///
    /// # Errors
    /// [`AddLinkError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the link may have been made.
    pub async fn add_link(
        &self,
        name: impl Into<String>,
        object: impl AsObjectInfo,
    ) -> Result<ObjectInfo, AddLinkError> {
        let object = object.as_info();
        if object.deleted {
            return Err(AddLinkError::Deleted);
        }
        if object.link().is_some() {
            return Err(AddLinkError::LinkToLink);
        }
        let link = ObjectLink { name: Some(object.name.clone()), bucket: object.bucket.clone() };
        self.link(name.into(), link).await
    }

    /// Makes a link to a whole store.
    ///
    /// # Errors
    /// [`AddLinkError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the link may have been made.
    pub async fn add_bucket_link(
        &self,
        name: impl Into<String>,
        bucket: impl AsRef<str>,
    ) -> Result<ObjectInfo, AddLinkError> {
        let bucket = Bucket::new(bucket)?.as_str().into();
        self.link(name.into(), ObjectLink { name: None, bucket }).await
    }

    async fn link(&self, name: String, link: ObjectLink) -> Result<ObjectInfo, AddLinkError> {
        self.layout.meta(&name)?;
        match self.info(&name).await {
            Ok(info) if info.link().is_none() => return Err(AddLinkError::AlreadyExists),
            Ok(_) | Err(InfoError::NotFound) => {}
            Err(error) => return Err(AddLinkError::Info(error)),
        }
        let nuid = self.context().client().new_nuid();
        let mut info = ObjectInfo::new(name.into(), self.bucket(), nuid);
        info.options = Some(ObjectOptions { link: Some(link), max_chunk_size: None });
        self.publish_meta(&info).await?;
        Ok(info)
    }

    /// Stores what is known of an object, in the place of what was.
    pub(super) async fn publish_meta(&self, info: &ObjectInfo) -> Result<(), PublishError> {
        let invalid = |problem: String| PublishError::Malformed { problem };
        // Every caller has checked the name, and an info is always JSON.
        let subject = self.layout.meta(&info.name).map_err(|error| invalid(error.to_string()))?;
        let json = serde_json::to_vec(info).map_err(|error| invalid(error.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert(ROLLUP, "sub")?;
        self.context().publish_with_headers(subject, headers, json.into()).await?.await?;
        Ok(())
    }

    /// The objects that there are, links among them.
    ///
    /// # Errors
    /// [`ListError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn list(&self) -> Result<List, ListError> {
        List::new(self).await
    }

    /// What is put into the store or deleted from now on.
    ///
    /// ```no_run
    /// # async fn example(store: web_wasm::object_store::ObjectStore)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::TryStreamExt;
    ///
    /// let mut changes = store.watch().await?;
    /// while let Some(info) = changes.try_next().await? {
    ///     println!("{} {}", info.name, if info.deleted { "is gone" } else { "is there" });
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ListError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn watch(&self) -> Result<Watch, ListError> {
        Watch::new(self, DeliverPolicy::New).await
    }

    /// What there is, deleted objects among it, and then what changes.
    ///
    /// # Errors
    /// [`ListError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn watch_with_history(&self) -> Result<Watch, ListError> {
        Watch::new(self, DeliverPolicy::LastPerSubject).await
    }

    /// Sees to it that nothing more is put into the store or deleted, ever.
    ///
    /// # Errors
    /// [`SealError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the store may have been sealed.
    pub async fn seal(&mut self) -> Result<(), SealError> {
        let mut config = self.stream.info().await?.config.clone();
        config.sealed = true;
        self.context().update_stream(config).await?;
        Ok(())
    }

    /// What the store is and has.
    ///
    /// # Errors
    /// [`StatusError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn status(&self) -> Result<Status, StatusError> {
        let info = self.stream.get_info().await?;
        Ok(Status { bucket: self.bucket().clone(), info })
    }
}
