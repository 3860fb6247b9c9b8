//! The other end: native programs that publish and answer, fast enough not to be what is measured.

use bytes::{Bytes, BytesMut};
use nats_proto::ServerOp;
use nats_proto::codec::{Decoder, Limits, encode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::server::Server;
use crate::error::Error;

/// How many bytes are written at once.
const BATCH: usize = 256 * 1024;

/// A connection that only speaks the protocol as far as it must.
struct Wire {
    stream: TcpStream,
    decoder: Decoder,
}

impl Wire {
    async fn connect(server: &Server) -> Result<Self, Error> {
        let stream = TcpStream::connect(server.client_address()).await;
        let stream = stream.map_err(Error::io("connect to nats-server"))?;
        stream.set_nodelay(true).map_err(Error::io("connect to nats-server"))?;
        let mut wire = Self { stream, decoder: Decoder::new(Limits::default()) };
        wire.write(b"CONNECT {\"verbose\":false,\"pedantic\":false,\"protocol\":1}\r\n").await?;
        Ok(wire)
    }

    async fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.stream.write_all(bytes).await.map_err(Error::io("write to nats-server"))
    }

    async fn next_op(&mut self) -> Result<ServerOp, Error> {
        let failed = |found: String| Error::Unexpected { what: "what nats-server says", found };
        loop {
            if let Some(op) = self.decoder.next_op().map_err(|error| failed(error.to_string()))? {
                return Ok(op);
            }
            let mut portion = BytesMut::with_capacity(64 * 1024);
            let read = self.stream.read_buf(&mut portion).await;
            if read.map_err(Error::io("read from nats-server"))? == 0 {
                return Err(failed("the end".to_owned()));
            }
            self.decoder.feed(portion.freeze());
        }
    }

    /// Waits until the server has everything.
    async fn flush(&mut self) -> Result<(), Error> {
        self.write(b"PING\r\n").await?;
        while self.next_op().await? != ServerOp::Pong {}
        Ok(())
    }
}

/// Publishes `count` messages of `size` bytes on these subjects in turn, which are all of one length, as
/// fast as the server takes them.
pub(crate) async fn feed<S: AsRef<str>>(
    server: &Server,
    subjects: &[S],
    size: usize,
    count: u64,
) -> Result<(), Error> {
    let mut wire = Wire::connect(server).await?;
    let mut each = BytesMut::new();
    for subject in subjects {
        encode::publish(&mut each, subject.as_ref(), None, None, &vec![b'x'; size]);
    }
    let one = each.len() / subjects.len();
    let turns = (BATCH / each.len()).max(1);
    let at_once = (turns * subjects.len()) as u64;
    let batch = each.repeat(turns);
    let mut left = count;
    while left > 0 {
        let now = left.min(at_once);
        wire.write(&batch[..one * now as usize]).await?;
        left -= now;
    }
    wire.flush().await
}

/// Sends each question back to who asked it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Echo {
    task: JoinHandle<Result<(), Error>>,
}

impl Echo {
    /// Begins to answer on a subject.
    pub(crate) async fn start(server: &Server, subject: &str) -> Result<Self, Error> {
        let mut wire = Wire::connect(server).await?;
        let mut out = BytesMut::new();
        encode::subscribe(&mut out, subject, None, 1);
        wire.write(&out).await?;
        wire.flush().await?;
        Ok(Self { task: tokio::spawn(answer(wire)) })
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(mut wire: Wire) -> Result<(), Error> {
    let mut out = BytesMut::new();
    loop {
        let mut op = Some(wire.next_op().await?);
        // All that came together is answered together.
        while let Some(next) = op {
            match next {
                ServerOp::Message { message, .. } => {
                    let reply = message.reply.unwrap_or_default();
                    encode::publish(&mut out, &reply, None, None, &message.payload);
                }
                ServerOp::Ping => encode::pong(&mut out),
                _ => {}
            }
            op = wire.decoder.next_op().ok().flatten();
        }
        let bytes: Bytes = out.split().freeze();
        wire.write(&bytes).await?;
    }
}
