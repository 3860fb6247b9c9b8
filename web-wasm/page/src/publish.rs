//! Publishing, once or many times.

use std::cell::Cell;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use web_sys::{HtmlFormElement, HtmlInputElement, HtmlProgressElement, HtmlTextAreaElement};
use web_wasm::{Bytes, Operation, PublishError, Subject};

use crate::dom::{Missing, Outcome, Verdict, element, now, on, set_value};
use crate::session::{Session, refused};
use crate::words;

/// How many messages are published before the page is drawn again.
const BATCH: u32 = 1_000;

struct Publish {
    session: Rc<Session>,
    subject: HtmlInputElement,
    payload: HtmlTextAreaElement,
    count: HtmlInputElement,
    progress: HtmlProgressElement,
    busy: Cell<bool>,
}

/// Serves the form.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(session: &Rc<Session>) -> Result<(), Missing> {
    let publish = Rc::new(Publish {
        session: Rc::clone(session),
        subject: element("publish-subject")?,
        payload: element("publish-payload")?,
        count: element("publish-count")?,
        progress: element("publish-progress")?,
        busy: Cell::new(false),
    });
    let outcome = Rc::new(Outcome::of("publish-result")?);
    set_value(&publish.subject, &session.own("hello"));
    let form: HtmlFormElement = element("publish-form")?;
    on(&form, "submit", move |event| {
        event.prevent_default();
        if publish.busy.replace(true) {
            return;
        }
        let (publish, outcome) = (Rc::clone(&publish), Rc::clone(&outcome));
        wasm_bindgen_futures::spawn_local(async move {
            outcome.show(&Verdict::Waiting("Publishing…".to_owned()));
            let verdict = publish.publish().await;
            outcome.show(&verdict);
            publish.busy.set(false);
        });
    });
    Ok(())
}

impl Publish {
    async fn publish(&self) -> Verdict {
        let client = &self.session.client;
        let subject = self.subject.value();
        let payload = Bytes::from(self.payload.value());
        let count = self.count.value().parse::<u32>().unwrap_or(1).clamp(1, 100_000);
        let mut events = client.events();
        let began = now();
        for sent in 0..count {
            if let Err(error) = client.publish(Subject::from(&*subject), payload.clone()).await {
                return not_published(&error);
            }
            if sent % BATCH == BATCH - 1 {
                self.progress.set_value(f64::from(sent) / f64::from(count));
                TimeoutFuture::new(0).await;
                // What is refused once is refused each time.
                if refused(&mut events, &subject) {
                    break;
                }
            }
        }
        let flushed = client.flush().await;
        self.progress.set_value(1.0);
        if refused(&mut events, &subject) {
            return Verdict::Denied(format!(
                "Not published: {}. It allows {}.",
                words::denied(Operation::Publish, &subject),
                self.session.own(">")
            ));
        }
        let messages = if count == 1 { "message" } else { "messages" };
        match flushed {
            Ok(()) => Verdict::Allowed(format!(
                "{count} {messages} published and confirmed in {:.0} ms.",
                now() - began
            )),
            Err(error) => Verdict::Unknown(format!(
                "{count} {messages} handed over, but not confirmed: {error}. See what came through, below."
            )),
        }
    }
}

/// Why a message was not published, in words that say what to do.
pub(crate) fn not_published(error: &PublishError) -> Verdict {
    match error {
        PublishError::MaxPayloadExceeded { size, limit } => Verdict::Invalid(format!(
            "Not published: {size} bytes are more than the {limit} that your role may publish."
        )),
        PublishError::Closed => {
            Verdict::Unknown("Not published: the connection is closed. Reload the page.".to_owned())
        }
        error => Verdict::Invalid(format!("Not published: {error}.")),
    }
}
