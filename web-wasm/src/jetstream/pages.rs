//! Lists that are too long for one answer, as streams.

use core::fmt;
use core::pin::Pin;
use core::task::{Context as TaskContext, Poll};
use std::collections::VecDeque;

use futures_core::Stream;
use nats_proto::Subject;
use nats_proto::jetstream::response::Page;
use nats_proto::jetstream::stream::ListRequest;
use serde::de::DeserializeOwned;

use super::context::Context;
use super::error::RequestError;
use crate::platform::LocalBoxFuture;

/// The entries of a list, which are fetched a page at a time as they are read.
///
/// It ends after the last entry, or with an error as its last item. What is made or deleted
/// meanwhile may be missed or come twice.
///
/// # Cancel safety
/// Reading the stream is cancel safe: an entry is either returned or stays.
pub struct Pages<T> {
    context: Context,
    subject: Subject,
    request: ListRequest,
    entries: VecDeque<T>,
    fetching: Option<LocalBoxFuture<'static, Result<Page<T>, RequestError>>>,
    ended: bool,
}

impl<T> Pages<T> {
    pub(super) fn new(context: Context, subject: Subject, filter: Option<String>) -> Self {
        let request = ListRequest { offset: 0, subject: filter };
        Self { context, subject, request, entries: VecDeque::new(), fetching: None, ended: false }
    }
}

impl<T> Unpin for Pages<T> {}

impl<T: DeserializeOwned + 'static> Stream for Pages<T> {
    type Item = Result<T, RequestError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        loop {
            if let Some(entry) = self.entries.pop_front() {
                return Poll::Ready(Some(Ok(entry)));
            }
            if self.ended {
                return Poll::Ready(None);
            }
            let this = &mut *self;
            let fetching = this.fetching.get_or_insert_with(|| {
                let (context, subject) = (this.context.clone(), this.subject.clone());
                let request = this.request.clone();
                Box::pin(async move { context.ask(subject, &request).await })
            });
            let Poll::Ready(page) = fetching.as_mut().poll(cx) else { return Poll::Pending };
            this.fetching = None;
            match page {
                Ok(page) => {
                    this.request.offset += page.entries.len() as u64;
                    this.ended = page.entries.is_empty() || this.request.offset >= page.total;
                    this.entries = page.entries.into();
                }
                Err(error) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }
}

impl<T> fmt::Debug for Pages<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pages")
            .field("subject", &self.subject)
            .field("read", &(self.request.offset - self.entries.len() as u64))
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}
