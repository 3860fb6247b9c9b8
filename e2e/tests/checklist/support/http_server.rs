use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Room for a browser that opens a connection before it needs one.
const HEAD_WITHIN: Duration = Duration::from_secs(30);

/// A small HTTP server, for what stands beside the project: an issuer, a page from elsewhere, an API
/// that fails. It runs on threads, so it outlives the runtime of the test that made it.
pub(crate) struct HttpServer {
    address: SocketAddr,
    stopped: Arc<AtomicBool>,
}

/// What it answers with, but for the length.
pub(crate) struct Answer {
    pub(crate) status: &'static str,
    pub(crate) headers: &'static str,
    pub(crate) body: String,
}

impl HttpServer {
    /// Serves a free port of loopback; `answer` gets the head of each request.
    pub(crate) fn start(answer: impl Fn(&str) -> Answer + Send + Sync + 'static) -> Self {
        Self::start_at(SocketAddr::from(([127, 0, 0, 1], 0)), answer)
    }

    /// Serves a free port with nothing but errors, and keeps the head of each request.
    pub(crate) fn recording() -> (Self, Arc<Mutex<Vec<String>>>) {
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&heads);
        let server = Self::start(move |head| {
            kept.lock().unwrap().push(head.to_owned());
            Answer { status: "503 Service Unavailable", headers: "", body: String::new() }
        });
        (server, heads)
    }

    /// Serves `address`.
    pub(crate) fn start_at(
        address: SocketAddr,
        answer: impl Fn(&str) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let stopped = Arc::new(AtomicBool::new(false));
        let (stop, answer) = (Arc::clone(&stopped), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let answer = Arc::clone(&answer);
                // Who hangs up early is not waited for.
                thread::spawn(move || serve(&stream, &*answer).ok());
            }
        });
        Self { address, stopped }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn serve(mut stream: &TcpStream, answer: &dyn Fn(&str) -> Answer) -> std::io::Result<()> {
    stream.set_read_timeout(Some(HEAD_WITHIN))?;
    let mut reader = BufReader::new(stream);
    let (mut head, mut length) = (String::new(), 0);
    while !head.ends_with("\r\n\r\n") {
        let from = head.len();
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
        if let Some(value) = head[from..].to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    let Answer { status, headers, body } = answer(&head);
    let length = body.len();
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n{headers}\r\n{body}"
    )
}

impl Drop for HttpServer {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, which then ends; if it is gone already, so much the better.
        let _ = TcpStream::connect(self.address);
    }
}
