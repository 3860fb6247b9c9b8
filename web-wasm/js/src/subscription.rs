//! A subscription that calls a function with each message.

use core::cell::{Cell, OnceCell, RefCell};
use core::future::poll_fn;
use core::task::{Context, Poll};
use std::rc::Rc;

use futures_util::StreamExt;
use js_sys::Promise;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_wasm::{Arrivals, Client, EndReason, Message, Pace, Subscriber};

use crate::error::NatsError;
use crate::msg::{Batch, Delivery, Responder};
use crate::value::{count, is_absent};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export interface SubscriptionOptions {
  /**
   * Called with each message; or once with an error and no message, when the server refuses the
   * subscription. What it throws is reported as an uncaught error, and the subscription goes on.
   */
  callback: (err: NatsError | null, msg?: Msg) => void;
  /** The queue group to be a member of, of which only one gets each message. */
  queue?: string;
  /** After how many messages the subscription ends. */
  max?: number;
}
"#;

/// A subscription. It lasts until it is unsubscribed or drained, has had as many messages as it
/// was to have, is refused by the server, or the connection is closed; whether the page holds
/// this object does not matter.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Subscription {
    state: Rc<State>,
}

#[derive(Debug)]
struct State {
    subject: String,
    /// Let go of when the function is not called any more, for it holds the connection.
    subscriber: RefCell<Option<Subscriber>>,
    /// How many messages had been dropped by then.
    dropped: Cell<u64>,
    delivery: Delivery,
}

impl State {
    /// Waits until there will be no more messages, and sees to it that nothing holds the function.
    async fn finish(&self) {
        while poll_fn(|cx| self.poll_next(cx)).await.is_some() {}
        if let Some(reason @ EndReason::Refused(_)) = self.end() {
            self.delivery.fail(&NatsError::from(reason).into());
        }
        self.delivery.close();
    }

    fn poll_next(&self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        match &mut *self.subscriber.borrow_mut() {
            Some(subscriber) => subscriber.poll_next_unpin(cx),
            None => Poll::Ready(None),
        }
    }

    /// Sees to it that the function is not called any more, and returns why it would not be
    /// anyway.
    fn end(&self) -> Option<EndReason> {
        let subscriber = self.subscriber.take()?;
        self.dropped.set(subscriber.dropped());
        subscriber.end_reason()
    }
}

/// Hands over messages, as many as wait up to a batch.
fn deliver(
    delivery: Delivery,
    client: Client,
    owned: bool,
) -> impl FnMut(&mut Arrivals<'_>) -> Pace {
    // It holds the connection, and is there for the garbage collector to let go of.
    let responder = OnceCell::new();
    let mut batch = Batch::to(&delivery);
    move |messages| {
        while !batch.is_full() {
            if let Some(run) = messages.next_run() {
                batch.push_run(&run);
            } else if let Some(message) = messages.next() {
                batch.push(&message);
            } else {
                break;
            }
        }
        let owner = responder.get_or_init(|| match owned {
            true => JsValue::UNDEFINED,
            false => Responder::new(client.clone()).into(),
        });
        match batch.deliver(&delivery, owner).dyn_into::<Promise>() {
            // Whatever becomes of it, there is room then.
            Ok(room) => Pace::After(Box::pin(async move {
                JsFuture::from(room).await.ok();
            })),
            Err(_) => Pace::Continue,
        }
    }
}

impl Subscription {
    /// Hands a subscription's messages over. Those that are owned have an owner of JavaScript's.
    pub(crate) fn new(
        mut subscriber: Subscriber,
        client: Client,
        delivery: Delivery,
        owned: bool,
    ) -> Self {
        subscriber.handle_with(deliver(delivery.clone(), client, owned));
        let state = Rc::new(State {
            subject: subscriber.subject().as_str().to_owned(),
            subscriber: RefCell::new(Some(subscriber)),
            dropped: Cell::default(),
            delivery,
        });
        let finishing = Rc::clone(&state);
        wasm_bindgen_futures::spawn_local(async move { finishing.finish().await });
        Self { state }
    }
}

#[wasm_bindgen]
impl Subscription {
    /// Unsubscribes at once: the callback is not called again. With `max`, unsubscribes when so
    /// many messages have come in all, counted from the beginning.
    pub fn unsubscribe(
        &self,
        #[wasm_bindgen(unchecked_optional_param_type = "number")] max: &JsValue,
    ) -> Result<(), JsValue> {
        if is_absent(max) {
            self.state.end();
            self.state.delivery.close();
            return Ok(());
        }
        let expected = || NatsError::argument("max", "a whole number from 1");
        let max = count(max).ok_or_else(expected)?;
        if let Some(subscriber) = &mut *self.state.subscriber.borrow_mut() {
            subscriber.unsubscribe_after(max);
        }
        Ok(())
    }

    /// Unsubscribes at once, and ends when what had come by then was handed over.
    pub fn stop(&self) {
        if let Some(subscriber) = &mut *self.state.subscriber.borrow_mut() {
            subscriber.unsubscribe();
        }
    }

    /// Unsubscribes, and ends when the callback was called with everything that was on its way.
    pub fn drain(&self) {
        if let Some(subscriber) = &mut *self.state.subscriber.borrow_mut() {
            subscriber.drain();
        }
    }

    /// What it is subscribed to.
    #[wasm_bindgen(js_name = getSubject)]
    pub fn subject(&self) -> String {
        self.state.subject.clone()
    }

    /// How many messages were dropped because they came faster than the callback takes them.
    #[wasm_bindgen(js_name = getDropped)]
    pub fn dropped(&self) -> f64 {
        let subscriber = self.state.subscriber.borrow();
        subscriber.as_ref().map_or_else(|| self.state.dropped.get(), Subscriber::dropped) as f64
    }

    /// How many messages wait to be handed over.
    #[wasm_bindgen(js_name = getPending)]
    pub fn pending(&self) -> f64 {
        let subscriber = self.state.subscriber.borrow();
        subscriber.as_ref().map_or(0, Subscriber::pending) as f64
    }

    /// Whether the callback is not called any more.
    #[wasm_bindgen(js_name = isClosed)]
    pub fn is_closed(&self) -> bool {
        self.state.subscriber.borrow().is_none()
    }
}
