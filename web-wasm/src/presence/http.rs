//! Snapshots from an API.

use core::time::Duration;
use std::cell::RefCell;

use nats_proto::presence::{Channel, Limits, Snapshot};
use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortSignal, Headers, RequestCache, RequestCredentials, RequestInit, Response};

use super::{Snapshots, SnapshotsError};
use crate::platform::LocalBoxFuture;
use crate::platform::browser::fetch;

/// How long the API may take to answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks an API who is there: `GET ENDPOINT/room:7`, in as many parts as it takes.
///
/// `Debug` shows no token.
pub struct HttpSnapshots {
    endpoint: String,
    bearer: RefCell<Option<String>>,
    role: RefCell<Option<String>>,
}

impl HttpSnapshots {
    /// Snapshots from the API's `endpoint`, such as `/v1/presence`.
    pub fn new(endpoint: impl Into<String>) -> Self {
        Self { endpoint: endpoint.into(), bearer: RefCell::default(), role: RefCell::default() }
    }

    /// Sends this bearer token with each question from now on, for an API that wants to know who asks.
    pub fn set_bearer(&self, token: impl Into<String>) {
        self.bearer.replace(Some(token.into()));
    }

    /// Asks as a holder of this role instead of the one that the API gives the visitor by itself.
    pub fn set_role(&self, role: impl Into<String>) {
        self.role.replace(Some(role.into()));
    }

    async fn ask(&self, channel: &Channel) -> Result<Snapshot, SnapshotsError> {
        let mut whole = self.part(channel, None).await?;
        // Who comes beyond that would find no room.
        while whole.members.len() < Limits::default().members
            && let Some(after) = whole.next.take()
        {
            let part = self.part(channel, Some(&after)).await?;
            if part.next.as_ref().is_some_and(|next| *next <= after) {
                return Err(SnapshotsError::Malformed("its parts go in a circle".into()));
            }
            whole.append(part);
        }
        Ok(whole)
    }

    async fn part(
        &self,
        channel: &Channel,
        after: Option<&str>,
    ) -> Result<Snapshot, SnapshotsError> {
        let query = [("role", self.role.borrow().clone()), ("after", after.map(str::to_owned))];
        // A role has no character that means something in a query; if it does, the API refuses it.
        let query: Vec<String> = query
            .into_iter()
            .filter_map(|(name, value)| {
                let value = js_sys::encode_uri_component(&value?);
                Some(format!("{name}={value}"))
            })
            .collect();
        let mut url = format!("{}/{channel}", self.endpoint);
        if !query.is_empty() {
            url = format!("{url}?{}", query.join("&"));
        }
        let response = self.get(&url).await?;
        let text = JsFuture::from(response.text().map_err(unreachable)?).await;
        let text = text.map_err(unreachable)?.as_string().unwrap_or_default();
        if response.ok() {
            return Snapshot::read(text.as_bytes())
                .map_err(|error| SnapshotsError::Malformed(error.to_string()));
        }
        let Problem { code, detail } = serde_json::from_str(&text).unwrap_or_default();
        Err(SnapshotsError::Refused { status: response.status(), code, detail })
    }

    async fn get(&self, url: &str) -> Result<Response, SnapshotsError> {
        let headers = Headers::new().map_err(unreachable)?;
        if let Some(bearer) = &*self.bearer.borrow() {
            headers.set("Authorization", &format!("Bearer {bearer}")).map_err(unreachable)?;
        }
        let init = RequestInit::new();
        init.set_method("GET");
        init.set_headers(&headers);
        init.set_cache(RequestCache::NoStore);
        init.set_credentials(RequestCredentials::SameOrigin);
        let patience = u32::try_from(PATIENCE.as_millis()).unwrap_or(u32::MAX);
        init.set_signal(Some(&AbortSignal::timeout_with_u32(patience)));
        let promise = fetch(url, &init)
            .ok_or_else(|| SnapshotsError::Unreachable("there is no fetch here".into()))?;
        JsFuture::from(promise).await.map_err(unreachable)?.dyn_into().map_err(unreachable)
    }
}

impl Snapshots for HttpSnapshots {
    fn snapshot<'a>(
        &'a self,
        channel: &'a Channel,
    ) -> LocalBoxFuture<'a, Result<Snapshot, SnapshotsError>> {
        Box::pin(self.ask(channel))
    }
}

impl core::fmt::Debug for HttpSnapshots {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("HttpSnapshots").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// The problem details (RFC 9457) of an API's answer, as far as they matter here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
    detail: String,
}

/// What was thrown on the way to the API.
#[expect(clippy::needless_pass_by_value, reason = "as `map_err` hands it over")]
fn unreachable(error: JsValue) -> SnapshotsError {
    let message = match error.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => format!("{error:?}"),
    };
    SnapshotsError::Unreachable(message)
}
