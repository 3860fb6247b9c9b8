//! Drawing once for each frame that the browser shows.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;

use crate::dom::{document, on, window};

/// Something that is drawn when it has changed, at most once in a frame. A hidden tab has no frames:
/// there it is drawn at once, so that it is up to date when it is looked at.
#[derive(Clone)]
pub(crate) struct Frame(Rc<Inner>);

struct Inner {
    pending: Cell<bool>,
    draw: RefCell<Box<dyn FnMut()>>,
    callback: RefCell<Option<Closure<dyn FnMut()>>>,
}

impl Inner {
    fn draw(&self) {
        self.pending.set(false);
        // What is drawn may ask to be drawn again, but not meanwhile.
        if let Ok(mut draw) = self.draw.try_borrow_mut() {
            draw();
        }
    }
}

impl Frame {
    pub(crate) fn new(draw: impl FnMut() + 'static) -> Self {
        let inner = Rc::new(Inner {
            pending: Cell::new(false),
            draw: RefCell::new(Box::new(draw)),
            callback: RefCell::new(None),
        });
        let weak = Rc::downgrade(&inner);
        let callback = Closure::new(move || {
            if let Some(inner) = weak.upgrade().filter(|inner| inner.pending.get()) {
                inner.draw();
            }
        });
        inner.callback.replace(Some(callback));
        if let Some(document) = document() {
            let weak = Rc::downgrade(&inner);
            on(&document, "visibilitychange", move |_| {
                if let Some(inner) = weak.upgrade().filter(|inner| inner.pending.get()) {
                    inner.draw();
                }
            });
        }
        Self(inner)
    }

    /// Has it drawn.
    pub(crate) fn request(&self) {
        if document().is_none_or(|document| document.hidden()) {
            self.0.draw();
        } else if !self.0.pending.replace(true)
            && let (Some(window), Some(callback)) = (window(), &*self.0.callback.borrow())
        {
            window.request_animation_frame(callback.as_ref().unchecked_ref()).ok();
        }
    }
}
