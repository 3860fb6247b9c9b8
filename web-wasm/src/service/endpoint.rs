//! Where a service takes requests.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use std::rc::Rc;

use futures_core::Stream;
use futures_util::StreamExt;
use nats_proto::connection::{EndReason, SubscribeError};
use nats_proto::service::{EndpointId, NameError, Schema, validate_name};

pub use nats_proto::service::endpoint::{Info, Stats};

use super::group::join;
use super::request::Request;
use super::state::State;
use crate::subscriber::{PendingLimits, Subscriber};

/// Why an endpoint was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// The caller's name has other characters than `A-Z`, `a-z`, `0-9`, `-` and `_`.
    #[error("invalid endpoint name: {0}")]
    InvalidName(#[source] NameError),
    /// The subject, with its group's prefix, or the queue group is malformed; or the client takes no
    /// subscriptions any more.
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
    /// The service was stopped.
    #[error("the service was stopped")]
    Stopped,
}

/// An endpoint that is to be made, by
/// [`Service::endpoint_builder`](super::Service::endpoint_builder) or
/// [`Group::endpoint_builder`](super::Group::endpoint_builder).
#[derive(Debug)]
pub struct EndpointBuilder {
    state: Rc<State>,
    prefix: String,
    queue_group: Option<String>,
    name: Option<String>,
    metadata: Vec<(String, String)>,
    schema: Option<Schema>,
}

impl EndpointBuilder {
    pub(super) fn new(state: Rc<State>, prefix: String, queue_group: Option<String>) -> Self {
        Self { state, prefix, queue_group, name: None, metadata: Vec::new(), schema: None }
    }

    /// Its name: `A-Z`, `a-z`, `0-9`, `-` and `_`. Default: its subject, with `-` for all else.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
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

    /// A queue group of its own, instead of its group's or service's.
    #[must_use]
    pub fn queue_group(mut self, queue_group: impl Into<String>) -> Self {
        self.queue_group = Some(queue_group.into());
        self
    }

    /// No queue group: each instance gets every request.
    #[must_use]
    pub fn no_queue_group(mut self) -> Self {
        self.queue_group = None;
        self
    }

    /// What it takes and gives, told to those who ask for SCHEMA.
    #[must_use]
    pub fn schema(mut self, schema: Schema) -> Self {
        self.schema = Some(schema);
        self
    }

    /// Subscribes to requests on a subject or pattern below the group's prefix.
    ///
    /// Whether the server allows it shows in [`Endpoint::end_reason`], at the latest when a
    /// [`flush`](crate::Client::flush) has returned.
    ///
    /// # Errors
    /// [`EndpointError`].
    ///
    /// # Cancel safety
    /// It does not wait.
    pub async fn add(self, subject: impl Into<String>) -> Result<Endpoint, EndpointError> {
        if !self.state.is_running() {
            return Err(EndpointError::Stopped);
        }
        let subject = join(&self.prefix, subject.into());
        let name = match self.name {
            Some(name) => {
                validate_name(&name).map_err(EndpointError::InvalidName)?;
                name
            }
            None => name_of(&subject),
        };
        let client = self.state.client();
        let requests = match &self.queue_group {
            Some(group) => client.queue_subscribe(&*subject, &**group).await?,
            None => client.subscribe(&*subject).await?,
        };
        let queue_group = self.queue_group.unwrap_or_default();
        let metadata = self.metadata.into_iter().collect();
        let info = Info { name, subject, queue_group, metadata };
        let id = self.state.add(requests.sid, info, self.schema);
        Ok(Endpoint { state: self.state, id, requests })
    }
}

/// The name of an endpoint that was given none.
fn name_of(subject: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    subject.chars().map(|letter| if fits(letter) { letter } else { '-' }).collect()
}

/// Where a service takes requests: a stream of them.
///
/// It ends when it or the service is stopped, the server refuses the subscription, or the client is
/// closed; [`end_reason`](Self::end_reason) tells which. Dropping it unsubscribes, and takes it out of
/// what the service says of itself.
///
/// # Cancel safety
/// Reading the stream is cancel safe: a request is either returned or stays.
#[derive(Debug)]
pub struct Endpoint {
    state: Rc<State>,
    id: EndpointId,
    requests: Subscriber,
}

impl Endpoint {
    /// Takes no more requests; the stream ends after those that are on their way.
    #[expect(clippy::unused_async, reason = "async-nats has it so")]
    pub async fn stop(&mut self) {
        self.requests.drain();
    }

    /// Why there will be no more requests than those that wait to be read, if that is so.
    pub fn end_reason(&self) -> Option<EndReason> {
        self.requests.end_reason()
    }

    /// How many requests were dropped because nobody read the stream in time.
    pub fn dropped(&self) -> u64 {
        self.requests.dropped()
    }

    /// Sets how many requests wait for the stream to be read, from now on.
    pub fn set_pending_limits(&mut self, limits: PendingLimits) {
        self.requests.set_pending_limits(limits);
    }
}

impl Stream for Endpoint {
    type Item = Request;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Request>> {
        loop {
            let Some(message) = ready!(self.requests.poll_next_unpin(cx)) else {
                return Poll::Ready(None);
            };
            if self.state.requested(self.id, &message) {
                return Poll::Ready(Some(Request::new(Rc::clone(&self.state), self.id, message)));
            }
        }
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.state.remove(self.requests.sid, self.id);
    }
}
