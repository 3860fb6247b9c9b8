//! The code behind each form, to copy.

use std::rc::Rc;

use wasm_bindgen::{JsCast, JsValue};
use web_sys::{
    Element, HtmlButtonElement, HtmlElement, HtmlInputElement, HtmlTextAreaElement, KeyboardEvent,
};

use crate::dom::{Missing, attribute, copy, create, document, element, on, window};
use crate::snippets::{Action, Language, code};

/// What of the document says which code is shown.
struct Forms {
    subscribe: HtmlInputElement,
    publish: HtmlInputElement,
    payload: HtmlTextAreaElement,
    request: HtmlInputElement,
    request_payload: HtmlInputElement,
    may: HtmlInputElement,
    may_publish: HtmlInputElement,
    present: HtmlInputElement,
    said: HtmlInputElement,
    name: HtmlInputElement,
    value: HtmlInputElement,
}

impl Forms {
    fn action(&self, name: &str) -> Option<Action> {
        Some(match name {
            "call" => Action::Call,
            "connect" => Action::Connect,
            "subscribe" => Action::Subscribe(self.subscribe.value()),
            "publish" => Action::Publish(self.publish.value(), self.payload.value()),
            "request" => Action::Request(self.request.value(), self.request_payload.value()),
            "may" => Action::May(self.may_publish.checked(), self.may.value()),
            "history" => Action::Say(self.said.value()),
            "board" => Action::Put(self.name.value(), self.value.value()),
            "present" => Action::Present(self.present.value()),
            _ => return None,
        })
    }
}

/// Fills each place for code with its tabs. The code is written when it is looked at, with what the
/// form says then.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve() -> Result<(), Missing> {
    let forms = Rc::new(Forms {
        subscribe: element("subscribe-subject")?,
        publish: element("publish-subject")?,
        payload: element("publish-payload")?,
        request: element("request-subject")?,
        request_payload: element("request-payload")?,
        may: element("probe-subject")?,
        may_publish: element("probe-publish")?,
        present: element("present-name")?,
        said: element("history-text")?,
        name: element("board-key")?,
        value: element("board-value")?,
    });
    let places = document().and_then(|document| document.query_selector_all("[data-code]").ok());
    let count = places.as_ref().map_or(0, web_sys::NodeList::length);
    for index in 0..count {
        let place = places.as_ref().and_then(|places| places.item(index));
        if let Some(place) = place.and_then(|place| place.dyn_into::<Element>().ok()) {
            // Making an element fails for an invalid name only.
            fill(&place, &forms).ok();
        }
    }
    Ok(())
}

fn fill(place: &Element, forms: &Rc<Forms>) -> Result<(), JsValue> {
    let name = place.get_attribute("data-code").unwrap_or_default();
    let bar = create("div", "bar", "")?;
    let tabs = create("div", "", "")?;
    attribute(&tabs, "role", "tablist");
    attribute(&tabs, "aria-label", "Language");
    let panel = create("pre", "", "")?;
    let panel_id = format!("code-{name}");
    for (attribute_name, value) in
        [("id", &*panel_id), ("role", "tabpanel"), ("tabindex", "0"), ("aria-label", "Code")]
    {
        attribute(&panel, attribute_name, value);
    }
    let mut buttons = Vec::new();
    for language in Language::ALL {
        let tab: HtmlElement = create("button", "", language.name())?.dyn_into()?;
        for (attribute_name, value) in
            [("type", "button"), ("role", "tab"), ("aria-controls", &panel_id)]
        {
            attribute(&tab, attribute_name, value);
        }
        tabs.append_child(&tab)?;
        buttons.push(tab);
    }
    let copier: HtmlButtonElement = create("button", "link", "Copy")?.dyn_into()?;
    attribute(&copier, "type", "button");
    bar.append_child(&tabs)?;
    bar.append_child(&copier)?;
    place.append_child(&bar)?;
    place.append_child(&panel)?;

    let chosen = Rc::new(core::cell::Cell::new(0_usize));
    let (forms, tabs_shown, index) = (Rc::clone(forms), buttons.clone(), Rc::clone(&chosen));
    let shown = panel.clone();
    let show = Rc::new(move || {
        let origin = window().and_then(|window| window.location().origin().ok());
        let language = Language::ALL[index.get()];
        if let Some(action) = forms.action(&name) {
            shown.set_text_content(Some(&code(&action, language, &origin.unwrap_or_default())));
        }
        for (at, tab) in tabs_shown.iter().enumerate() {
            let selected = at == index.get();
            attribute(tab, "aria-selected", &selected.to_string());
            attribute(tab, "tabindex", if selected { "0" } else { "-1" });
        }
    });
    show();
    for (at, tab) in buttons.iter().enumerate() {
        let (show, index) = (Rc::clone(&show), Rc::clone(&chosen));
        on(tab, "click", move |_| {
            index.set(at);
            show();
        });
    }
    let (index, looked_at) = (Rc::clone(&chosen), Rc::clone(&show));
    on(&tabs, "keydown", move |event| {
        let key = event.dyn_ref::<KeyboardEvent>().map(KeyboardEvent::key);
        let (at, count) = (index.get(), buttons.len());
        let next = match key.as_deref() {
            Some("ArrowRight") => (at + 1) % count,
            Some("ArrowLeft") => (at + count - 1) % count,
            _ => return,
        };
        event.prevent_default();
        index.set(next);
        show();
        buttons[next].focus().ok();
    });
    if let Some(details) = place.parent_element() {
        on(&details, "toggle", move |_| looked_at());
    }
    let pressed = copier.clone();
    on(&copier, "click", move |_| copy(&pressed, &panel.text_content().unwrap_or_default()));
    Ok(())
}
