//! The handle on a JetStream.

use core::time::Duration;
use std::rc::Rc;

use bytes::Bytes;
use nats_proto::jetstream::response::{self, Done};
use nats_proto::jetstream::{Account, ApiPrefix, Endpoint, Name, NameError, stream as wire};
use nats_proto::{Subject, SubjectError};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::RequestError;
use super::in_flight::InFlight;
use super::pages::Pages;
use super::stream::{
    CreateStreamError, DeleteStreamError, GetStreamByNameError, GetStreamError, Info, Stream,
    StreamNames, Streams, UpdateStreamError,
};
use crate::client::Client;
use crate::request::Request;

/// A JetStream, reached by a client. Cloning it is cheap; all clones share their limits.
#[derive(Clone, Debug)]
pub struct Context {
    pub(crate) client: Client,
    pub(super) settings: Rc<Settings>,
}

/// How a [`Context`] works.
#[derive(Debug)]
pub(super) struct Settings {
    prefix: ApiPrefix,
    timeout: Duration,
    pub(super) ack_timeout: Duration,
    pub(super) retries: Retries,
    /// Whether publishing waits while as many messages are in flight as may be.
    pub(super) waits_for_room: bool,
    pub(super) in_flight: Rc<InFlight>,
}

/// How often a message is published again, and after how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Retries {
    pub(super) attempts: usize,
    pub(super) wait: Duration,
}

/// Makes a [`Context`] that is not as [`new`](super::new) makes it.
///
/// ```no_run
/// # fn example(client: web_wasm::Client) -> Result<(), Box<dyn core::error::Error>> {
/// use core::time::Duration;
/// use web_wasm::jetstream::ContextBuilder;
///
/// let jetstream = ContextBuilder::new()
///     .domain("hub")?
///     .timeout(Duration::from_secs(2))
///     .max_ack_inflight(100)
///     .build(client);
/// # let _ = jetstream;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ContextBuilder {
    prefix: ApiPrefix,
    timeout: Duration,
    ack_timeout: Duration,
    retries: Retries,
    max_ack_inflight: usize,
    waits_for_room: bool,
}

impl Default for ContextBuilder {
    fn default() -> Self {
        Self {
            prefix: ApiPrefix::default(),
            timeout: Duration::from_secs(5),
            ack_timeout: Duration::from_secs(30),
            retries: Retries { attempts: 2, wait: Duration::from_millis(250) },
            max_ack_inflight: 5_000,
            waits_for_room: true,
        }
    }
}

impl ContextBuilder {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The JetStream whose API the account imports at another place.
    ///
    /// # Errors
    /// Any [`SubjectError`].
    pub fn api_prefix(mut self, prefix: impl AsRef<str>) -> Result<Self, SubjectError> {
        self.prefix = ApiPrefix::custom(prefix.as_ref())?;
        Ok(self)
    }

    /// The JetStream of a domain.
    ///
    /// # Errors
    /// Any [`NameError`].
    pub fn domain(mut self, domain: impl AsRef<str>) -> Result<Self, NameError> {
        self.prefix = ApiPrefix::domain(domain.as_ref())?;
        Ok(self)
    }

    /// How long to wait for the answer to a request. Default: 5 seconds.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long to wait for the confirmation of a message, each time it is published. Default: 30
    /// seconds.
    #[must_use]
    pub fn ack_timeout(mut self, timeout: Duration) -> Self {
        self.ack_timeout = timeout;
        self
    }

    /// How many messages may wait for their confirmation at a time; one at least. Default: 5,000.
    #[must_use]
    pub fn max_ack_inflight(mut self, messages: usize) -> Self {
        self.max_ack_inflight = messages;
        self
    }

    /// Whether publishing waits while as many messages are in flight as may be, instead of failing
    /// with [`PublishError::MaxAckInFlight`](super::PublishError::MaxAckInFlight). Default: yes.
    #[must_use]
    pub fn backpressure_on_inflight(mut self, waits: bool) -> Self {
        self.waits_for_room = waits;
        self
    }

