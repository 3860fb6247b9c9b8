//! The facade as a page uses it, in a window and in a worker, against a real nats-server.
//!
//! `tools/test-browser.sh` starts the server and names it in `WEB_WASM_TEST_SERVER`.

#![cfg(target_arch = "wasm32")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail by panicking, in its helpers too"
)]

#[path = "browser/arguments.rs"]
mod arguments;
#[path = "browser/connecting.rs"]
mod connecting;
#[path = "browser/messages.rs"]
mod messages;
#[path = "browser/page.rs"]
mod page;
