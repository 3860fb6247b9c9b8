//! The facade's objects as JavaScript sees them, and what the tests do with them.

use std::cell::RefCell;
use std::rc::Rc;

use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use js_sys::{Array, Function, JSON, Promise, Reflect};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_wasm_js::wsconnect;

/// How long anything may take that should happen soon, in milliseconds.
const SOON: u32 = 20_000;

#[wasm_bindgen]
extern "C" {
    #[derive(Clone, Debug)]
    pub(crate) type Connection;
    #[wasm_bindgen(method, catch)]
    pub(crate) fn publish(
        this: &Connection,
        subject: &JsValue,
        payload: &JsValue,
        options: &JsValue,
    ) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) fn subscribe(
        this: &Connection,
        subject: &JsValue,
        options: &JsValue,
    ) -> Result<Subscription, JsValue>;
    #[wasm_bindgen(method)]
    pub(crate) fn request(
        this: &Connection,
        subject: &JsValue,
        payload: &JsValue,
        options: &JsValue,
    ) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn flush(this: &Connection) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn rtt(this: &Connection) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn drain(this: &Connection) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Connection) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn closed(this: &Connection) -> Promise;
    #[wasm_bindgen(method, js_name = isClosed)]
    pub(crate) fn is_closed(this: &Connection) -> bool;
    #[wasm_bindgen(method)]
    pub(crate) fn status(this: &Connection) -> JsValue;
    #[wasm_bindgen(method)]
    pub(crate) fn stats(this: &Connection) -> JsValue;
    #[wasm_bindgen(method)]
    pub(crate) fn free(this: &Connection);

    #[derive(Clone, Debug)]
    pub(crate) type Subscription;
    #[wasm_bindgen(method, catch, js_name = unsubscribe)]
    pub(crate) fn unsubscribe(this: &Subscription, max: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method, js_name = drain)]
    pub(crate) fn drain_subscription(this: &Subscription);
    #[wasm_bindgen(method, js_name = getSubject)]
    pub(crate) fn subject(this: &Subscription) -> String;
    #[wasm_bindgen(method, js_name = getDropped)]
    pub(crate) fn dropped(this: &Subscription) -> f64;
    #[wasm_bindgen(method, js_name = isClosed)]
    pub(crate) fn has_ended(this: &Subscription) -> bool;

    #[derive(Clone, Debug)]
    pub(crate) type Msg;
    #[wasm_bindgen(method)]
    pub(crate) fn string(this: &Msg) -> String;
    #[wasm_bindgen(method, catch)]
    pub(crate) fn json(this: &Msg) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch)]
    pub(crate) fn respond(
        this: &Msg,
        payload: &JsValue,
        options: &JsValue,
    ) -> Result<JsValue, JsValue>;
}

pub(crate) const NONE: JsValue = JsValue::UNDEFINED;

/// The server that the tests are run against.
pub(crate) fn server() -> &'static str {
    let server = option_env!("WEB_WASM_TEST_SERVER");
    server.expect("run `just test-browser`")
}

/// A value from JSON.
pub(crate) fn json(text: &str) -> JsValue {
    JSON::parse(text).unwrap()
}

/// A property, which may be missing.
pub(crate) fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap()
}

/// Adds a property to an object.
pub(crate) fn with(object: JsValue, name: &str, value: &JsValue) -> JsValue {
    Reflect::set(&object, &name.into(), value).unwrap();
    object
}

/// What a promise resolves or rejects to, which has to be soon.
pub(crate) async fn settle(promise: Promise) -> Result<JsValue, JsValue> {
    match select(JsFuture::from(promise), TimeoutFuture::new(SOON)).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => panic!("it did not happen in time"),
    }
}

/// Waits until a condition holds.
pub(crate) async fn until(condition: impl Fn() -> bool) {
    for _ in 0..SOON / 5 {
        if condition() {
            return;
        }
        TimeoutFuture::new(5).await;
    }
    panic!("it did not happen in time");
}

/// The code of an error, which has to be one of the facade's.
pub(crate) fn code(error: &JsValue) -> String {
    assert!(error.is_instance_of::<js_sys::Error>(), "{error:?}");
    assert!(!get(error, "message").as_string().unwrap().is_empty());
    get(error, "code").as_string().unwrap()
}

/// The words of an error.
pub(crate) fn words(error: &JsValue) -> String {
    get(error, "message").as_string().unwrap()
}

/// Connects with more options than the server.
pub(crate) async fn connect_with(options: JsValue) -> Result<Connection, JsValue> {
    let options = with(options, "servers", &server().into());
    settle(wsconnect(&options)).await.map(JsCast::unchecked_into)
}

pub(crate) async fn connect() -> Connection {
    connect_with(json(r#"{"name":"web-wasm-js"}"#)).await.unwrap()
}

/// A subject that no other test uses.
pub(crate) fn unique(name: &str) -> JsValue {
    format!("{name}.{}", js_sys::Math::random().to_bits()).into()
}

/// What a callback was called with: errors and messages.
pub(crate) type Calls = Rc<RefCell<Vec<(JsValue, JsValue)>>>;

/// A callback that keeps what it is called with.
pub(crate) fn recorder() -> (Function, Calls) {
    let calls = Calls::default();
    let kept = Rc::clone(&calls);
    let function = callback(move |error, message| kept.borrow_mut().push((error, message)));
    (function, calls)
}

/// A function of two arguments; lives as long as the test's page.
pub(crate) fn callback(function: impl FnMut(JsValue, JsValue) + 'static) -> Function {
    let closure: Closure<dyn FnMut(JsValue, JsValue)> = Closure::new(function);
    closure.into_js_value().unchecked_into()
}

/// The options of a subscription with a callback.
pub(crate) fn calling(function: &Function) -> JsValue {
    with(json("{}"), "callback", function)
}

/// The messages of calls, of which none was an error.
pub(crate) fn messages(calls: &Calls) -> Vec<Msg> {
    let calls = calls.borrow();
    calls
        .iter()
        .map(|(error, message)| {
            assert!(error.is_null(), "{error:?}");
            message.clone().unchecked_into()
        })
        .collect()
}

/// An array's strings.
pub(crate) fn texts(array: &JsValue) -> Vec<String> {
    array.unchecked_ref::<Array>().iter().map(|text| text.as_string().unwrap()).collect()
}

/// Calls a method.
pub(crate) fn call(object: &JsValue, method: &JsValue, arguments: &[JsValue]) -> JsValue {
    let method: Function = Reflect::get(object, method).unwrap().dyn_into().unwrap();
    method.apply(object, &arguments.iter().collect()).unwrap()
}
