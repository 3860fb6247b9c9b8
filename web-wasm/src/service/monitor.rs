//! The task that answers what a service is asked about itself.

use core::convert::Infallible;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::rc::Weak;

use futures_channel::oneshot;
use futures_util::StreamExt;
use nats_proto::service::Verb;

use super::state::State;
use crate::subscriber::Subscriber;

/// Ends when the service is stopped or nobody holds it any more, or when the client is closed.
pub(super) struct Monitor {
    state: Weak<State>,
    stopped: oneshot::Receiver<Infallible>,
    asked: Vec<(Verb, Subscriber)>,
}

impl Monitor {
    pub(super) fn new(
        state: Weak<State>,
        stopped: oneshot::Receiver<Infallible>,
        asked: Vec<(Verb, Subscriber)>,
    ) -> Self {
        Self { state, stopped, asked }
    }
}

impl Future for Monitor {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Self { state, stopped, asked } = &mut *self;
        if Pin::new(stopped).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        asked.retain_mut(|(verb, subscriber)| {
            loop {
                match subscriber.poll_next_unpin(cx) {
                    Poll::Ready(Some(message)) => {
                        if let Some(state) = state.upgrade() {
                            state.answer(*verb, &message);
                        }
                    }
                    Poll::Ready(None) => return false,
                    Poll::Pending => return true,
                }
            }
        });
        if asked.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    }
}
