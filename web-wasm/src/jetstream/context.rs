//! The handle on a JetStream.

use core::time::Duration;
use std::rc::Rc;

use bytes::Bytes;
use nats_proto::Subject;
use nats_proto::jetstream::response::{self, Done};
use nats_proto::jetstream::{Account, ApiPrefix, Endpoint, Name, NameError, stream as wire};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::builder::Settings;
use super::error::RequestError;
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
