//! A connection, and what is measured of it.

use core::cell::Cell;
use core::fmt::Display;

use futures_util::future::{FutureExt, try_join_all};
use futures_util::stream::StreamExt;
use js_sys::{Function, Promise};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_wasm::{Bytes, Client, Pace, Subject, Subscriber};

use crate::clock;
use crate::counter::Counter;

/// A connection.
#[wasm_bindgen]
#[derive(Clone, Debug)]
pub struct Session {
    client: Client,
    turn: Function,
    burst: Function,
}

pub(crate) fn failed(error: impl Display) -> JsValue {
    js_sys::Error::new(&error.to_string()).into()
}

#[wasm_bindgen]
impl Session {
    /// Connects. `turn` resolves when the event loop has taken a turn; `burst` says how many
    /// messages of a size are published at once.
    ///
    /// # Errors
    /// An `Error` if that fails.
    pub async fn open(url: String, turn: Function, burst: Function) -> Result<Session, JsValue> {
        let client = web_wasm::connect(url).await.map_err(failed)?;
        Ok(Self { client, turn, burst })
    }

    /// In which ways it can receive.
    #[wasm_bindgen(getter)]
    pub fn ways(&self) -> Vec<String> {
        vec!["handler".to_owned(), "stream".to_owned()]
    }

    /// Subscribes and counts: with `stream`, one message at a time from an async loop; with
    /// `handler`, by a closure that is called with all that have come.
    ///
    /// # Errors
    /// An `Error` if it can't subscribe.
    pub fn receive(&self, how: &str, subject: String) -> Result<Counter, JsValue> {
        let subscribed = self.client.subscribe(subject).now_or_never();
        let subscriber = subscribed.ok_or("subscribing waits")?.map_err(failed)?;
        let counter = Counter::default();
        let counting = counter.clone();
        match how {
            "handler" => spawn_local(handle(subscriber, counting)),
            _ => spawn_local(stream(subscriber, counting)),
        }
        Ok(counter)
    }

    /// Waits for the server's confirmation.
    ///
    /// # Errors
    /// An `Error` if it doesn't come.
    pub async fn flush(&self) -> Result<(), JsValue> {
        self.client.flush().await.map_err(failed)
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// An `Error` if something was not sent.
    pub async fn close(&self) -> Result<(), JsValue> {
        self.client.close().await.map_err(failed)
    }

    /// Publishes in bursts, then flushes.
    ///
    /// # Errors
    /// An `Error` if the client does not take a message.
    pub async fn publish(&self, subject: String, size: usize, count: usize) -> Result<(), JsValue> {
        let payload = Bytes::from(vec![0; size]);
        let subject = Subject::from(subject);
        let burst = self.burst.call1(&JsValue::UNDEFINED, &(size as f64).into())?;
        let burst = burst.as_f64().unwrap_or(1.0) as usize;
        let mut sent = 0;
        while sent < count {
            let stop = count.min(sent + burst);
            while sent < stop {
                self.client.publish(&subject, payload.clone()).await.map_err(failed)?;
                sent += 1;
            }
            let turn = self.turn.call0(&JsValue::UNDEFINED)?.dyn_into::<Promise>()?;
            JsFuture::from(turn).await?;
        }
        self.client.flush().await.map_err(failed)
    }

    /// Publishes, and has the server confirm each message; the times in milliseconds.
    ///
    /// # Errors
    /// An `Error` if that fails.
    #[wasm_bindgen(js_name = publishFlushed)]
    pub async fn publish_flushed(
        &self,
        subject: String,
        size: usize,
        count: usize,
    ) -> Result<Vec<f64>, JsValue> {
        let payload = Bytes::from(vec![0; size]);
        let subject = Subject::from(subject);
        timed(count, async || {
            self.client.publish(&subject, payload.clone()).await.map_err(failed)?;
            self.client.flush().await.map_err(failed)
        })
        .await
    }

    /// Asks one question after the other; the times in milliseconds.
    ///
    /// # Errors
    /// An `Error` if an answer does not come or is not what was asked for.
    pub async fn requests(
        &self,
        subject: String,
        size: usize,
        count: usize,
    ) -> Result<Vec<f64>, JsValue> {
        let payload = Bytes::from(vec![0; size]);
        let subject = Subject::from(subject);
        timed(count, async || self.ask(&subject, &payload).await).await
    }

    /// Asks with `window` questions on their way.
    ///
    /// # Errors
    /// An `Error` if an answer does not come or is not what was asked for.
    pub async fn pipelined(
        &self,
        subject: String,
        size: usize,
        count: usize,
        window: usize,
    ) -> Result<(), JsValue> {
        let payload = Bytes::from(vec![0; size]);
        let subject = Subject::from(subject);
        windowed(count, window, async || self.ask(&subject, &payload).await).await
    }

    async fn ask(&self, subject: &Subject, payload: &Bytes) -> Result<(), JsValue> {
        let answer = self.client.request(subject, payload.clone()).await.map_err(failed)?;
        match answer.payload.len() == payload.len() {
            true => Ok(()),
            false => Err("an answer of the wrong size".into()),
        }
    }
}

async fn handle(mut subscriber: Subscriber, counter: Counter) {
    subscriber.handle_with(move |messages| {
        for message in messages {
            counter.take(message.payload.len());
        }
        Pace::Continue
    });
    while subscriber.next().await.is_some() {}
}

async fn stream(mut subscriber: Subscriber, counter: Counter) {
    while let Some(message) = subscriber.next().await {
        counter.take(message.payload.len());
    }
}

/// How long each of so many steps takes, one after the other, in milliseconds.
pub(crate) async fn timed(
    count: usize,
    mut step: impl AsyncFnMut() -> Result<(), JsValue>,
) -> Result<Vec<f64>, JsValue> {
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        let began = clock::now();
        step().await?;
        times.push(clock::now() - began);
    }
    Ok(times)
}

/// Takes so many steps, of which `window` are on their way at a time.
pub(crate) async fn windowed(
    count: usize,
    window: usize,
    step: impl AsyncFn() -> Result<(), JsValue>,
) -> Result<(), JsValue> {
    let left = Cell::new(count);
    let some = async || {
        while left.get() > 0 {
            left.set(left.get() - 1);
            step().await?;
        }
        Ok::<(), JsValue>(())
    };
    try_join_all((0..window).map(|_| some())).await?;
    Ok(())
}
