//! Who the client is.

#[cfg(any(target_arch = "wasm32", test))]
pub(crate) mod grant;
#[cfg(target_arch = "wasm32")]
pub(crate) mod http;
pub(crate) mod key;
#[cfg(target_arch = "wasm32")]
pub(crate) mod page_key;
pub(crate) mod signer;

use core::future::Future;
use core::time::Duration;
use std::rc::Rc;

use nats_proto::ServerError;
use nats_proto::connection::{Auth, Challenge};

use crate::credentials::signer::Signer;
use crate::platform::LocalBoxFuture;

/// Names the client to a server.
///
/// It is asked anew for each connection, so that a credential may be replaced between two.
pub trait Credentials {
    /// The answer to a server's challenge. It has to come within the connection timeout.
    ///
    /// # Errors
    /// [`AuthError`] when there is none. The attempt then fails; unless the error is fatal, the
    /// next one asks again.
    fn authenticate(&self, challenge: Challenge) -> LocalBoxFuture<'_, Result<Auth, AuthError>>;

    /// Another answer, to take the place of one that still works. By default as
    /// [`authenticate`](Self::authenticate); credentials that keep an answer get a new one here.
    ///
    /// # Errors
    /// [`AuthError`] when there is none. The present connection then goes on, and the client asks
    /// again later unless the error is fatal.
    fn renew(&self, challenge: Challenge) -> LocalBoxFuture<'_, Result<Auth, AuthError>> {
        self.authenticate(challenge)
    }

    /// The server refused, or ended, what the last answer was accepted for. A provider that
    /// keeps a credential forgets it here, lest it offer it again.
    fn refused(&self, _error: &ServerError) {}

    /// How long from now on the last answer is to be used. Then the client asks for another one, and
    /// moves to a connection that is made with it before it leaves the present one. `None`, the
    /// default, is as long as the server lets it.
    fn renew_after(&self) -> Option<Duration> {
        None
    }
}

impl<T: Credentials + ?Sized> Credentials for Rc<T> {
    fn authenticate(&self, challenge: Challenge) -> LocalBoxFuture<'_, Result<Auth, AuthError>> {
        (**self).authenticate(challenge)
    }

    fn renew(&self, challenge: Challenge) -> LocalBoxFuture<'_, Result<Auth, AuthError>> {
        (**self).renew(challenge)
    }

    fn refused(&self, error: &ServerError) {
        (**self).refused(error);
    }

    fn renew_after(&self) -> Option<Duration> {
        (**self).renew_after()
    }
}

/// Why a client could not name itself, in words that may be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct AuthError {
    words: String,
    fatal: bool,
}

impl AuthError {
    /// An error that may pass: the next attempt asks again. The words must hold no secret: they
    /// are shown and logged.
    pub fn new(words: impl Into<String>) -> Self {
        Self { words: words.into(), fatal: false }
    }

    /// An error that will not pass: the client closes. The words must hold no secret.
    pub fn fatal(words: impl Into<String>) -> Self {
        Self { words: words.into(), fatal: true }
    }

    /// Whether asking again is of no use.
    pub fn is_fatal(&self) -> bool {
        self.fatal
    }
}

/// The same answer to every challenge, for what needs no signature.
pub(crate) struct Fixed(pub(crate) Auth);

impl Credentials for Fixed {
    fn authenticate(&self, _: Challenge) -> LocalBoxFuture<'_, Result<Auth, AuthError>> {
        let auth = self.0.clone();
        Box::pin(async move { Ok(auth) })
    }
}

/// A key that the server knows, with or without a JWT about it.
pub(crate) struct Signed {
    pub(crate) jwt: Option<String>,
    pub(crate) key: Rc<dyn Signer>,
}

impl Credentials for Signed {
    fn authenticate(&self, challenge: Challenge) -> LocalBoxFuture<'_, Result<Auth, AuthError>> {
        let jwt = self.jwt.clone();
        Box::pin(async move { signer::answer(&*self.key, &challenge, jwt).await })
    }
}

/// An asynchronous function as credentials.
pub(crate) struct Callback<F>(pub(crate) F);

impl<F, Fut> Credentials for Callback<F>
where
    F: Fn(Challenge) -> Fut,
    Fut: Future<Output = Result<Auth, AuthError>> + 'static,
{
    fn authenticate(&self, challenge: Challenge) -> LocalBoxFuture<'_, Result<Auth, AuthError>> {
        Box::pin((self.0)(challenge))
    }
}
