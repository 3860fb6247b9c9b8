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
use super::{BrowserFrame, Dialer, PORTION, Transport, TransportClosed, TransportEvent, Writable};

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
    /// A frame of a portion at most.
    Frame(ArrayBuffer),
    /// What is left of a larger one. It stays in the browser's memory until it is read: wasm's never
    /// becomes smaller, and who keeps a message keeps what was copied with it.
    Large(Uint8Array),
}

impl Told {
    /// What comes next of it, and what is left then.
    fn next(self) -> (TransportEvent, Option<Self>) {
        match self {
            Self::Event(event) => (event, None),
            Self::Frame(buffer) => {
                let bytes = Bytes::from(Uint8Array::new(&buffer).to_vec());
                BrowserFrame::was_read(&bytes, buffer);
                (TransportEvent::Input(bytes), None)
            }
            Self::Large(left) => {
                let (portion, len) = (PORTION as u32, left.length());
                if len <= portion {
                    // However long it stays the last that was read, it does not keep the others.
                    return Self::Frame(left.slice(0, len).buffer()).next();
                }
                let next = left.subarray(0, portion);
                let bytes = Bytes::from(next.to_vec());
                BrowserFrame::was_read(&bytes, next);
                (TransportEvent::Input(bytes), Some(Self::Large(left.subarray(portion, len))))
            }
        }
    }
}

impl From<TransportEvent> for Told {
    fn from(event: TransportEvent) -> Self {
        Self::Event(event)
    }
}

impl From<&MessageEvent> for Told {
    /// The frame that came. A text frame is no NATS; its bytes are passed on all the same, and the decoder
    /// names what is wrong with them.
    fn from(event: &MessageEvent) -> Self {
        match event.data().dyn_into::<ArrayBuffer>() {
            Ok(buffer) if buffer.byte_length() > PORTION as u32 => {
                Self::Large(Uint8Array::new(&buffer))
            }
            Ok(buffer) => Self::Frame(buffer),
            Err(text) => {
                let bytes = Bytes::from(text.as_string().unwrap_or_default());
                Self::Event(TransportEvent::Input(bytes))
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
    fn push(&self, told: impl Into<Told>) {
        self.told.borrow_mut().push_back(told.into());
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
                state.push(&event);
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
        BrowserFrame::forget();
        self.socket.set_onopen(None);
        self.socket.set_onmessage(None);
        self.socket.set_onclose(None);
        // On a socket that is closed already this does nothing.
        self.socket.close().ok();
    }
}

#[cfg(test)]
mod tests {
    use wasm_bindgen_test::wasm_bindgen_test;
    use web_sys::MessageEventInit;

    use super::*;

    fn came(len: usize) -> (Vec<u8>, State) {
        let bytes: Vec<u8> = (0..len).map(|at| (at % 251) as u8).collect();
        let init = MessageEventInit::new();
        init.set_data(&Uint8Array::from(&bytes[..]).buffer());
        let event = MessageEvent::new_with_event_init_dict("message", &init).unwrap();
        let state = State::default();
        state.push(&event);
        (bytes, state)
    }

    fn read(state: &State) -> Option<Bytes> {
        match state.pop()? {
            TransportEvent::Input(bytes) => Some(bytes),
            TransportEvent::Closed(_) => None,
        }
    }

    #[wasm_bindgen_test]
    fn frames_are_read_a_portion_at_a_time_and_the_browsers_memory_is_known() {
        for len in [0, 1, PORTION, PORTION + 1, 3 * PORTION, 3 * PORTION + 100] {
            let (bytes, state) = came(len);
            let mut at = 0;
            while let Some(portion) = read(&state) {
                assert!(portion.len() <= PORTION);
                assert!(portion == bytes[at..at + portion.len()], "{at} of {len}");
                at += portion.len();
                let frame = BrowserFrame::of(&portion).unwrap();
                assert_eq!(frame.range_of(&portion), Some(0..portion.len()));
                assert!(js_sys::Object::is(&frame.buffer(), &frame.buffer()), "it is made once");
                assert!(Uint8Array::new(&frame.buffer()).to_vec() == portion, "{at} of {len}");
                let Some(last) = portion.len().checked_sub(1) else { continue };
                let part = portion.slice(last..);
                assert_eq!(BrowserFrame::of(&part).unwrap().range_of(&part), Some(last..last + 1));
            }
            assert_eq!(at, len);
        }
    }

    #[wasm_bindgen_test]
    fn what_was_read_before_is_not_taken_for_what_was_read_last() {
        let (_, state) = came(3 * PORTION);
        let before = read(&state).unwrap();
        let kept = BrowserFrame::of(&before).unwrap();
        let last = read(&state).unwrap();
        assert!(BrowserFrame::of(&before).is_none() && BrowserFrame::of(&last).is_some());
        assert!(kept.range_of(&before).is_some() && kept.range_of(&last).is_none());
        assert!(BrowserFrame::of(b"never received").is_none());
        BrowserFrame::forget();
        assert!(BrowserFrame::of(&last).is_none());
    }
}