    /// How often to publish a message again that no stream took, and after how long. Default:
    /// twice, after 250 milliseconds each time.
    ///
    /// A stream is away for a moment while it chooses another leader. A message that has an id and
    /// expects no number of the last one is also published again when its confirmation does not come
    /// in time, and, however often that is, when the connection was made anew: the stream stores it
    /// only once. Another is not, since it might be stored twice.
    #[must_use]
    pub fn publish_retries(mut self, attempts: usize, wait: Duration) -> Self {
        self.retries = Retries { attempts, wait };
        self
    }

    /// The context.
    pub fn build(self, client: Client) -> Context {
        let settings = Settings {
            prefix: self.prefix,
            timeout: self.timeout,
            ack_timeout: self.ack_timeout,
            retries: self.retries,
            waits_for_room: self.waits_for_room,
            in_flight: InFlight::new(self.max_ack_inflight),
        };
        Context { client, settings: Rc::new(settings) }
    }
}

impl Context {
    /// The client that reaches it.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// Where its API is.
    pub fn api_prefix(&self) -> &ApiPrefix {
        &self.settings.prefix
    }

    /// How long it waits for the answer to a request.
    pub fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// What the account uses of JetStream, and may use.
    ///
    /// # Errors
    /// [`RequestError`]; `NoResponders` where the server has no JetStream.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn query_account(&self) -> Result<Account, RequestError> {
        self.call(Endpoint::AccountInfo, &[]).await
    }

    /// Makes a stream. If there is one of this name already it must have this configuration.
    ///
    /// # Errors
    /// [`CreateStreamError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the stream may have been made.
    pub async fn create_stream(
        &self,
        config: impl Into<wire::Config>,
    ) -> Result<Stream, CreateStreamError> {
        let (name, config) = checked::<CreateStreamError>(config.into())?;
        let info = self.request(Endpoint::StreamCreate(&name), &config).await;
        Ok(Stream::new(self.clone(), name, info.map_err(CreateStreamError::from_request)?))
    }

    /// A stream that is there.
    ///
    /// # Errors
    /// [`GetStreamError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn get_stream(&self, stream: impl AsRef<str>) -> Result<Stream, GetStreamError> {
        let name = Name::new(stream)?;
        let info = self.call(Endpoint::StreamInfo(&name), &[]).await;
        Ok(Stream::new(self.clone(), name, info.map_err(GetStreamError::from_request)?))
    }

    /// The handle on a stream, which is not asked whether it is there. It is for those whose
    /// credentials don't allow that.
    ///
    /// # Errors
    /// Any [`NameError`].
    pub fn get_stream_no_info(&self, stream: impl AsRef<str>) -> Result<Stream<()>, NameError> {
        Ok(Stream::new(self.clone(), Name::new(stream)?, ()))
    }

    /// The stream of this configuration's name, which is made if it is not there. If it is, it need
    /// not have this configuration.
    ///
    /// # Errors
    /// [`CreateStreamError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the stream may have been made.
    pub async fn get_or_create_stream(
        &self,
        config: impl Into<wire::Config>,
    ) -> Result<Stream, CreateStreamError> {
        let config = config.into();
        match self.get_stream(&config.name).await {
            Ok(stream) => Ok(stream),
            Err(GetStreamError::NotFound(_)) => self.create_stream(config).await,
            Err(GetStreamError::InvalidName(error)) => Err(error.into()),
            Err(GetStreamError::Request(error)) => Err(CreateStreamError::from_request(error)),
        }
    }

    /// Changes a stream. What is not said in the configuration is changed to its default, so change
    /// the one that the stream's info has.
    ///
    /// # Errors
    /// [`UpdateStreamError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the stream may have been changed.
    pub async fn update_stream(
        &self,
        config: impl Into<wire::Config>,
    ) -> Result<Info, UpdateStreamError> {
        let (name, config) = checked::<UpdateStreamError>(config.into())?;
        let info = self.request(Endpoint::StreamUpdate(&name), &config).await;
        info.map_err(UpdateStreamError::from_request)
    }

    /// Makes a stream, or changes the one of this name.
    ///
    /// # Errors
    /// [`CreateStreamError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the stream may have been made or changed.
    pub async fn create_or_update_stream(
        &self,
        config: impl Into<wire::Config>,
    ) -> Result<Info, CreateStreamError> {
        let config = config.into();
        match self.update_stream(&config).await {
            Ok(info) => Ok(info),
            Err(UpdateStreamError::NotFound(_)) => {
                self.create_stream(config).await.map(|stream| stream.info)
            }
            Err(UpdateStreamError::InvalidName(error)) => Err(error.into()),
            Err(UpdateStreamError::InvalidDomain(error)) => {
                Err(CreateStreamError::InvalidDomain(error))
            }
            Err(UpdateStreamError::Request(error)) => Err(CreateStreamError::from_request(error)),
        }
    }

    /// Deletes a stream and all it has.
    ///
    /// # Errors
    /// [`DeleteStreamError`].
    ///
    /// # Cancel safety
    /// If the future is dropped the stream may have been deleted.
    pub async fn delete_stream(&self, stream: impl AsRef<str>) -> Result<(), DeleteStreamError> {
        let name = Name::new(stream)?;
        let done: Result<Done, _> = self.call(Endpoint::StreamDelete(&name), &[]).await;
        done.map(drop).map_err(DeleteStreamError::from_request)
    }

    /// The name of the stream that stores a subject.
    ///
    /// # Errors
    /// [`GetStreamByNameError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn stream_by_subject(
        &self,
        subject: impl Into<String>,
    ) -> Result<String, GetStreamByNameError> {
        let subject = subject.into();
        nats_proto::subject::validate_pattern(&subject)?;
        let request = wire::ListRequest { offset: 0, subject: Some(subject) };
        let page: response::Page<String> = self.request(Endpoint::StreamNames, &request).await?;
        page.entries.into_iter().next().ok_or(GetStreamByNameError::NotFound)
    }

    /// The names of all streams.
    ///
    /// ```no_run
    /// # async fn example(jetstream: web_wasm::jetstream::Context)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::TryStreamExt;
    ///
    /// let mut names = jetstream.stream_names();
    /// while let Some(name) = names.try_next().await? {
    ///     println!("{name}");
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn stream_names(&self) -> StreamNames {
        Pages::new(self.clone(), self.subject(Endpoint::StreamNames), None)
    }

    /// All streams.
    pub fn streams(&self) -> Streams {
        Pages::new(self.clone(), self.subject(Endpoint::StreamList), None)
    }

    pub(super) fn subject(&self, endpoint: Endpoint<'_>) -> Subject {
        self.settings.prefix.subject(endpoint)
    }

    /// Sends a request as JSON, and reads the answer.
    pub(super) async fn request<T: DeserializeOwned>(
        &self,
        endpoint: Endpoint<'_>,
        request: &impl Serialize,
    ) -> Result<T, RequestError> {
        self.ask(self.subject(endpoint), request).await
    }

    /// Sends these bytes as a request, and reads the answer.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        endpoint: Endpoint<'_>,
        request: &[u8],
    ) -> Result<T, RequestError> {
        self.send(self.subject(endpoint), Bytes::copy_from_slice(request)).await
    }

    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        subject: Subject,
        request: &impl Serialize,
    ) -> Result<T, RequestError> {
        self.send(subject, json(request)?).await
    }

    async fn send<T: DeserializeOwned>(
        &self,
        subject: Subject,
        payload: Bytes,
    ) -> Result<T, RequestError> {
        // The subject is made of names and patterns that were checked. A consumer's filter is one.
        let request = Request::new().payload(payload).timeout(self.settings.timeout);
        let answer = self.client.send_request(subject, request.with_wildcards()).await?;
        Ok(response::parse(&answer.payload)?)
    }
}

/// A request as JSON.
pub(super) fn json(request: &impl Serialize) -> Result<Bytes, RequestError> {
    match serde_json::to_vec(request) {
        Ok(json) => Ok(json.into()),
        // No value of the requests' types brings this about.
        Err(error) => Err(RequestError::Malformed { problem: error.to_string() }),
    }
}

/// A configuration, and its name, fit for a subject.
fn checked<E>(config: wire::Config) -> Result<(Name, wire::Config), E>
where
    E: From<NameError> + From<InvalidDomain>,
{
    let name = Name::new(&config.name)?;
    Ok((name, config.resolved().map_err(InvalidDomain)?))
}

/// A domain in a configuration that is no name.
#[derive(Debug)]
pub(super) struct InvalidDomain(pub(super) NameError);
