//! The browser's WebSocket. No other file names it.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use js_sys::{Array, ArrayBuffer, Uint8Array};
use nats_proto::{ByteString, Instant, ServerAddr};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, CloseEvent, MessageEvent, WebSocket};

use super::high_water::HighWater;
use super::{Dialer, PORTION, Transport, TransportClosed, TransportEvent, Writable};

/// The code for a connection that ended without a closing handshake (RFC 6455 §7.4.1).
const ABNORMAL_CLOSURE: u16 = 1006;

/// Opens the browser's websockets, in a window or a worker.
#[derive(Debug)]
pub(crate) struct WebSysDialer;

impl Dialer for WebSysDialer {
    fn dial(
        &self,
        addr: &ServerAddr,
        subprotocols: &[String],
    ) -> Result<Box<dyn Transport>, TransportClosed> {
        // The constructor throws on an address that it can't parse, on ws:// from a page that
        // came by https, and where the content security policy forbids the address.
        let offered: Array = subprotocols.iter().map(JsValue::from).collect();
        match WebSocket::new_with_str_sequence(&addr.to_string(), &offered) {
            Ok(socket) => Ok(Box::new(WebSysTransport::new(socket))),
            Err(error) => {
                let reason = error.dyn_ref::<js_sys::Error>().map(|e| String::from(e.message()));
                let reason = reason.unwrap_or_else(|| "the browser refused the address".into());
                Err(TransportClosed { code: ABNORMAL_CLOSURE, reason: reason.into() })
            }
        }
    }
}

/// What the browser has told, and nobody has asked for yet.
enum Told {
    Event(TransportEvent),
    /// What is left of a large frame. It stays in the browser's memory until it is read: wasm's never
    /// becomes smaller, and who keeps a message keeps what was copied with it.
    Large(Uint8Array),
}

impl Told {
    /// What comes next of it, and what is left then.
    fn next(self) -> (TransportEvent, Option<Self>) {
        match self {
            Self::Event(event) => (event, None),
            Self::Large(left) => {
                let (portion, len) = (PORTION as u32, left.length());
                let bytes = left.subarray(0, portion.min(len)).to_vec();
                let rest = (portion < len).then(|| Self::Large(left.subarray(portion, len)));
                (TransportEvent::Input(bytes.into()), rest)
            }
        }
    }
}

/// What the handlers and the transport share.
#[derive(Default)]
struct State {
    told: RefCell<VecDeque<Told>>,
    waker: Cell<Option<Waker>>,
    heed: OnceCell<Rc<dyn Fn()>>,
}

impl State {
    fn push(&self, event: TransportEvent) {
        self.told.borrow_mut().push_back(Told::Event(event));
    }

    fn push_frame(&self, frame: &MessageEvent) {
        self.told.borrow_mut().push_back(input(frame));
    }

    fn pop(&self) -> Option<TransportEvent> {
        let mut told = self.told.borrow_mut();
        let (event, rest) = told.pop_front()?.next();
        if let Some(rest) = rest {
            told.push_front(rest);
        }
        Some(event)
    }

    /// The browser has called, and nothing else of the client's runs.
    fn heed(&self) {
        match self.heed.get() {
            Some(heed) => heed(),
            None => self.wake(),
        }
    }

    fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

struct WebSysTransport {
    socket: WebSocket,
    state: Rc<State>,
    high_water: Cell<HighWater>,
    // The handlers live as long as the socket may call them.
    _on_open: Closure<dyn FnMut()>,
    _on_message: Closure<dyn FnMut(MessageEvent)>,
    _on_close: Closure<dyn FnMut(CloseEvent)>,
}

impl WebSysTransport {
    fn new(socket: WebSocket) -> Self {
        socket.set_binary_type(BinaryType::Arraybuffer);
        let state = Rc::new(State::default());

        let on_open = Closure::<dyn FnMut()>::new({
            let state = Rc::clone(&state);
            move || state.heed()
        });
        let on_message = Closure::<dyn FnMut(MessageEvent)>::new({
            let state = Rc::clone(&state);
            move |event: MessageEvent| {
                state.push_frame(&event);
                state.heed();
            }
        });
        let on_close = Closure::<dyn FnMut(CloseEvent)>::new({
            let state = Rc::clone(&state);
            move |event: CloseEvent| {
                let reason = ByteString::from(event.reason());
                let closed = TransportClosed { code: event.code(), reason };
                state.push(TransportEvent::Closed(closed));
                state.heed();
            }
        });
        socket.set_onopen(Some(on_open.as_ref().unchecked_ref()));
        socket.set_onmessage(Some(on_message.as_ref().unchecked_ref()));
        // An error event says nothing, and the close event always follows it.
        socket.set_onclose(Some(on_close.as_ref().unchecked_ref()));
        Self {
            socket,
            state,
            high_water: Cell::default(),
            _on_open: on_open,
            _on_message: on_message,
            _on_close: on_close,
        }
    }
}

/// The bytes of a frame, copied once into wasm memory, a large one's when they are read. A text frame is
/// no NATS; its bytes are passed on all the same, and the decoder names what is wrong with them.
fn input(event: &MessageEvent) -> Told {
    let data = event.data();
    let bytes = match data.dyn_ref::<ArrayBuffer>() {
        Some(buffer) => {
            let bytes = Uint8Array::new(buffer);
            if bytes.length() > PORTION as u32 {
                return Told::Large(bytes);
            }
            Bytes::from(bytes.to_vec())
        }
        None => Bytes::from(data.as_string().unwrap_or_default()),
    };
    Told::Event(TransportEvent::Input(bytes))
}

impl Transport for WebSysTransport {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<TransportEvent> {
        match self.state.pop() {
            Some(event) => Poll::Ready(event),
            None => {
                self.state.waker.set(Some(cx.waker().clone()));
                Poll::Pending
            }
        }
    }

    fn on_event(&mut self, heed: Rc<dyn Fn()>) {
        self.state.heed.set(heed).ok();
    }

    fn writable(&self, now: Instant) -> Writable {
        if self.socket.ready_state() != WebSocket::OPEN {
            return Writable::WhenOpen;
        }
        let mut high_water = self.high_water.get();
        let admits = high_water.admits(self.socket.buffered_amount(), now);
        self.high_water.set(high_water);
        if admits { Writable::Now } else { Writable::AskAgain }
    }

    fn send(&mut self, bytes: &[u8]) {
        // It throws only before the socket is open, which `writable` rules out; on a socket that
        // is closing the bytes are dropped and the close event follows.
        if self.socket.send_with_u8_array(bytes).is_err() {
            let reason = ByteString::from_static("the browser refused to send");
            let closed = TransportClosed { code: ABNORMAL_CLOSURE, reason };
            self.state.push(TransportEvent::Closed(closed));
            self.state.wake();
        }
    }

    fn close(&mut self, code: u16, reason: &str) {
        // It throws on a code that no application may send, or a reason over 123 bytes; then
        // the socket is closed without them.
        if self.socket.close_with_code_and_reason(code, reason).is_err() {
            self.socket.close().ok();
        }
    }
}

impl Drop for WebSysTransport {
    fn drop(&mut self) {
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // On a socket that is closed already this does nothing.
        self.socket.close().ok();
    }
}
