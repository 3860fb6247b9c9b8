//! What happens to a connection, as an async iterator.

use core::cell::Cell;
use core::time::Duration;
use std::rc::Rc;

use futures_util::StreamExt;
use futures_util::lock::Mutex;
use js_sys::{Array, Object, Promise};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_wasm::{DateTime, DisconnectReason, Event, Events};

use crate::error::NatsError;
use crate::object::object;
use crate::promise::promise;
use crate::value::{millis, number};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** Something that happened to a connection. Times are in milliseconds. */
export type StatusEvent =
  /** A server let the client in and every subscription is in place. */
  | { type: "connect"; server: string; serverName: string }
  /** It is over. So many messages were sent without the server's confirmation. */
  | { type: "disconnect"; error: NatsError; unconfirmed: number }
  /** An attempt failed. */
  | { type: "connectFailed"; server: string; error: NatsError }
  /** A server is about to be dialled. */
  | { type: "connecting"; server: string; wait: number; attempt: number }
  /**
   * Another connection took the place of the one before, as its server was about to stop or its
   * credential to expire; subscriptions went on. The error is there if it broke off before that.
   */
  | {
      type: "handedOver";
      server: string;
      serverName: string;
      error?: NatsError;
      unconfirmed: number;
    }
  /** Another connection was to take its place, and did not come to be. */
  | { type: "handoverFailed"; server: string; error: NatsError }
  /**
   * Messages may have been missed between two moments, in milliseconds since 1970; it is over. What
   * was published until `from` and what is published from `to` on has come; `lastHeard` is when
   * anything came for the last time.
   */
  | { type: "gap"; from: number; lastHeard: number; to: number; subjects: string[] }
  /** The server is about to stop. */
  | { type: "ldm" }
  /** Servers joined the cluster, or left it. */
  | { type: "update" }
  /** The connection is being drained. */
  | { type: "draining" }
  /** A subscription loses messages, so many as yet, since its callback does not keep up. */
  | { type: "slowConsumer"; subject: string; dropped: number }
  /** The server said that something went wrong. */
  | { type: "error"; error: NatsError }
  /** The client is closed; the error is missing if the page wished it. */
  | { type: "close"; error?: NatsError; discarded: number }
  /** Something that has no name here yet. */
  | { type: "unknown" };
"#;

/// What happens to a connection from the moment that this was made; ends after `close`.
///
/// Up to 1,024 events wait to be read; what comes beyond that is lost.
#[wasm_bindgen]
#[derive(Clone, Debug)]
pub struct Status {
    /// Locked, since an iterator may be asked again before it has answered.
    events: Rc<Mutex<Events>>,
    /// Whether the reader has left the loop.
    done: Rc<Cell<bool>>,
}

impl Status {
    pub(crate) fn new(events: Events) -> Self {
        Self { events: Rc::new(Mutex::new(events)), done: Rc::default() }
    }
}

#[wasm_bindgen]
impl Status {
    /// The iterator itself, for `for await`.
    #[wasm_bindgen(
        js_name = "[Symbol.asyncIterator]",
        unchecked_return_type = "AsyncIterableIterator<StatusEvent>"
    )]
    pub fn iterator(&self) -> Status {
        self.clone()
    }

    /// The next event.
    #[wasm_bindgen(unchecked_return_type = "Promise<IteratorResult<StatusEvent, undefined>>")]
    pub fn next(&self) -> Promise {
        let status = self.clone();
        promise(async move {
            let event = match status.done.get() {
                true => None,
                false => status.events.lock().await.next().await,
            };
            Ok(result(event.filter(|_| !status.done.get())))
        })
    }

    /// Ends the iteration, as leaving a `for await` loop does.
    #[wasm_bindgen(
        js_name = "return",
        unchecked_return_type = "Promise<IteratorResult<StatusEvent, undefined>>"
    )]
    pub fn stop(&self) -> Promise {
        self.done.set(true);
        Promise::resolve(&result(None))
    }
}

fn result(event: Option<Event>) -> JsValue {
    let done = event.is_none();
    let value = event.map_or(JsValue::UNDEFINED, |event| status(event).into());
    object(&[("done", done.into()), ("value", value)]).into()
}

fn status(event: Event) -> Object {
    let error = |error: NatsError| ("error", JsValue::from(error));
    match event {
        Event::Connected { server, server_name } => of_type(
            "connect",
            &[("server", server.to_string().into()), ("serverName", server_name.into())],
        ),
        Event::Disconnected { reason, unconfirmed } => {
            of_type("disconnect", &[error(reason.into()), ("unconfirmed", number(unconfirmed))])
        }
        Event::ConnectFailed { server, reason } => {
            of_type("connectFailed", &[("server", server.to_string().into()), error(reason.into())])
        }
        Event::Connecting { server, wait, attempt } => of_type(
            "connecting",
            &[
                ("server", server.to_string().into()),
                ("wait", millis(wait).into()),
                ("attempt", attempt.into()),
            ],
        ),
        Event::HandedOver { server, server_name, broke, unconfirmed } => of_type(
            "handedOver",
            &[
                ("server", server.to_string().into()),
                ("serverName", server_name.into()),
                ("error", broke.map_or(JsValue::UNDEFINED, |broke| NatsError::from(broke).into())),
                ("unconfirmed", number(unconfirmed)),
            ],
        ),
        Event::HandoverFailed { server, reason } => of_type(
            "handoverFailed",
            &[("server", server.to_string().into()), error(reason.into())],
        ),
        Event::Gap { from, last_heard, to, subscriptions } => {
            let subjects = subscriptions.iter().map(|one| JsValue::from(one.subject.as_str()));
            of_type(
                "gap",
                &[
                    ("from", date(from)),
                    ("lastHeard", date(last_heard)),
                    ("to", date(to)),
                    ("subjects", subjects.collect::<Array>().into()),
                ],
            )
        }
        Event::LameDuckMode => of_type("ldm", &[]),
        Event::ServersChanged => of_type("update", &[]),
        Event::SlowConsumer { subject, dropped, .. } => of_type(
            "slowConsumer",
            &[("subject", subject.as_str().into()), ("dropped", number(dropped))],
        ),
        Event::Draining => of_type("draining", &[]),
        Event::ServerError(reason) => of_type("error", &[error(reason.into())]),
        Event::Closed { reason, discarded } => {
            let reason = close_error(reason).map_or(JsValue::UNDEFINED, JsValue::from);
            of_type("close", &[("error", reason), ("discarded", number(discarded))])
        }
        // A later version of the client may tell more than this one knows to pass on.
        _ => of_type("unknown", &[]),
    }
}

/// A moment as `Date` takes it: in milliseconds since 1970.
fn date(moment: DateTime) -> JsValue {
    // A number of JavaScript has them all exactly, for the next 280,000 years.
    let since = moment.saturating_duration_since(DateTime::from_unix_time(Duration::ZERO));
    (since.as_secs() as f64 * 1_000.0 + f64::from(since.subsec_millis())).into()
}

fn of_type(name: &str, properties: &[(&'static str, JsValue)]) -> Object {
    object(&[&[("type", name.into())], properties].concat())
}

/// Why a connection was closed, unless the page wished it.
pub(crate) fn close_error(reason: DisconnectReason) -> Option<NatsError> {
    (reason != DisconnectReason::ClosedByCaller).then(|| reason.into())
}
