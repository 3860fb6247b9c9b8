//! The browser as a platform, in a window or a worker.

use core::any::Any;
use core::time::Duration;
use std::rc::Rc;

use gloo_timers::future::TimeoutFuture;
use js_sys::Reflect;
use nats_proto::Instant;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Crypto, EventTarget, Performance};

use super::{LocalBoxFuture, NoEntropy, Platform};

/// The longest timer that browsers keep; longer ones fire at once.
const LONGEST_TIMER: u32 = i32::MAX as u32;

#[derive(Debug)]
pub(crate) struct Browser {
    performance: Option<Performance>,
}

impl Browser {
    pub(crate) fn new() -> Self {
        let performance = Reflect::get(&js_sys::global(), &"performance".into()).ok();
        Self { performance: performance.and_then(|value| value.dyn_into().ok()) }
    }
}

/// What the clock says that tells the date, as the time since 1970.
pub(crate) fn unix_time() -> Duration {
    Duration::try_from_secs_f64(js_sys::Date::now() / 1_000.0).unwrap_or_default()
}

impl Platform for Browser {
    fn now(&self) -> Instant {
        // Every window and worker has `performance`; where it were missing the wall clock
        // would have to do.
        let millis = self.performance.as_ref().map_or_else(js_sys::Date::now, Performance::now);
        let elapsed = Duration::try_from_secs_f64(millis / 1_000.0).unwrap_or_default();
        Instant::from_origin(elapsed)
    }

    fn unix_time(&self) -> Duration {
        unix_time()
    }

    fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()> {
        // Rounded up, lest it fire before its time.
        let rest = u64::from(duration.subsec_nanos().div_ceil(1_000_000));
        let millis = duration.as_secs().saturating_mul(1_000).saturating_add(rest);
        let millis = u32::try_from(millis).unwrap_or(LONGEST_TIMER).min(LONGEST_TIMER);
        Box::pin(TimeoutFuture::new(millis))
    }

    fn entropy(&self) -> Result<[u8; 32], NoEntropy> {
        let mut entropy = [0; 32];
        let crypto = Reflect::get(&js_sys::global(), &"crypto".into()).map_err(|_| NoEntropy)?;
        // Where there is none, asking it throws.
        let crypto = crypto.unchecked_into::<Crypto>();
        crypto.get_random_values_with_u8_array(&mut entropy).map_err(|_| NoEntropy)?;
        Ok(entropy)
    }

    fn spawn(&self, task: LocalBoxFuture<'static, ()>) {
        wasm_bindgen_futures::spawn_local(task);
    }

    fn on_wake(&self, wake: Rc<dyn Fn()>) -> Box<dyn Any> {
        let mut listeners = Vec::new();
        if let Ok(global) = js_sys::global().dyn_into::<EventTarget>() {
            let wake = Rc::clone(&wake);
            listeners.push(Listener::new(global, "online", move || wake()));
        }
        // A worker has no document, and is not held back as a hidden page is.
        if let Some(document) = web_sys::window().and_then(|window| window.document()) {
            let shown = document.clone();
            listeners.push(Listener::new(document.into(), "visibilitychange", move || {
                if !shown.hidden() {
                    wake();
                }
            }));
        }
        Box::new(listeners)
    }

    fn on_leave(&self, leave: Rc<dyn Fn()>) -> Box<dyn Any> {
        // A worker ends without a word.
        let window = web_sys::window();
        Box::new(window.map(|window| Listener::new(window.into(), "pagehide", move || leave())))
    }
}

/// An event handler that is taken off its target when this is dropped.
struct Listener {
    target: EventTarget,
    kind: &'static str,
    handler: Closure<dyn FnMut()>,
}

impl Listener {
    fn new(target: EventTarget, kind: &'static str, handler: impl FnMut() + 'static) -> Self {
        let handler = Closure::<dyn FnMut()>::new(handler);
        // It fails for no target and no handler, neither of which can be here.
        target.add_event_listener_with_callback(kind, handler.as_ref().unchecked_ref()).ok();
        Self { target, kind, handler }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let handler = self.handler.as_ref().unchecked_ref();
        self.target.remove_event_listener_with_callback(self.kind, handler).ok();
    }
}
