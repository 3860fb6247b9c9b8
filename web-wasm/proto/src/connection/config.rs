//! What a connection is told at its start, and what it counts.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use crate::codec::Limits;
use crate::info::ConnectInfo;

/// How a connection behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The client's name, shown in the server's monitoring.
    pub name: Option<String>,
    /// Whether the client gets the messages that it publishes itself. Default: yes.
    pub echo: bool,
    /// How often the server is asked whether it is there. Default: 25 seconds, which also keeps
    /// proxies content that close what is idle for a minute or 30 seconds.
    pub ping_interval: Duration,
    /// How many such questions may stay unanswered. Default: 2.
    pub max_pings_unanswered: usize,
    /// How long it may take from dialling until the server has let the client in. Default: 5 s.
    pub connect_timeout: Duration,
    /// How many bytes may wait to be sent before publishing is refused. Default: 8 MiB.
    pub outbound_limit: usize,
    /// How much a server may make the client hold.
    pub limits: Limits,
    /// What inboxes begin with; must be a subject. Default: `_INBOX`.
    pub inbox_prefix: String,
    /// The oldest server that the client names itself to, as major, minor and patch number.
    /// Default: any.
    pub min_server_version: Option<[u32; 3]>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            name: None,
            echo: true,
            ping_interval: Duration::from_secs(25),
            max_pings_unanswered: 2,
            connect_timeout: Duration::from_secs(5),
            outbound_limit: 8 << 20,
            limits: Limits::default(),
            inbox_prefix: String::from("_INBOX"),
            min_server_version: None,
        }
    }
}

impl Config {
    pub(super) fn connect_info(&self, auth: Auth) -> ConnectInfo {
        ConnectInfo {
            name: self.name.clone(),
            echo: self.echo,
            jwt: auth.jwt,
            nkey: auth.nkey,
            signature: auth.signature,
            user: auth.user,
            pass: auth.pass,
            auth_token: auth.token,
            ..ConnectInfo::default()
        }
    }
}

/// Who the client is. `Debug` shows no secret.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Auth {
    /// A user JWT; goes with `signature`.
    pub jwt: Option<String>,
    /// The user's public key, for servers that know it without a JWT.
    pub nkey: Option<String>,
    /// The signature of the challenge's nonce, base64url without padding.
    pub signature: Option<String>,
    /// A user name.
    pub user: Option<String>,
    /// Its password.
    pub pass: Option<String>,
    /// A token.
    pub token: Option<String>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("nkey", &self.nkey)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What went in and out of a connection, over all its transports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Statistics {
    /// Bytes received.
    pub in_bytes: u64,
    /// Bytes handed to a transport.
    pub out_bytes: u64,
    /// Messages received.
    pub in_messages: u64,
    /// Messages accepted for publishing.
    pub out_messages: u64,
    /// Messages received for subscriptions that had ended.
    pub orphaned: u64,
    /// Messages that came by two transports, during a handover, and were delivered once.
    pub duplicates: u64,
    /// Messages that were delivered although one that says the same had come by the transport
    /// before, during a handover: they may be a copy of that or not.
    pub possible_duplicates: u64,
    /// Messages handed to a transport that broke before the server confirmed them.
    pub unconfirmed: u64,
    /// Messages accepted for publishing and never handed to a transport, since the connection was
    /// closed.
    pub discarded: u64,
    /// How often a server has let the client in.
    pub connects: u64,
    /// The latest round-trip time.
    pub rtt: Option<Duration>,
}
