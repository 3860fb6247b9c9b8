//! Credentials that can be left to expire.

use core::time::Duration;
use std::cell::Cell;
use std::rc::Rc;

use web_wasm::{Auth, AuthError, Challenge, Credentials, HttpCredentials, ServerError};

/// Credentials as a client's future hands them out.
type Answer<'a> = web_wasm::platform::LocalBoxFuture<'a, Result<Auth, AuthError>>;

/// Credentials from the API, renewed before they expire unless the visitor wants to see what
/// happens when they do.
pub(crate) struct Expiring {
    inner: HttpCredentials,
    left_alone: Cell<bool>,
}

impl Expiring {
    pub(crate) fn new(inner: HttpCredentials) -> Rc<Self> {
        Rc::new(Self { inner, left_alone: Cell::new(false) })
    }

    pub(crate) fn api(&self) -> &HttpCredentials {
        &self.inner
    }

    /// Whether the present credential is not renewed.
    pub(crate) fn leave_alone(&self, left_alone: bool) {
        self.left_alone.set(left_alone);
    }
}

impl Credentials for Expiring {
    fn authenticate(&self, challenge: Challenge) -> Answer<'_> {
        self.inner.authenticate(challenge)
    }

    fn renew(&self, challenge: Challenge) -> Answer<'_> {
        self.inner.renew(challenge)
    }

    fn refused(&self, error: &ServerError) {
        self.inner.refused(error);
    }

    fn renew_after(&self) -> Option<Duration> {
        if self.left_alone.get() { None } else { self.inner.renew_after() }
    }
}
