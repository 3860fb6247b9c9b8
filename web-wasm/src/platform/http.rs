//! Questions to an API over HTTP.

use core::time::Duration;

use js_sys::Promise;
use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, Headers, RequestCache, RequestCredentials, RequestInit, Response, Window,
    WorkerGlobalScope,
};

/// How long an API may take to answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(4);

/// What an API is asked.
pub(crate) struct Question<'a> {
    pub(crate) method: &'static str,
    pub(crate) url: &'a str,
    /// The token of who asks.
    pub(crate) bearer: Option<String>,
    /// The body.
    pub(crate) json: Option<String>,
}

/// What it answers, whether or not that is what was asked for.
pub(crate) struct Answer {
    pub(crate) is_ok: bool,
    pub(crate) status: u16,
    /// For how long it wants to be left alone.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) text: String,
}

/// The problem details (RFC 9457) of an answer, as far as they matter here.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Problem {
    pub(crate) code: String,
    pub(crate) detail: String,
}

/// There is no answer, for this reason.
pub(crate) struct Unreachable(pub(crate) String);

impl Question<'_> {
    /// Asks, with the cookies of the page's own origin and past every cache.
    ///
    /// # Cancel safety
    /// If the future is dropped it may have been asked or not.
    pub(crate) async fn ask(&self) -> Result<Answer, Unreachable> {
        let response = self.send().await?;
        let text = JsFuture::from(response.text()?).await?;
        Ok(Answer {
            is_ok: response.ok(),
            status: response.status(),
            retry_after: retry_after(&response),
            text: text.as_string().unwrap_or_default(),
        })
    }

    async fn send(&self) -> Result<Response, Unreachable> {
        let headers = Headers::new()?;
        let init = RequestInit::new();
        init.set_method(self.method);
        if let Some(json) = &self.json {
            headers.set("Content-Type", "application/json")?;
            init.set_body(&JsValue::from_str(json));
        }
        if let Some(bearer) = &self.bearer {
            headers.set("Authorization", &format!("Bearer {bearer}"))?;
        }
        init.set_headers(&headers);
        init.set_cache(RequestCache::NoStore);
        init.set_credentials(RequestCredentials::SameOrigin);
        let patience = u32::try_from(PATIENCE.as_millis()).unwrap_or(u32::MAX);
        init.set_signal(Some(&AbortSignal::timeout_with_u32(patience)));
        let promise = fetch(self.url, &init);
        let promise = promise.ok_or_else(|| Unreachable("there is no fetch here".into()))?;
        Ok(JsFuture::from(promise).await?.dyn_into()?)
    }
}

impl Answer {
    /// What it says of why it is not what was asked for; empty where it says nothing of the kind.
    pub(crate) fn problem(&self) -> Problem {
        serde_json::from_slice(self.text.as_bytes()).unwrap_or_default()
    }
}

impl From<JsValue> for Unreachable {
    /// What was thrown on the way to the API.
    fn from(error: JsValue) -> Self {
        Self(match error.dyn_ref::<js_sys::Error>() {
            Some(error) => error.message().into(),
            None => format!("{error:?}"),
        })
    }
}

/// `fetch`, in a window or a worker; none where there is neither.
fn fetch(url: &str, init: &RequestInit) -> Option<Promise> {
    let global = js_sys::global();
    if let Some(window) = global.dyn_ref::<Window>() {
        return Some(window.fetch_with_str_and_init(url, init));
    }
    let worker = global.dyn_ref::<WorkerGlobalScope>()?;
    Some(worker.fetch_with_str_and_init(url, init))
}

/// For how long the API wants to be left alone, in seconds (RFC 9110 §10.2.3; a date is not read).
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get("Retry-After").ok()??;
    seconds.trim().parse().ok().map(Duration::from_secs)
}
