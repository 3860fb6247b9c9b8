//! Listening, and stopping.

use std::{future::Future, io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, extract::Request};
use hyper::{body::Incoming, server::conn::http1, service::Service};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// How long to wait when no connection can be accepted, as when too many files are open.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// The other end of the connection that a request came over, as an extension of the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub SocketAddr);

/// What a client may do to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerSettings {
    /// Time for the head of a request to arrive whole, from when the connection is opened or the
    /// answer before was sent. So it bounds how long a connection may be idle, too.
    pub header_read_timeout: Duration,
    /// Largest head in bytes; a larger one is answered with 431.
    pub max_header_bytes: usize,
    /// Connections at once; more wait to be accepted.
    pub max_connections: usize,
    /// Time that requests in flight get to finish.
    pub shutdown_deadline: Duration,
}

/// Serves HTTP/1.1 until `stop` is cancelled; then takes no new connections, and gives the requests
/// in flight until the deadline to finish.
///
/// `axum::serve` would do but for the limits: it waits for the head of a request for ever.
///
/// # Cancel safety
/// Cancelling takes no new connections; requests in flight go on without a deadline.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    settings: ServerSettings,
    stop: CancellationToken,
) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(settings.header_read_timeout)
        .max_header_size(settings.max_header_bytes);
    let open = Arc::new(Semaphore::new(settings.max_connections.min(Semaphore::MAX_PERMITS)));
    let connections = GracefulShutdown::new();

    let accepting = async {
        loop {
            // The semaphore is never closed.
            let Ok(permit) = Arc::clone(&open).acquire_owned().await else { return };
            let (stream, peer) = accept(&listener).await;
            let service = TowerToHyperService::new(router.clone());
            let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Peer(peer));
                service.call(request)
            });
            let connection = http.serve_connection(TokioIo::new(stream), service);
            let connection = connections.watch(connection);
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    debug!(%error, "a connection ended badly");
                }
                drop(permit);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop.cancelled() => {}
    }
    drop(listener);
    let deadline = settings.shutdown_deadline;
    if timeout(deadline, connections.shutdown()).await.is_err() {
        warn!(?deadline, "requests still in flight at the deadline are cut off");
    }
}

/// The next connection. What fails is told in the log and tried again: there is nothing better to do.
async fn accept(listener: &TcpListener) -> (TcpStream, SocketAddr) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small; waiting to fill a packet would only delay them. Without it they
                // are slower, not wrong.
                let _ = stream.set_nodelay(true);
                return (stream, peer);
            }
            // The client went away again.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::ConnectionAborted
                        | io::ErrorKind::ConnectionRefused
                        | io::ErrorKind::ConnectionReset
                ) => {}
            Err(error) => {
                warn!(%error, "cannot accept connections; trying on");
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Waits for SIGINT or SIGTERM.
///
/// # Errors
/// [`io::Error`] if the process cannot watch for them; returned before anything is awaited.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => info!(signal = "SIGINT", "stopping"),
            _ = terminate.recv() => info!(signal = "SIGTERM", "stopping"),
        }
    })
}
