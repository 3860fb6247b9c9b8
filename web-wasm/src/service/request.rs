//! What a service is asked, and how it answers.

use std::cell::Cell;
use std::rc::Rc;

use bytes::Bytes;
use nats_proto::connection::PublishError;
use nats_proto::service::EndpointId;
use nats_proto::service::error::Error;
use nats_proto::{HeaderError, HeaderMap, Instant, Message};

use super::state::State;

/// Why an answer was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RespondError {
    /// Whoever asked wants no answer.
    #[error("the request has no reply subject")]
    NoReply,
    /// The caller's error can't be put into headers.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// The answer was not taken for publishing.
    #[error(transparent)]
    Publish(#[from] PublishError),
}

/// A request to an [`Endpoint`](super::Endpoint).
///
/// It takes from when it is read from the endpoint until its last answer, or, where there is none,
/// until it is dropped; that is what counts in the endpoint's statistics.
#[derive(Debug)]
pub struct Request {
    /// The message.
    pub message: Message,
    state: Rc<State>,
    endpoint: EndpointId,
    /// Since when the time it takes has not been counted.
    since: Cell<Instant>,
    answered: Cell<bool>,
}

impl Request {
    pub(super) fn new(state: Rc<State>, endpoint: EndpointId, message: Message) -> Self {
        let since = Cell::new(state.now());
        Self { message, state, endpoint, since, answered: Cell::new(false) }
    }

    /// Answers, with a payload or with what went wrong. More than one answer is one for each call.
    ///
    /// ```no_run
    /// # async fn example(request: web_wasm::service::Request) -> Result<(), Box<dyn core::error::Error>> {
    /// use web_wasm::service::error::Error;
    ///
    /// let answer = match &request.message.payload[..] {
    ///     b"7" => Ok("a teapot".into()),
    ///     _ => Err(Error { code: 404, status: "no such thing".into() }),
    /// };
    /// request.respond(answer).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RespondError`].
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the answer is not sent.
    pub async fn respond(&self, response: Result<Bytes, Error>) -> Result<(), RespondError> {
        self.respond_with_headers(response, HeaderMap::new()).await
    }

    /// Answers with headers; else as [`respond`](Self::respond). Those in which an error is told are
    /// the error's, whatever they were.
    ///
    /// # Errors
    /// [`RespondError`].
    ///
    /// # Cancel safety
    /// If the future is dropped before it is ready, the answer is not sent.
    pub async fn respond_with_headers(
        &self,
        response: Result<Bytes, Error>,
        mut headers: HeaderMap,
    ) -> Result<(), RespondError> {
        let reply = self.message.reply.clone().ok_or(RespondError::NoReply)?;
        let payload = match response {
            Ok(payload) => payload,
            Err(error) => {
                error.write(&mut headers)?;
                self.state.failed(self.endpoint, error);
                Bytes::new()
            }
        };
        let client = self.state.client();
        let published = match headers.is_empty() {
            true => client.publish(reply, payload).await,
            false => client.publish_with_headers(reply, headers, payload).await,
        };
        self.answered.set(true);
        self.count_time();
        Ok(published?)
    }

    fn count_time(&self) {
        let now = self.state.now();
        self.state.took(self.endpoint, now - self.since.replace(now));
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.answered.get() {
            self.count_time();
        }
    }
}
