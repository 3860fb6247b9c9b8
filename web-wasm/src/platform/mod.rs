//! Clock, timers, entropy and tasks: what a client needs from its surroundings besides a socket.

#[cfg(target_arch = "wasm32")]
pub(crate) mod browser;
#[cfg(target_arch = "wasm32")]
pub(crate) mod database;
#[cfg(target_arch = "wasm32")]
pub(crate) mod http;

use core::any::Any;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::rc::Rc;

use nats_proto::Instant;

use crate::transport::Dialer;

/// A future that stays on its thread.
pub type LocalBoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

/// The surroundings of a client.
pub trait Platform {
    /// The present moment, on a clock that never runs backwards.
    fn now(&self) -> Instant;

    /// How long ago 1970 began, on the clock that tells the date and may be set.
    fn unix_time(&self) -> Duration;

    /// Waits; may take longer than it should, as in a hidden tab. Dropping it cancels the timer.
    fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()>;

    /// Random bytes from the system's generator.
    ///
    /// # Errors
    /// [`NoEntropy`] where there is no such generator.
    fn entropy(&self) -> Result<[u8; 32], NoEntropy>;

    /// Runs a task on this thread until it ends.
    fn spawn(&self, task: LocalBoxFuture<'static, ()>);

    /// Calls `wake` whenever the machine comes online or the page is shown again, until what is
    /// returned is dropped. A platform that knows no such moments never calls it.
    fn on_wake(&self, wake: Rc<dyn Fn()>) -> Box<dyn Any> {
        drop(wake);
        Box::new(())
    }

    /// Calls `leave` when the page is being left, until what is returned is dropped. What it publishes
    /// may still be sent. A platform that knows no such moment never calls it.
    fn on_leave(&self, leave: Rc<dyn Fn()>) -> Box<dyn Any> {
        drop(leave);
        Box::new(())
    }
}

/// The system has no source of randomness that is fit for secrets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the system gives no random bytes")]
pub struct NoEntropy;

/// A platform and a dialer: everything outside that a client touches.
///
/// In a browser `ConnectOptions::connect` uses the browser's own. Elsewhere, as in native tests,
/// bring one along to [`ConnectOptions::connect_with`](crate::ConnectOptions::connect_with).
#[derive(Clone)]
pub struct Runtime {
    pub(crate) platform: Rc<dyn Platform>,
    pub(crate) dialer: Rc<dyn Dialer>,
}

impl Runtime {
    /// A runtime of these two.
    pub fn new(platform: impl Platform + 'static, dialer: impl Dialer + 'static) -> Self {
        Self { platform: Rc::new(platform), dialer: Rc::new(dialer) }
    }

    /// The browser's own, in a window or a worker.
    #[cfg(target_arch = "wasm32")]
    pub fn browser() -> Self {
        Self::new(browser::Browser::new(), crate::transport::websys::WebSysDialer)
    }
}

impl core::fmt::Debug for Runtime {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Runtime")
    }
}
