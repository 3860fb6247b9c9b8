//! The demonstration page: every tab is a NATS client.
//!
//! It makes a key, has the API mint a credential for it, connects to nats-server, and shows what
//! arrives on the subject of the updates. The API is never in the way of a message: it may stop,
//! and the tabs go on.
//!
//! The document is static, so that it is there before this module is; each part of it has a module
//! here that finds its elements and fills them. What can be reckoned without a browser is in
//! [`chart`], [`lines`], [`sequence`] and [`snippets`].

pub mod chart;
pub mod lines;
pub mod sequence;
pub mod snippets;

#[cfg(target_arch = "wasm32")]
mod announce;
#[cfg(target_arch = "wasm32")]
mod app;
#[cfg(target_arch = "wasm32")]
mod board;
#[cfg(target_arch = "wasm32")]
mod call_api;
#[cfg(target_arch = "wasm32")]
mod chaos;
#[cfg(target_arch = "wasm32")]
mod code;
#[cfg(target_arch = "wasm32")]
mod dom;
#[cfg(target_arch = "wasm32")]
mod expiring;
#[cfg(target_arch = "wasm32")]
mod explore;
#[cfg(target_arch = "wasm32")]
mod frame;
#[cfg(target_arch = "wasm32")]
mod history;
#[cfg(target_arch = "wasm32")]
mod http;
#[cfg(target_arch = "wasm32")]
mod identity;
#[cfg(target_arch = "wasm32")]
mod ledger;
#[cfg(target_arch = "wasm32")]
mod nodes;
#[cfg(target_arch = "wasm32")]
mod present;
#[cfg(target_arch = "wasm32")]
mod publish;
#[cfg(target_arch = "wasm32")]
mod rates;
#[cfg(target_arch = "wasm32")]
mod request;
#[cfg(target_arch = "wasm32")]
mod session;
#[cfg(target_arch = "wasm32")]
mod status;
#[cfg(target_arch = "wasm32")]
mod stored;
#[cfg(target_arch = "wasm32")]
mod subscribe;
#[cfg(target_arch = "wasm32")]
mod subscription;
#[cfg(target_arch = "wasm32")]
mod theme;
#[cfg(target_arch = "wasm32")]
mod updates;
#[cfg(target_arch = "wasm32")]
mod virtual_list;
#[cfg(target_arch = "wasm32")]
mod words;

/// Runs the page in the document that loaded the module.
#[cfg(target_arch = "wasm32")]
#[wasm_bindgen::prelude::wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
    wasm_bindgen_futures::spawn_local(app::run());
}
