//! The stream that a subscription is read from, and what is known of it.

use nats_proto::Subject;
use nats_proto::jetstream::recovery::{Begun, NotRecovered, StreamFacts};

use super::SubscribeRecoveringError;
use crate::jetstream::consumer::DeliverPolicy;
use crate::jetstream::consumer::pull::{Ordered, OrderedConfig};
use crate::jetstream::context::Context;
use crate::jetstream::error::RequestError;
use crate::jetstream::stream::{self, ConsumerCreateError};

/// What is read, and where.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) context: Context,
    pub(super) stream: stream::Stream<()>,
    pub(super) subject: Subject,
    /// Whether the stream may be looked at, as far as is known.
    pub(super) checks: bool,
}

impl Source {
    /// Makes a consumer that begins with a number in the stream, or with what is new.
    pub(super) async fn begin(
        self,
        requested: Option<u64>,
    ) -> Result<(Ordered, Begun), SubscribeRecoveringError> {
        let deliver_policy = match requested {
            Some(start_sequence) => DeliverPolicy::ByStartSequence { start_sequence },
            None => DeliverPolicy::New,
        };
        let filter_subject = self.subject.as_str().into();
        let config = OrderedConfig { deliver_policy, filter_subject, ..OrderedConfig::default() };
        let consumer = self.stream.create_consumer(config).await?;
        let info = consumer.cached_info();
        let (delivered, pending) = (info.delivered.stream_sequence, info.num_pending);
        let ordered = consumer.messages().await?.without_looking();
        Ok((ordered, Begun { requested, delivered, pending }))
    }

    /// What the stream is now; `None` where that can't be known, or not any more.
    pub(super) async fn facts(self) -> Facts {
        if !self.checks {
            return Facts::Unknown;
        }
        match self.stream.get_info().await {
            Ok(info) => Facts::Known(StreamFacts {
                created: info.created,
                last_sequence: info.state.last_sequence,
            }),
            Err(RequestError::Request(crate::RequestError::Denied(_))) => Facts::Forbidden,
            Err(_) => Facts::Unknown,
        }
    }
}

/// What is known of the stream.
#[derive(Clone, Copy, Debug)]
pub(super) enum Facts {
    Known(StreamFacts),
    Unknown,
    /// The credential does not allow it to be looked at.
    Forbidden,
}

/// What a consumer that was not made means, unless another attempt may succeed.
pub(super) fn refusal(error: &ConsumerCreateError) -> Option<NotRecovered> {
    match error {
        ConsumerCreateError::StreamNotFound(_) => Some(NotRecovered::StreamGone),
        ConsumerCreateError::Request(RequestError::Request(crate::RequestError::Denied(error))) => {
            Some(NotRecovered::NotAllowed(error.to_string()))
        }
        ConsumerCreateError::Request(RequestError::NoResponders | RequestError::Request(_)) => None,
        error => Some(NotRecovered::Refused(error.to_string())),
    }
}
