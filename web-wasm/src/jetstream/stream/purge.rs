//! Deleting many messages.

use core::future::IntoFuture;

use nats_proto::jetstream::stream::PurgeRequest;
use nats_proto::jetstream::{Endpoint, Name};
use nats_proto::subject::validate_pattern;

use super::{PurgeError, PurgeResponse, Stream};
use crate::jetstream::context::Context;
use crate::platform::LocalBoxFuture;

/// Deletes messages of a stream, when it is awaited: all, or those that are asked for.
///
/// # Errors
/// [`PurgeError`].
///
/// # Cancel safety
/// If the future is dropped the messages may have been deleted.
#[derive(Clone, Debug)]
#[must_use = "it deletes nothing before it is awaited"]
pub struct Purge {
    context: Context,
    name: Name,
    request: PurgeRequest,
}

impl Purge {
    /// Only messages of subjects that this pattern matches.
    pub fn filter(mut self, filter: impl Into<String>) -> Self {
        self.request.filter = Some(filter.into());
        self
    }

    /// All but so many of the newest. It takes the place of [`sequence`](Self::sequence).
    pub fn keep(mut self, keep: u64) -> Self {
        (self.request.keep, self.request.sequence) = (Some(keep), None);
        self
    }

    /// Only messages before the one of this number. It takes the place of [`keep`](Self::keep).
    pub fn sequence(mut self, sequence: u64) -> Self {
        (self.request.keep, self.request.sequence) = (None, Some(sequence));
        self
    }
}

impl IntoFuture for Purge {
    type Output = Result<PurgeResponse, PurgeError>;
    type IntoFuture = LocalBoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            if let Some(filter) = &self.request.filter {
                validate_pattern(filter)?;
            }
            let endpoint = Endpoint::StreamPurge(&self.name);
            Ok(self.context.request(endpoint, &self.request).await?)
        })
    }
}

impl<T> Stream<T> {
    /// Deletes messages.
    ///
    /// ```no_run
    /// # async fn example(stream: web_wasm::jetstream::stream::Stream)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// let deleted = stream.purge().filter("orders.7.>").keep(1).await?;
    /// println!("{} messages are gone", deleted.purged);
    /// # Ok(())
    /// # }
    /// ```
    pub fn purge(&self) -> Purge {
        Purge {
            context: self.context.clone(),
            name: self.name.clone(),
            request: PurgeRequest::default(),
        }
    }
}
