//! Frames as the browser has them, beside what was copied of them.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;
use js_sys::{ArrayBuffer, Uint8Array};

thread_local! {
    /// What was read last.
    static LATEST: RefCell<Option<Rc<Frame>>> = const { RefCell::new(None) };
}

/// What was copied into wasm's memory at once, and what of.
struct Frame {
    bytes: Bytes,
    original: Original,
}

/// Where the browser has it.
pub(super) enum Original {
    /// This is the frame.
    Whole(ArrayBuffer),
    /// The frame is larger, and more than this would be kept with it; the copy is made when it is wanted.
    Part(Uint8Array, Cell<Option<ArrayBuffer>>),
}

impl From<ArrayBuffer> for Original {
    fn from(whole: ArrayBuffer) -> Self {
        Self::Whole(whole)
    }
}

impl From<Uint8Array> for Original {
    fn from(part: Uint8Array) -> Self {
        Self::Part(part, Cell::new(None))
    }
}

/// A websocket frame in the browser's memory, of which the transport has read a copy; of a large frame a
/// part of 16 KiB, in memory of its own.
///
/// Who passes payloads on to JavaScript can pass this and say where they lie, instead of copying them out
/// of wasm's memory again. It may change in JavaScript's hands; what was received does not.
#[derive(Clone)]
pub struct BrowserFrame(Rc<Frame>);

impl BrowserFrame {
    /// The frame that bytes were received in, if it is the last that was read on this thread: so it is
    /// while [handlers](crate::Subscriber::handle_with) are called with what it brought. Never panics.
    pub fn of(received: &[u8]) -> Option<Self> {
        let latest = LATEST.with_borrow(Clone::clone).map(Self)?;
        latest.range_of(received).is_some().then_some(latest)
    }

    /// The bytes in the browser's memory: the frame's own, unless it is a large one.
    pub fn buffer(&self) -> ArrayBuffer {
        match &self.0.original {
            Original::Whole(buffer) => buffer.clone(),
            Original::Part(view, own) => {
                let buffer = own.take().unwrap_or_else(|| view.slice(0, view.length()).buffer());
                own.set(Some(buffer.clone()));
                buffer
            }
        }
    }

    /// Where in [`buffer`](Self::buffer) bytes lie that were received in this frame; none if they were
    /// not. Never panics.
    pub fn range_of(&self, received: &[u8]) -> Option<Range<usize>> {
        // As long as this is there, so is the copy, and nothing else is where that is.
        let copy = self.0.bytes.as_ptr_range();
        let received = received.as_ptr_range();
        let lies_within = copy.start <= received.start && received.end <= copy.end;
        let offset = |at: *const u8| at.addr() - copy.start.addr();
        lies_within.then(|| offset(received.start)..offset(received.end))
    }

    /// Lets go of it.
    pub(super) fn forget() {
        LATEST.set(None);
    }

    /// Notes what was read last.
    pub(super) fn was_read(bytes: &Bytes, original: impl Into<Original>) {
        let frame = Frame { bytes: bytes.clone(), original: original.into() };
        LATEST.set(Some(Rc::new(frame)));
    }
}

impl fmt::Debug for BrowserFrame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserFrame").field("len", &self.0.bytes.len()).finish()
    }
}
