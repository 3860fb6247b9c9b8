//! Consumers: reading a stream's messages as they come, by oneself or shared with others.
//!
//! | to do this | use |
//! |---|---|
//! | share work that must be acknowledged | [`pull::Config`], [`Consumer::messages`] |
//! | get some messages now | [`Consumer::fetch`], [`Consumer::batch`] |
//! | see each message once and in order | [`pull::OrderedConfig`] |
//! | read what comes unasked, as others set it up | [`push::Config`] |
//!
//! A stream of messages goes on over broken connections, restarted servers and renewed credentials.
//! What was asked for is asked for again as soon as there is a connection.

mod inbox;
pub mod pull;
pub mod push;
mod reader;

use nats_proto::jetstream::Name;

pub use inbox::InboxError;
pub use nats_proto::jetstream::consumer::{
    AckPolicy, Config, DeliverPolicy, Info, PriorityGroupState, PriorityPolicy, ReplayPolicy,
    SequenceInfo,
};

use super::context::Context;
use super::stream::{ConsumerAction, ConsumerCreateError, ConsumerError, Stream};

/// A configuration of a kind of consumers, as the server takes it.
pub trait IntoConsumerConfig {
    /// The configuration that the server takes.
    fn into_consumer_config(self) -> Config;
}

/// A kind of consumers, which one that the server knows may be of.
pub trait FromConsumer: Sized {
    /// Reads a configuration as one of this kind.
    ///
    /// # Errors
    /// [`WrongKind`] if it is one of another kind.
    fn try_from_consumer_config(config: Config) -> Result<Self, WrongKind>;
}

/// A consumer is not of the kind that it was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WrongKind {
    /// It delivers by itself.
    #[error("the consumer is push based")]
    PushBased,
    /// It delivers what is asked for.
    #[error("the consumer is pull based")]
    PullBased,
}

/// Why a consumer was not got.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GetConsumerError {
    /// It is not of the kind that the caller wants.
    #[error(transparent)]
    WrongKind(#[from] WrongKind),
    /// There is none of this name, or it could not be asked.
    #[error(transparent)]
    Info(#[from] ConsumerError),
    /// It was not there, and could not be made.
    #[error(transparent)]
    Create(#[from] ConsumerCreateError),
}

impl IntoConsumerConfig for Config {
    fn into_consumer_config(self) -> Config {
        self
    }
}

impl FromConsumer for Config {
    fn try_from_consumer_config(config: Config) -> Result<Self, WrongKind> {
        Ok(config)
    }
}

/// The handle on a consumer, made by [`Stream::create_consumer`] and [`Stream::get_consumer`].
///
/// What can be done with it depends on its kind, `T`: [`pull::Config`], [`pull::OrderedConfig`] or
/// [`push::Config`].
#[derive(Clone, Debug)]
pub struct Consumer<T> {
    context: Context,
    stream: Name,
    config: T,
    info: Info,
}

impl<T> Consumer<T> {
    /// What the consumer is and has, as the server says it now.
    ///
    /// # Errors
    /// [`ConsumerError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn info(&mut self) -> Result<&Info, ConsumerError> {
        self.info = self.get_info().await?;
        Ok(&self.info)
    }

    /// As [`info`](Self::info), and leaves the [`cached_info`](Self::cached_info) as it was.
    ///
    /// # Errors
    /// [`ConsumerError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get_info(&self) -> Result<Info, ConsumerError> {
        self.stream_handle().consumer_info(&self.info.name).await
    }

    /// What the consumer was and had when the server was last asked.
    pub fn cached_info(&self) -> &Info {
        &self.info
    }

    /// The configuration that the handle was made with.
    pub fn config(&self) -> &T {
        &self.config
    }

    fn stream_handle(&self) -> Stream<()> {
        Stream::new(self.context.clone(), self.stream.clone(), ())
    }
}

impl<T> Stream<T> {
    /// Makes a consumer, or changes the one of this name.
    ///
    /// ```no_run
    /// # async fn example(stream: web_wasm::jetstream::stream::Stream)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::TryStreamExt;
    /// use web_wasm::jetstream::consumer::pull;
    ///
    /// let config = pull::Config { durable_name: Some("worker".into()), ..Default::default() };
    /// let consumer = stream.create_consumer(config).await?;
    /// let mut messages = consumer.messages().await?;
    /// while let Some(message) = messages.try_next().await? {
    ///     message.ack().await?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`ConsumerCreateError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the consumer may have been made or changed.
    pub async fn create_consumer<C>(&self, config: C) -> Result<Consumer<C>, ConsumerCreateError>
    where
        C: IntoConsumerConfig + Clone,
    {
        self.make_consumer(config, ConsumerAction::CreateOrUpdate).await
    }

