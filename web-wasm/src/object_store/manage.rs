//! Making, finding and deleting stores.

use nats_proto::object_store::{Bucket, Config};

use super::{CreateObjectStoreError, DeleteObjectStoreError, GetObjectStoreError, ObjectStore};
use crate::jetstream::Context;

impl Context {
    /// Makes an object store. If there is one of this name already it must have this configuration.
    ///
    /// # Errors
    /// [`CreateObjectStoreError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the store may have been made.
    pub async fn create_object_store(
        &self,
        config: Config,
    ) -> Result<ObjectStore, CreateObjectStoreError> {
        let bucket = Bucket::new(&config.bucket)?;
        let stream = self.create_stream(config.to_stream()?).await?;
        Ok(ObjectStore::new(bucket, stream))
    }

    /// An object store that is there.
    ///
    /// # Errors
    /// [`GetObjectStoreError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get_object_store(
        &self,
        bucket: impl AsRef<str>,
    ) -> Result<ObjectStore, GetObjectStoreError> {
        let bucket = Bucket::new(bucket)?;
        let stream = self.get_stream(&*bucket.stream()).await?;
        Ok(ObjectStore::new(bucket, stream))
    }

    /// Deletes an object store and all it has.
    ///
    /// # Errors
    /// [`DeleteObjectStoreError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the store may have been deleted.
    pub async fn delete_object_store(
        &self,
        bucket: impl AsRef<str>,
    ) -> Result<(), DeleteObjectStoreError> {
        Ok(self.delete_stream(&*Bucket::new(bucket)?.stream()).await?)
    }
}
