//! Messages got from whichever server keeps them.

use core::pin::Pin;
use core::task::{Context as TaskContext, Poll, ready};

use futures_core::Stream as FuturesStream;
use nats_proto::Subject;
use nats_proto::jetstream::{DirectAnswer, DirectAnswerError, Endpoint, GetRequest, StreamMessage};
use nats_proto::subject::{validate_pattern, validate_publish};

use super::{DirectGetError, Stream};
use crate::jetstream::context::json;
use crate::jetstream::error::RequestError;
use crate::request::Request;
use crate::responses::{RequestMany, Responses};

/// The stream must allow this, with [`Config::allow_direct`](super::Config::allow_direct). A server
/// that is behind may answer: what was stored last need not be there yet. Source: ADR-31.
impl<T> Stream<T> {
    /// The message of this number.
    ///
    /// # Errors
    /// [`DirectGetError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn direct_get(&self, sequence: u64) -> Result<StreamMessage, DirectGetError> {
        self.get_direct(GetRequest { sequence, ..GetRequest::default() }).await
    }

    /// The last message of a subject.
    ///
    /// ```no_run
    /// # async fn example(stream: web_wasm::jetstream::stream::Stream)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// let last = stream.direct_get_last_for_subject("orders.7.placed").await?;
    /// println!("message {} of {}", last.sequence, last.time);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`DirectGetError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn direct_get_last_for_subject(
        &self,
        subject: impl Into<Subject>,
    ) -> Result<StreamMessage, DirectGetError> {
        let subject = subject.into();
        validate_publish(&subject)?;
        // The subject is part of the request's own, so that a credential can be for it alone.
        let endpoint = Endpoint::DirectGetLast { stream: &self.name, subject: &subject };
        self.ask_directly(endpoint, Request::new()).await
    }

    /// The first message of a subject, which may be a pattern, of at least this number.
    ///
    /// # Errors
    /// [`DirectGetError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn direct_get_next_for_subject(
        &self,
        subject: impl Into<String>,
        sequence: Option<u64>,
    ) -> Result<StreamMessage, DirectGetError> {
        let next_by_subject = subject.into();
        validate_pattern(&next_by_subject)?;
        let sequence = sequence.unwrap_or_default();
        self.get_direct(GetRequest { next_by_subject, sequence, ..GetRequest::default() }).await
    }

    /// The first message of a subject, which may be a pattern.
    ///
    /// # Errors
    /// [`DirectGetError`].
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    pub async fn direct_get_first_for_subject(
        &self,
        subject: impl Into<String>,
    ) -> Result<StreamMessage, DirectGetError> {
        self.direct_get_next_for_subject(subject, None).await
    }

    /// Many messages by one request, as a stream: a batch from a number or moment on, or the last
    /// of each of several subjects.
    ///
    /// ```no_run
    /// # async fn example(stream: web_wasm::jetstream::stream::Stream)
    /// # -> Result<(), Box<dyn core::error::Error>> {
    /// use futures_util::TryStreamExt;
    /// use web_wasm::jetstream::stream::GetRequest;
    ///
    /// let request = GetRequest { sequence: 1, batch: 100, ..Default::default() };
    /// let mut messages = stream.direct_get_many(request).await?;
    /// while let Some(message) = messages.try_next().await? {
    ///     println!("{}: {}", message.sequence, message.subject);
    /// }
    /// println!("{:?} more are there", messages.pending());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// All of them have to come within the context's timeout.
    ///
    /// # Errors
    /// [`DirectGetError`] where nothing was asked; what happens later comes in the stream.
    ///
    /// # Cancel safety
    /// It does not wait.
    pub async fn direct_get_many(
        &self,
        request: GetRequest,
    ) -> Result<DirectMessages, DirectGetError> {
        for subject in request.last_by_subjects.iter().chain(Some(&request.next_by_subject)) {
            if !subject.is_empty() {
                validate_pattern(subject)?;
            }
        }
        let many = RequestMany::new()
            .payload(json(&request)?)
            .max_wait(self.context.timeout())
            .sentinel(|message| message.status.is_some());
        let subject = self.context.subject(Endpoint::DirectGet(&self.name));
        let answers = self.context.client.request_many(subject, many).await;
        let answers = answers.map_err(RequestError::from)?;
        Ok(DirectMessages { answers, end: None, ended: false })
    }

    /// The last message of each subject that one of these patterns matches; at most 1,024. Else as
    /// [`direct_get_many`](Self::direct_get_many).
    ///
    /// # Errors
    /// As [`direct_get_many`](Self::direct_get_many).
    ///
    /// # Cancel safety
    /// It does not wait.
    pub async fn direct_get_last_for_subjects<S: Into<String>>(
        &self,
        subjects: impl IntoIterator<Item = S>,
    ) -> Result<DirectMessages, DirectGetError> {
        let last_by_subjects = subjects.into_iter().map(Into::into).collect();
        self.direct_get_many(GetRequest { last_by_subjects, ..GetRequest::default() }).await
    }

    async fn get_direct(&self, request: GetRequest) -> Result<StreamMessage, DirectGetError> {
        let request = Request::new().payload(json(&request)?);
        self.ask_directly(Endpoint::DirectGet(&self.name), request).await
    }

    async fn ask_directly(
        &self,
        endpoint: Endpoint<'_>,
        request: Request,
    ) -> Result<StreamMessage, DirectGetError> {
        let request = request.timeout(self.context.timeout());
        let answer = self.context.client.send_request(self.context.subject(endpoint), request);
        let answer = answer.await.map_err(RequestError::from)?;
        match DirectAnswer::from_message(answer)? {
            DirectAnswer::Message(message) => Ok(message),
            _ => Err(DirectGetError::NotFound),
        }
    }
}

impl From<DirectAnswerError> for DirectGetError {
    fn from(error: DirectAnswerError) -> Self {
        match error {
            DirectAnswerError::NotFound => Self::NotFound,
            error => Self::Answer(error),
        }
    }
}

/// Messages that were asked for by one request.
///
/// It ends when all have come, or with an error as its last item. Where none match it has none.
///
/// # Cancel safety
/// Reading the stream is cancel safe: a message is either returned or stays.
#[derive(Debug)]
pub struct DirectMessages {
    answers: Responses,
    end: Option<u64>,
    ended: bool,
}

impl DirectMessages {
    /// How many messages match beyond those that came; known when the stream has ended.
    pub fn pending(&self) -> Option<u64> {
        self.end
    }
}

impl FuturesStream for DirectMessages {
    type Item = Result<StreamMessage, DirectGetError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let answer = match ready!(Pin::new(&mut self.answers).poll_next(cx)) {
            Some(Ok(message)) => DirectAnswer::from_message(message).map_err(Into::into),
            Some(Err(error)) => Err(RequestError::from(error).into()),
            None => Err(DirectGetError::Incomplete),
        };
        if let Ok(DirectAnswer::Message(message)) = answer {
            return Poll::Ready(Some(Ok(message)));
        }
        self.ended = true;
        let complete = self.answers.dropped() == 0;
        match answer {
            Ok(DirectAnswer::End { pending, .. }) if complete => {
                self.end = Some(pending);
                Poll::Ready(None)
            }
            Err(DirectGetError::NotFound) if complete => {
                self.end = Some(0);
                Poll::Ready(None)
            }
            Ok(_) => Poll::Ready(Some(Err(DirectGetError::Incomplete))),
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }
}
