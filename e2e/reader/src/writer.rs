//! Who writes.

use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_wasm::jetstream::{self, PublishMessage};
use web_wasm::outbox::{Options, Outbox};
use web_wasm::{Client, ConnectOptions};

use crate::failed;

/// A page's outbox, by which it publishes numbers.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Writer {
    outbox: Outbox,
    client: Client,
    subject: String,
}

#[wasm_bindgen]
impl Writer {
    /// Opens the outbox of this origin, for a server at `url`, which need not be there.
    ///
    /// # Errors
    /// An `Error` if that fails.
    pub async fn begin(url: String, subject: String) -> Result<Writer, JsValue> {
        let options = ConnectOptions::new().retry_on_initial_connect();
        let client = options.connect(&*url).await.map_err(failed)?;
        let jetstream = jetstream::new(client.clone());
        let outbox = Outbox::open(&jetstream, Options::new("numbers", "alice")).await;
        Ok(Self { outbox: outbox.map_err(failed)?, client, subject })
    }

    /// Publishes a number. It is stored in the browser when this returns.
    ///
    /// # Errors
    /// An `Error` if that fails.
    pub async fn publish(&self, number: u32) -> Result<(), JsValue> {
        let message = PublishMessage::build().payload(number.to_string().into());
        self.outbox.publish(&*self.subject, message).await.map_err(failed)?;
        Ok(())
    }

    /// How many entries the outbox holds, whatever they wait for.
    ///
    /// # Errors
    /// An `Error` if the browser doesn't tell.
    pub async fn entries(&self) -> Result<usize, JsValue> {
        Ok(self.outbox.list().await.map_err(failed)?.len())
    }

    /// Whether a server is there.
    pub fn connected(&self) -> bool {
        self.client.connection_state() == web_wasm::State::Connected
    }
}
