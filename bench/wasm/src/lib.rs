//! Consumers in Rust, for the browser benchmarks: the interfaces of `bench/page/like-natsjs.mjs` and
//! `bench/page/streams.mjs`.

#![cfg(target_arch = "wasm32")]

mod clock;
mod counter;
mod session;
mod streams;

use wasm_bindgen::prelude::wasm_bindgen;

/// Has a panic say in the console where it came from.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}
