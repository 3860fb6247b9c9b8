use std::collections::VecDeque;
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use e2e::Stack;
use futures_util::{SinkExt, StreamExt};
use nkeys::KeyPair;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long the server may take to answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

/// The NATS protocol by hand over a websocket, line by line: nothing of this project's own client
/// stands between a test and what the server says.
pub(crate) struct Wire {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    lines: VecDeque<String>,
}

impl Wire {
    pub(crate) async fn open(stack: &Stack) -> Self {
        let (socket, _) = connect_async(stack.nats.websocket_url())
            .await
            .expect("nats-server listens for websockets");
        Self { socket, lines: VecDeque::new() }
    }

    /// Logs in and returns the answer: `PONG`, or what the server has against it.
    pub(crate) async fn login(&mut self, jwt: &str, key: &KeyPair) -> String {
        let info = self.line().await;
        let info = info.strip_prefix("INFO ").expect("a server speaks first");
        let info: Value = serde_json::from_str(info).expect("INFO is JSON");
        let nonce = info["nonce"].as_str().expect("the server wants a signature");
        let signature = key.sign(nonce.as_bytes()).expect("a new key signs");
        let login = json!({
            "verbose": false, "pedantic": false, "protocol": 1, "lang": "rust", "version": "0",
            "headers": true, "no_responders": true,
            "jwt": jwt, "sig": BASE64URL_NOPAD.encode(&signature),
        });
        self.send(&format!("CONNECT {login}\r\nPING\r\n")).await;
        self.next().await
    }

    pub(crate) async fn send(&mut self, lines: &str) {
        self.socket.send(Message::text(lines)).await.expect("the socket is open");
    }

    /// The server's next line, but for the INFO that it sends as news.
    pub(crate) async fn next(&mut self) -> String {
        loop {
            let line = self.line().await;
            if !line.starts_with("INFO ") {
                return line;
            }
        }
    }

    /// The server's next line. A frame may hold several.
    async fn line(&mut self) -> String {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return line;
            }
            let frame = timeout(ANSWER_WITHIN, self.socket.next())
                .await
                .expect("the server answers")
                .expect("the socket is open")
                .expect("the frame is sound");
            let text = String::from_utf8(frame.into_data().to_vec()).expect("it is text");
            self.lines.extend(text.lines().map(str::to_owned));
        }
    }
}
