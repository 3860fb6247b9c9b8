//! The servers that this project does without: websockets of a program's own, alone or behind NATS.

use std::net::SocketAddr;

use axum::Router;
use axum::extract::State;
use axum::routing::post;
use clap::Args;
use futures_util::{SinkExt, StreamExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast::{self, error::RecvError};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::{BUFFER, UPDATES};
use crate::error::Error;

/// How many messages a slow connection may be behind before it misses some.
const WAITING: usize = 1_024;

/// How `bench relay` is called.
#[derive(Args, Clone, Debug)]
pub(crate) struct Options {
    /// Where websockets connect
    #[arg(long)]
    websocket: SocketAddr,
    /// Where `POST /ping` is served, whose body goes to every websocket
    #[arg(long)]
    http: SocketAddr,
    /// The NATS that brings what others were told to publish
    #[arg(long)]
    nats: Option<String>,
}

/// Serves until it is ended.
pub(crate) async fn run(options: Options) -> Result<(), Error> {
    let (updates, _) = broadcast::channel(WAITING);
    if let Some(url) = options.nats {
        let unexpected = |error: &dyn std::error::Error| Error::Unexpected {
            what: "nats-server's answer",
            found: error.to_string(),
        };
        let client = async_nats::connect(url).await.map_err(|error| unexpected(&error))?;
        let mut subscriber = client.subscribe(UPDATES).await.map_err(|error| unexpected(&error))?;
        let updates = updates.clone();
        tokio::spawn(async move {
            while let Some(message) = subscriber.next().await {
                let text = String::from_utf8_lossy(&message.payload).into_owned();
                // Nobody is there to be told.
                let _ = updates.send(Utf8Bytes::from(text));
            }
        });
    }
    let sockets = TcpListener::bind(options.websocket).await.map_err(Error::io("listen"))?;
    let http = TcpListener::bind(options.http).await.map_err(Error::io("listen"))?;
    let app = Router::new().route("/ping", post(ping)).with_state(updates.clone());
    tokio::spawn(async move {
        loop {
            // What is wrong with one connection does not concern the next.
            if let Ok((stream, _)) = sockets.accept().await {
                tokio::spawn(serve(stream, updates.subscribe()));
            }
        }
    });
    axum::serve(http, app).await.map_err(Error::io("serve"))
}

async fn ping(State(updates): State<broadcast::Sender<Utf8Bytes>>, body: String) -> &'static str {
    let _ = updates.send(body.into());
    "pong"
}

/// Sends every update to one websocket, until it is closed.
async fn serve(stream: TcpStream, mut updates: broadcast::Receiver<Utf8Bytes>) {
    let config = WebSocketConfig::default().read_buffer_size(BUFFER);
    // Small messages are not to wait for each other, as nats-server has it, too.
    let _ = stream.set_nodelay(true);
    let Ok(mut socket) = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await
    else {
        return;
    };
    loop {
        tokio::select! {
            update = updates.recv() => match update {
                Ok(text) => if socket.send(Message::Text(text)).await.is_err() { return },
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return,
            },
            frame = socket.next() => match frame {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {}
            },
        }
    }
}
