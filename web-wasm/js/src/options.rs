//! How to connect, as JavaScript says it.

use core::time::Duration;

use js_sys::Function;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use web_wasm::ConnectOptions;

use crate::authenticator::Authenticator;
use crate::error::NatsError;
use crate::object::{Fields, texts};

#[wasm_bindgen(typescript_custom_section)]
const TYPES: &str = r#"
/** Who the client is. */
export interface Auth {
  jwt?: string;
  nkey?: string;
  /** The signature of the nonce, base64url without padding. */
  sig?: string;
  user?: string;
  pass?: string;
  auth_token?: string;
  /**
   * After how many milliseconds the client asks for another answer, and moves to a connection that is
   * made with it before it leaves the present one; without it, never.
   */
  renewAfter?: number;
}

export interface ConnectionOptions {
  /** Where the servers' websocket listeners are, `ws://…` or `wss://…`. */
  servers: string | Iterable<string>;
  /** A name for the client, shown in the server's monitoring. */
  name?: string;
  /** A user name; goes with `pass`. */
  user?: string;
  pass?: string;
  token?: string;
  /**
   * Asked for each connection, with what is to be signed if the server knows keys, and whether it is for
   * a renewal, or the last answer was refused. In the place of `user` and `token`. An error whose `code`
   * is `credentials_refused` is the last: it is not asked again.
   */
  authenticator?: (nonce?: string, why?: "renewal" | "refused") => Auth | PromiseLike<Auth>;
  /** The client does not get the messages that it publishes itself. */
  noEcho?: boolean;
  /** What inboxes begin with; `_INBOX` by default. */
  inboxPrefix?: string;
  /** How long an attempt at a connection may take, in milliseconds; 5,000 by default. */
  timeout?: number;
  /** How often the server is asked whether it is there, in milliseconds; 25,000 by default. */
  pingInterval?: number;
  /** How many unanswered questions make a server count as gone; 2 by default. */
  maxPingOut?: number;
  /** Servers are tried in the order given, instead of a random one. */
  noRandomize?: boolean;
  /** Only the servers given are ever dialled, whatever others the cluster has. */
  ignoreClusterUpdates?: boolean;
  /** Goes on trying until a server lets the client in, instead of giving up after one round. */
  waitOnFirstConnect?: boolean;
  /** Resolves at once, and goes on trying behind it. In the place of `waitOnFirstConnect`. */
  retryOnInitialConnect?: boolean;
  /** `false` closes the client when its connection breaks. */
  reconnect?: boolean;
  /** After how many failed attempts in a row, over all servers, it closes; never by default. */
  maxReconnectAttempts?: number;
  /**
   * How long to wait before the next attempt, in milliseconds. What it throws, and what is no time,
   * counts as two seconds.
   */
  reconnectDelayHandler?: () => number;
}
"#;

const KNOWN: &[&str] = &[
    "servers",
    "name",
    "user",
    "pass",
    "token",
    "authenticator",
    "noEcho",
    "inboxPrefix",
    "timeout",
    "pingInterval",
    "maxPingOut",
    "noRandomize",
    "ignoreClusterUpdates",
    "waitOnFirstConnect",
    "retryOnInitialConnect",
    "reconnect",
    "maxReconnectAttempts",
    "reconnectDelayHandler",
];

/// The options in `value`, and the servers.
pub(crate) fn connect_options(value: &JsValue) -> Result<(ConnectOptions, Vec<String>), NatsError> {
    let fields = Fields::read(value, KNOWN)?;
    let servers = fields.value("servers")?.map(|servers| {
        texts(&servers).ok_or_else(|| NatsError::option("servers", "a string or several"))
    });
    let mut options = authentication(&fields, ConnectOptions::new())?;
    if let Some(name) = fields.text("name")? {
        options = options.name(name);
    }
    if fields.flag("noEcho")?.unwrap_or_default() {
        options = options.no_echo();
    }
    if let Some(prefix) = fields.text("inboxPrefix")? {
        options = options.custom_inbox_prefix(prefix);
    }
    if let Some(timeout) = fields.millis("timeout")? {
        options = options.connection_timeout(timeout);
    }
    if let Some(interval) = fields.millis("pingInterval")? {
        options = options.ping_interval(interval);
    }
    if let Some(pings) = fields.count("maxPingOut")? {
        options = options.max_pings_unanswered(usize::try_from(pings).unwrap_or(usize::MAX));
    }
    if fields.flag("noRandomize")?.unwrap_or_default() {
        options = options.retain_servers_order();
    }
    if fields.flag("ignoreClusterUpdates")?.unwrap_or_default() {
        options = options.ignore_discovered_servers();
    }
    if fields.flag("waitOnFirstConnect")?.unwrap_or_default() {
        options = options.wait_on_first_connect();
    }
    if fields.flag("retryOnInitialConnect")?.unwrap_or_default() {
        options = options.retry_on_initial_connect();
    }
    if let Some(attempts) = fields.count("maxReconnectAttempts")? {
        options = options.max_reconnects(u32::try_from(attempts).unwrap_or(u32::MAX));
    }
    if let Some(handler) = fields.function("reconnectDelayHandler")? {
        options = options.reconnect_delay_callback(move |_| delay(&handler));
    }
    if fields.flag("reconnect")? == Some(false) {
        options = options.no_reconnect();
    }
    Ok((options, servers.transpose()?.unwrap_or_default()))
}

/// What the page's function says, or nats.js's usual time where it says nothing of use.
fn delay(handler: &Function) -> Duration {
    const USUAL: Duration = Duration::from_secs(2);
    const LONGEST: f64 = 86_400_000.0;
    let millis = handler.call0(&JsValue::UNDEFINED).ok().and_then(|millis| millis.as_f64());
    let millis = millis.filter(|millis| (0.0..=LONGEST).contains(millis));
    millis.map_or(USUAL, |millis| Duration::from_secs_f64(millis / 1_000.0))
}

/// There is one way for a client to say who it is; two would leave one of them unused.
fn authentication(
    fields: &Fields<'_>,
    options: ConnectOptions,
) -> Result<ConnectOptions, NatsError> {
    let (user, pass) = (fields.text("user")?, fields.text("pass")?);
    let (token, authenticator) = (fields.text("token")?, fields.function("authenticator")?);
    match (user, pass, token, authenticator) {
        (None, None, None, None) => Ok(options),
        (Some(user), Some(pass), None, None) => Ok(options.user_and_password(user, pass)),
        (None, None, Some(token), None) => Ok(options.token(token)),
        (None, None, None, Some(function)) => Ok(options.credentials(Authenticator::new(function))),
        _ => Err(NatsError::new(
            "invalid_option",
            "give user and pass, or token, or authenticator, and nothing of the others",
        )),
    }
}
