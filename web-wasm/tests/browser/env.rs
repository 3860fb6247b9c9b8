//! The browser as surroundings.

use std::future::Future;

use futures_util::future::{Either, select};
use gloo_timers::future::TimeoutFuture;
use web_wasm::jetstream::Context;
use web_wasm::outbox::{Options, Outbox};
use web_wasm::{Client, ConnectError, ConnectOptions};

/// How long anything may take that should happen soon, in milliseconds.
const SOON: u32 = 60_000;

pub(crate) async fn here(test: impl Future<Output = ()>) {
    test.await;
}

pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) {
    wasm_bindgen_futures::spawn_local(task);
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    match select(Box::pin(future), TimeoutFuture::new(SOON)).await {
        Either::Left((result, _)) => result,
        Either::Right(_) => panic!("it did not happen in time"),
    }
}

pub(crate) async fn connect(options: ConnectOptions) -> Result<Client, ConnectError> {
    let server = option_env!("WEB_WASM_TEST_SERVER");
    connect_to(options, server.expect("run `just test-browser`")).await
}

/// Connects to the server that wants a JWT.
pub(crate) async fn connect_guarded(options: ConnectOptions) -> Result<Client, ConnectError> {
    let server = option_env!("WEB_WASM_TEST_GUARDED_SERVER");
    connect_to(options, server.expect("run `just test-browser`")).await
}

/// Connects to the server with JetStream.
pub(crate) async fn connect_jetstream(options: ConnectOptions) -> Result<Client, ConnectError> {
    let server = option_env!("WEB_WASM_TEST_JETSTREAM_SERVER");
    connect_to(options, server.expect("run `just test-browser`")).await
}

/// Seconds since 1970.
pub(crate) fn unix_time() -> u64 {
    (js_sys::Date::now() / 1_000.0) as u64
}

/// Lets so many milliseconds pass.
pub(crate) async fn pause(millis: u32) {
    TimeoutFuture::new(millis).await;
}

pub(crate) async fn connect_to(
    options: ConnectOptions,
    addr: &str,
) -> Result<Client, ConnectError> {
    options.connect(addr).await
}

/// Where the entries of an outbox outlive it: a database that no test had before.
pub(crate) struct Shelf {
    name: String,
}

impl Shelf {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: format!("{name}-{}", js_sys::Math::random()) }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }
}

pub(crate) async fn open_outbox(_: &Shelf, jetstream: &Context, options: Options) -> Outbox {
    Outbox::open(jetstream, options).await.unwrap()
}
