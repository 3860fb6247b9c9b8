//! The demonstration page: every tab is a NATS client.
//!
//! It makes a key, has the API mint a credential for it, connects to nats-server, and shows what
//! arrives on the subject of the updates. The API is never in the way of a message: it may stop,
//! and the tabs go on.

#![cfg(target_arch = "wasm32")]

mod app;
mod ping;
mod probe;
mod status;
mod updates;
mod view;

use wasm_bindgen::prelude::wasm_bindgen;

/// Runs the page in the document that loaded the module.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
    wasm_bindgen_futures::spawn_local(app::run());
}