    /// Makes a consumer. If there is one of this name it must have this configuration.
    ///
    /// # Errors
    /// [`ConsumerCreateError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the consumer may have been made.
    pub async fn create_consumer_strict<C>(
        &self,
        config: C,
    ) -> Result<Consumer<C>, ConsumerCreateError>
    where
        C: IntoConsumerConfig + Clone,
    {
        self.make_consumer(config, ConsumerAction::Create).await
    }

    /// Changes a consumer, which must be there.
    ///
    /// # Errors
    /// [`ConsumerCreateError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the consumer may have been changed.
    pub async fn update_consumer<C>(&self, config: C) -> Result<Consumer<C>, ConsumerCreateError>
    where
        C: IntoConsumerConfig + Clone,
    {
        self.make_consumer(config, ConsumerAction::Update).await
    }

    async fn make_consumer<C>(
        &self,
        config: C,
        action: ConsumerAction,
    ) -> Result<Consumer<C>, ConsumerCreateError>
    where
        C: IntoConsumerConfig + Clone,
    {
        let info = self.add_consumer(config.clone().into_consumer_config(), action).await?;
        Ok(Consumer { context: self.context.clone(), stream: self.name.clone(), config, info })
    }

    /// A consumer that is there.
    ///
    /// # Errors
    /// [`GetConsumerError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get_consumer<C: FromConsumer>(
        &self,
        name: impl AsRef<str>,
    ) -> Result<Consumer<C>, GetConsumerError> {
        let info = self.consumer_info(name).await?;
        let config = C::try_from_consumer_config(info.config.clone())?;
        Ok(Consumer { context: self.context.clone(), stream: self.name.clone(), config, info })
    }

    /// The consumer of this name, which is made if it is not there. If it is, it need not have this
    /// configuration.
    ///
    /// # Errors
    /// [`GetConsumerError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the consumer may have been made.
    pub async fn get_or_create_consumer<C>(
        &self,
        name: impl AsRef<str>,
        config: C,
    ) -> Result<Consumer<C>, GetConsumerError>
    where
        C: FromConsumer + IntoConsumerConfig + Clone,
    {
        match self.get_consumer(name.as_ref()).await {
            Err(GetConsumerError::Info(ConsumerError::NotFound(_))) => {
                let mut wire = config.clone().into_consumer_config();
                wire.name = Some(name.as_ref().into());
                let info = self.add_consumer(wire, ConsumerAction::Create).await?;
                let (context, stream) = (self.context.clone(), self.name.clone());
                Ok(Consumer { context, stream, config, info })
            }
            result => result,
        }
    }
}

impl Context {
    /// Makes a consumer of a stream, or changes the one of this name; else as
    /// [`Stream::create_consumer`].
    ///
    /// # Errors
    /// [`ConsumerCreateError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the consumer may have been made or changed.
    pub async fn create_consumer_on_stream<C>(
        &self,
        config: C,
        stream: impl AsRef<str>,
    ) -> Result<Consumer<C>, ConsumerCreateError>
    where
        C: IntoConsumerConfig + Clone,
    {
        self.get_stream_no_info(stream)?.create_consumer(config).await
    }

    /// A consumer of a stream that is there; else as [`Stream::get_consumer`].
    ///
    /// # Errors
    /// [`GetConsumerError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get_consumer_from_stream<C: FromConsumer>(
        &self,
        consumer: impl AsRef<str>,
        stream: impl AsRef<str>,
    ) -> Result<Consumer<C>, GetConsumerError> {
        let stream = self.get_stream_no_info(stream).map_err(ConsumerError::from)?;
        stream.get_consumer(consumer).await
    }

    /// Deletes a consumer of a stream.
    ///
    /// # Errors
    /// [`ConsumerError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the consumer may have been deleted.
    pub async fn delete_consumer_from_stream(
        &self,
        consumer: impl AsRef<str>,
        stream: impl AsRef<str>,
    ) -> Result<(), ConsumerError> {
        self.get_stream_no_info(stream)?.delete_consumer(consumer).await
    }
}
