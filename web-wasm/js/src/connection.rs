//! A connection to NATS.

use futures_util::{FutureExt, StreamExt};
use js_sys::{Array, Object, Promise};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use web_wasm::{Client, Event, Events, Request, ServerInfo, State, SubscribeError, Subscriber};

use crate::error::NatsError;
use crate::headers::header_map;
use crate::msg::{Delivery, js_message};
use crate::object::{Fields, object, strings, texts};
use crate::options::connect_options;
use crate::promise::promise;
use crate::status::{Status, close_error};
use crate::subscription::Subscription;
use crate::value::{self, millis, number};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
export interface PublishOptions {
  /** Where an answer should go. */
  reply?: string;
  headers?: MsgHeaders;
}

export interface RequestOptions {
  /** How long to wait for the answer, in milliseconds; 10,000 by default. */
  timeout?: number;
  headers?: MsgHeaders;
  /** Where the answer goes, instead of the inbox that all requests share. */
  reply?: string;
  /** Lets the subject have wildcards, as some of the server's API have. */
  wildcards?: boolean;
}

/** What a server says of itself. */
export interface ServerInfo {
  server_id: string;
  server_name: string;
  version: string;
  cluster?: string;
  domain?: string;
  host: string;
  port: number;
  proto: number;
  headers: boolean;
  jetstream: boolean;
  max_payload: number;
  client_id: number;
  client_ip: string;
  auth_required: boolean;
  connect_urls: string[];
  ldm: boolean;
}

/** A server that may be dialled. */
export interface PoolServer {
  url: string;
  /** Whether another server told of it. */
  gossiped: boolean;
  /** Whether it has ever let the client in. */
  didConnect: boolean;
  /** How many attempts in a row have failed. */
  reconnects: number;
}

/** What went in and out of a connection. */
export interface Stats {
  inBytes: number;
  outBytes: number;
  inMsgs: number;
  outMsgs: number;
  /** Messages received for subscriptions that had ended. */
  orphaned: number;
  /** How often a server has let the client in. */
  connects: number;
}
"#;

/// Connects. Rejects when every server was tried once and none let the client in, unless
/// `waitOnFirstConnect` or `retryOnInitialConnect` say otherwise.
#[wasm_bindgen(unchecked_return_type = "Promise<NatsConnection>")]
pub fn wsconnect(
    #[wasm_bindgen(unchecked_param_type = "ConnectionOptions")] options: &JsValue,
) -> Promise {
    let options = connect_options(options);
    promise(async move {
        let (options, servers) = options?;
        let client = options.connect(servers).await?;
        Ok(NatsConnection::new(client)?.into())
    })
}

/// A connection to NATS.
#[wasm_bindgen]
#[derive(Debug)]
pub struct NatsConnection {
    client: Client,
    closed: Promise,
}

impl NatsConnection {
    fn new(client: Client) -> Result<Self, NatsError> {
        let closed = promise(closed(client.events()));
        if client.connection_state() == State::Closed {
            return Err(NatsError::new("connection_closed", "closed as soon as it was connected"));
        }
        Ok(Self { client, closed })
    }
}

/// Resolves when a connection is closed, to the reason unless it was the page's wish.
async fn closed(mut events: Events) -> Result<JsValue, NatsError> {
    while let Some(event) = events.next().await {
        if let Event::Closed { reason, .. } = event {
            return Ok(close_error(reason).map_or(JsValue::UNDEFINED, JsValue::from));
        }
    }
    Ok(JsValue::UNDEFINED)
}

