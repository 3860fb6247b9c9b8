//! What carries the protocol's bytes: a websocket, whoever provides it.

#[cfg(target_arch = "wasm32")]
mod browser_frame;
#[cfg(any(target_arch = "wasm32", test))]
mod high_water;
#[cfg(target_arch = "wasm32")]
pub(crate) mod websys;

use core::task::{Context, Poll};
use core::time::Duration;
use std::rc::Rc;

use bytes::Bytes;
pub use nats_proto::connection::TransportClosed;
use nats_proto::{Instant, ServerAddr};

#[cfg(target_arch = "wasm32")]
pub use self::browser_frame::BrowserFrame;

/// How soon a transport that was full is asked again.
pub(crate) const ASK_AGAIN_AFTER: Duration = Duration::from_millis(4);

/// How many bytes of a frame are read before those whose messages lie in them have their turn. A
/// reverse proxy may have nats-server send frames of megabytes, with more messages than a
/// subscription holds. Four times what nats-server's own cut lets through.
pub(crate) const PORTION: usize = 16 * 1024;

/// Something that a transport has to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TransportEvent {
    /// Bytes from the server, in order.
    Input(Bytes),
    /// It is over, or never came to be. Nothing follows.
    Closed(TransportClosed),
}

/// One websocket, from the moment that its opening begins.
///
/// Dropping it closes it and lets go of everything that it holds.
pub trait Transport {
    /// The next thing to tell. The waker is woken when there is more, and also when the
    /// transport opens.
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<TransportEvent>;

    /// Has `heed` called whenever there is something to tell or the transport opens, as long as the
    /// transport is there: at once, and never from within another call of this trait, so that no
    /// task has to be woken. One that can't promise this never calls it.
    fn on_event(&mut self, heed: Rc<dyn Fn()>) {
        drop(heed);
    }

    /// Whether it takes more bytes now, on the clock of the [`Platform`](crate::platform::Platform).
    fn writable(&self, now: Instant) -> Writable;

    /// Hands over bytes to be sent as one websocket message. If that fails, the transport ends,
    /// and [`Transport::poll_event`] tells it.
    fn send(&mut self, bytes: &[u8]);

    /// Begins the closing handshake with a code that an application may send (RFC 6455 §7.4).
    fn close(&mut self, code: u16, reason: &str);
}

/// Whether a transport takes more bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Writable {
    /// Yes.
    Now,
    /// Not while it holds so many; it can't tell when that ends, so ask again soon.
    AskAgain,
    /// Not before it is open, which wakes the waker.
    WhenOpen,
}

/// Opens transports.
pub trait Dialer {
    /// Begins to open one, and offers the subprotocols (RFC 6455 §1.9), of which the other side has
    /// to take one if there are any.
    ///
    /// # Errors
    /// [`TransportClosed`] when the address is refused before anything is sent.
    fn dial(
        &self,
        addr: &ServerAddr,
        subprotocols: &[String],
    ) -> Result<Box<dyn Transport>, TransportClosed>;
}
