//! A client that finds services.

use core::time::Duration;

use nats_proto::service::{
    API_PREFIX, Document, Info, PingResponse, SchemaResponse, Selector, Stats,
};

use super::discovery::{Discovery, DiscoveryError};
use crate::client::Client;
use crate::responses::RequestMany;

/// Finds services and asks them about themselves, by
/// [`ServiceExt::service_client`](super::ServiceExt::service_client).
///
/// ```no_run
/// # async fn example(client: web_wasm::Client) -> Result<(), Box<dyn core::error::Error>> {
/// use futures_util::StreamExt;
/// use web_wasm::service::{Selector, ServiceExt};
///
/// let services = client.service_client();
/// let mut found = services.ping(Selector::All).await?;
/// while let Some(service) = found.next().await {
///     let service = service?;
///     println!("{} {} is {}", service.name, service.version, service.id);
/// }
/// let mut stats = services.stats("drawing").await?;
/// while let Some(stats) = stats.next().await {
///     println!("{:?}", stats?.endpoints);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ServiceClient {
    client: Client,
    api_prefix: String,
    max_wait: Duration,
    stall_wait: Duration,
}

impl ServiceClient {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            api_prefix: API_PREFIX.into(),
            max_wait: Duration::from_secs(2),
            stall_wait: Duration::from_millis(300),
        }
    }

    /// What the subjects begin with on which services are asked. Default: `$SRV`.
    #[must_use]
    pub fn api_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.api_prefix = prefix.into();
        self
    }

    /// How long to wait for answers in all. Default: 2 seconds.
    #[must_use]
    pub fn max_wait(mut self, max_wait: Duration) -> Self {
        self.max_wait = max_wait;
        self
    }

    /// How long to wait for another answer after each. Default: 300 milliseconds.
    #[must_use]
    pub fn stall_wait(mut self, stall_wait: Duration) -> Self {
        self.stall_wait = stall_wait;
        self
    }

    /// Who is there.
    ///
    /// # Errors
    /// [`DiscoveryError`] when nobody could be asked; what happens later comes in the stream.
    pub async fn ping(
        &self,
        selector: impl Into<Selector>,
    ) -> Result<Discovery<PingResponse>, DiscoveryError> {
        self.ask(selector.into()).await
    }

    /// What those are that are there.
    ///
    /// # Errors
    /// [`DiscoveryError`] when nobody could be asked; what happens later comes in the stream.
    pub async fn info(
        &self,
        selector: impl Into<Selector>,
    ) -> Result<Discovery<Info>, DiscoveryError> {
        self.ask(selector.into()).await
    }

    /// What they have done.
    ///
    /// # Errors
    /// [`DiscoveryError`] when nobody could be asked; what happens later comes in the stream.
    pub async fn stats(
        &self,
        selector: impl Into<Selector>,
    ) -> Result<Discovery<Stats>, DiscoveryError> {
        self.ask(selector.into()).await
    }

    /// What their endpoints take and give. Only services of this client answer it, as ADR-32 has it
    /// no more.
    ///
    /// # Errors
    /// [`DiscoveryError`] when nobody could be asked; what happens later comes in the stream.
    pub async fn schema(
        &self,
        selector: impl Into<Selector>,
    ) -> Result<Discovery<SchemaResponse>, DiscoveryError> {
        self.ask(selector.into()).await
    }

    async fn ask<T: Document>(&self, selector: Selector) -> Result<Discovery<T>, DiscoveryError> {
        let subject = T::VERB.subject(&self.api_prefix, &selector)?;
        let request = RequestMany::new().max_wait(self.max_wait);
        let request = match selector {
            Selector::Instance { .. } => request.max_messages(1),
            _ => request.stall_wait(self.stall_wait),
        };
        Ok(Discovery::new(self.client.request_many(subject, request).await?))
    }
}
