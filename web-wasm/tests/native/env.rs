//! Tokio as surroundings, and nats-servers as child processes.

use std::cell::RefCell;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant as Clock, SystemTime};

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use web_wasm::jetstream::Context as JetStream;
use web_wasm::outbox::{Memory, Options, Outbox};
use web_wasm::platform::{LocalBoxFuture, NoEntropy, Platform, Runtime};
use web_wasm::transport::{Dialer, Transport, TransportClosed, TransportEvent, Writable};
use web_wasm::{Client, ConnectError, ConnectOptions, ServerAddr};

/// How long anything may take that should happen soon.
const SOON: Duration = Duration::from_secs(60);

/// How long anything may take that waits for something to be given up, or tried again after a pause.
pub(crate) const LATER: Duration = Duration::from_secs(180);

/// How long a server may take to go that closes its clients one by one.
const GONE: Duration = Duration::from_secs(180);

/// How long a node of a cluster may take until it has what was stored while it was cut off, and so may who
/// reads on it. Nearly always it takes seconds; now and then nats-server 2.15 has been seen to ask for more
/// than two minutes (`Expected first catchup entry to be a snapshot and peerstate, will retry` in its log).
pub(crate) const CAUGHT_UP: Duration = Duration::from_secs(600);

/// Runs a test on one thread, as in a browser.
pub(crate) async fn local(test: impl Future<Output = ()>) {
    LocalSet::new().run_until(test).await;
}

pub(crate) fn spawn(task: impl Future<Output = ()> + 'static) {
    tokio::task::spawn_local(task);
}

pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, future).await.expect("it happens in time")
}

/// Waits until something is so; `what` says what is waited for where it does not become so.
pub(crate) async fn eventually(what: impl Fn() -> String, is_so: impl Fn() -> bool) {
    before(SOON, what, is_so).await;
}

/// The same for what waits for something to be given up, or tried again after a pause.
pub(crate) async fn at_last(what: impl Fn() -> String, is_so: impl Fn() -> bool) {
    before(LATER, what, is_so).await;
}

/// The same for what may have to wait for a node that was cut off.
pub(crate) async fn caught_up(what: impl Fn() -> String, is_so: impl Fn() -> bool) {
    before(CAUGHT_UP, what, is_so).await;
}

/// What a cluster answers at last, which takes a moment to agree on who leads it.
pub(crate) async fn made<T, E>(attempt: impl AsyncFn() -> Result<T, E>) -> T {
    let tried = async {
        loop {
            match attempt().await {
                Ok(made) => break made,
                Err(_) => pause(50).await,
            }
        }
    };
    tokio::time::timeout(LATER, tried).await.expect("it is made in time")
}

async fn before(limit: Duration, what: impl Fn() -> String, is_so: impl Fn() -> bool) {
    let began = Clock::now();
    while !is_so() {
        assert!(began.elapsed() < limit, "{}", what());
        pause(10).await;
    }
}

thread_local! {
    /// The server of a test, which runs on a thread of its own and takes the server with it.
    static SERVER: NatsServer = NatsServer::start(include_str!("../common/server.conf"));
    /// One that lets in who holds a JWT.
    static GUARDED: NatsServer = NatsServer::start(include_str!("../common/operator.conf"));
    /// One with JetStream.
    static JETSTREAM: NatsServer = NatsServer::start(include_str!("../common/jetstream.conf"));
}

/// Seconds since 1970.
pub(crate) fn unix_time() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// Lets so many milliseconds pass.
pub(crate) async fn pause(millis: u32) {
    tokio::time::sleep(Duration::from_millis(millis.into())).await;
}

/// Connects to the server that wants a JWT.
pub(crate) async fn connect_guarded(options: ConnectOptions) -> Result<Client, ConnectError> {
    let addr = GUARDED.with(NatsServer::url);
    connect_to(options, &addr).await
}

/// Connects to the server with JetStream.
pub(crate) async fn connect_jetstream(options: ConnectOptions) -> Result<Client, ConnectError> {
    let addr = JETSTREAM.with(NatsServer::url);
    connect_to(options, &addr).await
}

/// Connects to the test's own server.
pub(crate) async fn connect(options: ConnectOptions) -> Result<Client, ConnectError> {
    let addr = SERVER.with(NatsServer::url);
    connect_to(options, &addr).await
}

