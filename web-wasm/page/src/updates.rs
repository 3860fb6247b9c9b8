//! The updates that arrive, as lines.

use std::rc::Rc;

use futures_util::StreamExt;
use gloo_timers::callback::Timeout;
use web_sys::Element;

use crate::dom::{Missing, Text, document, element};
use crate::frame::Frame;
use crate::lines::one_line;
use crate::session::Session;
use crate::virtual_list::{RowKind, VirtualList};

/// What the API publishes updates on.
pub(crate) const UPDATES: &str = "com.scaling-ws.updates";

/// The longest line, in characters.
const LONGEST: usize = 400;

/// How many updates are taken in at once.
const BATCH: usize = 4_096;

/// For how long the page is lit up by an update, in milliseconds.
const PULSE: u32 = 900;

/// An update, and the node that delivered it.
struct Update {
    json: String,
    node: Rc<str>,
}

/// Shows each update as a line, for as long as the page lives.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(session: &Rc<Session>) -> Result<(), Missing> {
    let list = VirtualList::new(
        "updates-scroll",
        "updates",
        RowKind {
            class: "update",
            cells: &["line", "node"],
            texts: |number, update: &Update| {
                vec![format!("{number} - {}", update.json), update.node.to_string()]
            },
        },
    )?;
    let result = Text::of("result")?;
    let card: Element = element("demo")?;
    let counted = list.clone();
    let heading = Frame::new(move || {
        let total = counted.total();
        result.set(&format!("Result from API: ({total})"));
        // A tab that is not looked at lights up in the row of tabs.
        if let Some(document) = document() {
            document.set_title(&format!("({total}) NATS in every tab"));
        }
    });
    let session = Rc::clone(session);
    wasm_bindgen_futures::spawn_local(async move {
        let subscriber = match session.client.subscribe(UPDATES).await {
            Ok(subscriber) => subscriber,
            Err(error) => return session.problem.show(&format!("No updates: {error}.")),
        };
        let mut lit: Option<Timeout> = None;
        let mut batches = subscriber.ready_chunks(BATCH);
        while let Some(messages) = batches.next().await {
            let node = session.node.borrow().clone();
            // Payloads come from outside: they are shown as text, never as markup.
            list.extend(messages.iter().map(|message| Update {
                json: one_line(&message.payload, LONGEST),
                node: Rc::clone(&node),
            }));
            heading.request();
            lit = Some(pulse(&card, lit));
            session.announcer.say(format!("{} updates, by {node}", list.total()));
        }
        if let Some(reason) = batches.get_ref().end_reason() {
            session.problem.show(&format!("No more updates: {reason}. Reload the page."));
        }
    });
    Ok(())
}

/// Lights the card up, in the place of an earlier pulse.
fn pulse(card: &Element, earlier: Option<Timeout>) -> Timeout {
    earlier.map(Timeout::cancel);
    card.class_list().add_1("pulse").ok();
    let card = card.clone();
    Timeout::new(PULSE, move || {
        card.class_list().remove_1("pulse").ok();
    })
}
