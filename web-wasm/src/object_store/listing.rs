//! What a store has, and what changes.

use core::pin::Pin;
use core::task::{Context as TaskContext, Poll, ready};

use futures_core::Stream;
use nats_proto::object_store::ObjectInfo;

use super::{ListError, ObjectStore};
use crate::jetstream::Message;
use crate::jetstream::consumer::{DeliverPolicy, pull};

/// The infos of a store, from where one wants.
async fn infos(
    store: &ObjectStore,
    deliver_policy: DeliverPolicy,
) -> Result<(pull::Ordered, u64), ListError> {
    let filter_subject = store.layout.all_meta();
    let config = pull::OrderedConfig { deliver_policy, filter_subject, ..Default::default() };
    let consumer = store.stream.create_consumer(config).await?;
    let pending = consumer.cached_info().num_pending;
    Ok((consumer.messages().await?, pending))
}

/// The next info, and how many are there after it.
fn poll_info(
    messages: &mut pull::Ordered,
    cx: &mut TaskContext<'_>,
) -> Poll<Option<Result<(ObjectInfo, u64), ListError>>> {
    loop {
        return Poll::Ready(match ready!(Pin::new(&mut *messages).poll_next(cx)) {
            Some(Ok(message)) => Some(read(&message)),
            // What is gone is told no more; the rest goes on.
            Some(Err(error)) if !error.is_fatal() => continue,
            Some(Err(error)) => Some(Err(error.into())),
            None => None,
        });
    }
}

fn read(message: &Message) -> Result<(ObjectInfo, u64), ListError> {
    let delivery = message.info()?;
    let info = serde_json::from_slice::<ObjectInfo>(&message.payload);
    let mut info = info.map_err(|error| ListError::Malformed { problem: error.to_string() })?;
    info.modified = Some(delivery.published);
    Ok((info, delivery.pending))
}

/// The objects that a store has, as a stream.
///
/// # Cancel safety
/// Reading the stream is cancel safe: an info is either returned or stays.
#[derive(Debug)]
pub struct List {
    /// What is still to come, if anything is.
    messages: Option<pull::Ordered>,
}

impl List {
    pub(super) async fn new(store: &ObjectStore) -> Result<Self, ListError> {
        let (messages, pending) = infos(store, DeliverPolicy::LastPerSubject).await?;
        Ok(Self { messages: (pending > 0).then_some(messages) })
    }
}

impl Stream for List {
    type Item = Result<ObjectInfo, ListError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<ObjectInfo, ListError>>> {
        loop {
            let Some(messages) = &mut self.messages else { return Poll::Ready(None) };
            match ready!(poll_info(messages, cx)) {
                Some(Ok((info, pending))) => {
                    if pending == 0 {
                        self.messages = None;
                    }
                    if !info.deleted {
                        return Poll::Ready(Some(Ok(info)));
                    }
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
    }
}

/// What changes in a store, as a stream without end. Deleted objects are told as such.
///
/// # Cancel safety
/// Reading the stream is cancel safe: an info is either returned or stays.
#[derive(Debug)]
pub struct Watch {
    messages: pull::Ordered,
}

impl Watch {
    pub(super) async fn new(
        store: &ObjectStore,
        deliver_policy: DeliverPolicy,
    ) -> Result<Self, ListError> {
        let (messages, _) = infos(store, deliver_policy).await?;
        Ok(Self { messages })
    }
}

impl Stream for Watch {
    type Item = Result<ObjectInfo, ListError>;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
    ) -> Poll<Option<Result<ObjectInfo, ListError>>> {
        let info = ready!(poll_info(&mut self.messages, cx));
        Poll::Ready(info.map(|info| info.map(|(info, _)| info)))
    }
}
