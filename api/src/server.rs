//! Listening, and stopping.

use std::{future::Future, io, time::Duration};

use axum::{Router, serve::ListenerExt};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Serves until `stop` is cancelled; then takes no new connections, and gives the requests in flight
/// until `deadline` to finish.
///
/// # Errors
/// [`io::Error`] if the listener fails for good.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    deadline: Duration,
) -> io::Result<()> {
    let listener = listener.tap_io(|stream| {
        // Answers are small; waiting to fill a packet would only delay them. Without it they are
        // slower, not wrong.
        let _ = stream.set_nodelay(true);
    });
    let serving = axum::serve(listener, router)
        .with_graceful_shutdown(stop.clone().cancelled_owned())
        .into_future();
    tokio::pin!(serving);

    tokio::select! {
        ended = &mut serving => return ended,
        () = stop.cancelled() => info!("stopping: no new connections"),
    }
    match timeout(deadline, serving).await {
        Ok(ended) => ended,
        Err(_) => {
            warn!(?deadline, "requests still in flight at the deadline are cut off");
            Ok(())
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
