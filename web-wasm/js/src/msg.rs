//! Messages that were received.

use js_sys::{Array, Function};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_wasm::{Client, Message, Subject};

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

/**
 * A message from a subscription or in answer to a request. Keeping one keeps in memory those that
 * came together with it: keep its `data` instead where that matters.
 */
export interface Msg {
  /** The subject it was published to. */
  readonly subject: string;
  /** Where the publisher wants an answer, if it does. */
  readonly reply: string | undefined;
  /** The body, in memory of its own that is made the first time that it is asked for. */
  readonly data: Uint8Array;
  /** The headers, if it came with any. */
  readonly headers: MsgHdrs | undefined;
  /** The body as text. What is not UTF-8 in it becomes U+FFFD. */
  string(): string;
  /** The body, read as JSON. Throws `invalid_json` if it is none. */
  json(): any;
  /**
   * Publishes an answer, and says whether one is wanted.
   *
   * The publisher chose where it goes: it is sent with this client's rights, so answer only
   * on subjects that the publisher may be trusted with. Throws as `publish` does.
   */
  respond(payload?: Uint8Array | string, options?: RespondOptions): boolean;
}
"#;

/// How many bytes are handed over at once, unless a single message has more.
const BATCH: usize = 64 * 1024;

// A call into JavaScript for each message, and an object of WASM's behind each that the garbage
// collector has to tell of, would cost several times what the message does. So JavaScript has its
// own objects, and many come in one call.
#[wasm_bindgen(module = "/src/msg.js")]
extern "C" {
    /// The page's function, and what its messages have in common.
    #[derive(Debug)]
    pub(crate) type Delivery;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new(callback: &Function) -> Delivery;

    #[wasm_bindgen(method)]
    fn deliver(
        this: &Delivery,
        bytes: &[u8],
        lengths: &[u32],
        headers: &JsValue,
        responder: &JsValue,
    );

    /// Calls the page's function with an error.
    #[wasm_bindgen(method)]
    pub(crate) fn fail(this: &Delivery, error: &JsValue);

    /// The page's function is not called any more, and let go of.
    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Delivery);

    fn message(bytes: &[u8], lengths: &[u32], headers: &JsValue, responder: &JsValue) -> JsValue;
}

/// A message as JavaScript has it.
pub(crate) fn js_message(received: Message, client: Client) -> JsValue {
    let mut batch = Batch::default();
    batch.push(received);
    let headers = batch.headers();
    message(&batch.bytes, &batch.lengths, &headers, &Responder::new(client).into())
}

/// Messages that are handed to JavaScript together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    /// Of subject, reply subject and payload, of each message.
    lengths: Vec<u32>,
    headers: Option<Array>,
    /// The subject that JavaScript knows from the message before.
    subject: Subject,
}

impl Batch {
    pub(crate) fn push(&mut self, message: Message) {
        let known = message.subject == self.subject;
        let subject = if known { "" } else { message.subject.as_str() };
        let reply = message.reply.as_deref().unwrap_or_default();
        for part in [subject.as_bytes(), reply.as_bytes(), &message.payload] {
            // Within a message's limits, which are far below 4 GiB.
            self.lengths.push(part.len() as u32);
            self.bytes.extend_from_slice(part);
        }
        if let Some(headers) = message.headers {
            let all = self.headers.get_or_insert_with(Array::new);
            all.set((self.lengths.len() / 3 - 1) as u32, MsgHdrs::from(headers).into());
        }
        if !known {
            self.subject = message.subject;
        }
    }

    /// Whether it should be handed over before it takes more.
    pub(crate) fn is_full(&self) -> bool {
        self.bytes.len() >= BATCH
    }

    /// Calls the page's function with each message, and is empty.
    pub(crate) fn deliver(&mut self, delivery: &Delivery, responder: &JsValue) {
        let headers = self.headers();
        delivery.deliver(&self.bytes, &self.lengths, &headers, responder);
        self.bytes.clear();
        self.lengths.clear();
    }

    fn headers(&mut self) -> JsValue {
        self.headers.take().map_or(JsValue::UNDEFINED, JsValue::from)
    }
}

/// What a message needs of its connection.
#[wasm_bindgen(skip_typescript)]
#[derive(Debug)]
pub struct Responder {
    client: Client,
}

impl Responder {
    pub(crate) fn new(client: Client) -> Self {
        Self { client }
    }

    fn answer(
        &self,
        reply: Option<&str>,
        payload: &JsValue,
        options: &JsValue,
    ) -> Result<bool, NatsError> {
        let payload = value::payload(payload)?;
        let options = Fields::read(options, &["headers"])?;
        let headers = options.value("headers")?.map(|headers| header_map(&headers)).transpose()?;
        let Some(reply) = reply else { return Ok(false) };
        self.client.try_publish(reply, None, headers.as_ref(), &payload)?;
        Ok(true)
    }
}

#[wasm_bindgen]
impl Responder {
    /// Publishes an answer, if one is wanted, and says whether it is.
    #[expect(clippy::needless_pass_by_value, reason = "wasm-bindgen passes no optional borrow")]
    pub fn respond(
        &self,
        reply: Option<String>,
        payload: &JsValue,
        options: &JsValue,
    ) -> Result<bool, JsValue> {
        Ok(self.answer(reply.as_deref(), payload, options)?)
    }

    /// What a message throws that is no JSON.
    #[wasm_bindgen(js_name = invalidJson)]
    pub fn invalid_json(&self, thrown: &JsValue) -> JsValue {
        NatsError::new("invalid_json", thrown_words(thrown)).into()
    }
}
