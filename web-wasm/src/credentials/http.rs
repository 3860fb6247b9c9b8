//! Credentials that an API mints for a key that stays in the page.

use core::fmt;
use core::time::Duration;
use std::cell::RefCell;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::future::Shared;
use nats_proto::ServerError;
use nats_proto::connection::{Auth, Challenge};
use serde::Serialize;

use super::grant::{Grant, HttpCredentialsError, Keeper};
use super::signer::{self, Signer};
use super::{AuthError, Credentials};
use crate::platform::LocalBoxFuture;
use crate::platform::browser::unix_time;
use crate::platform::http::{PATIENCE, Problem, Question, Unreachable};

/// Asks an API for a credential, and keeps it while it is fresh.
///
/// The page's key signs the server's challenge; only its public part goes to the API. A grant serves
/// several connections, and clients that ask at the same moment share one question, so that clients
/// who reconnect all at once do not besiege the API.
///
/// A grant is replaced when about [`Grant::refresh_after`] has passed, by chance up to a tenth of its
/// life earlier or later: the client then moves to a connection with the new one before it leaves the
/// old. While the API fails it is asked less and less often, and not before the moment that its
/// `Retry-After` names. When it refuses (401 or 403) the client closes once its credential has
/// expired.
///
/// `Debug` shows no token.
pub struct HttpCredentials {
    api: Rc<Api>,
    keeper: RefCell<Keeper>,
    /// The question that is on its way, shared by all who wait for the answer.
    asking: RefCell<Option<Asking>>,
}

#[derive(Clone)]
struct Asking {
    at: Duration,
    answer: Shared<LocalBoxFuture<'static, Result<Grant, Failure>>>,
}

/// Why there is no grant, and for how long the API wants to be left alone.
#[derive(Clone)]
struct Failure {
    error: HttpCredentialsError,
    retry_after: Option<Duration>,
}

impl From<HttpCredentialsError> for Failure {
    fn from(error: HttpCredentialsError) -> Self {
        Self { error, retry_after: None }
    }
}

impl HttpCredentials {
    /// Credentials for `key` from the API's `endpoint`, such as `/v1/credentials`.
    pub fn new(endpoint: impl Into<String>, key: Rc<impl Signer + 'static>) -> Self {
        let api = Api {
            endpoint: endpoint.into(),
            bearer: RefCell::default(),
            role: RefCell::default(),
            channels: RefCell::default(),
            key,
        };
        Self {
            api: Rc::new(api),
            keeper: RefCell::new(Keeper::default()),
            asking: RefCell::new(None),
        }
    }

    /// Sends this bearer token with each question, for an API that wants to know who asks. It can be
    /// replaced at any time, as when the visitor's login was renewed; the API is then asked again
    /// even if it failed before.
    pub fn set_bearer(&self, token: impl Into<String>) {
        self.api.bearer.replace(Some(token.into()));
        self.keeper.borrow_mut().hope();
    }

    /// Asks for this role instead of the one that the API gives the visitor by itself. It counts from
    /// the next grant on: see [`Client::renew_credentials`](crate::Client::renew_credentials).
    pub fn set_role(&self, role: impl Into<String>) {
        self.api.role.replace(Some(role.into()));
        self.outdate();
    }

    /// Asks for these channels, such as `room:7`, instead of those asked for before. They count from
    /// the next grant on: see [`Client::renew_credentials`](crate::Client::renew_credentials).
    pub fn set_channels(&self, channels: impl IntoIterator<Item = impl Into<String>>) {
        self.api.channels.replace(channels.into_iter().map(Into::into).collect());
        self.outdate();
    }

    /// What is held, and what is on its way, is not what is wanted any more: the API is asked anew before
    /// the next connection, however new the grant. So it makes again what has gone of what it made, such
    /// as consumers; see [`Client::renew_credentials`](crate::Client::renew_credentials).
    pub fn outdate(&self) {
        self.asking.replace(None);
        self.keeper.borrow_mut().outdate();
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
        if let Some(fresh) = self.keeper.borrow().fresh(unix_time()) {
            return Ok(fresh.clone());
        }
        let answer = self.ask().await;
        let good = self.keeper.borrow().good(unix_time()).cloned();
        answer.or_else(|error| good.ok_or(error))
    }

    /// A grant that was made just now.
    async fn new_grant(&self) -> Result<Grant, HttpCredentialsError> {
        if let Some(new) = self.keeper.borrow().just_granted(unix_time()) {
            return Ok(new.clone());
        }
        self.ask().await
    }

