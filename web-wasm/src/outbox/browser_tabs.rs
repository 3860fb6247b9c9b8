//! The tabs of an origin, by Web Locks and a broadcast channel.

use core::any::Any;
use std::rc::Rc;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AbortController, BroadcastChannel, MessageEvent};

use super::error::TabsError;
use super::event::Event;
use super::storage::Tabs;
use crate::platform::LocalBoxFuture;

/// The tabs that have an outbox open. The browser gives the lock to the next when a tab is closed or
/// crashes.
pub(super) struct BrowserTabs {
    name: String,
    /// `navigator.locks`, which web-sys has not among what is stable.
    locks: JsValue,
    request: Function,
    channel: Rc<BroadcastChannel>,
}

impl BrowserTabs {
    pub(super) fn new(name: &str) -> Result<Self, TabsError> {
        let global = js_sys::global();
        let locks = Reflect::get(&global, &"navigator".into())
            .and_then(|navigator| Reflect::get(&navigator, &"locks".into()));
        let locks = locks.map_err(|_| TabsError::NoLocks)?;
        let request = Reflect::get(&locks, &"request".into());
        let request = request.ok().and_then(|request| request.dyn_into().ok());
        let request = request.ok_or(TabsError::NoLocks)?;
        let channel = BroadcastChannel::new(name).map_err(|_| TabsError::NoChannels)?;
        Ok(Self { name: name.to_owned(), locks, request, channel: Rc::new(channel) })
    }
}

impl Drop for BrowserTabs {
    fn drop(&mut self) {
        self.channel.close();
    }
}

/// A lock that is held or waited for, and given back when this is dropped.
struct Lock {
    release: Function,
    wait: AbortController,
    _granted: Closure<dyn FnMut(JsValue) -> JsValue>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.release.call0(&JsValue::UNDEFINED).ok();
        self.wait.abort();
    }
}

impl Tabs for BrowserTabs {
    fn lock(&self) -> LocalBoxFuture<'static, Result<Box<dyn Any>, TabsError>> {
        let begun = self.request();
        Box::pin(async move {
            let (lock, granted, asked) = begun.map_err(|error| refused(&error))?;
            match select(granted, JsFuture::from(asked)).await {
                Either::Left((Ok(()), _)) => Ok(Box::new(lock) as Box<dyn Any>),
                Either::Left((Err(_), _)) => Err(refused(&JsValue::UNDEFINED)),
                Either::Right((result, _)) => Err(refused(&result.err().unwrap_or_default())),
            }
        })
    }

    fn tell(&self, event: &Event) {
        if let Ok(json) = serde_json::to_string(event) {
            // It fails for a closed channel only, which nobody listens to.
            self.channel.post_message(&json.into()).ok();
        }
    }

    fn listen(&self, hear: Rc<dyn Fn(Event)>) -> Box<dyn Any> {
        let hear = Closure::<dyn FnMut(MessageEvent)>::new(move |message: MessageEvent| {
            let json = message.data().as_string().unwrap_or_default();
            // A tab of another version may tell what this one does not know.
            if let Ok(event) = serde_json::from_str(&json) {
                hear(event);
            }
        });
        self.channel.set_onmessage(Some(hear.as_ref().unchecked_ref()));
        Box::new(Listening { channel: Rc::clone(&self.channel), _hear: hear })
    }
}

type Begun = (Lock, oneshot::Receiver<()>, Promise);

impl BrowserTabs {
    /// Asks for the lock: it is held until the promise is resolved that the callback returns.
    fn request(&self) -> Result<Begun, JsValue> {
        let mut release = None;
        let held = Promise::new(&mut |resolve, _| release = Some(resolve));
        let release = release.ok_or(JsValue::UNDEFINED)?;
        let (grant, granted) = oneshot::channel();
        let callback = Closure::once(move |_lock: JsValue| {
            grant.send(()).ok();
            JsValue::from(held)
        });
        let wait = AbortController::new()?;
        let options = Object::new();
        Reflect::set(&options, &"signal".into(), &wait.signal())?;
        let arguments = js_sys::Array::of3(&(&*self.name).into(), &options, callback.as_ref());
        let asked: Promise = self.request.apply(&self.locks, &arguments)?.dyn_into()?;
        Ok((Lock { release, wait, _granted: callback }, granted, asked))
    }
}

struct Listening {
    channel: Rc<BroadcastChannel>,
    _hear: Closure<dyn FnMut(MessageEvent)>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.channel.set_onmessage(None);
    }
}

fn refused(error: &JsValue) -> TabsError {
    TabsError::Refused { problem: format!("{error:?}") }
}
