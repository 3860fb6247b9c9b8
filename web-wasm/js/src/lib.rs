//! The NATS browser client for JavaScript: `web_wasm` with the names of nats.js where it has an
//! equivalent. Everything here converts, calls and converts; what happens is decided there.
//!
//! ```js
//! import init, { wsconnect } from "./web_wasm_js.js";
//!
//! await init();
//! const nc = await wsconnect({ servers: "wss://nats.example.com" });
//! nc.subscribe("updates.>", {
//!   callback: (err, msg) => console.log(err ?? `${msg.subject}: ${msg.string()}`),
//! });
//! nc.publish("updates.hello", "from the browser");
//! await nc.close();
//! ```
//!
//! | to do this | use |
//! |---|---|
//! | connect | `wsconnect` |
//! | publish, subscribe, request, flush, drain, close | `NatsConnection` |
//! | unsubscribe | `Subscription` |
//! | read a message, and answer it | `Msg`, `MsgHdrs` |
//! | watch the connection | `Status`, an async iterator |
//!
//! Every error is a JavaScript `Error` of nats.js's class where that has one, and of `NatsError` where
//! not, with a `code` that stays the same from version to version; the words may change. A value of
//! the wrong type, and an option that is not known, are such errors too.
//!
//! An object of these classes, `Msg` and `MsgHdrs` apart, holds memory that the garbage collector frees late;
//! `free()`, or `using`, frees it at once. A connection stays open while the page holds its `NatsConnection`,
//! a `Msg` of it, or a subscription that has not ended.
//!
//! The npm package `web-wasm-js` (`npm/`, built by `just package`) is this with what is better said in
//! JavaScript around it: async iterators, `requestMany`, authenticators, and what nats.js's own packages
//! for JetStream and key-value stores ask of a connection.

#![cfg(target_arch = "wasm32")]

mod authenticator;
mod connection;
mod error;
mod headers;
mod msg;
mod object;
mod options;
mod promise;
mod status;
mod subscription;
mod value;

pub use connection::{NatsConnection, wsconnect};
pub use msg::Responder;
pub use status::Status;
pub use subscription::Subscription;
