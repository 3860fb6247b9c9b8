//! The client and nats.js in one page at one server: what one of them writes the other reads.
//!
//! What nats.js does is written in JavaScript beside what the client is to make of it, and the other
//! way round. `tools/nats-js.sh` brings nats.js.

#[path = "nats_js/messages.rs"]
mod messages;
#[path = "nats_js/objects.rs"]
mod objects;
#[path = "nats_js/services.rs"]
mod services;
#[path = "nats_js/streams.rs"]
mod streams;
#[path = "nats_js/values.rs"]
mod values;

use js_sys::{Function, JSON, Object, Promise, Reflect};
use serde_json::Value;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_wasm::jetstream::{self, Context};
use web_wasm::{Client, ConnectOptions};

use crate::env;

/// Where the test runner serves what `tools/nats-js.sh` makes.
const MODULE: &str = "/tests/nats-js/generated/nats-js.js";

/// Connects nats.js to the server, and makes what each script finds as `$`: its modules, its
/// connection, and what earlier scripts have left there.
const CONNECT: &str = r#"
    const $ = await import(new URL(module, location.origin));
    const nc = await $.core.wsconnect({ servers: server, name: "nats.js" });
    return {
        ...$,
        nc,
        js: $.jetstream.jetstream(nc),
        jsm: await $.jetstream.jetstreamManager(nc),
        // Bytes that are not all the same, as `bytes` of the tests makes them.
        bytes: (length) => Uint8Array.from({ length }, (_, index) => index % 251),
        // Hexadecimal digits of bytes.
        hex: (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join(""),
        // The first so many of an iterator; it ends with that.
        async take(iterator, count) {
            const taken = [];
            for await (const item of iterator) {
                taken.push(item);
                if (taken.length === count) break;
            }
            return taken;
        },
    };
"#;

/// A connection of nats.js.
struct NatsJs {
    surroundings: Object,
}

impl NatsJs {
    async fn connect() -> Self {
        let server = option_env!("WEB_WASM_TEST_JETSTREAM_SERVER");
        let server = server.expect("run `just test-browser`");
        let connected = call("module, server", CONNECT, &[MODULE.into(), server.into()]).await;
        Self { surroundings: connected.unwrap().unchecked_into() }
    }

    /// Runs a script, which has its surroundings as `$` and `args`, and returns what it returns.
    async fn run(&self, script: &str, args: Value) -> Value {
        self.attempt(script, args).await.unwrap_or_else(|error| panic!("{error}: {script}"))
    }

    /// As [`run`](Self::run); what the script throws is an error.
    async fn attempt(&self, script: &str, args: Value) -> Result<Value, String> {
        let args = JSON::parse(&args.to_string()).unwrap();
        let result = call("$, args", script, &[self.surroundings.clone().into(), args]).await?;
        if result.is_undefined() {
            return Ok(Value::Null);
        }
        let json = JSON::stringify(&result).unwrap();
        Ok(serde_json::from_str(&String::from(json)).unwrap())
    }

    async fn close(self) {
        self.run("await $.nc.close();", Value::Null).await;
    }
}

/// Calls an asynchronous function.
async fn call(parameters: &str, body: &str, args: &[JsValue]) -> Result<JsValue, String> {
    let function =
        Function::new_with_args(parameters, &format!("return (async () => {{ {body} }})();"));
    let promise = Reflect::apply(&function, &JsValue::UNDEFINED, &args.iter().collect());
    let promise = promise.map_err(said)?.unchecked_into::<Promise>();
    env::within(JsFuture::from(promise)).await.map_err(said)
}

fn said(error: JsValue) -> String {
    String::from(error.unchecked_into::<js_sys::Error>().to_string())
}

/// Both clients; a name for the log.
async fn both(name: &str) -> (Context, NatsJs) {
    let ours = connect(name).await;
    (jetstream::new(ours), NatsJs::connect().await)
}

async fn connect(name: &str) -> Client {
    env::connect_jetstream(ConnectOptions::new().name(name)).await.unwrap()
}

/// A name that no other test uses.
fn unique(client: &Client, name: &str) -> String {
    client.new_inbox().replace("_INBOX.", &[name, "-"].concat()).replace('.', "-")
}

/// Bytes that are not all the same.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

/// Hexadecimal digits of bytes.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

async fn finish(ours: Context, theirs: NatsJs) {
    theirs.close().await;
    ours.client().close().await.unwrap();
}
