//! Endpoints that share the beginning of their subjects.

use std::rc::Rc;

use super::endpoint::{Endpoint, EndpointBuilder, EndpointError};
use super::state::State;

/// Endpoints of a service whose subjects share their beginning, and their queue group unless they say
/// otherwise.
///
/// An empty prefix adds nothing. Whether it is good shows when an endpoint is made.
#[derive(Clone, Debug)]
pub struct Group {
    state: Rc<State>,
    prefix: String,
    queue_group: Option<String>,
}

impl Group {
    pub(super) fn new(state: Rc<State>, prefix: String, queue_group: Option<String>) -> Self {
        Self { state, prefix, queue_group }
    }

    pub(super) fn state(&self) -> &State {
        &self.state
    }

    /// A group within this one, in the same queue group.
    pub fn group(&self, prefix: impl Into<String>) -> Self {
        self.inner(prefix.into(), self.queue_group.clone())
    }

    /// A group within this one, in a queue group of its own.
    pub fn group_with_queue_group(
        &self,
        prefix: impl Into<String>,
        queue_group: impl Into<String>,
    ) -> Self {
        self.inner(prefix.into(), Some(queue_group.into()))
    }

    /// A group within this one, in no queue group: each instance gets every request.
    pub fn group_without_queue_group(&self, prefix: impl Into<String>) -> Self {
        self.inner(prefix.into(), None)
    }

    fn inner(&self, prefix: String, queue_group: Option<String>) -> Self {
        Self::new(Rc::clone(&self.state), join(&self.prefix, prefix), queue_group)
    }

    /// Subscribes to requests on a subject or pattern below the group's prefix.
    ///
    /// # Errors
    /// [`EndpointError`].
    pub async fn endpoint(&self, subject: impl Into<String>) -> Result<Endpoint, EndpointError> {
        self.endpoint_builder().add(subject).await
    }

    /// An endpoint with options of its own.
    pub fn endpoint_builder(&self) -> EndpointBuilder {
        EndpointBuilder::new(Rc::clone(&self.state), self.prefix.clone(), self.queue_group.clone())
    }
}

/// A subject below a prefix.
pub(super) fn join(prefix: &str, rest: String) -> String {
    match (prefix, &*rest) {
        ("", _) => rest,
        (_, "") => prefix.into(),
        _ => [prefix, ".", &rest].concat(),
    }
}
