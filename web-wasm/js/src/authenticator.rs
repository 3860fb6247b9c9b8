//! The page's function that says who the client is.

use core::cell::Cell;
use core::time::Duration;

use js_sys::{Date, Function, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_wasm::platform::LocalBoxFuture;
use web_wasm::{Auth, AuthError, Challenge, Credentials, ServerError};

use crate::error::{NatsError, thrown_words};
use crate::object::{Fields, property};

/// The code of an error after which the function is not asked again.
const REFUSED: &str = "credentials_refused";

/// Why the function is asked, where a connection is not all that there is to it.
const RENEWAL: &str = "renewal";
const AFTER_REFUSAL: &str = "refused";

/// Asks the page's function who the client is, and again when its answer is not to be used any longer.
pub(crate) struct Authenticator {
    function: Function,
    /// When the last answer was asked for, in milliseconds since 1970, and for how long it is used.
    /// The wall clock goes on while a machine sleeps.
    used: Cell<Option<(f64, Duration)>>,
    /// Whether a server refused what was answered last.
    refused: Cell<bool>,
}

impl Authenticator {
    pub(crate) fn new(function: Function) -> Self {
        Self { function, used: Cell::default(), refused: Cell::default() }
    }

    async fn ask(&self, challenge: Challenge, why: Option<&str>) -> Result<Auth, AuthError> {
        let failed = |thrown: JsValue| {
            let words = format!("the authenticator failed: {}", thrown_words(&thrown));
            let code = property(&thrown, "code").ok().and_then(|code| code.as_string());
            if code.as_deref() == Some(REFUSED) {
                AuthError::fatal(words)
            } else {
                AuthError::new(words)
            }
        };
        let nonce = challenge.nonce.map_or(JsValue::UNDEFINED, JsValue::from);
        let why = if self.refused.take() { Some(AFTER_REFUSAL) } else { why };
        let why = why.map_or(JsValue::UNDEFINED, JsValue::from);
        let asked_at = Date::now();
        let answer = self.function.call2(&JsValue::UNDEFINED, &nonce, &why).map_err(failed)?;
        let answer = JsFuture::from(Promise::resolve(&answer)).await.map_err(failed)?;
        let (auth, renew_after) = auth(&answer).map_err(|error| {
            AuthError::new(format!("the authenticator's answer is of no use: {}", error.message()))
        })?;
        self.used.set(renew_after.map(|after| (asked_at, after)));
        Ok(auth)
    }
}

impl Credentials for Authenticator {
    fn authenticate(&self, challenge: Challenge) -> LocalBoxFuture<'_, Result<Auth, AuthError>> {
        Box::pin(self.ask(challenge, None))
    }

    fn renew(&self, challenge: Challenge) -> LocalBoxFuture<'_, Result<Auth, AuthError>> {
        Box::pin(self.ask(challenge, Some(RENEWAL)))
    }

    fn refused(&self, _: &ServerError) {
        self.refused.set(true);
    }

    fn renew_after(&self) -> Option<Duration> {
        let (asked_at, after) = self.used.get()?;
        // A clock that was set back makes an answer old.
        let age = Duration::try_from_secs_f64((Date::now() - asked_at) / 1_000.0);
        Some(age.map_or(Duration::ZERO, |age| after.saturating_sub(age)))
    }
}

/// Who the client is, and for how long that is used.
fn auth(answer: &JsValue) -> Result<(Auth, Option<Duration>), NatsError> {
    let known = ["jwt", "nkey", "sig", "user", "pass", "auth_token", "renewAfter"];
    let fields = Fields::read(answer, &known)?;
    let auth = Auth {
        jwt: fields.text("jwt")?,
        nkey: fields.text("nkey")?,
        signature: fields.text("sig")?,
        user: fields.text("user")?,
        pass: fields.text("pass")?,
        token: fields.text("auth_token")?,
    };
    Ok((auth, fields.millis("renewAfter")?))
}
