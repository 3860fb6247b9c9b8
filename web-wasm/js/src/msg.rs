//! A message that was received.

use core::cell::OnceCell;

use js_sys::{JSON, Uint8Array};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_wasm::{Client, Message};

use crate::error::{NatsError, thrown_words};
use crate::headers::{MsgHdrs, header_map};
use crate::object::Fields;
use crate::value;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** The headers of a message to be sent. */
export type MsgHeaders = Record<string, string | Iterable<string>>;

export interface RespondOptions {
  headers?: MsgHeaders;
}
"#;

/// A message from a subscription or in answer to a request.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Msg {
    message: Message,
    client: Client,
    /// The payload in JavaScript's memory, once it was asked for.
    data: OnceCell<Uint8Array>,
}

impl Msg {
    pub(crate) fn new(message: Message, client: Client) -> Self {
        Self { message, client, data: OnceCell::new() }
    }
}

#[wasm_bindgen]
impl Msg {
    /// The subject it was published to.
    #[wasm_bindgen(getter)]
    pub fn subject(&self) -> String {
        self.message.subject.as_str().to_owned()
    }

    /// Where the publisher wants an answer, if it does.
    #[wasm_bindgen(getter)]
    pub fn reply(&self) -> Option<String> {
        self.message.reply.as_ref().map(|reply| reply.as_str().to_owned())
    }

    /// The body. It is copied out of the client the first time that it is asked for.
    #[wasm_bindgen(getter)]
    pub fn data(&self) -> Uint8Array {
        let copy = || Uint8Array::from(&self.message.payload[..]);
        self.data.get_or_init(copy).clone()
    }

    /// The headers, if it came with any.
    #[wasm_bindgen(getter)]
    pub fn headers(&self) -> Option<MsgHdrs> {
        self.message.headers.clone().map(MsgHdrs::from)
    }

    /// The body as text. What is not UTF-8 in it becomes U+FFFD.
    pub fn string(&self) -> String {
        String::from_utf8_lossy(&self.message.payload).into_owned()
    }

    /// The body, read as JSON. Throws `invalid_json` if it is none.
    #[wasm_bindgen(unchecked_return_type = "any")]
    pub fn json(&self) -> Result<JsValue, JsValue> {
        let parsed = JSON::parse(&self.string());
        parsed.map_err(|thrown| NatsError::new("invalid_json", thrown_words(&thrown)).into())
    }

    /// Publishes an answer, and says whether one is wanted.
    ///
    /// The publisher chose where it goes: it is sent with this client's rights, so answer only
    /// on subjects that the publisher may be trusted with. Throws as `publish` does.
    pub fn respond(
        &self,
        #[wasm_bindgen(unchecked_optional_param_type = "Uint8Array | string")] payload: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "RespondOptions")] options: &JsValue,
    ) -> Result<bool, JsValue> {
        Ok(self.answer(payload, options)?)
    }
}

impl Msg {
    fn answer(&self, payload: &JsValue, options: &JsValue) -> Result<bool, NatsError> {
        let payload = value::payload(payload)?;
        let options = Fields::read(options, &["headers"])?;
        let headers = options.value("headers")?.map(|headers| header_map(&headers)).transpose()?;
        let Some(reply) = &self.message.reply else { return Ok(false) };
        self.client.try_publish(reply, None, headers.as_ref(), &payload)?;
        Ok(true)
    }
}
