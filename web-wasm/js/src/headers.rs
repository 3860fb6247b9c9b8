//! Message headers.

use std::collections::HashSet;

use js_sys::Array;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_wasm::{HeaderMap, HeaderValue};

use crate::error::NatsError;
use crate::object::{names, property, strings, texts};

/// The headers of a message that was received. Names are compared to the letter.
#[wasm_bindgen]
#[derive(Debug)]
pub struct MsgHdrs {
    headers: HeaderMap,
}

#[wasm_bindgen]
impl MsgHdrs {
    /// The first value of this name.
    pub fn get(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] name: &JsValue,
    ) -> Option<String> {
        self.headers.get(&name.as_string()?).map(|value| value.as_str().to_owned())
    }

    /// Every value of this name, in order.
    #[wasm_bindgen(unchecked_return_type = "string[]")]
    pub fn values(&self, #[wasm_bindgen(unchecked_param_type = "string")] name: &JsValue) -> Array {
        let name = name.as_string().unwrap_or_default();
        strings(self.headers.get_all(&name).map(HeaderValue::as_str))
    }

    /// Whether there is a header of this name.
    pub fn has(&self, #[wasm_bindgen(unchecked_param_type = "string")] name: &JsValue) -> bool {
        self.get(name).is_some()
    }

    /// The names, each once, in the order in which they first occur.
    #[wasm_bindgen(unchecked_return_type = "string[]")]
    pub fn keys(&self) -> Array {
        let mut seen = HashSet::new();
        strings(
            self.headers.iter().map(|(name, _)| name.as_str()).filter(|name| seen.insert(*name)),
        )
    }
}

impl From<HeaderMap> for MsgHdrs {
    fn from(headers: HeaderMap) -> Self {
        Self { headers }
    }
}

/// Headers from an object whose properties are texts or lists of texts.
pub(crate) fn header_map(value: &JsValue) -> Result<HeaderMap, NatsError> {
    let mut headers = HeaderMap::new();
    for name in names(value, "headers")? {
        let values = texts(&property(value, &name)?);
        let expected = || NatsError::argument(&format!("the header {name}"), "a string or several");
        for value in values.ok_or_else(expected)? {
            headers.append(&name, &value)?;
        }
    }
    Ok(headers)
}
