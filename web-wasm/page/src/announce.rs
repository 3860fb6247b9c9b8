//! What is told to those who hear the page: politely, and not too often.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use web_sys::Element;

use crate::dom::{Missing, element};

/// The shortest time between two announcements.
const PAUSE: u32 = 3_000;

/// A live region of the document. Of what comes too soon after another announcement only the last
/// is told.
#[derive(Clone)]
pub(crate) struct Announcer(Rc<Inner>);

struct Inner {
    region: Element,
    next: RefCell<Option<String>>,
    resting: Cell<bool>,
}

impl Announcer {
    /// # Errors
    /// [`Missing`].
    pub(crate) fn find() -> Result<Self, Missing> {
        let region = element("announce")?;
        Ok(Self(Rc::new(Inner { region, next: RefCell::default(), resting: Cell::new(false) })))
    }

    pub(crate) fn say(&self, words: String) {
        self.0.next.replace(Some(words));
        if self.0.resting.replace(true) {
            return;
        }
        let inner = Rc::clone(&self.0);
        wasm_bindgen_futures::spawn_local(async move {
            while let Some(words) = inner.next.take() {
                inner.region.set_text_content(Some(&words));
                TimeoutFuture::new(PAUSE).await;
            }
            inner.resting.set(false);
        });
    }
}
