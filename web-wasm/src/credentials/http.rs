//! Credentials that an API mints for a key that stays in the page.

use core::fmt;
use core::time::Duration;
use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Promise, global};
use nats_proto::connection::{Auth, Challenge};
use nats_proto::{Instant, ServerError};
use serde::Deserialize;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortSignal, Headers, RequestCache, RequestCredentials, RequestInit, Response, Window,
    WorkerGlobalScope,
};

use super::{AuthError, Credentials};
use crate::credentials::key::UserKey;
use crate::platform::browser::Browser;
use crate::platform::{LocalBoxFuture, Platform};

/// How long the API may take to answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// What an API grants: a JWT about the page's key, and what goes with it.
///
/// `Debug` does not show the JWT.
#[derive(Clone, Deserialize)]
#[non_exhaustive]
pub struct Grant {
    jwt: String,
    /// When the JWT expires, in seconds since 1970 on the API's clock.
    pub expires_at: u64,
    /// What the API's clock said, in seconds since 1970.
    pub server_time: u64,
    /// For how many seconds the JWT is good.
    pub ttl: u64,
    /// After how many seconds a new one should be asked for.
    pub refresh_after: u64,
    /// What the client's inboxes have to begin with.
    pub inbox_prefix: String,
    /// The websocket listeners that accept the JWT.
    pub servers: Vec<String>,
}

impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Grant")
            .field("expires_at", &self.expires_at)
            .field("ttl", &self.ttl)
            .field("inbox_prefix", &self.inbox_prefix)
            .field("servers", &self.servers)
            .finish_non_exhaustive()
    }
}

/// Why an API granted nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HttpCredentialsError {
    /// The API was not reached, or did not answer in time.
    #[error("the API was not reached: {0}")]
    Unreachable(String),
    /// The API said no (401 or 403): asking again will not help.
    #[error("the API refused ({status}): {detail}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The API's stable code for the reason.
        code: String,
        /// The API's words.
        detail: String,
    },
    /// The API could not, this time or for this request.
    #[error("the API failed ({status}): {detail}")]
    Failed {
        /// The HTTP status.
        status: u16,
        /// The API's stable code for the reason; empty if it gave none.
        code: String,
        /// The API's words.
        detail: String,
    },
    /// The API's answer is not what it should be.
    #[error("the API's answer is malformed: {0}")]
    Malformed(String),
}

/// Asks an API for a credential, and keeps it while it is fresh.
///
/// The page's key signs the server's challenge; only its public part goes to the API. A grant
/// serves several connections, so that clients who reconnect all at once do not besiege the
/// API; it is replaced when [`Grant::refresh_after`] has passed, or the server refuses it.
#[derive(Debug)]
pub struct HttpCredentials {
    endpoint: String,
    key: Rc<UserKey>,
    browser: Browser,
    held: RefCell<Option<Held>>,
}

#[derive(Clone, Debug)]
struct Held {
    grant: Grant,
    since: Instant,
}

impl Held {
    fn age(&self, now: Instant) -> u64 {
        (now - self.since).as_secs()
    }
}

impl HttpCredentials {
    /// Credentials for `key` from the API's `endpoint`, such as `/v1/credentials`.
    pub fn new(endpoint: impl Into<String>, key: Rc<UserKey>) -> Self {
        let browser = Browser::new();
        Self { endpoint: endpoint.into(), key, browser, held: RefCell::new(None) }
    }

    /// The grant that is held if it is fresh, else a new one; while the API is away, the one
    /// that is held as long as it is good.
    ///
    /// # Errors
    /// [`HttpCredentialsError`] when there is none.
    ///
    /// # Cancel safety
    /// Dropping the future abandons the request; the grant that is held stays.
    pub async fn grant(&self) -> Result<Grant, HttpCredentialsError> {
        let held = self.held.borrow().clone();
        let now = self.browser.now();
        if let Some(held) = held.as_ref().filter(|held| held.age(now) < held.grant.refresh_after) {
            return Ok(held.grant.clone());
        }
        match (self.fetch().await, held) {
            (Ok(grant), _) => {
                // The time that the request took counts against the grant.
                self.held.replace(Some(Held { grant: grant.clone(), since: now }));
                Ok(grant)
            }
            (Err(HttpCredentialsError::Refused { status, code, detail }), _) => {
                self.held.replace(None);
                Err(HttpCredentialsError::Refused { status, code, detail })
            }
            (Err(_), Some(held)) if held.age(now) + 1 < held.grant.ttl => Ok(held.grant),
            (Err(error), _) => Err(error),
        }
    }

    async fn fetch(&self) -> Result<Grant, HttpCredentialsError> {
        let unreachable = |error: JsValue| HttpCredentialsError::Unreachable(words(&error));
        let body = serde_json::json!({ "nkey": self.key.public_key() }).to_string();
        let headers = Headers::new().map_err(unreachable)?;
        headers.set("Content-Type", "application/json").map_err(unreachable)?;
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_headers(&headers);
        init.set_body(&JsValue::from_str(&body));
        init.set_cache(RequestCache::NoStore);
        init.set_credentials(RequestCredentials::SameOrigin);
        let patience = u32::try_from(PATIENCE.as_millis()).unwrap_or(u32::MAX);
        init.set_signal(Some(&AbortSignal::timeout_with_u32(patience)));
        let response = JsFuture::from(fetch(&self.endpoint, &init)?).await.map_err(unreachable)?;
        let response: Response = response.dyn_into().map_err(unreachable)?;
        let text = JsFuture::from(response.text().map_err(unreachable)?).await;
        let text = text.map_err(unreachable)?.as_string().unwrap_or_default();
        if response.ok() {
            return serde_json::from_str(&text)
                .map_err(|error| HttpCredentialsError::Malformed(error.to_string()));
        }
        let status = response.status();
        let Problem { code, detail } = serde_json::from_str(&text).unwrap_or_default();
        Err(match status {
            401 | 403 => HttpCredentialsError::Refused { status, code, detail },
            _ => HttpCredentialsError::Failed { status, code, detail },
        })
    }
}

impl Credentials for HttpCredentials {
    fn authenticate(&self, challenge: Challenge) -> LocalBoxFuture<'_, Result<Auth, AuthError>> {
        Box::pin(async move {
            let grant = self.grant().await.map_err(|error| match error {
                HttpCredentialsError::Refused { .. } => AuthError::fatal(error.to_string()),
                error => AuthError::new(error.to_string()),
            })?;
            self.key.answer(&challenge, Some(grant.jwt))
        })
    }

    fn refused(&self, _: &ServerError) {
        self.held.replace(None);
    }
}

/// The problem details (RFC 9457) of an API's answer, as far as they matter here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    code: String,
    detail: String,
}

/// `fetch`, in a window or a worker.
fn fetch(url: &str, init: &RequestInit) -> Result<Promise, HttpCredentialsError> {
    let global = global();
    if let Some(window) = global.dyn_ref::<Window>() {
        return Ok(window.fetch_with_str_and_init(url, init));
    }
    match global.dyn_ref::<WorkerGlobalScope>() {
        Some(worker) => Ok(worker.fetch_with_str_and_init(url, init)),
        None => Err(HttpCredentialsError::Unreachable("there is no fetch here".into())),
    }
}

/// The message of a thrown value.
fn words(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => error.message().into(),
        None => format!("{error:?}"),
    }
}
