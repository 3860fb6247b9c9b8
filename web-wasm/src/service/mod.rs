//! Services: responders in a browser that can be found, described and measured, and a client that
//! finds them. Source: ADR-32.
//!
//! ```no_run
//! # async fn example(client: web_wasm::Client) -> Result<(), Box<dyn core::error::Error>> {
//! use futures_util::StreamExt;
//! use web_wasm::service::{ReplyFilter, ServiceExt};
//!
//! let service = client
//!     .service_builder()
//!     .description("what this tab can do for others")
//!     .reply_filter(ReplyFilter::under(["_INBOX"])?)
//!     .start("drawing", "1.0.0")
//!     .await?;
//! let mut shapes = service.group("v1").endpoint("shapes").await?;
//! while let Some(request) = shapes.next().await {
//!     request.respond(Ok("a circle".into())).await?;
//! }
//! # Ok(())
//! # }
//! ```
//!
//! A service goes on over reconnects, as the same instance with what it has counted.
//!
//! # Whom a service answers
//! Whoever asks names the reply subject, and the service publishes there with rights of its own. Say
//! with [`ServiceBuilder::reply_filter`] which reply subjects are good: at least that they are inboxes,
//! and where the server holds callers to subjects of their own, that the inbox is the caller's. By
//! default only subjects that begin with `$`, which are the system's, are refused.

mod builder;
mod client;
mod discovery;
pub mod endpoint;
mod group;
mod monitor;
mod request;
mod state;

use std::rc::Rc;

pub use self::builder::{Config, ServiceBuilder, StartError, StatsHandler};
pub use self::client::ServiceClient;
pub use self::discovery::{Discovery, DiscoveryError};
pub use self::endpoint::{Endpoint, EndpointBuilder, EndpointError};
pub use self::group::Group;
pub use self::request::{Request, RespondError};

pub use nats_proto::service::{
    Document, DocumentError, EndpointSchema, Info, NATS_SERVICE_ERROR, NATS_SERVICE_ERROR_CODE,
    NameError, PingResponse, ReplyFilter, Schema, SchemaResponse, Selector, SelectorError, Stats,
    Verb, VersionError, error,
};

use self::state::State;
use crate::client::Client;

/// What makes a [`Client`] a service, or finds others.
pub trait ServiceExt {
    /// Starts a service, as [`ServiceBuilder::start`] does.
    ///
    /// # Errors
    /// [`StartError`].
    fn add_service(&self, config: Config) -> impl Future<Output = Result<Service, StartError>>;

    /// A service that is to be started.
    fn service_builder(&self) -> ServiceBuilder;

    /// A client that finds services.
    fn service_client(&self) -> ServiceClient;
}

impl ServiceExt for Client {
    async fn add_service(&self, config: Config) -> Result<Service, StartError> {
        let Config { name, description, version, stats_handler, metadata, queue_group } = config;
        let mut builder = ServiceBuilder::new(self.clone())
            .description(description.unwrap_or_default())
            .metadata(metadata.unwrap_or_default());
        if let Some(queue_group) = queue_group {
            builder = builder.queue_group(queue_group);
        }
        if let Some(StatsHandler(handler)) = stats_handler {
            builder = builder.stats_handler(handler);
        }
        builder.start(name, version).await
    }

    fn service_builder(&self) -> ServiceBuilder {
        ServiceBuilder::new(self.clone())
    }

    fn service_client(&self) -> ServiceClient {
        ServiceClient::new(self.clone())
    }
}

/// One instance of a service, which answers PING, INFO, STATS and SCHEMA by itself and holds
/// endpoints.
///
/// It lives until it is [stopped](Self::stop), or until it and every [`Group`], [`Endpoint`] and
/// [`Request`] of it are dropped. A credential that does not allow subscribing to `$SRV.>` leaves it
/// without those answers; its endpoints go on.
#[derive(Debug)]
pub struct Service {
    root: Group,
}

impl Service {
    fn new(state: Rc<State>, queue_group: Option<String>) -> Self {
        Self { root: Group::new(state, String::new(), queue_group) }
    }

    /// Stops it: no more requests come, those that are on their way are still handed out, and then
    /// each [`Endpoint`] ends. It is not found any more.
    #[expect(clippy::unused_async, reason = "async-nats has it so")]
    pub async fn stop(self) {
        self.root.state().stop();
    }

    /// Counts from zero again.
    #[expect(clippy::unused_async, reason = "async-nats has it so")]
    pub async fn reset(&mut self) {
        self.root.state().reset();
    }

    /// What it says of itself when it is asked for STATS, the data of
    /// [`ServiceBuilder::stats_handler`] included.
    #[expect(clippy::unused_async, reason = "async-nats has it so")]
    pub async fn stats(&self) -> Stats {
        self.root.state().stats()
    }

    /// What it says of itself when it is asked for INFO.
    #[expect(clippy::unused_async, reason = "async-nats has it so")]
    pub async fn info(&self) -> Info {
        self.root.state().info()
    }

    /// Endpoints whose subjects begin with `prefix`, in the service's queue group; see [`Group`].
    pub fn group(&self, prefix: impl Into<String>) -> Group {
        self.root.group(prefix)
    }

    /// Endpoints whose subjects begin with `prefix`, in a queue group of their own.
    pub fn group_with_queue_group(
        &self,
        prefix: impl Into<String>,
        queue_group: impl Into<String>,
    ) -> Group {
        self.root.group_with_queue_group(prefix, queue_group)
    }

    /// Endpoints whose subjects begin with `prefix`, in no queue group.
    pub fn group_without_queue_group(&self, prefix: impl Into<String>) -> Group {
        self.root.group_without_queue_group(prefix)
    }

    /// Subscribes to requests on a subject or pattern.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn endpoint(&self, subject: impl Into<String>) -> Result<Endpoint, EndpointError> {
        self.root.endpoint(subject).await
    }

    /// An endpoint with options of its own.
    pub fn endpoint_builder(&self) -> EndpointBuilder {
        self.root.endpoint_builder()
    }
}
