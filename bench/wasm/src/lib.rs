//! Consumers in Rust, for the browser benchmarks: the interface of `bench/page/like-natsjs.mjs`.

#![cfg(target_arch = "wasm32")]

mod clock;
mod counter;
mod session;

use wasm_bindgen::prelude::wasm_bindgen;

/// Has a panic say in the console where it came from.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}