    /// Asks the API, or waits with those who have.
    async fn ask(&self) -> Result<Grant, HttpCredentialsError> {
        let now = unix_time();
        self.keeper.borrow().may_ask(now)?;
        // One that everybody has given up waiting for is no news any more.
        let known = self.asking.borrow().clone().filter(|asking| now < asking.at + PATIENCE);
        let asking = known.unwrap_or_else(|| {
            let api = Rc::clone(&self.api);
            let answer: LocalBoxFuture<'static, _> = Box::pin(async move { api.ask().await });
            let asking = Asking { at: now, answer: answer.shared() };
            self.asking.replace(Some(asking.clone()));
            asking
        });
        let answer = asking.answer.clone().await;
        // The first of those who waited takes it in.
        let first =
            self.asking.borrow().as_ref().is_some_and(|known| known.answer.ptr_eq(&asking.answer));
        if first {
            self.asking.replace(None);
            let (mut keeper, chance) = (self.keeper.borrow_mut(), js_sys::Math::random());
            match answer.clone() {
                Ok(grant) => keeper.granted(grant, asking.at, chance),
                Err(Failure { error, retry_after }) => {
                    keeper.failed(error, retry_after, unix_time(), chance);
                }
            }
        }
        answer.map_err(|failure| failure.error)
    }

    async fn answer(
        &self,
        challenge: &Challenge,
        grant: Result<Grant, HttpCredentialsError>,
    ) -> Result<Auth, AuthError> {
        let grant = grant.map_err(|error| match error {
            HttpCredentialsError::Refused { .. } => AuthError::fatal(error.to_string()),
            error => AuthError::new(error.to_string()),
        })?;
        signer::answer(&*self.api.key, challenge, Some(grant.jwt)).await
    }
}

impl Credentials for HttpCredentials {
    fn authenticate(&self, challenge: Challenge) -> LocalBoxFuture<'_, Result<Auth, AuthError>> {
        Box::pin(async move { self.answer(&challenge, self.grant().await).await })
    }

    fn renew(&self, challenge: Challenge) -> LocalBoxFuture<'_, Result<Auth, AuthError>> {
        Box::pin(async move { self.answer(&challenge, self.new_grant().await).await })
    }

    fn refused(&self, _: &ServerError) {
        self.keeper.borrow_mut().forget();
    }

    fn renew_after(&self) -> Option<Duration> {
        self.keeper.borrow().renew_after(unix_time())
    }
}

impl fmt::Debug for HttpCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpCredentials")
            .field("endpoint", &self.api.endpoint)
            .field("key", &self.api.key.public_key())
            .finish_non_exhaustive()
    }
}

/// The API, and who asks it.
struct Api {
    endpoint: String,
    bearer: RefCell<Option<String>>,
    role: RefCell<Option<String>>,
    channels: RefCell<Vec<String>>,
    key: Rc<dyn Signer>,
}

/// What the API is asked for.
#[derive(Serialize)]
struct Wanted<'a> {
    nkey: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    channels: &'a [String],
}

impl Api {
    async fn ask(&self) -> Result<Grant, Failure> {
        let json = self.question()?;
        let bearer = self.bearer.borrow().clone();
        let question = Question { method: "POST", url: &self.endpoint, bearer, json: Some(json) };
        let answer = question.ask().await;
        let answer = answer.map_err(|Unreachable(why)| HttpCredentialsError::Unreachable(why))?;
        if answer.is_ok {
            let grant = serde_json::from_slice(answer.text.as_bytes());
            return Ok(grant.map_err(|error| HttpCredentialsError::Malformed(error.to_string()))?);
        }
        let (status, Problem { code, detail }) = (answer.status, answer.problem());
        let error = match status {
            401 | 403 => HttpCredentialsError::Refused { status, code, detail },
            _ => HttpCredentialsError::Failed { status, code, detail },
        };
        Err(Failure { error, retry_after: answer.retry_after })
    }

    fn question(&self) -> Result<String, HttpCredentialsError> {
        let (role, channels) = (self.role.borrow(), self.channels.borrow());
        let nkey = self.key.public_key();
        let wanted = Wanted { nkey, role: role.as_deref(), channels: &channels };
        serde_json::to_string(&wanted)
            .map_err(|error| HttpCredentialsError::Malformed(error.to_string()))
    }
}
