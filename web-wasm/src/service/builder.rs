//! A service that is to be started.

use core::fmt;
use std::collections::HashMap;
use std::rc::Rc;

use nats_proto::Nuid;
use nats_proto::connection::SubscribeError;
use nats_proto::jetstream::DateTime;
use nats_proto::service::{
    API_PREFIX, DEFAULT_QUEUE_GROUP, Identity, Registry, ReplyFilter, Selector, SelectorError,
    Verb, VersionError, endpoint, validate_version,
};

use super::Service;
use super::monitor::Monitor;
use super::state::State;
use crate::client::Client;
use crate::platform::NoEntropy;

/// What a service's author counts besides, for the `data` of each endpoint in STATS: asked with the
/// endpoint's name and what is known of it.
pub struct StatsHandler(pub Box<dyn FnMut(String, endpoint::Stats) -> serde_json::Value>);

impl fmt::Debug for StatsHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StatsHandler")
    }
}

/// A service for [`ServiceExt::add_service`](super::ServiceExt::add_service). [`ServiceBuilder`] has
/// more to say.
#[derive(Debug, Default)]
pub struct Config {
    /// The name that all instances share: `A-Z`, `a-z`, `0-9`, `-` and `_`.
    pub name: String,
    /// What it is for, in words for people.
    pub description: Option<String>,
    /// Its version by [Semantic Versioning](https://semver.org).
    pub version: String,
    /// See [`ServiceBuilder::stats_handler`].
    pub stats_handler: Option<StatsHandler>,
    /// What its author says of it besides.
    pub metadata: Option<HashMap<String, String>>,
    /// The queue group of its endpoints. Default: `q`.
    pub queue_group: Option<String>,
}

/// Why a service was not started.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The caller's name has other characters than `A-Z`, `a-z`, `0-9`, `-` and `_`, or the caller's
    /// prefix is no subject.
    #[error(transparent)]
    InvalidName(#[from] SelectorError),
    /// The caller's version is none of Semantic Versioning.
    #[error(transparent)]
    InvalidVersion(#[from] VersionError),
    /// It can't be subscribed to what services are asked.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// The system has no randomness for the instance's id.
    #[error(transparent)]
    NoEntropy(#[from] NoEntropy),
}

/// A service that is to be started, by [`ServiceExt::service_builder`](super::ServiceExt::service_builder).
#[derive(Debug)]
pub struct ServiceBuilder {
    client: Client,
    description: String,
    stats_handler: Option<StatsHandler>,
    metadata: Vec<(String, String)>,
    queue_group: Option<String>,
    replies: ReplyFilter,
    api_prefix: String,
}

impl ServiceBuilder {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            description: String::new(),
            stats_handler: None,
            metadata: Vec::new(),
            queue_group: Some(DEFAULT_QUEUE_GROUP.into()),
            replies: ReplyFilter::default(),
            api_prefix: API_PREFIX.into(),
        }
    }

    /// What it is for, in words for people.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// What its author counts besides: asked for each endpoint, with its name and what is known of it,
    /// whenever somebody wants STATS. What it returns is the endpoint's `data`.
    #[must_use]
    pub fn stats_handler(
        mut self,
        handler: impl FnMut(String, endpoint::Stats) -> serde_json::Value + 'static,
    ) -> Self {
        self.stats_handler = Some(StatsHandler(Box::new(handler)));
        self
    }

    /// What its author says of it besides.
    #[must_use]
    pub fn metadata(
        mut self,
        metadata: impl IntoIterator<Item = (impl Into<String>, impl Into<String>)>,
    ) -> Self {
        self.metadata =
            metadata.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        self
    }

    /// The queue group of its endpoints: of all its members, one gets each request. Default: `q`.
    #[must_use]
    pub fn queue_group(mut self, queue_group: impl Into<String>) -> Self {
        self.queue_group = Some(queue_group.into());
        self
    }

    /// Its endpoints are in no queue group: each instance gets every request.
    #[must_use]
    pub fn no_queue_group(mut self) -> Self {
        self.queue_group = None;
        self
    }

    /// Which reply subjects it answers to. A request with another one is not handed out; it counts as
    /// an error of the endpoint, with code 403.
    ///
    /// Whoever asks chooses the reply subject, and the service publishes there with its own rights: a
    /// service that may publish more than its callers must not let them choose freely. Default: all
    /// but those that begin with `$`. The filter is for PING, INFO, STATS and SCHEMA, too.
    #[must_use]
    pub fn reply_filter(mut self, replies: ReplyFilter) -> Self {
        self.replies = replies;
        self
    }

    /// What the subjects begin with on which it is asked about itself. Default: `$SRV`.
    #[must_use]
    pub fn api_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.api_prefix = prefix.into();
        self
    }

    /// Starts it, as a new instance with an id of its own.
    ///
    /// # Errors
    /// [`StartError`].
    ///
    /// # Cancel safety
    /// It does not wait.
    pub async fn start(
        self,
        name: impl Into<String>,
        version: impl Into<String>,
    ) -> Result<Service, StartError> {
        let (name, version) = (name.into(), version.into());
        validate_version(&version)?;
        let platform = &self.client.shared().runtime.platform;
        // A generator of its own: from the client's one could guess its inboxes.
        let id = Nuid::new(platform.entropy()?).next();
        let instance = Selector::Instance { name: name.clone(), id: id.clone() };
        let mut asked = Vec::new();
        for verb in Verb::ALL {
            for selector in [Selector::All, Selector::Name(name.clone()), instance.clone()] {
                let subject = verb.subject(&self.api_prefix, &selector)?;
                asked.push((verb, self.client.subscribe(subject).await?));
            }
        }
        let metadata = self.metadata.into_iter().collect();
        let identity = Identity { name, id, version, description: self.description, metadata };
        let started = DateTime::from_unix_time(platform.unix_time());
        let registry = Registry::new(identity, started);
        let (state, stopped) =
            State::new(self.client.clone(), registry, self.replies, self.stats_handler);
        let state = Rc::new(state);
        let monitor = Monitor::new(Rc::downgrade(&state), stopped, asked);
        self.client.shared().runtime.platform.spawn(Box::pin(monitor));
        Ok(Service::new(state, self.queue_group))
    }
}
