//! Clearing away what deleted keys leave.

use core::time::Duration;

use futures_util::TryStreamExt;
use nats_proto::kv::{ALL_KEYS, Operation, WatchFrom, WatchOptions};

use super::error::PurgeDeletesError;
use super::store::Store;

impl Store {
    /// Deletes the history of keys that are deleted, and, where that was at least so long ago, that
    /// they were there. Returns how many entries were deleted.
    ///
    /// What is put meanwhile stays.
    ///
    /// ```no_run
    /// # async fn example(profiles: web_wasm::kv::Store)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use core::time::Duration;
    ///
    /// let gone = profiles.purge_deletes(Duration::from_secs(30 * 60)).await?;
    /// println!("{gone} entries are gone");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`PurgeDeletesError`].
    ///
    /// # Cancel safety
    /// If the future is dropped some may have been deleted.
    pub async fn purge_deletes(&self, older_than: Duration) -> Result<u64, PurgeDeletesError> {
        // The server's clock is the one by which entries are dated.
        let now = self.stream.get_info().await?.timestamp;
        let options =
            WatchOptions { from: WatchFrom::Last, ignore_deletes: false, meta_only: true };
        let entries = self.list(vec![ALL_KEYS.to_owned()], options).await?;
        let entries: Vec<_> = entries.try_collect().await?;
        let mut deleted = 0;
        for entry in entries {
            if entry.operation == Operation::Put {
                continue;
            }
            let age = now.map_or(Duration::MAX, |now| now.saturating_duration_since(entry.created));
            let marker = u64::from(age >= older_than);
            let subject = self.layout.read(&entry.key)?;
            let purge = self.stream.purge().filter(subject.as_str());
            deleted += purge.sequence(entry.revision + marker).await?.purged;
        }
        Ok(deleted)
    }
}
