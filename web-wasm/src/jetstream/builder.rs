//! Contexts that are not as usual.

use core::time::Duration;
use std::rc::Rc;

use nats_proto::SubjectError;
use nats_proto::jetstream::{ApiPrefix, NameError};

use super::context::Context;
use super::in_flight::InFlight;
use crate::client::Client;

/// How a [`Context`] works.
#[derive(Debug)]
pub(super) struct Settings {
    pub(super) prefix: ApiPrefix,
    pub(super) timeout: Duration,
    pub(super) ack_timeout: Duration,
    pub(super) retries: Retries,
    pub(super) duplicate_window: Duration,
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
    duplicate_window: Duration,
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
            duplicate_window: Duration::from_secs(120),
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
    /// only once. Another is not, since it might be stored twice; nor is one whose id the stream may
    /// have forgotten ([`duplicate_window`](Self::duplicate_window)).
    #[must_use]
    pub fn publish_retries(mut self, attempts: usize, wait: Duration) -> Self {
        self.retries = Retries { attempts, wait };
        self
    }

    /// For how long the streams know the ids of messages: their `duplicate_window`. A message is not
    /// published again when less than [`ack_timeout`](Self::ack_timeout) is left of that, in which it
    /// has to arrive. One that is longer than theirs can have messages stored twice. Default: 2 minutes.
    #[must_use]
    pub fn duplicate_window(mut self, window: Duration) -> Self {
        self.duplicate_window = window;
        self
    }

    /// The context.
    pub fn build(self, client: Client) -> Context {
        let settings = Settings {
            prefix: self.prefix,
            timeout: self.timeout,
            ack_timeout: self.ack_timeout,
            retries: self.retries,
            duplicate_window: self.duplicate_window,
            waits_for_room: self.waits_for_room,
            in_flight: InFlight::new(self.max_ack_inflight),
        };
        Context { client, settings: Rc::new(settings) }
    }
}
