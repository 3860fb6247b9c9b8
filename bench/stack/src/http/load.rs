//! A number of connections, each of which asks again as soon as it is answered.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::error::Error;
use crate::results::Metrics;
use crate::statistics::quantile;

/// Room for an answer.
const LARGEST: usize = 64 * 1024;

/// A request, ready to be sent.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    address: SocketAddr,
    bytes: Vec<u8>,
}

impl Request {
    /// A GET.
    pub(crate) fn get(address: SocketAddr, path: &str) -> Self {
        let bytes = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\n\r\n").into_bytes();
        Self { address, bytes }
    }

    /// A POST of JSON; nothing is sent for an empty text.
    pub(crate) fn post(address: SocketAddr, path: &str, json: &str) -> Self {
        let length = json.len();
        let kind = if json.is_empty() { "" } else { "content-type: application/json\r\n" };
        let bytes = format!(
            "POST {path} HTTP/1.1\r\nhost: {address}\r\n{kind}content-length: {length}\r\n\r\n{json}"
        );
        Self { address, bytes: bytes.into_bytes() }
    }

    /// Asks once; the answer's body.
    pub(crate) async fn once(&self) -> Result<Vec<u8>, Error> {
        let mut connection = Connection::open(self.address).await?;
        let head = connection.ask(self).await?;
        Ok(connection.buffer.split_off(head))
    }

    /// Where it goes.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Asks for so long, and says how many answers came in a second and how long each took.
pub(crate) async fn run(
    requests: &[Request],
    connections: usize,
    time: Duration,
) -> Result<Metrics, Error> {
    let began = Instant::now();
    let mut asking = JoinSet::new();
    for first in 0..connections {
        let requests = requests.to_vec();
        asking.spawn(async move {
            let mut times = Vec::new();
            let mut connection = Connection::open(requests[0].address).await?;
            for request in requests.iter().cycle().skip(first * 7) {
                let asked = Instant::now();
                if asked - began >= time {
                    break;
                }
                connection.ask(request).await?;
                times.push(asked.elapsed().as_secs_f64() * 1e3);
            }
            Ok::<_, Error>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(asked) = asking.join_next().await {
        times.extend(asked.map_err(|error| unexpected(error.to_string()))??);
    }
    let elapsed = began.elapsed().as_secs_f64();
    Ok(Metrics::default()
        .with("per_second", times.len() as f64 / elapsed)
        .with("p50_ms", quantile(&times, 0.5).unwrap_or_default())
        .with("p99_ms", quantile(&times, 0.99).unwrap_or_default()))
}

fn unexpected(found: String) -> Error {
    Error::Unexpected { what: "the answer to a request", found }
}

struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    async fn open(address: SocketAddr) -> Result<Self, Error> {
        let failed = || Error::io(format!("connect to {address}"));
        let stream = TcpStream::connect(address).await.map_err(failed())?;
        stream.set_nodelay(true).map_err(failed())?;
        Ok(Self { stream, buffer: Vec::with_capacity(LARGEST) })
    }

    /// Sends a request and reads the whole answer, which has to be a 200; tells the length of its head.
    async fn ask(&mut self, request: &Request) -> Result<usize, Error> {
        self.stream.write_all(&request.bytes).await.map_err(Error::io("send a request"))?;
        self.buffer.clear();
        loop {
            let read = self.stream.read_buf(&mut self.buffer).await;
            if read.map_err(Error::io("read an answer"))? == 0 {
                return Err(unexpected("the end of the connection".to_owned()));
            }
            if let Some((head, body)) = answer_length(&self.buffer)?
                && self.buffer.len() >= head + body
            {
                return Ok(head);
            }
        }
    }
}

/// How long head and body of the answer are that begins like this, if its head is all there.
fn answer_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, Error> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut answer = httparse::Response::new(&mut headers);
    let parsed = answer.parse(bytes).map_err(|error| unexpected(error.to_string()))?;
    let httparse::Status::Complete(head) = parsed else { return Ok(None) };
    if answer.code != Some(200) {
        return Err(unexpected(String::from_utf8_lossy(bytes).into_owned()));
    }
    let length =
        answer.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| std::str::from_utf8(header.value).ok()?.parse().ok());
    length.map(|body: usize| Some((head, body))).ok_or_else(|| unexpected("no length".to_owned()))
}
