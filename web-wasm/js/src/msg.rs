//! Messages that were received.

use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_wasm::transport::BrowserFrame;
use web_wasm::{Client, Message, Run, Subject};

use crate::error::NatsError;
use crate::headers::{header_map, write_headers};
use crate::object::Fields;
use crate::value;

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** The headers of a message to be sent; those of nats.js will do, too. */
export type MsgHeaders =
  | Record<string, string | Iterable<string>>
  | Iterable<[string, string | Iterable<string>]>;

/** The headers of a message that was received, as nats.js has them. */
export interface MsgHdrs extends Iterable<[string, string[]]> {
  readonly code: number;
  readonly description: string;
  readonly status: string;
  readonly hasError: boolean;
  /** The first value of this name, or "". Names are compared to the letter. */
  get(name: string): string;
  /** The last value of this name, or "". */
  last(name: string): string;
  values(name: string): string[];
  has(name: string): boolean;
  keys(): string[];
}

export interface RespondOptions {
  headers?: MsgHeaders;
}

/**
 * A message from a subscription or in answer to a request. Keeping one keeps in memory those that
 * came together with it: keep a copy of its `data` instead where that matters.
 */
export interface Msg {
  /** The subject it was published to. */
  readonly subject: string;
  /** Where the publisher wants an answer, if it does. */
  readonly reply: string | undefined;
  /**
   * The body, in memory that it shares with the messages that came together with it: `slice()` it to
   * transfer it, or to keep it without them.
   */
  readonly data: Uint8Array;
  /** The headers, if it came with any. */
  readonly headers: MsgHdrs | undefined;
  /** The body as text. What is not UTF-8 in it becomes U+FFFD. */
  string(): string;
  /** The body, read as JSON. Throws a `SyntaxError` with the code `invalid_json` if it is none. */
  json(reviver?: (key: string, value: any) => any): any;
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
/// How many messages are handed over at once, so that what JavaScript holds is bounded where they are
/// small.
const BATCH_MESSAGES: usize = 1024;

/// How many numbers tell of a message; by frame one more.
const PARTS: usize = 4;
/// Where a payload is that lies in no frame: after the headers.
const COPIED: u32 = u32::MAX;

// A call into JavaScript for each message, and an object of WASM's behind each that the garbage
// collector has to tell of, would cost several times what the message does. So JavaScript has its
// own objects, and many come in one call.
#[wasm_bindgen(module = "/src/msg.js")]
extern "C" {
    /// The page's function, and what its messages have in common.
    #[derive(Clone, Debug)]
    pub(crate) type Delivery;

    #[wasm_bindgen(constructor)]
    pub(crate) fn new(callback: &Function) -> Delivery;

    /// Whether it reads payloads out of a frame.
    #[wasm_bindgen(method, getter, js_name = byFrame)]
    fn by_frame(this: &Delivery) -> bool;

    /// May return a promise, which is waited for before there is more. Whoever reads out of frames is given
    /// the payloads' one, or null.
    #[wasm_bindgen(method)]
    fn deliver(
        this: &Delivery,
        bytes: &[u8],
        lengths: &[u32],
        owner: &JsValue,
        frame: &JsValue,
    ) -> JsValue;

    /// Calls the page's function with an error.
    #[wasm_bindgen(method)]
    pub(crate) fn fail(this: &Delivery, error: &JsValue);

    /// The page's function is not called any more, and let go of.
    #[wasm_bindgen(method)]
    pub(crate) fn close(this: &Delivery);

    fn message(bytes: &[u8], lengths: &[u32], owner: &JsValue) -> JsValue;
}

/// A message as JavaScript has it. Its owner answers for it: JavaScript's own, or else one that is
/// made for it.
pub(crate) fn js_message(received: &Message, client: Client, owner: Option<&JsValue>) -> JsValue {
    let mut batch = Batch::default();
    batch.push(received);
    match owner {
        Some(owner) => message(&batch.bytes, &batch.lengths, owner),
        None => message(&batch.bytes, &batch.lengths, &Responder::new(client).into()),
    }
}

/// Messages that are handed to JavaScript together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Whether payloads may stay where the browser has them.
    by_frame: bool,
    /// The frame that those lie in.
    frame: Option<BrowserFrame>,
    bytes: Vec<u8>,
    /// Of subject, reply subject, headers and payload, of each message; by frame, then where the payload is.
    lengths: Vec<u32>,
    /// The subject that JavaScript knows from the message before.
    subject: Subject,
}

impl Batch {
    /// One that is to be delivered there.
    pub(crate) fn to(delivery: &Delivery) -> Self {
        Self { by_frame: delivery.by_frame(), ..Self::default() }
    }

    pub(crate) fn push(&mut self, message: &Message) {
        let subject = self.append_subject(&message.subject);
        let reply = message.reply.as_deref().map_or(0, |reply| self.append(reply.as_bytes()));
        let headers = self.append_with(|bytes| write_headers(message, bytes));
        self.find_frame(&message.payload);
        self.push_payload([subject, reply, headers], &message.payload);
    }

    pub(crate) fn push_run(&mut self, run: &Run) {
        let mut subject = self.append_subject(run.subject());
        if let Some(first) = run.payloads().next() {
            self.find_frame(first);
        }
        for payload in run.payloads() {
            self.push_payload([subject, 0, 0], payload);
            subject = 0;
        }
    }

    /// The first payload that lies in a frame chooses it; others are copied.
    fn find_frame(&mut self, payload: &[u8]) {
        if self.by_frame && self.frame.is_none() {
            self.frame = BrowserFrame::of(payload);
        }
    }

    fn push_payload(&mut self, [subject, reply, headers]: [u32; 3], payload: &[u8]) {
        let place = self.frame.as_ref().and_then(|frame| frame.range_of(payload));
        // Within a message's limits, which are far below 4 GiB.
        let length = payload.len() as u32;
        self.lengths.extend_from_slice(&[subject, reply, headers, length]);
        if self.by_frame {
            self.lengths.push(place.as_ref().map_or(COPIED, |place| place.start as u32));
        }
        if place.is_none() {
            self.append(payload);
        }
    }

    /// Nothing, where it is that of the message before.
    fn append_subject(&mut self, subject: &Subject) -> u32 {
        if *subject == self.subject {
            return 0;
        }
        self.subject = subject.clone();
        self.append(subject.as_bytes())
    }

    fn append(&mut self, part: &[u8]) -> u32 {
        self.append_with(|bytes| bytes.extend_from_slice(part))
    }

    fn append_with(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> u32 {
        let before = self.bytes.len();
        write(&mut self.bytes);
        // As the payload's.
        (self.bytes.len() - before) as u32
    }

    /// Whether it should be handed over before it takes more.
    pub(crate) fn is_full(&self) -> bool {
        let parts = PARTS + usize::from(self.by_frame);
        self.bytes.len() >= BATCH || self.lengths.len() >= parts * BATCH_MESSAGES
    }

    /// Hands all messages over, and is empty. What it returns may be a promise to wait for.
    pub(crate) fn deliver(&mut self, delivery: &Delivery, owner: &JsValue) -> JsValue {
        let frame = match (self.by_frame, self.frame.take()) {
            (true, Some(frame)) => frame.buffer().into(),
            (true, None) => JsValue::NULL,
            (false, _) => JsValue::UNDEFINED,
        };
        let returned = delivery.deliver(&self.bytes, &self.lengths, owner, &frame);
        self.bytes.clear();
        self.lengths.clear();
        returned
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
}
