//! The few protocol lines a NATS client needs, spoken by hand over a websocket or TCP.

use data_encoding::BASE64URL_NOPAD;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream,
    tungstenite::{self, Message, client::IntoClientRequest},
};

use crate::{
    nats::{Nats, PAGE_ORIGIN},
    wait::DEADLINE,
};

enum Wire {
    Websocket(Box<WebSocketStream<MaybeTlsStream<TcpStream>>>),
    Tcp(TcpStream),
}

pub(crate) struct Client {
    wire: Wire,
    unread: Vec<u8>,
}

/// Opens a websocket as a page of this origin would, or as a program when there is none.
pub(crate) async fn open_websocket(
    nats: &Nats,
    origin: Option<&str>,
) -> Result<Client, tungstenite::Error> {
    open_websocket_with(nats, origin, None).await
}

/// `open_websocket`, with a header `Cookie`.
pub(crate) async fn open_websocket_with(
    nats: &Nats,
    origin: Option<&str>,
    cookie: Option<&str>,
) -> Result<Client, tungstenite::Error> {
    let mut request = nats.websocket_url().into_client_request()?;
    for (name, value) in [("origin", origin), ("cookie", cookie)] {
        if let Some(value) = value {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
    }
    let (stream, _) = tokio_tungstenite::connect_async(request).await?;
    Ok(Client { wire: Wire::Websocket(Box::new(stream)), unread: Vec::new() })
}

impl Client {
    pub(crate) async fn websocket(nats: &Nats) -> Self {
        open_websocket(nats, Some(PAGE_ORIGIN)).await.unwrap()
    }

    pub(crate) async fn tcp(nats: &Nats) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", nats.client_port)).await.unwrap();
        Self { wire: Wire::Tcp(stream), unread: Vec::new() }
    }

    pub(crate) async fn send(&mut self, text: &str) {
        match &mut self.wire {
            Wire::Websocket(stream) => {
                stream.send(Message::binary(text.as_bytes().to_vec())).await.unwrap();
            }
            Wire::Tcp(stream) => stream.write_all(text.as_bytes()).await.unwrap(),
        }
    }

    /// More bytes, or nothing when the connection is closed.
    async fn receive(&mut self) -> Option<()> {
        let bytes = match &mut self.wire {
            Wire::Websocket(stream) => loop {
                match stream.next().await?.ok()? {
                    Message::Close(_) => return None,
                    message if message.is_binary() || message.is_text() => {
                        break message.into_data().to_vec();
                    }
                    _ => {}
                }
            },
            Wire::Tcp(stream) => {
                let mut bytes = vec![0; 4096];
                let n = stream.read(&mut bytes).await.ok().filter(|n| *n > 0)?;
                bytes.truncate(n);
                bytes
            }
        };
        self.unread.extend(bytes);
        Some(())
    }

    async fn take(&mut self, find: impl Fn(&[u8]) -> Option<usize>) -> Option<String> {
        loop {
            if let Some(end) = find(&self.unread) {
                let taken = self.unread.drain(..end).collect();
                return Some(String::from_utf8(taken).unwrap());
            }
            self.receive().await?;
        }
    }

    /// The next line, with headers and payload after it for a message; nothing when the connection is closed.
    async fn operation(&mut self) -> Option<String> {
        let line_end = |bytes: &[u8]| bytes.windows(2).position(|w| w == b"\r\n").map(|at| at + 2);
        let line = self.take(line_end).await?.trim_end().to_owned();
        if !line.starts_with("MSG ") && !line.starts_with("HMSG ") {
            return Some(line);
        }
        let length: usize = line.rsplit(' ').next().unwrap().parse().unwrap();
        let end = length + 2;
        let payload = self.take(|bytes| (bytes.len() >= end).then_some(end)).await?;
        Some(format!("{line}\n{}", payload.trim_end()))
    }

    /// The next operation that is not part of keeping the connection alive.
    pub(crate) async fn next(&mut self) -> Option<String> {
        let next = async {
            loop {
                match self.operation().await? {
                    ping if ping == "PING" => self.send("PONG\r\n").await,
                    // A second INFO follows the login.
                    info if info.starts_with("INFO ") => {}
                    other => return Some(other),
                }
            }
        };
        timeout(DEADLINE, next).await.unwrap()
    }

    /// A page whose browser has this cookie.
    pub(crate) async fn with_cookie(nats: &Nats, cookie: &str) -> Self {
        open_websocket_with(nats, Some(PAGE_ORIGIN), Some(cookie)).await.unwrap()
    }

    /// Sends a CONNECT with these fields of its own, and returns the server's answer: `PONG`, or an
    /// error; nothing if it closes the connection without a word.
    pub(crate) async fn connect(&mut self, fields: &Value) -> Option<String> {
        let info = self.operation().await?;
        assert!(info.starts_with("INFO "), "{info}");
        let mut connect = json!({
            "verbose": false, "pedantic": false, "protocol": 1, "lang": "test", "version": "0",
            "headers": true, "no_responders": true,
        });
        connect.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        self.send(&format!("CONNECT {connect}\r\nPING\r\n")).await;
        self.next().await
    }

    /// Logs in, and returns the server's answer: `PONG`, or an error.
    pub(crate) async fn log_in(&mut self, jwt: &str, key: &nkeys::KeyPair) -> String {
        self.log_in_as(&key.public_key(), jwt, key).await
    }

    /// `log_in`, with a public key of the test's choice beside the token.
    pub(crate) async fn log_in_as(
        &mut self,
        said: &str,
        jwt: &str,
        key: &nkeys::KeyPair,
    ) -> String {
        self.send_login(said, jwt, key).await.unwrap();
        self.next().await.unwrap()
    }

    /// `log_in`, which has to go well; returns what the server said of itself and the connection.
    pub(crate) async fn enter(&mut self, jwt: &str, key: &nkeys::KeyPair) -> Value {
        let info = self.send_login(&key.public_key(), jwt, key).await.unwrap();
        assert_eq!(self.next().await.as_deref(), Some("PONG"));
        info
    }

    /// `log_in`, where the server may close the connection at any moment.
    pub(crate) async fn try_log_in(&mut self, jwt: &str, key: &nkeys::KeyPair) -> Option<String> {
        self.send_login(&key.public_key(), jwt, key).await?;
        self.next().await
    }

    async fn send_login(&mut self, said: &str, jwt: &str, key: &nkeys::KeyPair) -> Option<Value> {
        let info = self.operation().await?;
        let info: Value = serde_json::from_str(info.strip_prefix("INFO ").unwrap()).unwrap();
        let nonce = info["nonce"].as_str().unwrap();
        let connect = json!({
            "verbose": false, "pedantic": false, "protocol": 1, "lang": "test", "version": "0",
            "headers": true, "no_responders": true,
            "jwt": jwt,
            "nkey": said,
            "sig": BASE64URL_NOPAD.encode(&key.sign(nonce.as_bytes()).unwrap()),
        });
        self.send(&format!("CONNECT {connect}\r\nPING\r\n")).await;
        Some(info)
    }

    /// The next bytes that are not part of keeping the connection alive, whatever they are.
    pub(crate) async fn next_bytes(&mut self) -> Vec<u8> {
        let next = async {
            loop {
                let bytes = std::mem::take(&mut self.unread);
                match bytes.as_slice() {
                    b"PING\r\n" => self.send("PONG\r\n").await,
                    b"" => {}
                    _ => return bytes,
                }
                self.receive().await.unwrap();
            }
        };
        timeout(DEADLINE, next).await.unwrap()
    }

    /// Sends lines, then a PING; returns what came before its PONG.
    pub(crate) async fn round_trip(&mut self, lines: &str) -> Vec<String> {
        self.send(&format!("{lines}PING\r\n")).await;
        let mut answers = Vec::new();
        loop {
            match self.next().await.unwrap() {
                pong if pong == "PONG" => return answers,
                other => answers.push(other),
            }
        }
    }

    /// Reads until the server closes the connection.
    pub(crate) async fn until_closed(&mut self) -> Vec<String> {
        let mut rest = Vec::new();
        while let Some(operation) = self.next().await {
            rest.push(operation);
        }
        rest
    }
}
