//! The board: the keys of a bucket as they are now. Each visitor writes below its own.

use std::cell::RefCell;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{Element, HtmlElement, HtmlFormElement, HtmlInputElement};
use web_wasm::jetstream::Message;
use web_wasm::kv::Operation;
use web_wasm::{Bytes, DateTime, HeaderMap, PublishError};

use crate::dom::{Missing, Outcome, Text, Verdict, attribute, create, element, every, on};
use crate::lines::{one_line, short_subject};
use crate::publish::not_published;
use crate::stored::Stored;
use crate::words;

/// The stream of the bucket, and what the subjects of its keys begin with.
const STREAM: &str = "KV_board";
const KEYS: &str = "$KV.board.";

/// How long the bucket keeps a value, as the roles file says; it tells nobody when one is gone.
const TTL_SECONDS: f64 = 600.0;

/// How many keys are shown at most, and the longest value in characters.
const KEPT: usize = 500;
const LONGEST: usize = 200;

/// How long a write may take to come back, in milliseconds.
const PATIENCE: u32 = 5_000;

/// A key that is on the board, with its row.
struct Entry {
    key: String,
    stored: DateTime,
    value: Text,
    revision: Text,
    when: Text,
    row: Element,
}

struct Board {
    stored: Rc<Stored>,
    outcome: Outcome,
    count: Text,
    table: Element,
    name: HtmlInputElement,
    value: HtmlInputElement,
    entries: RefCell<Vec<Entry>>,
    /// The key of the write that has not come back.
    awaited: RefCell<Option<String>>,
    /// By how many milliseconds the API's clock is ahead of this one.
    ahead: f64,
}

/// Shows what is on the board, and serves the form.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(stored: &Rc<Stored>) -> Result<(), Missing> {
    let board = Rc::new(Board {
        stored: Rc::clone(stored),
        outcome: Outcome::of("board-result")?,
        count: Text::of("board-count")?,
        table: element("board")?,
        name: element("board-key")?,
        value: element("board-value")?,
        entries: RefCell::default(),
        awaited: RefCell::default(),
        ahead: stored.grant.server_time as f64 * 1_000.0 - js_sys::Date::now(),
    });
    let (form, putting): (HtmlFormElement, _) = (element("board-form")?, Rc::clone(&board));
    on(&form, "submit", move |event| {
        event.prevent_default();
        putting.put();
    });
    let expiring = Rc::clone(&board);
    every(1_000, move || expiring.expire());
    wasm_bindgen_futures::spawn_local(async move { board.read().await });
    Ok(())
}

impl Board {
    fn own(&self, name: &str) -> String {
        format!("{}.{name}", self.stored.key)
    }

    fn put(self: &Rc<Self>) {
        let name = self.name.value();
        let is_token = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if name.is_empty() || !is_token {
            let words = "Not put: a name has a-z, A-Z, 0-9, - and _ only.".to_owned();
            return self.outcome.show(&Verdict::Invalid(words));
        }
        self.write(self.own(&name), None, Bytes::from(self.value.value()));
    }

    fn delete(self: &Rc<Self>, key: String) {
        let mut headers = HeaderMap::new();
        // A name and a value that headers may have.
        headers.insert("KV-Operation", "DEL").ok();
        self.write(key, Some(headers), Bytes::new());
    }

    /// Writes, and waits until it comes back: nothing that browsers write is confirmed.
    fn write(self: &Rc<Self>, key: String, headers: Option<HeaderMap>, value: Bytes) {
        let board = Rc::clone(self);
        wasm_bindgen_futures::spawn_local(async move {
            board.outcome.show(&Verdict::Waiting("Writing…".to_owned()));
            board.awaited.replace(Some(key.clone()));
            if let Err(error) = board.publish(&key, headers, value).await {
                return board.outcome.show(&not_published(&error));
            }
            TimeoutFuture::new(PATIENCE).await;
            if board.awaited.borrow().as_ref() == Some(&key) {
                let words =
                    "It has not come back: the board may be full. Try again in some minutes.";
                board.outcome.show(&Verdict::Unknown(words.to_owned()));
            }
        });
    }

    async fn publish(
        &self,
        key: &str,
        headers: Option<HeaderMap>,
        value: Bytes,
    ) -> Result<(), PublishError> {
        let (client, subject) = (&self.stored.client, format!("{KEYS}{key}"));
        match headers {
            Some(headers) => client.publish_with_headers(subject, headers, value).await,
            None => client.publish(subject, value).await,
        }
    }

    async fn read(self: Rc<Self>) {
        if let Err(why) = self.stored.read(STREAM, |message| self.take(message)).await {
            self.ended(&why);
        }
    }

