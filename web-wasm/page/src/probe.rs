//! The form that tries a subscription: what a credential does not allow, the server refuses.

use web_wasm::{Client, EndReason, Subject, SubscribeError};

use crate::view::{View, on};

/// What came of a try.
enum Verdict {
    Allowed,
    Denied,
    Invalid(String),
    /// There was no answer.
    Unknown(String),
}

/// Serves the form.
pub(crate) fn serve(view: &View, client: &Client) {
    let form = view.probe_form.clone();
    let (view, client) = (view.clone(), client.clone());
    on(&form, "submit", move |event| {
        event.prevent_default();
        let (view, client) = (view.clone(), client.clone());
        wasm_bindgen_futures::spawn_local(async move {
            let subject = view.probe_subject.value();
            let verdict = probe(&client, &subject).await;
            show(&view, &subject, &verdict);
        });
    });
}

async fn probe(client: &Client, subject: &str) -> Verdict {
    let subscriber = match client.subscribe(Subject::from(subject)).await {
        Ok(subscriber) => subscriber,
        Err(error @ SubscribeError::Closed) => return Verdict::Unknown(error.to_string()),
        Err(error) => return Verdict::Invalid(error.to_string()),
    };
    // When the flush is confirmed a refusal must have come.
    match client.flush().await {
        Ok(()) => match subscriber.end_reason() {
            Some(EndReason::Refused(_)) => Verdict::Denied,
            _ => Verdict::Allowed,
        },
        Err(error) => Verdict::Unknown(error.to_string()),
    }
}

fn show(view: &View, subject: &str, verdict: &Verdict) {
    let (name, words) = match verdict {
        Verdict::Allowed => ("allowed", format!("Allowed: this tab may subscribe to {subject}")),
        Verdict::Denied => ("denied", format!("Denied: nats-server refused {subject}")),
        Verdict::Invalid(why) => ("invalid", format!("Not a subject: {why}")),
        Verdict::Unknown(why) => ("unknown", format!("No answer: {why}")),
    };
    // An attribute can always be set on an element that exists.
    view.probe_result.set_attribute("data-verdict", name).ok();
    view.probe_result.set_text_content(Some(&words));
}
