//! What was said, as a stream keeps it, and what is said from now on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use web_sys::{HtmlFormElement, HtmlInputElement};
use web_wasm::jetstream::Message;
use web_wasm::{Bytes, DateTime};

use crate::dom::{Missing, Outcome, Text, Verdict, element, on};
use crate::lines::{one_line, short_subject};
use crate::publish::not_published;
use crate::sequence::{Sequence, Step};
use crate::stored::Stored;
use crate::virtual_list::{RowKind, VirtualList};
use crate::words;

/// The stream, and what guests say in it, each below its own key.
const STREAM: &str = "SAID";
const SAID: &str = "com.scaling-ws.said";

/// The longest text that is shown, in characters.
const LONGEST: usize = 400;

/// A message, or what is told of those that are not there.
struct Line {
    number: String,
    time: String,
    subject: String,
    text: String,
}

struct History {
    stored: Rc<Stored>,
    outcome: Outcome,
    count: Text,
    list: VirtualList<Line>,
    sequence: RefCell<Sequence<DateTime>>,
    /// The number of the first message, and how many have come.
    extent: Cell<(u64, u64)>,
}

/// Shows what there is and what comes, and serves the form.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(stored: &Rc<Stored>) -> Result<(), Missing> {
    let list = VirtualList::new(
        "history-scroll",
        "history",
        RowKind {
            class: "said",
            cells: &["node", "time", "subject", "payload"],
            texts: |_, line: &Line| {
                vec![
                    line.number.clone(),
                    line.time.clone(),
                    line.subject.clone(),
                    line.text.clone(),
                ]
            },
        },
    )?;
    let history = Rc::new(History {
        stored: Rc::clone(stored),
        outcome: Outcome::of("history-result")?,
        count: Text::of("history-count")?,
        list,
        sequence: RefCell::new(Sequence::new()),
        extent: Cell::default(),
    });
    let (form, text): (HtmlFormElement, HtmlInputElement) =
        (element("history-form")?, element("history-text")?);
    let saying = Rc::clone(&history);
    on(&form, "submit", move |event| {
        event.prevent_default();
        let (history, said) = (Rc::clone(&saying), text.value());
        wasm_bindgen_futures::spawn_local(async move {
            let verdict = history.say(said).await;
            history.outcome.show(&verdict);
        });
    });
    wasm_bindgen_futures::spawn_local(async move { history.read().await });
    Ok(())
}

impl History {
    async fn say(&self, text: String) -> Verdict {
        let Stored { client, key, .. } = &*self.stored;
        if let Err(error) = client.publish(format!("{SAID}.{key}"), Bytes::from(text)).await {
            return not_published(&error);
        }
        match client.flush().await {
            Ok(()) => {
                Verdict::Allowed("Said. The stream has it when it comes up below.".to_owned())
            }
            Err(error) => Verdict::Unknown(format!("Said, but not confirmed: {error}.")),
        }
    }

    async fn read(&self) {
        if let Err(why) = self.stored.read(STREAM, |message| self.take(message)).await {
            self.ended(&why);
        }
    }

    fn ended(&self, why: &str) {
        let words = format!("No history: {why}. Reload the page and open it again.");
        self.outcome.show(&Verdict::Unknown(words));
    }

    fn take(&self, message: &Message) {
        let Ok(info) = message.info() else { return };
        let number = info.stream_sequence;
        let note = match self.sequence.borrow_mut().step(number, info.published) {
            Step::Known => return,
            Step::Next => None,
            Step::After(1) => Some(format!("#{} is missing here", number - 1)),
            Step::After(missing) => {
                Some(format!("#{} to #{} are missing here", number - missing, number - 1))
            }
            Step::Anew => Some("the stream was made anew".to_owned()),
        };
        let note = note.map(|text| Line {
            number: "–".to_owned(),
            time: String::new(),
            subject: String::new(),
            text,
        });
        let line = Line {
            number: format!("#{number}"),
            time: words::time(info.published),
            subject: short_subject(&message.subject),
            // It comes from outside: it is shown as text, never as markup.
            text: one_line(&message.payload, LONGEST),
        };
        self.list.extend(note.into_iter().chain([line]));
        let (first, count) = match self.extent.get() {
            (_, 0) => (number, 1),
            (first, count) => (first, count + 1),
        };
        self.extent.set((first, count));
        let messages = if count == 1 { "message" } else { "messages" };
        self.count.set(&format!("From #{first}, {count} {messages}"));
        if info.pending == 0 {
            self.stored.session.announcer.say(format!("{count} {messages} in the history"));
        }
    }
}
