//! The document, as the modules of the page use it.

use std::cell::RefCell;

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Document, Element, EventTarget, HtmlButtonElement, HtmlInputElement, Node, Window};

/// An element that `index.html` should have and does not, or of another kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the document has no fitting element #{0}")]
pub(crate) struct Missing(&'static str);

pub(crate) fn window() -> Option<Window> {
    web_sys::window()
}

pub(crate) fn document() -> Option<Document> {
    window()?.document()
}

/// The element of this id.
///
/// # Errors
/// [`Missing`].
pub(crate) fn element<T: JsCast>(id: &'static str) -> Result<T, Missing> {
    let element = document().and_then(|document| document.get_element_by_id(id));
    element.ok_or(Missing(id))?.dyn_into().map_err(|_| Missing(id))
}

/// A new element of this name and class with this text.
pub(crate) fn create(name: &str, class: &str, text: &str) -> Result<Element, JsValue> {
    let document = document().ok_or(JsValue::UNDEFINED)?;
    let element = document.create_element(name)?;
    if !class.is_empty() {
        element.set_class_name(class);
    }
    if !text.is_empty() {
        element.set_text_content(Some(text));
    }
    Ok(element)
}

/// Sets an attribute; on an element that exists it always can be.
pub(crate) fn attribute(element: &Element, name: &str, value: &str) {
    element.set_attribute(name, value).ok();
}

/// Calls `handler` for each event of this kind, for as long as the page lives.
pub(crate) fn on(target: &EventTarget, kind: &str, handler: impl FnMut(web_sys::Event) + 'static) {
    let closure = Closure::<dyn FnMut(web_sys::Event)>::new(handler);
    // It fails for no name and no handler, neither of which can be here.
    target.add_event_listener_with_callback(kind, closure.as_ref().unchecked_ref()).ok();
    closure.forget();
}

/// Calls `handler` so often, for as long as the page lives.
pub(crate) fn every(millis: u32, handler: impl FnMut() + 'static) {
    gloo_timers::callback::Interval::new(millis, handler).forget();
}

/// Fills in an input, and tells those who listen to it, as if the visitor had.
pub(crate) fn set_value(input: &HtmlInputElement, value: &str) {
    input.set_value(value);
    if let Ok(event) = web_sys::Event::new("input") {
        input.dispatch_event(&event).ok();
    }
}

/// Milliseconds on a clock that is never set.
pub(crate) fn now() -> f64 {
    window().and_then(|window| window.performance()).map_or(0.0, |clock| clock.now())
}

/// Puts a text into the visitor's clipboard, and says so on the button that was pressed.
pub(crate) fn copy(button: &HtmlButtonElement, text: &str) {
    let Some(window) = window() else { return };
    let (button, written) = (button.clone(), window.navigator().clipboard().write_text(text));
    wasm_bindgen_futures::spawn_local(async move {
        let done = wasm_bindgen_futures::JsFuture::from(written).await.is_ok();
        button.set_text_content(Some(if done { "Copied" } else { "Select and copy it" }));
        gloo_timers::future::TimeoutFuture::new(1_500).await;
        button.set_text_content(Some("Copy"));
    });
}

/// The text of an element that changes often: the document is told only of what is new.
#[derive(Debug)]
pub(crate) struct Text {
    node: Node,
    shown: RefCell<String>,
}

impl Text {
    /// The text of the element of this id.
    ///
    /// # Errors
    /// [`Missing`].
    pub(crate) fn of(id: &'static str) -> Result<Self, Missing> {
        Ok(Self::new(element::<Element>(id)?.into()))
    }

    pub(crate) fn new(node: Node) -> Self {
        let shown = node.text_content().unwrap_or_default();
        Self { node, shown: RefCell::new(shown) }
    }

    pub(crate) fn set(&self, text: &str) {
        if *self.shown.borrow() != text {
            self.node.set_text_content(Some(text));
            self.shown.replace(text.to_owned());
        }
    }
}

/// The outcome of a form, in words and, for the eye, in colour.
#[derive(Debug)]
pub(crate) struct Outcome(Element);

/// How a try went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed(String),
    Denied(String),
    /// What was asked for is not even possible.
    Invalid(String),
    /// There was no answer.
    Unknown(String),
    /// There is none yet.
    Waiting(String),
}

impl Outcome {
    /// # Errors
    /// [`Missing`].
    pub(crate) fn of(id: &'static str) -> Result<Self, Missing> {
        element(id).map(Self)
    }

    pub(crate) fn show(&self, verdict: &Verdict) {
        let (name, words) = match verdict {
            Verdict::Allowed(words) => ("allowed", words),
            Verdict::Denied(words) => ("denied", words),
            Verdict::Invalid(words) => ("invalid", words),
            Verdict::Unknown(words) => ("unknown", words),
            Verdict::Waiting(words) => ("", words),
        };
        self.0.set_text_content(Some(words));
        if name.is_empty() {
            self.0.remove_attribute("data-verdict").ok();
        } else {
            attribute(&self.0, "data-verdict", name);
        }
    }
}
