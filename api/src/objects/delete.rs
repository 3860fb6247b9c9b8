//! An object taken away.

use super::{
    error::{DeleteError, ReadError, StoreError},
    meta::{Meta, SayError},
    name::ObjectName,
    preconditions::Preconditions,
    store::Store,
};

/// How often somebody else may be first.
const ATTEMPTS: usize = 8;

impl Store {
    /// Takes an object away. That it is gone stays said, as other clients watch for it (ADR-20), unless
    /// the bucket is too full for that.
    ///
    /// # Errors
    /// [`DeleteError`]. Unless it is [`DeleteError::Unconfirmed`], nothing has changed.
    ///
    /// # Cancel safety
    /// Cancelling leaves it open whether it is gone; its pieces may stay until the bucket drops them.
    pub async fn delete(
        &self,
        name: &ObjectName,
        preconditions: &Preconditions,
    ) -> Result<(), DeleteError> {
        for _ in 0..ATTEMPTS {
            let Some(Meta { mut info, sequence, .. }) = self.checked(name, preconditions).await?
            else {
                return Err(DeleteError::NotFound);
            };
            let (nuid, had_pieces) = (info.nuid.clone(), info.chunks > 0);
            (info.deleted, info.size, info.chunks, info.digest) = (true, 0, 0, None);
            match self.say(name, &info, sequence).await {
                Ok(_) => {}
                Err(SayError::Store(StoreError::Overtaken)) => continue,
                // There is no room to say it.
                Err(SayError::Store(StoreError::Refused(_))) => {
                    let subject = self.meta_subject(name)?;
                    self.purge(&subject).await.map_err(ReadError::from)?;
                }
                Err(SayError::Form(error)) => return Err(error.into()),
                Err(SayError::Store(error)) => return Err(DeleteError::Unconfirmed(error.into())),
            }
            if had_pieces {
                self.sweep(&nuid, std::future::ready(()));
            }
            return Ok(());
        }
        Err(DeleteError::Overtaken)
    }

    async fn checked(
        &self,
        name: &ObjectName,
        preconditions: &Preconditions,
    ) -> Result<Option<Meta>, DeleteError> {
        let found = self.find(name).await?;
        match &found {
            Some(meta) if !preconditions.hold(Some(meta.tag())) => Err(DeleteError::Precondition),
            _ => Ok(found),
        }
    }
}
