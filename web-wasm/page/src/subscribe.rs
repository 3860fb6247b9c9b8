//! Subscriptions of the visitor's choice.

use std::cell::RefCell;
use std::rc::Rc;

use web_sys::{Element, HtmlFormElement, HtmlInputElement};
use web_wasm::{EndReason, Message, PendingLimits, Subject};

use crate::dom::{Missing, Outcome, Text, Verdict, element, every, on};
use crate::lines::{one_line, short_subject};
use crate::session::Session;
use crate::subscription::Subscription;
use crate::virtual_list::{RowKind, VirtualList};
use crate::words;

/// How many messages wait for a subscription that is paused; the rest is dropped.
const ROOM: usize = 10_000;

/// The longest payload that is shown, in characters.
const LONGEST: usize = 400;

/// How often the numbers are brought up to date, in milliseconds.
const PERIOD: u32 = 500;

/// A message, as it is shown.
struct Line {
    time: String,
    subject: Subject,
    payload: String,
}

struct Subscribe {
    session: Rc<Session>,
    outcome: Outcome,
    table: Element,
    messages: VirtualList<Line>,
    live: RefCell<Vec<Rc<Subscription>>>,
}

/// Serves the form, the table of subscriptions and the list of messages.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(session: &Rc<Session>) -> Result<(), Missing> {
    let messages = VirtualList::new(
        "messages-scroll",
        "messages",
        RowKind {
            class: "message",
            cells: &["time", "subject", "payload"],
            texts: |_, line: &Line| {
                vec![line.time.clone(), short_subject(&line.subject), line.payload.clone()]
            },
        },
    )?;
    let subscribe = Rc::new(Subscribe {
        session: Rc::clone(session),
        outcome: Outcome::of("subscribe-result")?,
        table: element("subscriptions")?,
        messages,
        live: RefCell::default(),
    });
    let form: HtmlFormElement = element("subscribe-form")?;
    let subject: HtmlInputElement = element("subscribe-subject")?;
    let (submitted, clearing) = (Rc::clone(&subscribe), Rc::clone(&subscribe));
    on(&form, "submit", move |event| {
        event.prevent_default();
        let (subscribe, subject) = (Rc::clone(&submitted), subject.value());
        wasm_bindgen_futures::spawn_local(async move {
            let verdict = subscribe.subscribe(&subject).await;
            subscribe.outcome.show(&verdict);
        });
    });
    let clear: Element = element("messages-clear")?;
    on(&clear, "click", move |_| clearing.messages.clear());
    let count = Text::of("messages-count")?;
    every(PERIOD, move || {
        let mut dropped = 0;
        for subscription in &*subscribe.live.borrow() {
            subscription.draw();
            dropped += subscription.dropped();
        }
        subscribe.session.dropped.set(dropped);
        count.set(&format!("{} lines", subscribe.messages.total()));
    });
    Ok(())
}

impl Subscribe {
    async fn subscribe(self: &Rc<Self>, subject: &str) -> Verdict {
        let client = &self.session.client;
        let mut subscriber = match client.subscribe(Subject::from(subject)).await {
            Ok(subscriber) => subscriber,
            Err(error) => return Verdict::Invalid(format!("Not subscribed: {error}.")),
        };
        subscriber.set_pending_limits(PendingLimits { messages: ROOM, ..Default::default() });
        // When the flush is confirmed a refusal must have come.
        let flushed = client.flush().await;
        match subscriber.end_reason() {
            Some(EndReason::Refused(error)) => {
                return Verdict::Denied(format!(
                    "Not subscribed: {}.",
                    words::server_error(&error)
                ));
            }
            Some(reason) => return Verdict::Unknown(format!("Not subscribed: {reason}.")),
            None => {}
        }
        let Ok(subscription) = Subscription::new(subscriber, &self.table) else {
            return Verdict::Unknown("The browser can't show it. Reload the page.".to_owned());
        };
        self.live.borrow_mut().push(Rc::clone(&subscription));
        wasm_bindgen_futures::spawn_local(Rc::clone(self).read(subscription));
        match flushed {
            Ok(()) => Verdict::Allowed(format!("Subscribed to {subject}.")),
            Err(_) => Verdict::Waiting(format!("Subscribed to {subject}, once connected.")),
        }
    }

    async fn read(self: Rc<Self>, subscription: Rc<Subscription>) {
        while let Some(batch) = subscription.next_batch().await {
            let time = String::from(js_sys::Date::new_0().to_iso_string());
            let time = time.get(11..23).unwrap_or_default();
            self.messages.extend(batch.iter().map(|message| line(time, message)));
            let total = self.messages.total();
            self.session.announcer.say(format!("{total} messages"));
        }
        let verdict = match subscription.end_reason() {
            Some(EndReason::Refused(error)) => {
                Verdict::Denied(format!("Ended: {}.", words::server_error(&error)))
            }
            Some(reason) => Verdict::Unknown(format!("Ended: {reason}.")),
            None => Verdict::Waiting("Ended.".to_owned()),
        };
        subscription.remove();
        self.live.borrow_mut().retain(|live| !Rc::ptr_eq(live, &subscription));
        self.outcome.show(&verdict);
    }
}

fn line(time: &str, message: &Message) -> Line {
    // Payloads come from outside: they are shown as text, never as markup.
    let payload = one_line(&message.payload, LONGEST);
    Line { time: time.to_owned(), subject: Subject::from(message.subject.to_string()), payload }
}