    fn ended(&self, why: &str) {
        let words = format!("No board: {why}. Reload the page and open it again.");
        self.outcome.show(&Verdict::Unknown(words));
    }

    fn take(self: &Rc<Self>, message: &Message) {
        let (Ok(info), Some(key)) = (message.info(), message.subject.strip_prefix(KEYS)) else {
            return;
        };
        let is_put = Operation::of(message.headers.as_ref()) == Operation::Put;
        let mut entries = self.entries.borrow_mut();
        let at = entries.iter().position(|entry| entry.key == key);
        match at {
            // It is delivered once more.
            Some(at) if entries[at].stored > info.published => return,
            Some(at) if !is_put => entries.remove(at).row.remove(),
            None if !is_put || entries.len() == KEPT => {}
            at => {
                let made = if at.is_none() { self.make(key, info.published).ok() } else { None };
                entries.extend(made);
                let at = at.unwrap_or(entries.len().saturating_sub(1));
                if let Some(entry) = entries.get_mut(at) {
                    entry.stored = info.published;
                    // It comes from outside: it is shown as text, never as markup.
                    entry.value.set(&one_line(&message.payload, LONGEST));
                    entry.revision.set(&info.stream_sequence.to_string());
                    entry.when.set(&words::time(info.published));
                }
            }
        }
        let count = entries.len();
        drop(entries);
        self.tell(count);
        // In a statement of its own, for its borrow to end with it.
        let awaited = self.awaited.borrow_mut().take_if(|awaited| awaited == key);
        if awaited.is_some() {
            let revision = info.stream_sequence;
            self.outcome.show(&Verdict::Allowed(match is_put {
                true => format!("On the board, as revision {revision}."),
                false => format!("Deleted, by revision {revision}."),
            }));
        }
    }

    fn tell(&self, count: usize) {
        let words = match count {
            0 => "Nothing is on the board".to_owned(),
            1 => "1 key".to_owned(),
            KEPT => format!("{KEPT} keys, and perhaps more"),
            count => format!("{count} keys"),
        };
        self.count.set(&words);
        self.stored.session.announcer.say(format!("Board: {words}"));
    }

    /// A row for a key, at the end of the table.
    fn make(self: &Rc<Self>, key: &str, stored: DateTime) -> Result<Entry, JsValue> {
        let row = create("tr", "entry", "")?;
        let cell = |class: &str, text: &str| {
            let cell = create("td", class, text)?;
            row.append_child(&cell)?;
            Ok::<_, JsValue>(Text::new(cell.into()))
        };
        cell("", &short_subject(key))?;
        let (value, revision, when) =
            (cell("value", "")?, cell("number", "")?, cell("number", "")?);
        let actions = create("td", "", "")?;
        if let Some(name) =
            key.strip_prefix(&*self.stored.key).and_then(|rest| rest.strip_prefix('.'))
        {
            let (board, edited) = (Rc::clone(self), name.to_owned());
            let shown = row.clone();
            self.button(&actions, "Edit", name, move || {
                board.name.set_value(&edited);
                let value = shown.query_selector(".value").ok().flatten();
                board
                    .value
                    .set_value(&value.and_then(|cell| cell.text_content()).unwrap_or_default());
                board.value.focus().ok();
            })?;
            let (board, deleted) = (Rc::clone(self), key.to_owned());
            self.button(&actions, "Delete", name, move || board.delete(deleted.clone()))?;
        }
        row.append_child(&actions)?;
        self.table.append_child(&row)?;
        Ok(Entry { key: key.to_owned(), stored, value, revision, when, row })
    }

    fn button(
        &self,
        cell: &Element,
        word: &str,
        name: &str,
        pressed: impl Fn() + 'static,
    ) -> Result<(), JsValue> {
        let button: HtmlElement = create("button", "link", word)?.dyn_into()?;
        attribute(&button, "type", "button");
        attribute(&button, "aria-label", &format!("{word} {name}"));
        cell.append_child(&button)?;
        on(&button, "click", move |_| pressed());
        Ok(())
    }

    /// Takes away what the bucket does not keep any more.
    fn expire(&self) {
        let now = js_sys::Date::now() + self.ahead;
        let mut entries = self.entries.borrow_mut();
        let had = entries.len();
        entries.retain(|entry| {
            let age = now - entry.stored.unix_timestamp_nanos() as f64 / 1e6;
            let is_kept = age < TTL_SECONDS * 1_000.0;
            if !is_kept {
                entry.row.remove();
            }
            is_kept
        });
        let count = entries.len();
        drop(entries);
        if count != had {
            self.tell(count);
        }
    }
}
