//! Sockets for the client, from many addresses of this machine.

use std::cell::RefCell;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant, SystemTime};

use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message as Frame};
use web_wasm::ServerAddr;
use web_wasm::platform::{LocalBoxFuture, NoEntropy, Platform};
use web_wasm::transport::{Dialer, Transport, TransportClosed, TransportEvent, Writable};

use super::BUFFER;

/// How many connections share an address: a server sees as many visitors at home behind one router
/// at most, and the system has 28,000 ports for each.
const EACH: u32 = 1_000;

/// Opens websockets from one address, and remembers when.
#[derive(Clone, Debug)]
pub(super) struct From {
    address: Ipv4Addr,
    dials: Rc<RefCell<Vec<Duration>>>,
}

impl From {
    /// Those of the visitor with this number. `dials` collects when, since 1970.
    pub(super) fn visitor(number: u32, dials: Rc<RefCell<Vec<Duration>>>) -> Self {
        // 127.0.0.1 itself is left to everybody else.
        Self { address: Ipv4Addr::from(0x7F01_0001 + number / EACH), dials }
    }

    /// Opens a websocket.
    pub(super) async fn open(
        &self,
        url: &str,
    ) -> Result<WebSocketStream<TcpStream>, tungstenite::Error> {
        let request = url.into_client_request()?;
        let authority = request.uri().authority().map(|authority| authority.as_str().parse());
        let Some(Ok(server)) = authority else {
            return Err(tungstenite::error::UrlError::NoHostName.into());
        };
        let server: SocketAddr = server;
        self.dials.borrow_mut().push(unix_time());
        let socket = TcpSocket::new_v4()?;
        socket.bind((self.address, 0).into())?;
        let stream = socket.connect(server).await?;
        let config = WebSocketConfig::default().read_buffer_size(BUFFER);
        let opened =
            tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await?;
        Ok(opened.0)
    }
}

impl Dialer for From {
    fn dial(
        &self,
        server: &ServerAddr,
        _: &[String],
    ) -> Result<Box<dyn Transport>, TransportClosed> {
        let (told, events) = mpsc::unbounded_channel();
        let (outgoing, frames) = mpsc::unbounded_channel();
        tokio::task::spawn_local(carry(self.clone(), server.to_string(), told, frames));
        Ok(Box::new(Socket { events, outgoing }))
    }
}

/// Carries frames until either side ends it.
async fn carry(
    from: From,
    url: String,
    told: mpsc::UnboundedSender<TransportEvent>,
    mut frames: mpsc::UnboundedReceiver<Frame>,
) {
    let over = |code: u16, reason: String| {
        let closed = TransportClosed { code, reason: reason.into() };
        // The client has let go of it by itself.
        let _ = told.send(TransportEvent::Closed(closed));
    };
    let mut socket = match from.open(&url).await {
        Ok(socket) => socket,
        Err(error) => return over(1006, error.to_string()),
    };
    loop {
        let sent = tokio::select! {
            frame = socket.next() => match frame {
                Some(Ok(Frame::Binary(bytes))) => {
                    let _ = told.send(TransportEvent::Input(bytes));
                    Ok(())
                }
                Some(Ok(Frame::Close(Some(frame)))) => {
                    return over(frame.code.into(), frame.reason.as_str().into());
                }
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) => Err(error),
                None => return over(1006, String::new()),
            },
            frame = frames.recv() => match frame {
                Some(frame) => socket.send(frame).await,
                None => return,
            },
        };
        if let Err(error) = sent {
            return over(1006, error.to_string());
        }
    }
}

struct Socket {
    events: mpsc::UnboundedReceiver<TransportEvent>,
    outgoing: mpsc::UnboundedSender<Frame>,
}

impl Transport for Socket {
    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<TransportEvent> {
        match self.events.poll_recv(cx) {
            Poll::Ready(Some(event)) => Poll::Ready(event),
            _ => Poll::Pending,
        }
    }

    fn writable(&self, _: nats_proto::Instant) -> Writable {
        Writable::Now
    }

    fn send(&mut self, bytes: &[u8]) {
        // One that is over has told so.
        let _ = self.outgoing.send(Frame::Binary(bytes.to_vec().into()));
    }

    fn close(&mut self, _: u16, _: &str) {
        let _ = self.outgoing.send(Frame::Close(None));
    }
}

/// Tokio's clock, timers and tasks.
#[derive(Debug)]
pub(super) struct Tokio {
    origin: Instant,
}

impl Tokio {
    pub(super) fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Platform for Tokio {
    fn now(&self) -> nats_proto::Instant {
        nats_proto::Instant::from_origin(self.origin.elapsed())
    }

    fn unix_time(&self) -> Duration {
        unix_time()
    }

    fn sleep(&self, duration: Duration) -> LocalBoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }

    fn entropy(&self) -> Result<[u8; 32], NoEntropy> {
        let mut entropy = [0; 32];
        getrandom::fill(&mut entropy).map_err(|_| NoEntropy)?;
        Ok(entropy)
    }

    fn spawn(&self, task: LocalBoxFuture<'static, ()>) {
        tokio::task::spawn_local(task);
    }
}

/// How long ago 1970 began: the clock that all processes of this machine have in common.
pub(super) fn unix_time() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
