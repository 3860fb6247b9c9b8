//! One transport and its sign-in.

use core::task::{Context, Poll};
use std::rc::Rc;

use bytes::Bytes;
use nats_proto::connection::{Auth, Challenge, Via};
use nats_proto::{Connection, Instant, ServerAddr};

use crate::credentials::{AuthError, Credentials};
use crate::platform::LocalBoxFuture;
use crate::transport::{ASK_AGAIN_AFTER, PORTION, Transport, TransportEvent, Writable};

/// How large a websocket message the client makes of many small NATS messages. Beside its bytes each
/// costs Chromium's page some 30 µs, and the process that sends it half of that.
const FRAME: usize = 256 * 1024;

/// Websocket close code of a client that leaves as it should (RFC 6455 §7.4.1).
const NORMAL_CLOSURE: u16 = 1000;

/// A transport, where it leads, and who the client says it is there. Dropping it closes it.
pub(super) struct Lane {
    pub(super) server: ServerAddr,
    transport: Box<dyn Transport>,
    /// What is left to be read of a large frame.
    rest: Bytes,
    auth: Option<LocalBoxFuture<'static, Result<Auth, AuthError>>>,
    /// Who the client last said that it is, without the signature.
    pub(super) offered: Auth,
    /// When a full transport is asked again.
    pub(super) write_at: Option<Instant>,
}

impl Lane {
    pub(super) fn new(server: ServerAddr, transport: Box<dyn Transport>) -> Self {
        Self {
            server,
            transport,
            rest: Bytes::new(),
            auth: None,
            offered: Auth::default(),
            write_at: None,
        }
    }

    /// What the transport has to tell, of frames [`PORTION`] bytes at a time.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<TransportEvent> {
        if self.rest.is_empty() {
            match self.transport.poll_event(cx) {
                Poll::Ready(TransportEvent::Input(bytes)) if bytes.len() > PORTION => {
                    self.rest = bytes;
                }
                told => return told,
            }
        }
        let portion = self.rest.split_to(PORTION.min(self.rest.len()));
        Poll::Ready(TransportEvent::Input(portion))
    }

    /// Asks the credentials who the client is.
    pub(super) fn ask(
        &mut self,
        credentials: &Rc<dyn Credentials>,
        via: Via,
        challenge: Challenge,
    ) {
        let credentials = Rc::clone(credentials);
        self.auth = Some(Box::pin(async move {
            match via {
                Via::Present => credentials.authenticate(challenge).await,
                Via::Next => credentials.renew(challenge).await,
            }
        }));
    }

    /// Their answer, when it is there.
    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<Auth, AuthError>> {
        let Some(auth) = &mut self.auth else { return Poll::Pending };
        let answer = auth.as_mut().poll(cx);
        if answer.is_ready() {
            self.auth = None;
        }
        if let Poll::Ready(Ok(auth)) = &answer {
            self.offered = Auth { signature: None, ..auth.clone() };
        }
        answer
    }

    /// Moves what the connection has to send, as far as the transport takes it.
    pub(super) fn transmit(&mut self, connection: &mut Connection, via: Via, now: Instant) {
        self.write_at = None;
        loop {
            // Asking a browser's socket costs more than knowing that there is nothing to send.
            if !connection.has_outbound(via) {
                break;
            }
            match self.transport.writable(now) {
                Writable::Now => match connection.poll_transmit(via, FRAME) {
                    Some(bytes) => self.transport.send(&bytes),
                    None => break,
                },
                Writable::AskAgain => {
                    self.write_at = Some(now + ASK_AGAIN_AFTER);
                    break;
                }
                Writable::WhenOpen => break,
            }
        }
    }

    /// Begins the closing handshake; then the transport is let go.
    pub(super) fn close(mut self) {
        self.transport.close(NORMAL_CLOSURE, "");
    }
}