pub(crate) async fn connect_to(
    options: ConnectOptions,
    addr: &str,
) -> Result<Client, ConnectError> {
    options.connect_with(Runtime::new(Tokio::new(), TokioDialer), addr).await
}

pub(crate) async fn connect_to_all(
    options: ConnectOptions,
    addrs: &[String],
) -> Result<Client, ConnectError> {
    options.connect_with(Runtime::new(Tokio::new(), TokioDialer), addrs).await
}

/// Where the entries of an outbox outlive it.
pub(crate) struct Shelf {
    memory: Memory,
    name: &'static str,
}

impl Shelf {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { memory: Memory::new(), name }
    }

    pub(crate) fn name(&self) -> &str {
        self.name
    }
}

pub(crate) async fn open_outbox(shelf: &Shelf, jetstream: &JetStream, options: Options) -> Outbox {
    Outbox::open_with(jetstream, shelf.memory.backing(), options)
}

struct Tokio {
    origin: Clock,
}

impl Tokio {
    fn new() -> Self {
        Self { origin: Clock::now() }
    }
}

impl Platform for Tokio {
    fn now(&self) -> nats_proto::Instant {
        nats_proto::Instant::from_origin(self.origin.elapsed())
    }

    fn unix_time(&self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap()
    }

    fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn entropy(&self) -> Result<[u8; 32], NoEntropy> {
        let mut entropy = [0; 32];
        getrandom_02::getrandom(&mut entropy).map_err(|_| NoEntropy)?;
        Ok(entropy)
    }

    fn spawn(&self, task: LocalBoxFuture<'static, ()>) {
        tokio::task::spawn_local(task);
    }
}

struct TokioDialer;

impl Dialer for TokioDialer {
    fn dial(
        &self,
        addr: &ServerAddr,
        subprotocols: &[String],
    ) -> Result<Box<dyn Transport>, TransportClosed> {
        let (events_in, events) = mpsc::unbounded_channel();
        let (outgoing, outgoing_out) = mpsc::unbounded_channel();
        let mut request = addr.to_string().into_client_request().expect("an address is a URL");
        if !subprotocols.is_empty() {
            let offered = subprotocols.join(", ").parse().expect("tokens make a header");
            request.headers_mut().insert("Sec-WebSocket-Protocol", offered);
        }
        tokio::task::spawn_local(carry(request, events_in, outgoing_out));
        Ok(Box::new(TokioTransport { events, outgoing }))
    }
}

