//! The client in Chromium, in a window and in a worker, against a real nats-server.
//!
//! `tools/test-browser.sh` starts the server and names it in `WEB_WASM_TEST_SERVER`.

#![cfg(target_arch = "wasm32")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking, in its helpers too"
)]

mod common;
#[path = "browser/credentials.rs"]
mod credentials;
#[path = "browser/env.rs"]
mod env;
#[path = "browser/files.rs"]
mod files;
#[path = "browser/frames.rs"]
mod frames;
#[path = "browser/nats_js.rs"]
mod nats_js;
#[path = "browser/presence.rs"]
mod presence;

use futures_util::StreamExt;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;
use web_wasm::ConnectOptions;

scenarios!(wasm_bindgen_test, env::here);

/// What a connection took is given back: closures, timers, sockets, buffers.
#[wasm_bindgen_test]
async fn a_thousand_connections_leave_memory_flat() {
    let memory = || {
        let memory = wasm_bindgen::memory().unchecked_into::<js_sys::WebAssembly::Memory>();
        memory.buffer().unchecked_into::<js_sys::ArrayBuffer>().byte_length()
    };
    let come_and_go = async |times: u32| {
        for _ in 0..times {
            let client = env::connect(ConnectOptions::new()).await.unwrap();
            let mut subscriber = client.subscribe("flat").await.unwrap();
            client.publish("flat", vec![0; 10_000].into()).await.unwrap();
            assert_eq!(env::within(subscriber.next()).await.unwrap().payload.len(), 10_000);
            client.close().await.unwrap();
        }
    };
    come_and_go(100).await;
    let before = memory();
    come_and_go(1_000).await;
    // Memory grows by pages of 64 KiB and never shrinks: a leak of 200 bytes a time would show.
    assert!(memory() <= before + 2 * 65_536, "{before} bytes became {}", memory());
}

/// When the machine comes online the server is asked at once, for as long as the client is open.
#[wasm_bindgen_test]
async fn coming_online_tests_the_connection() {
    let global = js_sys::global().unchecked_into::<web_sys::EventTarget>();
    tests_the_connection(&global, "online").await;
}

/// So it is when the page is shown again. A worker has no page.
#[wasm_bindgen_test]
async fn being_shown_again_tests_the_connection() {
    if let Some(document) = web_sys::window().and_then(|window| window.document()) {
        assert!(!document.hidden(), "the browser shows the page of the tests");
        tests_the_connection(&document, "visibilitychange").await;
    }
}

async fn tests_the_connection(target: &web_sys::EventTarget, event: &str) {
    let happen = || target.dispatch_event(&web_sys::Event::new(event).unwrap()).unwrap();
    let client = env::connect(ConnectOptions::new()).await.unwrap();
    client.flush().await.unwrap();
    let quiet = client.statistics().out_bytes;
    happen();
    env::within(async {
        while client.statistics().out_bytes < quiet + "PING\r\n".len() as u64 {
            gloo_timers::future::TimeoutFuture::new(1).await;
        }
    })
    .await;
    client.flush().await.unwrap();
    client.close().await.unwrap();
    let closed = client.statistics();
    happen();
    gloo_timers::future::TimeoutFuture::new(20).await;
    assert_eq!(client.statistics(), closed);
}
