//! Managing a stream's consumers.

use nats_proto::Subject;
use nats_proto::jetstream::consumer::{
    self, Action, CreateRequest, PauseRequest, ResetRequest, ResetResponse, UnpinRequest,
};
use nats_proto::jetstream::response::Done;
use nats_proto::jetstream::{DateTime, Endpoint, Name};
use nats_proto::subject::validate_pattern;
use serde::de::IgnoredAny;

use super::{ConsumerCreateError, ConsumerError, PauseResponse, Stream};
use crate::jetstream::pages::Pages;

/// The names of a stream's consumers, as they are read.
pub type ConsumerNames = Pages<String>;

/// A stream's consumers, as they are read.
pub type Consumers = Pages<consumer::Info>;

impl<T> Stream<T> {
    /// Makes or changes a consumer.
    ///
    /// One without a name gets one that nobody else has. The name, and the filter where there is
    /// just one, are part of the request's subject, so that a credential can be for them alone.
    ///
    /// ```no_run
    /// # async fn example(stream: web_wasm::jetstream::stream::Stream)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use web_wasm::jetstream::{consumer, stream::ConsumerAction};
    ///
    /// let config = consumer::Config { durable_name: Some("worker".into()), ..Default::default() };
    /// let info = stream.add_consumer(config, ConsumerAction::Create).await?;
    /// println!("{} messages are to be delivered", info.num_pending);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConsumerCreateError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the consumer may have been made or changed.
    pub async fn add_consumer(
        &self,
        mut config: consumer::Config,
        action: Action,
    ) -> Result<consumer::Info, ConsumerCreateError> {
        let name = match config.name.as_ref().or(config.durable_name.as_ref()) {
            Some(name) => Name::new(name)?,
            None => Name::new(self.context.client.new_nuid())?,
        };
        config.name = Some(name.as_str().into());
        for filter in config.filter_subjects.iter().chain(Some(&config.filter_subject)) {
            if !filter.is_empty() {
                validate_pattern(filter)?;
            }
        }
        let filter = match (&*config.filter_subject, &*config.filter_subjects) {
            ("", [one]) => Some(Subject::from(&**one)),
            ("", _) => None,
            (one, _) => Some(Subject::from(one)),
        };
        let endpoint = Endpoint::ConsumerCreate {
            stream: &self.name,
            consumer: &name,
            filter: filter.as_ref(),
        };
        let request = CreateRequest::new(&self.name, &config, action);
        let info = self.context.request(endpoint, &request).await;
        info.map_err(ConsumerCreateError::from_request)
    }

    /// What a consumer is and has.
    ///
    /// # Errors
    /// [`ConsumerError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn consumer_info(
        &self,
        name: impl AsRef<str>,
    ) -> Result<consumer::Info, ConsumerError> {
        let name = Name::new(name)?;
        let info = self.context.call(Endpoint::ConsumerInfo(&self.name, &name), &[]).await;
        info.map_err(ConsumerError::from_request)
    }

    /// Deletes a consumer.
    ///
    /// # Errors
    /// [`ConsumerError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the consumer may have been deleted.
    pub async fn delete_consumer(&self, name: impl AsRef<str>) -> Result<(), ConsumerError> {
        let name = Name::new(name)?;
        let endpoint = Endpoint::ConsumerDelete(&self.name, &name);
        let done: Result<Done, _> = self.context.call(endpoint, &[]).await;
        done.map(drop).map_err(ConsumerError::from_request)
    }

    /// Has a consumer deliver nothing until a moment.
    ///
    /// # Errors
    /// [`ConsumerError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the consumer may have been paused.
    pub async fn pause_consumer(
        &self,
        name: impl AsRef<str>,
        pause_until: DateTime,
    ) -> Result<PauseResponse, ConsumerError> {
        self.pause(name.as_ref(), PauseRequest { pause_until: Some(pause_until) }).await
    }

    /// Has a consumer go on that was paused.
    ///
    /// # Errors
    /// [`ConsumerError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the consumer may go on.
    pub async fn resume_consumer(
        &self,
        name: impl AsRef<str>,
    ) -> Result<PauseResponse, ConsumerError> {
        self.pause(name.as_ref(), PauseRequest::default()).await
    }

    async fn pause(
        &self,
        name: &str,
        request: PauseRequest,
    ) -> Result<PauseResponse, ConsumerError> {
        let name = Name::new(name)?;
        let endpoint = Endpoint::ConsumerPause(&self.name, &name);
        let paused = self.context.request(endpoint, &request).await;
        paused.map_err(ConsumerError::from_request)
    }

    /// Has another client of a priority group get the messages than the one that is pinned.
    ///
    /// # Errors
    /// [`ConsumerError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the client may have been unpinned.
    pub async fn unpin_consumer(
        &self,
        name: impl AsRef<str>,
        group: impl AsRef<str>,
    ) -> Result<(), ConsumerError> {
        let name = Name::new(name)?;
        let request = UnpinRequest { group: group.as_ref() };
        let endpoint = Endpoint::ConsumerUnpin(&self.name, &name);
        let done: Result<IgnoredAny, _> = self.context.request(endpoint, &request).await;
        done.map(drop).map_err(ConsumerError::from_request)
    }

    /// Has a consumer begin again: at the first message that is not acknowledged, or at the first of
    /// at least this number. From nats-server 2.14.
    ///
    /// # Errors
    /// [`ConsumerError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the consumer may have been set back.
    pub async fn reset_consumer(
        &self,
        name: impl AsRef<str>,
        sequence: Option<u64>,
    ) -> Result<ResetResponse, ConsumerError> {
        let name = Name::new(name)?;
        let request = ResetRequest { sequence: sequence.unwrap_or_default() };
        let endpoint = Endpoint::ConsumerReset(&self.name, &name);
        let reset = self.context.request(endpoint, &request).await;
        reset.map_err(ConsumerError::from_request)
    }

    /// The names of the stream's consumers.
    pub fn consumer_names(&self) -> ConsumerNames {
        let subject = self.context.subject(Endpoint::ConsumerNames(&self.name));
        Pages::new(self.context.clone(), subject, None)
    }

    /// The stream's consumers.
    pub fn consumers(&self) -> Consumers {
        let subject = self.context.subject(Endpoint::ConsumerList(&self.name));
        Pages::new(self.context.clone(), subject, None)
    }
}
