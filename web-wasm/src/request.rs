//! Requests: a message, and what comes back.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};
use core::time::Duration;
use std::rc::Rc;

use bytes::Bytes;
use futures_channel::oneshot;
use futures_util::FutureExt;
use nats_proto::connection::{RequestError, RequestId, RequestPlan, Response};
use nats_proto::{HeaderMap, Message, Subject};

use crate::client::Client;
use crate::handle::Handle;
use crate::responses::{RequestMany, ResponseQueue, Responses};
use crate::shared::Answers;

impl Client {
    /// Publishes a request and waits for one answer.
    ///
    /// ```no_run
    /// # async fn example(client: web_wasm::Client) -> Result<(), Box<dyn core::error::Error>> {
    /// use web_wasm::RequestError;
    ///
    /// match client.request("time.now", web_wasm::Bytes::new()).await {
    ///     Ok(answer) => println!("{:?}", answer.payload),
    ///     Err(RequestError::NoResponders) => println!("nobody tells the time"),
    ///     Err(error) => return Err(error.into()),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RequestError`]; `TimedOut` after [`ConnectOptions::request_timeout`](crate::ConnectOptions::request_timeout).
    ///
    /// # Cancel safety
    /// If the future is dropped the answer is not waited for any more; the request may have been
    /// sent.
    pub async fn request(
        &self,
        subject: impl Into<Subject>,
        payload: Bytes,
    ) -> Result<Message, RequestError> {
        self.send_request(subject, Request::new().payload(payload)).await
    }

    /// Publishes a request with headers and waits for one answer; else as
    /// [`request`](Self::request).
    ///
    /// # Errors
    /// [`RequestError`].
    ///
    /// # Cancel safety
    /// As [`request`](Self::request).
    pub async fn request_with_headers(
        &self,
        subject: impl Into<Subject>,
        headers: HeaderMap,
        payload: Bytes,
    ) -> Result<Message, RequestError> {
        self.send_request(subject, Request::new().headers(headers).payload(payload)).await
    }

    /// Publishes a request with options of its own and waits for one answer.
    ///
    /// # Errors
    /// [`RequestError`].
    ///
    /// # Cancel safety
    /// As [`request`](Self::request).
    pub async fn send_request(
        &self,
        subject: impl Into<Subject>,
        request: Request,
    ) -> Result<Message, RequestError> {
        self.start_request(&subject.into(), &request)?.await
    }

    /// Publishes a request at once, whose answer is waited for later.
    pub(crate) fn start_request(
        &self,
        subject: &Subject,
        request: &Request,
    ) -> Result<PendingAnswer, RequestError> {
        let (sender, answer) = oneshot::channel();
        let id = self.begin_request(subject, request, false, Answers::One(sender))?;
        Ok(PendingAnswer { handle: Rc::clone(&self.handle), id, answer })
    }

    /// Publishes a request that may have many answers, and returns them as a stream.
    ///
    /// ```no_run
    /// # async fn example(client: web_wasm::Client) -> Result<(), Box<dyn core::error::Error>> {
    /// use core::time::Duration;
    /// use futures_util::StreamExt;
    /// use web_wasm::RequestMany;
    ///
    /// let request = RequestMany::new().max_messages(10).stall_wait(Duration::from_millis(300));
    /// let mut answers = client.request_many("who.is.there", request).await?;
    /// while let Some(answer) = answers.next().await {
    ///     println!("{:?}", answer?.payload);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RequestError`] when the request was not sent; what happens later comes in the stream.
    ///
    /// # Cancel safety
    /// It does not wait.
    #[expect(clippy::unused_async, reason = "as the other requests")]
    pub async fn request_many(
        &self,
        subject: impl Into<Subject>,
        request: RequestMany,
    ) -> Result<Responses, RequestError> {
        let queue = Rc::new(ResponseQueue::new(self.shared().options.pending_limits.messages));
        let answers = Answers::Many(Rc::clone(&queue));
        let id = self.begin_request(&subject.into(), &request.request, true, answers)?;
        Ok(Responses {
            id,
            handle: Rc::clone(&self.handle),
            queue,
            until: request.until,
            received: 0,
            stalled: None,
            ended: false,
        })
    }

    fn begin_request(
        &self,
        subject: &Subject,
        request: &Request,
        many: bool,
        answers: Answers,
    ) -> Result<RequestId, RequestError> {
        let Request { payload, headers, timeout, inbox, wildcards, now_or_never } = request;
        let shared = self.shared();
        let timeout = timeout.unwrap_or(shared.options.request_timeout);
        let plan = RequestPlan {
            timeout,
            many,
            inbox: inbox.as_deref(),
            wildcards: *wildcards,
            now_or_never: *now_or_never,
        };
        let now = shared.runtime.platform.now();
        let mut inner = shared.inner.borrow_mut();
        let id = inner.connection.request(now, subject, headers.as_ref(), payload, plan)?;
        inner.responses.insert(id, answers);
        shared.wake_driver();
        Ok(id)
    }
}

/// The answer to a request that was sent. Dropping it cancels the request.
#[derive(Debug)]
pub(crate) struct PendingAnswer {
    handle: Rc<Handle>,
    id: RequestId,
    answer: oneshot::Receiver<Response>,
}

impl Future for PendingAnswer {
    type Output = Response;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Response> {
        self.answer.poll_unpin(cx).map(|answer| answer.unwrap_or(Err(RequestError::Closed)))
    }
}

impl Drop for PendingAnswer {
    fn drop(&mut self) {
        self.handle.cancel(self.id);
    }
}

/// A request with options of its own.
#[derive(Clone, Debug, Default)]
pub struct Request {
    payload: Bytes,
    headers: Option<HeaderMap>,
    timeout: Option<Duration>,
    inbox: Option<String>,
    wildcards: bool,
    now_or_never: bool,
}

impl Request {
    /// An empty request with the client's timeout.
    pub fn new() -> Self {
        Self::default()
    }

    /// The body.
    #[must_use]
    pub fn payload(mut self, payload: Bytes) -> Self {
        self.payload = payload;
        self
    }

    /// The headers.
    #[must_use]
    pub fn headers(mut self, headers: HeaderMap) -> Self {
        self.headers = Some(headers);
        self
    }

    /// How long to wait for the answer.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Where the answer goes, instead of the inbox that all requests share: a subject that nobody
    /// else subscribes to. It is subscribed to for this request alone.
    #[must_use]
    pub fn inbox(mut self, inbox: impl Into<String>) -> Self {
        self.inbox = Some(inbox.into());
        self
    }

    /// Lets the subject have wildcards, as some of the server's API have: a consumer's filter is part
    /// of the subject of the request that makes it.
    #[must_use]
    pub fn with_wildcards(mut self) -> Self {
        self.wildcards = true;
        self
    }

    /// It is for the connection that there is, and waits for no later one.
    pub(crate) fn now_or_never(mut self) -> Self {
        self.now_or_never = true;
        self
    }
}
