//! How to connect.

use core::fmt;
use core::future::Future;
use core::time::Duration;
use std::rc::Rc;

use nats_proto::connection::{Auth, Challenge, Config};
use nats_proto::{Backoff, Server, ServerAddr, ServerInfo, ServerPool};

use crate::client::Client;
use crate::credentials::signer::Signer;
use crate::credentials::{AuthError, Callback, Credentials, Fixed, Signed};
use crate::error::ConnectError;
use crate::platform::Runtime;
use crate::subscriber::PendingLimits;
use crate::to_server_addrs::ToServerAddrs;

/// The options of a connection, each with its default.
///
/// ```no_run
/// # #[cfg(target_arch = "wasm32")]
/// # async fn example() -> Result<(), web_wasm::ConnectError> {
/// use std::time::Duration;
///
/// let client = web_wasm::ConnectOptions::new()
///     .name("dashboard")
///     .ping_interval(Duration::from_secs(15))
///     .retry_on_initial_connect()
///     .connect(["wss://n1.example.com", "wss://n2.example.com"])
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct ConnectOptions {
    pub(crate) config: Config,
    pub(crate) backoff: Backoff,
    pub(crate) max_reconnects: Option<u32>,
    pub(crate) retain_servers_order: bool,
    pub(crate) ignore_discovered_servers: bool,
    pub(crate) initial_connect: InitialConnect,
    pub(crate) subprotocols: Vec<String>,
    pub(crate) pending_limits: PendingLimits,
    pub(crate) reconnect_delay: Option<Rc<dyn Fn(u32) -> Duration>>,
    pub(crate) reconnect_to_server: Option<Rc<ReconnectToServerCallback>>,
    pub(crate) request_timeout: Duration,
    pub(crate) flush_timeout: Duration,
    pub(crate) drain_timeout: Duration,
    pub(crate) credentials: Rc<dyn Credentials>,
}

/// What happens when every server was tried once and none has let the client in yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InitialConnect {
    /// Connecting fails.
    GiveUp,
    /// Connecting has given a client at once, which goes on trying.
    Retry,
    /// Connecting goes on trying, and gives a client when it is connected.
    Wait,
}

/// Which server to dial, and after how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconnectToServer {
    /// The server, one of the pool.
    pub addr: ServerAddr,
    /// How long to wait first; `None` is what the client would wait by itself.
    pub delay: Option<Duration>,
}

type ReconnectToServerCallback = dyn Fn(&[Server], &ServerInfo) -> Option<ReconnectToServer>;

impl Default for ConnectOptions {
    fn default() -> Self {
        Self {
            config: Config::default(),
            backoff: Backoff::default(),
            max_reconnects: None,
            retain_servers_order: false,
            ignore_discovered_servers: false,
            initial_connect: InitialConnect::GiveUp,
            subprotocols: Vec::new(),
            pending_limits: PendingLimits::default(),
            reconnect_delay: None,
            reconnect_to_server: None,
            request_timeout: Duration::from_secs(10),
            flush_timeout: Duration::from_secs(10),
            drain_timeout: Duration::from_secs(30),
            credentials: Rc::new(Fixed(Auth::default())),
        }
    }
}

impl ConnectOptions {
    /// All defaults: no credentials, endless reconnects.
    pub fn new() -> Self {
        Self::default()
    }

