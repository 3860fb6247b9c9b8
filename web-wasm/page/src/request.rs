//! A request and its answer, by this tab or another one of the same browser.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::StreamExt;
use wasm_bindgen_futures::spawn_local;
use web_sys::{HtmlFormElement, HtmlInputElement};
use web_wasm::{Bytes, Message, Operation, RequestError, ServerError, Subject, Subscriber};

use crate::dom::{Missing, Outcome, Text, Verdict, element, now, on, set_value};
use crate::lines::one_line;
use crate::session::Session;
use crate::words;

/// The last token of the subject that requests go to.
const SERVICE: &str = "echo";

/// Serves the form and the switch.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(session: &Rc<Session>) -> Result<(), Missing> {
    serve_responder(session)?;
    let subject: HtmlInputElement = element("request-subject")?;
    set_value(&subject, &session.own(SERVICE));
    let payload: HtmlInputElement = element("request-payload")?;
    let outcome = Rc::new(Outcome::of("request-result")?);
    let (form, session): (HtmlFormElement, _) = (element("request-form")?, Rc::clone(session));
    on(&form, "submit", move |event| {
        event.prevent_default();
        let (session, outcome) = (Rc::clone(&session), Rc::clone(&outcome));
        let (subject, payload) = (subject.value(), payload.value());
        spawn_local(async move {
            outcome.show(&Verdict::Waiting("Waiting for the answer…".to_owned()));
            let verdict = request(&session, &subject, payload).await;
            outcome.show(&verdict);
        });
    });
    Ok(())
}

async fn request(session: &Session, subject: &str, payload: String) -> Verdict {
    let began = now();
    let answer = session.client.request(Subject::from(subject), Bytes::from(payload)).await;
    match answer {
        Ok(answer) => Verdict::Allowed(format!(
            "Answered in {:.1} ms: {}",
            now() - began,
            one_line(&answer.payload, 400)
        )),
        Err(RequestError::NoResponders) => Verdict::Unknown(
            "Nobody answers there. Switch on “Answer requests”, here or in another tab.".to_owned(),
        ),
        Err(RequestError::TimedOut { timeout }) => {
            let seconds = timeout.as_secs();
            Verdict::Unknown(format!("No answer within {seconds} s. Is the responder still there?"))
        }
        Err(RequestError::Denied(ServerError::PermissionsViolation { subject, .. })) => {
            Verdict::Denied(format!("Not sent: {}.", words::denied(Operation::Publish, &subject)))
        }
        Err(RequestError::Denied(error)) => {
            Verdict::Denied(format!("Not sent: {}.", words::server_error(&error)))
        }
        Err(error) => Verdict::Invalid(format!("Not sent: {error}.")),
    }
}

fn serve_responder(session: &Rc<Session>) -> Result<(), Missing> {
    let switch: HtmlInputElement = element("respond")?;
    switch.set_disabled(false);
    let answered = Rc::new(Text::of("answered")?);
    // The subscription that is on; taking it away ends the task that reads it.
    let on_duty: Rc<RefCell<Option<futures_util::future::AbortHandle>>> = Rc::default();
    let (toggled, session) = (switch.clone(), Rc::clone(session));
    on(&switch, "change", move |_| {
        if let Some(task) = on_duty.take() {
            task.abort();
        }
        if toggled.checked() {
            let (task, handle) =
                futures_util::future::abortable(respond(Rc::clone(&session), Rc::clone(&answered)));
            on_duty.replace(Some(handle));
            spawn_local(async move {
                task.await.ok();
            });
        }
    });
    Ok(())
}

/// Answers as long as it is let.
async fn respond(session: Rc<Session>, answered: Rc<Text>) {
    let subscriber = session.client.subscribe(session.own(SERVICE)).await;
    let mut requests: Subscriber = match subscriber {
        Ok(requests) => requests,
        Err(error) => return session.problem.show(&format!("Not answering: {error}.")),
    };
    let (count, strangers) = (Cell::new(0_u64), Cell::new(0_u64));
    while let Some(request) = requests.next().await {
        let counter = if answer(&session, &request).await { &count } else { &strangers };
        counter.set(counter.get() + 1);
        answered.set(&match strangers.get() {
            0 => format!("{} answered", count.get()),
            n => format!("{} answered, {n} left: their reply subject is not ours", count.get()),
        });
    }
}

/// Answers one request; says whether it did. The asker chooses the reply subject, so only an inbox
/// of this key's own is answered to: nobody has this tab publish somewhere else.
async fn answer(session: &Session, request: &Message) -> bool {
    let own = |reply: &&Subject| {
        reply.strip_prefix(&*session.inbox_prefix).is_some_and(|rest| rest.starts_with('.'))
    };
    let Some(reply) = request.reply.as_ref().filter(own) else { return false };
    let echo = format!("you said: {}", one_line(&request.payload, 400));
    session.client.publish(reply.clone(), Bytes::from(echo)).await.is_ok()
}
