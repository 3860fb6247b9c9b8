//! Single JavaScript values, read and written.

use core::time::Duration;

use js_sys::{ArrayBuffer, Uint8Array};
use wasm_bindgen::{JsCast, JsValue};
use web_wasm::Bytes;

use crate::error::NatsError;

/// Whether a value stands for none.
pub(crate) fn is_absent(value: &JsValue) -> bool {
    value.is_undefined() || value.is_null()
}

/// A subject; whether it is well-formed is for the client to say.
pub(crate) fn subject(value: &JsValue) -> Result<String, NatsError> {
    value.as_string().ok_or_else(|| NatsError::argument("the subject", "a string"))
}

/// A body: bytes, text as UTF-8, or none. Half a surrogate pair becomes U+FFFD.
pub(crate) fn payload(value: &JsValue) -> Result<Bytes, NatsError> {
    if is_absent(value) {
        return Ok(Bytes::new());
    }
    // The prototype alone does not make an array: one without a buffer throws when it is read.
    if let Some(array) = value.dyn_ref::<Uint8Array>().filter(|array| ArrayBuffer::is_view(array)) {
        return Ok(array.to_vec().into());
    }
    let text = value.as_string().map(Bytes::from);
    text.ok_or_else(|| NatsError::argument("the payload", "a Uint8Array or a string"))
}

/// A whole number from 1 that JavaScript can hold exactly.
pub(crate) fn count(value: &JsValue) -> Option<u64> {
    const LARGEST: f64 = 9_007_199_254_740_991.0;
    let number = value.as_f64()?;
    ((1.0..=LARGEST).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

/// A count as JavaScript has it; exact up to 2^53.
pub(crate) fn number(count: u64) -> JsValue {
    (count as f64).into()
}

/// A time in milliseconds, with the fraction.
pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}