#[wasm_bindgen]
impl NatsConnection {
    /// Publishes a message. It is sent at once if the server is there, else as soon as it is.
    ///
    /// Throws `invalid_subject`, `invalid_reply_subject`, `invalid_header`,
    /// `max_payload_exceeded`, `headers_unsupported`, `buffer_full` when as much waits to be sent
    /// as may, or `connection_closed`. That the credential does not allow it shows in `status`.
    pub fn publish(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] subject: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "Uint8Array | string")] payload: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "PublishOptions")] options: &JsValue,
    ) -> Result<(), JsValue> {
        Ok(self.try_publish(subject, payload, options)?)
    }

    /// Subscribes to a subject or pattern.
    ///
    /// Throws `invalid_subject`, `invalid_queue_group`, `connection_draining` or
    /// `connection_closed`. What the server refuses, the callback is told.
    pub fn subscribe(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] subject: &JsValue,
        #[wasm_bindgen(unchecked_param_type = "SubscriptionOptions")] options: &JsValue,
    ) -> Result<Subscription, JsValue> {
        Ok(self.try_subscribe(subject, options)?)
    }

    /// Publishes a request and waits for one answer.
    ///
    /// Rejects as `publish` throws, and with `no_responders`, `timeout`,
    /// `permissions_violation` or `connection_closed`.
    #[wasm_bindgen(unchecked_return_type = "Promise<Msg>")]
    pub fn request(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string")] subject: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "Uint8Array | string")] payload: &JsValue,
        #[wasm_bindgen(unchecked_optional_param_type = "RequestOptions")] options: &JsValue,
    ) -> Promise {
        let client = self.client.clone();
        let subject = value::subject(subject);
        let request = request(payload, options);
        promise(async move {
            let (request, owner) = request?;
            let answer = client.send_request(subject?, request).await?;
            Ok(js_message(&answer, client, owner.as_ref()))
        })
    }

    /// Waits until the server has everything published before, and every subscription made
    /// before. Rejects with `timeout`, `disconnected` or `connection_closed`.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn flush(&self) -> Promise {
        let client = self.client.clone();
        promise(async move {
            client.flush().await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// The round-trip time to the server, in milliseconds. Rejects as `flush` does.
    #[wasm_bindgen(unchecked_return_type = "Promise<number>")]
    pub fn rtt(&self) -> Promise {
        let client = self.client.clone();
        promise(async move { Ok(millis(client.rtt().await?).into()) })
    }

    /// Sends what waits, and closes the connection for good. Rejects with `timeout` or
    /// `disconnected` when it is not known that everything arrived; it is closed all the same.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn close(&self) -> Promise {
        let client = self.client.clone();
        promise(async move {
            client.close().await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Lets everything finish, then closes: subscriptions end when what was on its way has been
    /// delivered, what is published until then is sent, and new subscriptions are refused.
    /// Rejects as `close` does, and with `connection_closed`.
    #[wasm_bindgen(unchecked_return_type = "Promise<void>")]
    pub fn drain(&self) -> Promise {
        let client = self.client.clone();
        promise(async move {
            client.drain().await?;
            Ok(JsValue::UNDEFINED)
        })
    }

    /// Resolves when the connection is closed for good: to nothing if the page closed it, else to
    /// the error.
    #[wasm_bindgen(unchecked_return_type = "Promise<void | NatsError>")]
    pub fn closed(&self) -> Promise {
        self.closed.clone()
    }

    /// Whether the connection is closed for good.
    #[wasm_bindgen(js_name = isClosed)]
    pub fn is_closed(&self) -> bool {
        self.client.connection_state() == State::Closed
    }

    /// What happens to the connection from now on.
    #[wasm_bindgen(unchecked_return_type = "AsyncIterableIterator<StatusEvent>")]
    pub fn status(&self) -> Status {
        Status::new(self.client.events())
    }

    /// The address that was dialled for the present connection; missing while there is none.
    #[wasm_bindgen(js_name = getServer)]
    pub fn server(&self) -> Option<String> {
        self.client.server().map(|server| server.to_string())
    }

    /// Leaves the present connection for another, at once. Does nothing while there is none, or
    /// when the client is closed.
    pub fn reconnect(&self) {
        self.client.force_reconnect();
    }

    /// Asks the authenticator for another answer, and moves to a connection that is made with it before
    /// the present one is left. Does nothing while there is none.
    #[wasm_bindgen(js_name = renewCredentials)]
    pub fn renew_credentials(&self) {
        self.client.renew_credentials();
    }

    /// The servers that are known, with what became of them.
    #[wasm_bindgen(js_name = getServers, unchecked_return_type = "PoolServer[]")]
    pub fn servers(&self) -> Array {
        let servers = self.client.server_pool().into_iter().map(|server| {
            object(&[
                ("url", server.addr.to_string().into()),
                ("gossiped", server.is_discovered.into()),
                ("didConnect", server.did_connect.into()),
                ("reconnects", server.failed_attempts.into()),
            ])
        });
        servers.collect()
    }

    /// Replaces the servers that are dialled from now on; the present connection goes on.
    ///
    /// Throws `no_servers`, `invalid_server_address` or `invalid_argument`, and changes nothing then.
    #[wasm_bindgen(js_name = setServers)]
    pub fn set_servers(
        &self,
        #[wasm_bindgen(unchecked_param_type = "string | Iterable<string>")] servers: &JsValue,
    ) -> Result<(), JsValue> {
        let expected = || NatsError::argument("the servers", "a string or several");
        let servers = texts(servers).ok_or_else(expected)?;
        Ok(self.client.set_server_pool(servers).map_err(NatsError::from)?)
    }

    /// What the server said of itself last; missing before the first connection.
    #[wasm_bindgen(getter, unchecked_return_type = "ServerInfo | undefined")]
    pub fn info(&self) -> Option<Object> {
        let info = self.client.server_info();
        (!info.server_id.is_empty()).then(|| info_object(info))
    }

    /// What went in and out so far.
    #[wasm_bindgen(unchecked_return_type = "Stats")]
    pub fn stats(&self) -> Object {
        let counted = self.client.statistics();
        object(&[
            ("inBytes", number(counted.in_bytes)),
            ("outBytes", number(counted.out_bytes)),
            ("inMsgs", number(counted.in_messages)),
            ("outMsgs", number(counted.out_messages)),
            ("orphaned", number(counted.orphaned)),
            ("connects", number(counted.connects)),
        ])
    }
}

impl NatsConnection {
    fn try_publish(
        &self,
        subject: &JsValue,
        payload: &JsValue,
        options: &JsValue,
    ) -> Result<(), NatsError> {
        let subject = value::subject(subject)?;
        let payload = value::payload(payload)?;
        let options = Fields::read(options, &["reply", "headers"])?;
        let reply = options.text("reply")?;
        let headers = options.value("headers")?.map(|headers| header_map(&headers)).transpose()?;
        self.client.try_publish(&subject, reply.as_deref(), headers.as_ref(), &payload)?;
        Ok(())
    }

    fn try_subscribe(
        &self,
        subject: &JsValue,
        options: &JsValue,
    ) -> Result<Subscription, NatsError> {
        let subject = value::subject(subject)?;
        let options = Fields::read(options, &["callback", "queue", "max", "delivery"])?;
        // The package's own code unpacks batches itself; a page gives a function.
        let own = options.value("delivery")?;
        let owned = own.is_some();
        let delivery = match (own, options.function("callback")?) {
            (Some(delivery), _) => delivery.unchecked_into(),
            (None, Some(callback)) => Delivery::new(&callback),
            (None, None) => return Err(NatsError::option("callback", "a function")),
        };
        let (queue, max) = (options.text("queue")?, options.count("max")?);
        let mut subscriber = subscribe(&self.client, subject, queue)?;
        if let Some(max) = max {
            subscriber.unsubscribe_after(max);
        }
        Ok(Subscription::new(subscriber, self.client.clone(), delivery, owned))
    }
}

/// Subscribes. The client's functions for it are asynchronous in name only: they do not wait.
fn subscribe(
    client: &Client,
    subject: String,
    queue: Option<String>,
) -> Result<Subscriber, NatsError> {
    let subscribed = match queue {
        Some(queue) => client.queue_subscribe(subject, queue).now_or_never(),
        None => client.subscribe(subject).now_or_never(),
    };
    Ok(subscribed.unwrap_or(Err(SubscribeError::Closed))?)
}

/// The request, and JavaScript's own owner of the answer.
fn request(payload: &JsValue, options: &JsValue) -> Result<(Request, Option<JsValue>), NatsError> {
    let mut request = Request::new().payload(value::payload(payload)?);
    let options = Fields::read(options, &["timeout", "headers", "reply", "owner", "wildcards"])?;
    if let Some(timeout) = options.millis("timeout")? {
        request = request.timeout(timeout);
    }
    if let Some(headers) = options.value("headers")? {
        request = request.headers(header_map(&headers)?);
    }
    if let Some(reply) = options.text("reply")? {
        request = request.inbox(reply);
    }
    if options.flag("wildcards")?.unwrap_or_default() {
        request = request.with_wildcards();
    }
    Ok((request, options.value("owner")?))
}

fn info_object(info: ServerInfo) -> Object {
    let or_undefined = |text: Option<String>| text.map_or(JsValue::UNDEFINED, JsValue::from);
    object(&[
        ("connect_urls", strings(info.connect_urls.iter().map(String::as_str)).into()),
        ("server_id", info.server_id.into()),
        ("server_name", info.server_name.into()),
        ("version", info.version.into()),
        ("cluster", or_undefined(info.cluster)),
        ("domain", or_undefined(info.domain)),
        ("host", info.host.into()),
        ("port", info.port.into()),
        ("proto", info.proto.into()),
        ("headers", info.headers.into()),
        ("jetstream", info.jetstream.into()),
        ("max_payload", (info.max_payload as f64).into()),
        ("client_id", number(info.client_id)),
        ("client_ip", info.client_ip.into()),
        ("auth_required", info.auth_required.into()),
        ("ldm", info.lame_duck_mode.into()),
    ])
}
