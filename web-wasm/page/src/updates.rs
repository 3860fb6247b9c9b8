//! The updates that arrive, as lines.

use futures_util::StreamExt;
use wasm_bindgen::JsValue;
use web_wasm::{Message, Subscriber};

use crate::view::View;

/// How many lines the document holds; older ones are counted but no longer shown.
const SHOWN: u32 = 500;

/// Shows each update as a line, for as long as the subscription lasts.
pub(crate) fn show_all(view: View, subscriber: Subscriber) {
    wasm_bindgen_futures::spawn_local(async move {
        let mut count = 0;
        // Everything that has arrived goes into the document at once.
        let mut batches = subscriber.ready_chunks(SHOWN as usize);
        while let Some(messages) = batches.next().await {
            if let Err(error) = append(&view, count, &messages) {
                view.problem(&format!("The updates can't be shown: {error:?}"));
            }
            count += messages.len();
            view.result.set_text_content(Some(&format!("Result from API: ({count})")));
        }
        if let Some(reason) = batches.get_ref().end_reason() {
            view.problem(&format!("No more updates: {reason}."));
        }
    });
}

/// Adds lines behind those that are shown, and scrolls to them unless the reader has scrolled up.
fn append(view: &View, first: usize, messages: &[Message]) -> Result<(), JsValue> {
    let list = &view.updates;
    let at_end = list.scroll_height() - list.scroll_top() - list.client_height() < 40;
    for (offset, message) in messages.iter().enumerate() {
        // Payloads come from outside: they are shown as text, never as markup.
        let json = String::from_utf8_lossy(&message.payload);
        let text = format!("{} - {json}", first + offset);
        list.append_child(&*view.create("li", "update", &text)?)?;
    }
    while list.child_element_count() > SHOWN {
        match list.first_element_child() {
            Some(oldest) => oldest.remove(),
            None => break,
        }
    }
    if at_end {
        list.set_scroll_top(list.scroll_height());
    }
    Ok(())
}
