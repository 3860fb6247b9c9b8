//! What every client, subscriber and stream of answers holds on to.

use core::time::Duration;
use std::rc::Rc;

use nats_proto::connection::RequestId;

use crate::platform::LocalBoxFuture;
use crate::shared::Shared;

/// Keeps the connection open as long as anybody holds it.
pub(crate) struct Handle {
    pub(crate) shared: Rc<Shared>,
}

impl Handle {
    pub(crate) fn drain(&self, sid: u64) {
        let now = self.shared.runtime.platform.now();
        self.shared.inner.borrow_mut().connection.drain(now, sid);
        self.shared.wake_driver();
    }

    pub(crate) fn unsubscribe(&self, sid: u64, max: Option<u64>) {
        self.shared.inner.borrow_mut().connection.unsubscribe(sid, max);
        self.shared.wake_driver();
    }

    /// Nobody reads a subscription any more.
    pub(crate) fn forget(&self, sid: u64) {
        self.shared.inner.borrow_mut().queues.remove(&sid);
        self.unsubscribe(sid, None);
    }

    /// Nobody waits for the answers to a request any more.
    pub(crate) fn cancel(&self, id: RequestId) {
        let mut inner = self.shared.inner.borrow_mut();
        if inner.responses.remove(&id).is_some() {
            inner.connection.cancel_request(id);
        }
    }

    pub(crate) fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()> {
        self.shared.runtime.platform.sleep(duration)
    }

    /// Closes the connection and returns how many messages that gave up.
    pub(crate) fn close(&self) -> u64 {
        let now = self.shared.runtime.platform.now();
        let mut inner = self.shared.inner.borrow_mut();
        if inner.connection.is_closed() {
            return 0;
        }
        let discarded = inner.connection.close(now);
        self.shared.wake_driver();
        discarded
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.close();
    }
}

impl core::fmt::Debug for Handle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Handle").field("state", &self.shared.state.get()).finish_non_exhaustive()
    }
}
