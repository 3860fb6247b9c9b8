//! The button that has the API publish an update.

use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{RequestInit, Response};

use crate::view::{View, on};

const PING: &str = "/ping";

/// Serves the button.
pub(crate) fn serve(view: &View) {
    let button = view.call_api.clone();
    let view = view.clone();
    button.set_disabled(false);
    on(&button, "click", move |_| {
        let view = view.clone();
        wasm_bindgen_futures::spawn_local(async move {
            view.call_api.set_disabled(true);
            match call().await {
                Ok(()) => view.problem(""),
                Err(words) => view.problem(&words),
            }
            view.call_api.set_disabled(false);
        });
    });
}

/// Calls the API; fails with words for the reader.
async fn call() -> Result<(), String> {
    let unreachable =
        |_: JsValue| String::from("The API was not reached. Tabs receive all the same.");
    let window = web_sys::window().ok_or("This is no window.")?;
    let init = RequestInit::new();
    init.set_method("POST");
    let response = JsFuture::from(window.fetch_with_str_and_init(PING, &init)).await;
    let response: Response = response.map_err(unreachable)?.dyn_into().map_err(unreachable)?;
    if response.ok() {
        return Ok(());
    }
    let text = JsFuture::from(response.text().map_err(unreachable)?).await.map_err(unreachable)?;
    let problem: Problem =
        serde_json::from_str(&text.as_string().unwrap_or_default()).unwrap_or_default();
    Err(format!("The API answered {}: {}", response.status(), problem.detail))
}

/// As much of the API's problem details (RFC 9457) as the reader is shown.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    detail: String,
}
