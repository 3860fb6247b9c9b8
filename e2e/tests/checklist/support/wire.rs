use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use e2e::NatsServer;
use futures_util::{SinkExt, StreamExt};
use nkeys::KeyPair;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// How long the server may take to answer, on a busy machine.
const ANSWER_WITHIN: Duration = Duration::from_secs(60);

/// The NATS protocol by hand, line by line: nothing of this project's own client stands between a
/// test and what the server says.
pub(crate) struct Wire {
    socket: Socket,
    unread: Vec<u8>,
}

enum Socket {
    Web(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
    Tcp(TcpStream),
}

impl Wire {
    /// Connects as a browser does, but that it names no origin.
    pub(crate) async fn websocket(nats: &NatsServer) -> Self {
        let (socket, _) = connect_async(nats.websocket_url()).await.unwrap();
        Self { socket: Socket::Web(Box::new(socket)), unread: Vec::new() }
    }

    /// Connects as a service does.
    pub(crate) async fn tcp(nats: &NatsServer) -> Self {
        let socket = TcpStream::connect(nats.client_address()).await.unwrap();
        Self { socket: Socket::Tcp(socket), unread: Vec::new() }
    }

    /// Logs in and returns the answer: `PONG`, or what the server has against it.
    pub(crate) async fn login(&mut self, jwt: &str, key: &KeyPair) -> String {
        let nonce = self.info().await["nonce"].as_str().unwrap().to_owned();
        let signature = key.sign(nonce.as_bytes()).unwrap();
        self.login_by(&json!({ "jwt": jwt, "sig": BASE64URL_NOPAD.encode(&signature) })).await
    }

    /// Logs in with credentials of the test's choice, and returns the answer.
    pub(crate) async fn login_by(&mut self, credentials: &Value) -> String {
        let mut connect = json!({
            "verbose": false, "pedantic": false, "protocol": 1, "lang": "test", "version": "0",
            "headers": true, "no_responders": true,
        });
        connect.as_object_mut().unwrap().extend(credentials.as_object().unwrap().clone());
        self.send(&format!("CONNECT {connect}\r\nPING\r\n")).await;
        self.next().await.expect("the server says why before it closes")
    }

    /// What the server says first.
    pub(crate) async fn info(&mut self) -> Value {
        let line = self.operation().await.unwrap();
        serde_json::from_str(line.strip_prefix("INFO ").unwrap()).unwrap()
    }

    pub(crate) async fn send(&mut self, lines: &str) {
        match &mut self.socket {
            Socket::Web(socket) => socket.send(Message::binary(lines.to_owned())).await.unwrap(),
            Socket::Tcp(socket) => socket.write_all(lines.as_bytes()).await.unwrap(),
        }
    }

    /// The next thing that the server says beside keeping the connection alive: a line, with the
    /// rest of a message after it; nothing when it has closed the connection.
    pub(crate) async fn next(&mut self) -> Option<String> {
        let next = async {
            loop {
                match self.operation().await? {
                    ping if ping == "PING" => self.send("PONG\r\n").await,
                    info if info.starts_with("INFO ") => {}
                    said => return Some(said),
                }
            }
        };
        timeout(ANSWER_WITHIN, next).await.expect("the server answers")
    }

    /// Sends lines, then a PING; returns what the server says before its PONG.
    pub(crate) async fn round_trip(&mut self, lines: &str) -> Vec<String> {
        self.send(&format!("{lines}PING\r\n")).await;
        let mut answers = Vec::new();
        loop {
            match self.next().await.expect("the connection stays") {
                pong if pong == "PONG" => return answers,
                said => answers.push(said),
            }
        }
    }

    /// Reads until the server closes the connection.
    pub(crate) async fn until_closed(&mut self) -> Vec<String> {
        let mut rest = Vec::new();
        while let Some(said) = self.next().await {
            rest.push(said);
        }
        rest
    }

    /// Checks that these lines are taken without a word.
    pub(crate) async fn may(&mut self, lines: &str) {
        assert_eq!(self.round_trip(lines).await, [] as [String; 0], "{lines}");
    }

    /// Checks that nothing can be published there, and that the connection lives on.
    pub(crate) async fn may_not_publish(&mut self, subjects: &[impl AsRef<str>]) {
        for subject in subjects {
            let subject = subject.as_ref();
            let said = self.round_trip(&format!("PUB {subject} 2\r\nhi\r\n")).await;
            let refusal = format!("-ERR 'Permissions Violation for Publish to \"{subject}\"'");
            assert_eq!(said, [refusal]);
        }
    }

    /// Checks that nobody can listen there, and that the connection lives on.
    pub(crate) async fn may_not_subscribe(&mut self, subjects: &[impl AsRef<str>]) {
        for subject in subjects {
            let subject = subject.as_ref();
            let said = self.round_trip(&format!("SUB {subject} 99\r\n")).await;
            let refusal = format!("-ERR 'Permissions Violation for Subscription to \"{subject}\"'");
            assert_eq!(said, [refusal]);
        }
    }

    async fn operation(&mut self) -> Option<String> {
        let line_end =
            |bytes: &[u8]| bytes.windows(2).position(|two| two == b"\r\n").map(|at| at + 2);
        let line = self.take(line_end).await?.trim_end().to_owned();
        if !line.starts_with("MSG ") && !line.starts_with("HMSG ") {
            return Some(line);
        }
        let length: usize = line.rsplit(' ').next().unwrap().parse().unwrap();
        let end = length + 2;
        let payload = self.take(|bytes| (bytes.len() >= end).then_some(end)).await?;
        Some(format!("{line}\n{}", payload.trim_end()))
    }

    async fn take(&mut self, find: impl Fn(&[u8]) -> Option<usize>) -> Option<String> {
        loop {
            if let Some(end) = find(&self.unread) {
                return Some(String::from_utf8(self.unread.drain(..end).collect()).unwrap());
            }
            let bytes = match &mut self.socket {
                Socket::Web(socket) => match socket.next().await?.ok()? {
                    Message::Close(_) => return None,
                    message => message.into_data().to_vec(),
                },
                Socket::Tcp(socket) => {
                    let mut bytes = vec![0; 4096];
                    let read = socket.read(&mut bytes).await.ok().filter(|read| *read > 0)?;
                    bytes.truncate(read);
                    bytes
                }
            };
            self.unread.extend(bytes);
        }
    }
}