/// Opens a websocket and carries frames until either side ends it.
async fn carry(
    request: Request,
    events: mpsc::UnboundedSender<TransportEvent>,
    mut outgoing: mpsc::UnboundedReceiver<Frame>,
) {
    let closed = |reason: String| {
        TransportEvent::Closed(TransportClosed { code: 1006, reason: reason.into() })
    };
    let (mut socket, _) = match tokio_tungstenite::connect_async(request).await {
        Ok(opened) => opened,
        Err(error) => return drop(events.send(closed(error.to_string()))),
    };
    loop {
        tokio::select! {
            frame = socket.next() => match frame {
                Some(Ok(Frame::Binary(bytes))) => drop(events.send(TransportEvent::Input(bytes))),
                Some(Ok(Frame::Text(text))) => {
                    drop(events.send(TransportEvent::Input(text.into())));
                }
                Some(Ok(Frame::Close(Some(frame)))) => {
                    let reason = frame.reason.as_str().into();
                    let closed = TransportClosed { code: frame.code.into(), reason };
                    return drop(events.send(TransportEvent::Closed(closed)));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return drop(events.send(closed(error.to_string()))),
                None => return drop(events.send(closed(String::new()))),
            },
            frame = outgoing.recv() => match frame {
                Some(frame) => if let Err(error) = socket.send(frame).await {
                    return drop(events.send(closed(error.to_string())));
                },
                None => return,
            },
        }
    }
}

struct TokioTransport {
    events: mpsc::UnboundedReceiver<TransportEvent>,
    outgoing: mpsc::UnboundedSender<Frame>,
}

impl Transport for TokioTransport {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<TransportEvent> {
        match self.events.poll_recv(cx) {
            Poll::Ready(Some(event)) => Poll::Ready(event),
            _ => Poll::Pending,
        }
    }

    fn writable(&self, _: nats_proto::Instant) -> Writable {
        // Frames wait in the channel until the socket is open.
        Writable::Now
    }

    fn send(&mut self, bytes: &[u8]) {
        self.outgoing.send(Frame::Binary(bytes.to_vec().into())).ok();
    }

    fn close(&mut self, _: u16, _: &str) {
        self.outgoing.send(Frame::Close(None)).ok();
    }
}

/// A nats-server as a child process, which ends with this value.
pub(crate) struct NatsServer {
    conf: PathBuf,
    tcp_port: u16,
    port: u16,
    child: RefCell<Option<Child>>,
}

impl NatsServer {
    /// Starts one with this configuration, in which both ports are -1 and become free ones that
    /// stay the same over restarts.
    pub(crate) fn start(conf: &str) -> Self {
        let (tcp_port, port) = (free_port(), free_port());
        let path =
            std::env::temp_dir().join(format!("web-wasm-{}-{port}.conf", std::process::id()));
        let server = Self { conf: path, tcp_port, port, child: RefCell::new(None) };
        server.restart_with(conf);
        server
    }

    /// Starts the server again, with another configuration.
    pub(crate) fn restart_with(&self, conf: &str) {
        let (before, websocket) = conf.split_once("websocket {").unwrap();
        let before = before.replacen(":-1", &format!(":{}", self.tcp_port), 1);
        let websocket = websocket.replacen(":-1", &format!(":{}", self.port), 1);
        std::fs::write(&self.conf, format!("{before}websocket {{{websocket}")).unwrap();
        self.restart();
    }

    pub(crate) fn url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.port)
    }

    /// Where it stores, if it has JetStream.
    fn store(&self) -> PathBuf {
        self.conf.with_extension("jetstream")
    }

    /// Where clients that are no browsers connect.
    pub(crate) fn tcp_url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.tcp_port)
    }

    /// Kills the server at once, as a power cut would.
    pub(crate) fn kill(&self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Has the server send its clients away before it stops.
    pub(crate) fn lame_duck(&self) {
        if let Some(child) = &*self.child.borrow() {
            let mut kill = Command::new("kill");
            let sent = kill.args(["-s", "USR2", &child.id().to_string()]).status().unwrap();
            assert!(sent.success());
        }
    }

    /// Waits until the server ends by itself.
    pub(crate) async fn ended(&self) {
        let has_ended = || match &mut *self.child.borrow_mut() {
            Some(child) => child.try_wait().unwrap().is_some(),
            None => true,
        };
        let began = Clock::now();
        while !has_ended() {
            assert!(began.elapsed() < GONE, "nats-server ends in time");
            pause(20).await;
        }
    }

    /// Starts the server again.
    pub(crate) fn restart(&self) {
        self.kill();
        let child = Command::new(nats_server())
            .arg("-c")
            .arg(&self.conf)
            .env("JETSTREAM_DIR", self.store())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nats-server starts: run `just setup`");
        self.child.replace(Some(child));
        let deadline = Clock::now() + SOON;
        while std::net::TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            assert!(Clock::now() < deadline, "nats-server listens in time");
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
        std::fs::remove_file(&self.conf).ok();
        std::fs::remove_dir_all(self.store()).ok();
    }
}

/// The nats-server of `NATS_SERVER`, of this checkout, or of the machine.
fn nats_server() -> PathBuf {
    if let Some(named) = std::env::var_os("NATS_SERVER") {
        return named.into();
    }
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tools/nats/bin/nats-server");
    if own.exists() { own } else { "nats-server".into() }
}

/// A port that nobody listens on, that the system gives to no outgoing connection before a server has
/// taken it, and that was given to no other test of this process.
pub(crate) fn free_port() -> u16 {
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 10_000;
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(fastrand::u16(..COUNT)));
    loop {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A listener for a server that misbehaves: accepts websockets and hands them to `behave`.
pub(crate) async fn misbehaving<F, Fut>(behave: F) -> String
where
    F: Fn(tokio_tungstenite::WebSocketStream<TcpStream>) -> Fut + 'static,
    Fut: Future<Output = ()> + 'static,
{
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let addr = listener.local_addr().unwrap();
    spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(socket) = tokio_tungstenite::accept_async(stream).await {
                spawn(behave(socket));
            }
        }
    });
    format!("ws://{addr}")
}
