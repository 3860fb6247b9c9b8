//! One subscription of the visitor's.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures_util::Stream;
use wasm_bindgen::JsValue;
use web_sys::{Element, HtmlElement};
use web_wasm::{Message, Subscriber};

use crate::dom::{Text, attribute, create, now, on};

/// How many messages are taken in at once.
const BATCH: usize = 4_096;

/// A subscription with its row in the table. While it is paused nothing is read: messages wait, and
/// when there is no more room for them they are dropped.
pub(crate) struct Subscription {
    subscriber: RefCell<Subscriber>,
    paused: Cell<bool>,
    ended: Cell<bool>,
    /// Whoever reads, while there is nothing to read.
    reader: RefCell<Option<Waker>>,
    received: Cell<u64>,
    /// When the rate was reckoned last, and what had been received then.
    rated: Cell<(f64, u64)>,
    row: Element,
    pause: HtmlElement,
    cells: Cells,
}

struct Cells {
    received: Text,
    rate: Text,
    waiting: Text,
    dropped: Text,
}

impl Subscription {
    /// A subscription and its row, which is added to `table`.
    ///
    /// # Errors
    /// What the browser throws when an element can't be made.
    pub(crate) fn new(subscriber: Subscriber, table: &Element) -> Result<Rc<Self>, JsValue> {
        let subject = subscriber.subject().to_string();
        let row = create("tr", "subscription", "")?;
        row.append_child(&*create("td", "", &subject)?)?;
        let number = || {
            let cell = create("td", "number", "0")?;
            row.append_child(&cell)?;
            Ok::<_, JsValue>(Text::new(cell.into()))
        };
        let cells =
            Cells { received: number()?, rate: number()?, waiting: number()?, dropped: number()? };
        let actions = create("td", "", "")?;
        let button = |class: &str, words: &str, label: String| {
            let button = create("button", class, words)?;
            attribute(&button, "type", "button");
            attribute(&button, "aria-label", &label);
            actions.append_child(&button)?;
            wasm_bindgen::JsCast::dyn_into::<HtmlElement>(button).map_err(JsValue::from)
        };
        let pause = button("link pause", "Pause", format!("Pause {subject}"))?;
        let end = button("link end", "End", format!("End {subject}"))?;
        row.append_child(&actions)?;
        table.append_child(&row)?;
        let subscription = Rc::new(Self {
            subscriber: RefCell::new(subscriber),
            paused: Cell::new(false),
            ended: Cell::new(false),
            reader: RefCell::default(),
            received: Cell::new(0),
            rated: Cell::new((now(), 0)),
            row,
            pause,
            cells,
        });
        let pausing = Rc::clone(&subscription);
        on(&subscription.pause, "click", move |_| pausing.set_paused(!pausing.paused.get()));
        let ending = Rc::clone(&subscription);
        on(&end, "click", move |_| ending.end());
        Ok(subscription)
    }

    fn set_paused(&self, paused: bool) {
        self.paused.set(paused);
        let word = if paused { "Resume" } else { "Pause" };
        self.pause.set_text_content(Some(word));
        let subject = self.subscriber.borrow().subject().to_string();
        attribute(&self.pause, "aria-label", &format!("{word} {subject}"));
        self.wake();
    }

    fn end(&self) {
        self.ended.set(true);
        self.subscriber.borrow_mut().unsubscribe();
        self.row.remove();
        self.wake();
    }

    fn wake(&self) {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    /// Waits for messages; none when there will be no more.
    pub(crate) async fn next_batch(&self) -> Option<Vec<Message>> {
        core::future::poll_fn(|cx| {
            if self.ended.get() {
                return Poll::Ready(None);
            }
            self.reader.replace(Some(cx.waker().clone()));
            if self.paused.get() {
                return Poll::Pending;
            }
            let mut batch = Vec::new();
            let mut subscriber = self.subscriber.borrow_mut();
            let mut stream = core::pin::Pin::new(&mut *subscriber);
            while batch.len() < BATCH {
                match stream.as_mut().poll_next(cx) {
                    Poll::Ready(Some(message)) => batch.push(message),
                    Poll::Ready(None) if batch.is_empty() => return Poll::Ready(None),
                    Poll::Pending if batch.is_empty() => return Poll::Pending,
                    Poll::Ready(None) | Poll::Pending => break,
                }
            }
            self.received.set(self.received.get() + batch.len() as u64);
            Poll::Ready(Some(batch))
        })
        .await
    }

    /// Why there are no more messages, unless the visitor ended it.
    pub(crate) fn end_reason(&self) -> Option<web_wasm::EndReason> {
        if self.ended.get() { None } else { self.subscriber.borrow().end_reason() }
    }

    /// Takes its row out of the table.
    pub(crate) fn remove(&self) {
        self.row.remove();
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.subscriber.borrow().dropped()
    }

    /// Brings the row up to date.
    pub(crate) fn draw(&self) {
        let (received, subscriber) = (self.received.get(), self.subscriber.borrow());
        let (then, had) = self.rated.replace((now(), received));
        let seconds = ((now() - then) / 1_000.0).max(0.001);
        self.cells.received.set(&received.to_string());
        self.cells.rate.set(&format!("{:.0}/s", (received - had) as f64 / seconds));
        self.cells.waiting.set(&subscriber.pending().to_string());
        self.cells.dropped.set(&subscriber.dropped().to_string());
    }
}
