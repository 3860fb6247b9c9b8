//! Message headers.

use js_sys::{Array, Symbol};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_wasm::{HeaderMap, Message};

use crate::error::{NatsError, thrown_words};
use crate::object::{names, property, texts};

#[wasm_bindgen(module = "/src/headers.js")]
extern "C" {
    /// Names and values in turn, of what can be iterated over.
    #[wasm_bindgen(catch)]
    fn pairs(headers: &JsValue) -> Result<Array, JsValue>;
}

/// Headers from what can be iterated over for names with values, as `MsgHdrs` can, or from an object
/// whose properties are texts or lists of texts.
pub(crate) fn header_map(value: &JsValue) -> Result<HeaderMap, NatsError> {
    let names = names(value, "headers")?;
    let mut headers = HeaderMap::new();
    let iterator = js_sys::Reflect::get(value, &Symbol::iterator());
    if iterator.is_ok_and(|iterator| iterator.is_function()) {
        let pairs = pairs(value).map_err(|thrown| {
            let words = thrown_words(&thrown);
            NatsError::new("invalid_argument", format!("headers can't be read: {words}"))
        })?;
        let pairs = texts(&pairs).ok_or_else(|| NatsError::argument("headers", "all strings"))?;
        for pair in pairs.chunks_exact(2) {
            headers.append(&pair[0], &pair[1])?;
        }
        return Ok(headers);
    }
    for name in names {
        let values = texts(&property(value, &name)?);
        let expected = || NatsError::argument(&format!("the header {name}"), "a string or several");
        for value in values.ok_or_else(expected)? {
            headers.append(&name, &value)?;
        }
    }
    Ok(headers)
}

/// Appends the headers of a message as `MsgHdrs.decode` reads them: nothing if it has none.
pub(crate) fn write_headers(message: &Message, out: &mut Vec<u8>) {
    if message.headers.is_none() && message.status.is_none() {
        return;
    }
    out.extend_from_slice(b"NATS/1.0");
    if let Some(status) = message.status {
        out.extend_from_slice(format!(" {}", status.as_u16()).as_bytes());
    }
    if let Some(description) = &message.description {
        out.push(b' ');
        out.extend_from_slice(description.as_bytes());
    }
    for (name, value) in message.headers.iter().flat_map(HeaderMap::iter) {
        for part in ["\r\n", name, ":", value] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}
