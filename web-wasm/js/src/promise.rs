//! Futures as promises.

use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use js_sys::Promise;
use wasm_bindgen::JsValue;

use crate::error::NatsError;

/// Runs a future as a promise.
///
/// It is polled once before this returns: what it does first is done then, so that calls take
/// effect in the order in which they are made.
pub(crate) fn promise(
    future: impl Future<Output = Result<JsValue, NatsError>> + 'static,
) -> Promise {
    run(Box::pin(future))
}

/// In one copy, whatever the future is.
fn run(mut future: Pin<Box<dyn Future<Output = Result<JsValue, NatsError>>>>) -> Promise {
    // The runner polls it again in any case, so that no wake-up is lost.
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Ok(value)) => Promise::resolve(&value),
        Poll::Ready(Err(error)) => Promise::reject(&error.into()),
        Poll::Pending => {
            wasm_bindgen_futures::future_to_promise(async { future.await.map_err(JsValue::from) })
        }
    }
}
