//! The elements of the document that the page fills.

use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Document, Element, HtmlButtonElement, HtmlElement, HtmlFormElement, HtmlInputElement,
};

/// An element that `index.html` should have and does not, or of another kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the document has no fitting element #{0}")]
pub(crate) struct Missing(&'static str);

/// The parts of the document that change. Cloning copies references.
#[derive(Clone, Debug)]
pub(crate) struct View {
    document: Document,
    pub(crate) connection: HtmlElement,
    pub(crate) server: HtmlElement,
    pub(crate) call_api: HtmlButtonElement,
    pub(crate) result: HtmlElement,
    pub(crate) updates: HtmlElement,
    pub(crate) probe_form: HtmlFormElement,
    pub(crate) probe_subject: HtmlInputElement,
    pub(crate) probe_result: HtmlElement,
    problem: HtmlElement,
}

impl View {
    /// Finds the elements.
    ///
    /// # Errors
    /// [`Missing`] for the first that is not there.
    pub(crate) fn find(document: Document) -> Result<Self, Missing> {
        Ok(Self {
            connection: element(&document, "connection")?,
            server: element(&document, "server")?,
            call_api: element(&document, "call-api")?,
            result: element(&document, "result")?,
            updates: element(&document, "updates")?,
            probe_form: element(&document, "probe-form")?,
            probe_subject: element(&document, "probe-subject")?,
            probe_result: element(&document, "probe-result")?,
            problem: element(&document, "problem")?,
            document,
        })
    }

    /// A new element of this name and class with this text.
    pub(crate) fn create(&self, name: &str, class: &str, text: &str) -> Result<Element, JsValue> {
        let element = self.document.create_element(name)?;
        element.set_class_name(class);
        element.set_text_content(Some(text));
        Ok(element)
    }

    /// Says what went wrong and what to do; an empty text takes it back.
    pub(crate) fn problem(&self, words: &str) {
        self.problem.set_text_content(Some(words));
        self.problem.set_hidden(words.is_empty());
    }
}

fn element<T: JsCast>(document: &Document, id: &'static str) -> Result<T, Missing> {
    let element = document.get_element_by_id(id).ok_or(Missing(id))?;
    element.dyn_into().map_err(|_| Missing(id))
}

/// Calls `handler` for each event of this kind, for as long as the page lives.
pub(crate) fn on(
    target: &web_sys::EventTarget,
    kind: &str,
    handler: impl FnMut(web_sys::Event) + 'static,
) {
    let closure = Closure::<dyn FnMut(web_sys::Event)>::new(handler);
    // It fails for no name and no handler, neither of which can be here.
    target.add_event_listener_with_callback(kind, closure.as_ref().unchecked_ref()).ok();
    closure.forget();
}
