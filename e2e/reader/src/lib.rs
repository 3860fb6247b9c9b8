//! Reads a stream of numbers in a page, in three ways at once, and keeps count of what came; or writes
//! one by an outbox.

#![cfg(target_arch = "wasm32")]

mod reader;
mod tally;
mod writer;

use core::fmt::Display;

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Has a panic say in the console where it came from.
#[wasm_bindgen(start)]
pub fn start() {
    console_error_panic_hook::set_once();
}

fn failed(error: impl Display) -> JsValue {
    js_sys::Error::new(&error.to_string()).into()
}
