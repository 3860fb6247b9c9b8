//! The form that asks what the role allows: what it does not, the server refuses.

use std::rc::Rc;

use serde::Deserialize;
use web_sys::{HtmlFormElement, HtmlInputElement};
use web_wasm::{EndReason, Operation, Subject, SubscribeError, subject};

use crate::dom::{Missing, Outcome, Verdict, element, on};
use crate::http::{self, CallError};
use crate::session::Session;
use crate::words;

/// What the API says of a right.
#[derive(Deserialize)]
struct Explanation {
    allowed: bool,
    role: String,
    rule: Option<Rule>,
    reason: String,
}

#[derive(Deserialize)]
struct Rule {
    list: String,
    pattern: String,
}

/// Serves the form.
///
/// # Errors
/// [`Missing`].
pub(crate) fn serve(session: &Rc<Session>) -> Result<(), Missing> {
    let form: HtmlFormElement = element("probe-form")?;
    let subject: HtmlInputElement = element("probe-subject")?;
    let publish: HtmlInputElement = element("probe-publish")?;
    let (session, outcome) = (Rc::clone(session), Rc::new(Outcome::of("probe-result")?));
    on(&form, "submit", move |event| {
        event.prevent_default();
        let (session, outcome) = (Rc::clone(&session), Rc::clone(&outcome));
        let (subject, publish) = (subject.value(), publish.checked());
        wasm_bindgen_futures::spawn_local(async move {
            let verdict = if publish {
                may_publish(&session, &subject).await
            } else {
                may_subscribe(&session, &subject).await
            };
            outcome.show(&verdict);
        });
    });
    Ok(())
}

/// What the API says, since trying would publish something.
async fn may_publish(session: &Session, subject: &str) -> Verdict {
    if let Err(error) = subject::validate_publish(subject) {
        return Verdict::Invalid(format!("Not a subject: {error}."));
    }
    match explain(session, Operation::Publish, subject).await {
        Ok(told) if told.allowed => {
            Verdict::Allowed(format!("Allowed: this tab may publish to {subject}. {}", why(&told)))
        }
        Ok(told) => Verdict::Denied(format!(
            "Denied: {}. {}",
            words::denied(Operation::Publish, subject),
            why(&told)
        )),
        Err(error) => Verdict::Unknown(error.to_string()),
    }
}

/// What nats-server does, and what the API says of why.
async fn may_subscribe(session: &Session, subject: &str) -> Verdict {
    let client = &session.client;
    let subscriber = match client.subscribe(Subject::from(subject)).await {
        Ok(subscriber) => subscriber,
        Err(error @ SubscribeError::Closed) => return Verdict::Unknown(format!("{error}.")),
        Err(error) => return Verdict::Invalid(format!("Not a subject: {error}.")),
    };
    // When the flush is confirmed a refusal must have come.
    let flushed = client.flush().await;
    let refusal = subscriber.end_reason();
    drop(subscriber);
    let told = explain(session, Operation::Subscribe, subject).await;
    let why = told.map(|told| why(&told)).unwrap_or_default();
    match (flushed, refusal) {
        (_, Some(EndReason::Refused(error))) => {
            Verdict::Denied(format!("Denied: {}. {why}", words::server_error(&error)))
        }
        (Ok(()), _) => {
            Verdict::Allowed(format!("Allowed: this tab may subscribe to {subject}. {why}"))
        }
        (Err(error), _) => Verdict::Unknown(format!("No answer: {error}. Try again.")),
    }
}

async fn explain(
    session: &Session,
    operation: Operation,
    subject: &str,
) -> Result<Explanation, CallError> {
    let action = match operation {
        Operation::Publish => "publish",
        Operation::Subscribe => "subscribe",
    };
    let subject = String::from(js_sys::encode_uri_component(subject));
    let nkey = &session.key;
    http::get(&format!("/v1/permissions?subject={subject}&action={action}&nkey={nkey}")).await
}

fn why(told: &Explanation) -> String {
    let role = &told.role;
    match &told.rule {
        Some(Rule { list, pattern }) => {
            format!("{} Role “{role}”, list {list}: {pattern}", told.reason)
        }
        None => format!("{} Role “{role}”.", told.reason),
    }
}