    /// A name for the client, shown in the server's monitoring.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.config.name = Some(name.into());
        self
    }

    /// Who the client is, asked for each connection.
    #[must_use]
    pub fn credentials(mut self, credentials: impl Credentials + 'static) -> Self {
        self.credentials = Rc::new(credentials);
        self
    }

    /// Who the client is, by an asynchronous function that answers a server's challenge.
    #[must_use]
    pub fn auth_callback<F, Fut>(self, callback: F) -> Self
    where
        F: Fn(Challenge) -> Fut + 'static,
        Fut: Future<Output = Result<Auth, AuthError>> + 'static,
    {
        self.credentials(Callback(callback))
    }

    /// The client is the user of this JWT, and holds its key.
    #[must_use]
    pub fn jwt(self, jwt: impl Into<String>, key: Rc<impl Signer + 'static>) -> Self {
        self.credentials(Signed { jwt: Some(jwt.into()), key })
    }

    /// The client holds this key, which the server knows.
    #[must_use]
    pub fn nkey(self, key: Rc<impl Signer + 'static>) -> Self {
        self.credentials(Signed { jwt: None, key })
    }

    /// The client has this name and password.
    #[must_use]
    pub fn user_and_password(self, user: impl Into<String>, pass: impl Into<String>) -> Self {
        let (user, pass) = (Some(user.into()), Some(pass.into()));
        self.credentials(Fixed(Auth { user, pass, ..Auth::default() }))
    }

    /// The client holds this token.
    #[must_use]
    pub fn token(self, token: impl Into<String>) -> Self {
        self.credentials(Fixed(Auth { token: Some(token.into()), ..Auth::default() }))
    }

    /// The oldest server that the client names itself to: one that is older, or does not say, is
    /// left before it gets a credential, with [`DisconnectReason::ServerTooOld`]. Default: any.
    ///
    /// [`DisconnectReason::ServerTooOld`]: crate::DisconnectReason::ServerTooOld
    #[must_use]
    pub fn min_server_version(mut self, major: u32, minor: u32, patch: u32) -> Self {
        self.config.min_server_version = Some([major, minor, patch]);
        self
    }

    /// What inboxes begin with. Default: `_INBOX`. A credential usually allows only its own.
    #[must_use]
    pub fn custom_inbox_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.config.inbox_prefix = prefix.into();
        self
    }

    /// The client does not get the messages that it publishes itself.
    #[must_use]
    pub fn no_echo(mut self) -> Self {
        self.config.echo = false;
        self
    }

    /// How often the server is asked whether it is there. Default: 25 seconds.
    #[must_use]
    pub fn ping_interval(mut self, interval: Duration) -> Self {
        self.config.ping_interval = interval;
        self
    }

    /// How long an attempt may take from dialling until the server has let the client in,
    /// credentials included. Default: 5 seconds.
    #[must_use]
    pub fn connection_timeout(mut self, timeout: Duration) -> Self {
        self.config.connect_timeout = timeout;
        self
    }

    /// How long a request waits for its answer by default. Default: 10 seconds.
    #[must_use]
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long a flush waits for the server. Default: 10 seconds.
    #[must_use]
    pub fn flush_timeout(mut self, timeout: Duration) -> Self {
        self.flush_timeout = timeout;
        self
    }

    /// How long a drain waits for subscriptions to be read to their end. Default: 30 seconds.
    #[must_use]
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.drain_timeout = timeout;
        self
    }

    /// How many messages a subscription holds for a reader that is slower than they come.
    /// Beyond that they are dropped and counted. Default: 65,536.
    #[must_use]
    pub fn subscription_capacity(mut self, messages: usize) -> Self {
        self.pending_limits.messages = messages;
        self
    }

    /// How much a subscription holds, and what happens beyond that; each can have its own by
    /// [`Subscriber::set_pending_limits`](crate::Subscriber::set_pending_limits).
    #[must_use]
    pub fn pending_limits(mut self, limits: PendingLimits) -> Self {
        self.pending_limits = limits;
        self
    }

    /// How many bytes may wait to be sent before publishing waits. Default: 8 MiB.
    #[must_use]
    pub fn outbound_limit(mut self, bytes: usize) -> Self {
        self.config.outbound_limit = bytes;
        self
    }

    /// How long servers rest between attempts. Default: 250 milliseconds to 8 seconds.
    #[must_use]
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.backoff = backoff;
        self
    }

    /// How long to wait before each attempt, in the place of [`backoff`](Self::backoff). The
    /// argument is the attempt since the last connection, from 1.
    #[must_use]
    pub fn reconnect_delay_callback(mut self, delay: impl Fn(u32) -> Duration + 'static) -> Self {
        self.reconnect_delay = Some(Rc::new(delay));
        self
    }

    /// Which server to dial, asked before each attempt; `None` leaves it to the client, and so does
    /// a server that is not in the pool. The arguments are the servers that are known, and what the
    /// server connected to last said of itself.
    ///
    /// It must not wait. Where the choice needs an answer from elsewhere, ask first and then
    /// [`set_server_pool`](Client::set_server_pool).
    #[must_use]
    pub fn reconnect_to_server_callback(
        mut self,
        choose: impl Fn(&[Server], &ServerInfo) -> Option<ReconnectToServer> + 'static,
    ) -> Self {
        self.reconnect_to_server = Some(Rc::new(choose));
        self
    }

    /// How many unanswered questions make a server count as gone. Default: 2; at least 1.
    #[must_use]
    pub fn max_pings_unanswered(mut self, pings: usize) -> Self {
        self.config.max_pings_unanswered = pings.max(1);
        self
    }

    /// After how many failed attempts in a row the client closes; as in async-nats, `None` and 0
    /// mean never, which is the default.
    #[must_use]
    pub fn max_reconnects(mut self, attempts: impl Into<Option<u32>>) -> Self {
        self.max_reconnects = attempts.into().filter(|&attempts| attempts > 0);
        self
    }

    /// The client closes when its connection breaks, instead of making another.
    #[must_use]
    pub fn no_reconnect(mut self) -> Self {
        self.max_reconnects = Some(0);
        self
    }

    /// Servers are tried in the order given, instead of a random one.
    #[must_use]
    pub fn retain_servers_order(mut self) -> Self {
        self.retain_servers_order = true;
        self
    }

    /// Only the servers given are ever dialled, whatever others the cluster has.
    #[must_use]
    pub fn ignore_discovered_servers(mut self) -> Self {
        self.ignore_discovered_servers = true;
        self
    }

    /// Connecting gives a client at once and goes on trying behind it, instead of giving up when
    /// every server was tried once.
    #[must_use]
    pub fn retry_on_initial_connect(mut self) -> Self {
        self.initial_connect = InitialConnect::Retry;
        self
    }

    /// Connecting goes on trying until a server lets the client in, instead of giving up when every
    /// server was tried once. [`max_reconnects`](Self::max_reconnects) still bounds it.
    #[must_use]
    pub fn wait_on_first_connect(mut self) -> Self {
        self.initial_connect = InitialConnect::Wait;
        self
    }

    /// The websocket subprotocols that are offered to the server (RFC 6455 §1.9). Default: none, as
    /// nats-server knows none; for a proxy in front of it that picks its way by them. A browser
    /// drops the connection unless the other side takes one of them.
    #[must_use]
    pub fn subprotocols(
        mut self,
        subprotocols: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        self.subprotocols = subprotocols.into_iter().map(Into::into).collect();
        self
    }

    /// The servers to begin with. Before the first connection each is tried once, unless the
    /// caller is more patient.
    pub(crate) fn pool(&self, addrs: Vec<ServerAddr>, entropy: [u8; 32]) -> ServerPool {
        let once = u32::try_from(addrs.len()).unwrap_or(u32::MAX);
        let max_attempts = match self.initial_connect {
            InitialConnect::GiveUp => Some(once),
            // Zero is the word of `no_reconnect` on what comes after the first connection.
            InitialConnect::Retry | InitialConnect::Wait => self.max_reconnects.filter(|&n| n > 0),
        };
        let [a, b, c, d, e, f, g, h, ..] = entropy;
        let seed = u64::from_le_bytes([a, b, c, d, e, f, g, h]);
        ServerPool::new(addrs, self.retain_servers_order, self.backoff, max_attempts, seed)
    }

    /// Connects, in a browser's window or worker.
    ///
    /// # Errors
    /// - [`ConnectError::NoServers`] and [`ConnectError::InvalidServerAddr`] for the addresses.
    /// - [`ConnectError::InvalidInboxPrefix`] for the inbox prefix.
    /// - [`ConnectError::InvalidSubprotocol`] for a subprotocol.
    /// - [`ConnectError::NotConnected`] when every server was tried once; not with
    ///   [`retry_on_initial_connect`](Self::retry_on_initial_connect), and with
    ///   [`wait_on_first_connect`](Self::wait_on_first_connect) only when there is no hope left.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    #[cfg(target_arch = "wasm32")]
    pub async fn connect(self, addrs: impl ToServerAddrs) -> Result<Client, ConnectError> {
        self.connect_with(Runtime::browser(), addrs).await
    }

    /// Connects in other surroundings than a browser.
    ///
    /// # Errors
    /// - [`ConnectError::NoServers`] and [`ConnectError::InvalidServerAddr`] for the addresses.
    /// - [`ConnectError::InvalidInboxPrefix`] for the inbox prefix.
    /// - [`ConnectError::InvalidSubprotocol`] for a subprotocol.
    /// - [`ConnectError::NoEntropy`] when the system gives no random bytes.
    /// - [`ConnectError::NotConnected`] when every server was tried once; not with
    ///   [`retry_on_initial_connect`](Self::retry_on_initial_connect), and with
    ///   [`wait_on_first_connect`](Self::wait_on_first_connect) only when there is no hope left.
    ///
    /// # Cancel safety
    /// Dropping the future closes the connection.
    pub async fn connect_with(
        self,
        runtime: Runtime,
        addrs: impl ToServerAddrs,
    ) -> Result<Client, ConnectError> {
        Client::connect(self, runtime, addrs.to_server_addrs()?).await
    }
}

impl fmt::Debug for ConnectOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectOptions")
            .field("config", &self.config)
            .field("backoff", &self.backoff)
            .field("max_reconnects", &self.max_reconnects)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_no_secret() {
        let options = ConnectOptions::new().user_and_password("me", "s3cret").token("s3cret");
        assert!(!format!("{options:?}").contains("s3cret"));
    }
}
