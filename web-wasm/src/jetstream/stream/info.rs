//! What a stream is and has.

use nats_proto::jetstream::stream::InfoRequest;
use nats_proto::jetstream::{Endpoint, Name};

use super::{Info, InfoError, Stream};
use crate::jetstream::context::Context;

impl Stream<Info> {
    /// Asks what the stream is and has, and keeps the answer.
    ///
    /// # Errors
    /// [`InfoError`].
    ///
    /// # Cancel safety
    /// If the future is dropped what is known stays what it was.
    pub async fn info(&mut self) -> Result<&Info, InfoError> {
        self.info = self.get_info().await?;
        Ok(&self.info)
    }

    /// What was known of the stream when it was last asked.
    pub fn cached_info(&self) -> &Info {
        &self.info
    }
}

impl<T> Stream<T> {
    /// Asks what the stream is and has.
    ///
    /// # Errors
    /// [`InfoError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get_info(&self) -> Result<Info, InfoError> {
        self.context.call(Endpoint::StreamInfo(&self.name), &[]).await
    }

    /// Asks what the stream is and has, and how many messages each subject has that `filter`
    /// matches.
    ///
    /// ```no_run
    /// # async fn example(stream: web_wasm::jetstream::stream::Stream)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// let info = stream.info_with_subjects("orders.*.placed").await?;
    /// for (subject, messages) in &info.state.subjects {
    ///     println!("{subject}: {messages}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`InfoError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn info_with_subjects(&self, filter: impl Into<String>) -> Result<Info, InfoError> {
        self.info_builder().subjects(filter).fetch().await
    }

    /// Asks what the stream is and has, in more detail.
    pub fn info_builder(&self) -> StreamInfoBuilder {
        StreamInfoBuilder {
            context: self.context.clone(),
            name: self.name.clone(),
            request: InfoRequest::default(),
        }
    }
}

/// A question about a stream.
#[derive(Clone, Debug)]
#[must_use = "it asks nothing before `fetch`"]
pub struct StreamInfoBuilder {
    context: Context,
    name: Name,
    request: InfoRequest,
}

impl StreamInfoBuilder {
    /// Whether the numbers of deleted messages are wanted, in [`State::deleted`](super::State).
    pub fn with_deleted(mut self, deleted: bool) -> Self {
        self.request.deleted_details = deleted;
        self
    }

    /// The pattern of the subjects whose counts are wanted, in [`State::subjects`](super::State).
    pub fn subjects(mut self, filter: impl Into<String>) -> Self {
        self.request.subjects_filter = Some(filter.into());
        self
    }

    /// Asks. Subjects come a hundred thousand at a time, and are asked for until all are there.
    ///
    /// # Errors
    /// [`InfoError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn fetch(mut self) -> Result<Info, InfoError> {
        let mut info: Info = self.ask().await?;
        let mut read = info.state.subjects.len() as u64;
        while read < info.total {
            self.request.offset = read;
            let page = self.ask().await?;
            if page.state.subjects.is_empty() {
                break;
            }
            read += page.state.subjects.len() as u64;
            info.state.subjects.extend(page.state.subjects);
        }
        Ok(info)
    }

    async fn ask(&self) -> Result<Info, InfoError> {
        self.context.request(Endpoint::StreamInfo(&self.name), &self.request).await
    }
}
