//! Calls to the API.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{RequestInit, Response};

use crate::dom::window;

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// There was no answer.
    #[error("The API was not reached. Is it running? Tabs receive all the same.")]
    Unreachable,
    /// It said no.
    #[error("The API answered {status}: {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// Its words.
        detail: String,
    },
    /// It said something else than it should.
    #[error("The API's answer is malformed. Do page and API belong together?")]
    Malformed,
}

/// As much of the API's problem details (RFC 9457) as the reader is shown.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    detail: String,
}

/// Calls the API with a method and without a body.
///
/// # Errors
/// [`CallError`].
pub(crate) async fn call(method: &str, path: &str) -> Result<String, CallError> {
    let unreachable = |_: JsValue| CallError::Unreachable;
    let window = window().ok_or(CallError::Unreachable)?;
    let init = RequestInit::new();
    init.set_method(method);
    let response = JsFuture::from(window.fetch_with_str_and_init(path, &init)).await;
    let response: Response = response.map_err(unreachable)?.dyn_into().map_err(unreachable)?;
    let text = JsFuture::from(response.text().map_err(unreachable)?).await.map_err(unreachable)?;
    let text = text.as_string().unwrap_or_default();
    if response.ok() {
        return Ok(text);
    }
    let Problem { detail } = serde_json::from_slice(text.as_bytes()).unwrap_or_default();
    Err(CallError::Refused { status: response.status(), detail })
}

/// What the API answers to a GET.
///
/// # Errors
/// [`CallError`].
pub(crate) async fn get<T: DeserializeOwned>(path: &str) -> Result<T, CallError> {
    let text = call("GET", path).await?;
    serde_json::from_slice(text.as_bytes()).map_err(|_| CallError::Malformed)
}
