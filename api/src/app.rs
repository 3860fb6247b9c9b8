//! The service as a whole: from configuration to a running server.

use std::{
    fs,
    io::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    config::{Config, Origin},
    keys::{self, KeyFileError},
    middleware::security_headers::content_security_policy,
    mint::RoleName,
    publish::{Connection, ConnectionSettings, Publisher},
    router::{AppState, RouterSettings, router},
    routes::credentials::Issuer,
    server,
};

/// The service could not start, or stopped by itself.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// A key file cannot be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// The address is taken or not this machine's.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The file that tells the address cannot be written.
    #[error("the address file {} cannot be written", path.display())]
    AddressFile {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The websocket URLs make no header.
    #[error("the websocket URLs make no content security policy")]
    Policy(#[source] axum::http::header::InvalidHeaderValue),
    /// The listener failed.
    #[error("the listener failed")]
    Serve(#[source] io::Error),
}

/// A service that listens, and whose connection to NATS is on its way.
pub struct App {
    address: SocketAddr,
    listener: TcpListener,
    router: axum::Router,
    shutdown_deadline: std::time::Duration,
    stop: CancellationToken,
    nats: JoinHandle<()>,
}

impl App {
    /// Reads the keys, binds the listener and starts to connect to NATS. NATS need not be there.
    ///
    /// # Errors
    /// * [`AppError::Keys`]: a key file is missing, unreadable, malformed or too open.
    /// * [`AppError::Listen`]: the address cannot be bound.
    /// * [`AppError::Policy`]: the websocket URLs make no header.
    pub async fn start(config: &Config) -> Result<Self, AppError> {
        let credentials = keys::load_service(&config.keys.dir)?;
        let guest = if config.guest.enabled {
            let account = keys::load_account(&config.keys.dir)?;
            Some(keys::load_role(&config.keys.dir, RoleName::Guest, config.guest.ttl(), &account)?)
        } else {
            None
        };
        let policy = content_security_policy(&config.websocket.urls).map_err(AppError::Policy)?;

        let listen = |source| AppError::Listen { address: config.http.listen, source };
        let listener = TcpListener::bind(config.http.listen).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;

        let stop = CancellationToken::new();
        let settings = ConnectionSettings {
            urls: config.nats.urls.clone(),
            credentials,
            connect_timeout: config.nats.connect_timeout(),
        };
        let (connection, nats) = Connection::spawn(settings, stop.child_token());
        let state = AppState {
            publisher: Publisher::new(connection, config.nats.publish_deadline()),
            issuer: Issuer::new(guest, &config.websocket.urls),
        };
        let mut own_origins = config.origins.own.clone();
        own_origins.extend(loopback_origins(address));
        let router = router(
            state,
            &RouterSettings {
                own_origins,
                cross_origins: config.origins.cross.clone(),
                body_limit: config.http.body_limit_bytes,
                request_timeout: config.http.request_timeout(),
                page_dir: config.page.dir.clone(),
                content_security_policy: policy,
            },
        );
        if !config.page.dir.join("index.html").is_file() {
            warn!(dir = %config.page.dir.display(), "the page has not been built");
        }
        info!(%address, guest = config.guest.enabled, "listening");
        Ok(Self {
            address,
            listener,
            router,
            shutdown_deadline: config.http.shutdown_deadline(),
            stop,
            nats,
        })
    }

    /// The address it really listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Writes the address to a file, which appears whole or not at all.
    ///
    /// # Errors
    /// [`AppError::AddressFile`] if it cannot be written.
    pub fn tell_address(&self, path: &Path) -> Result<(), AppError> {
        let mut partial = path.as_os_str().to_owned();
        partial.push(".partial");
        fs::File::create(&partial)
            .and_then(|mut file| write!(file, "{}", self.address))
            .and_then(|()| fs::rename(&partial, path))
            .map_err(|source| AppError::AddressFile { path: path.to_owned(), source })
    }

    /// Serves until `stop` completes, then stops in order: no new connections, requests in flight
    /// to their end or the deadline, NATS drained.
    ///
    /// # Errors
    /// [`AppError::Serve`] if the listener fails.
    ///
    /// # Cancel safety
    /// Cancelling cuts off requests in flight and leaves the connection to NATS undrained.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), AppError> {
        let stop_serving = CancellationToken::new();
        let serving =
            server::serve(self.listener, self.router, stop_serving.clone(), self.shutdown_deadline);
        let stopping = async {
            stop.await;
            stop_serving.cancel();
            std::future::pending::<()>().await;
        };
        let served = tokio::select! {
            served = serving => served,
            () = stopping => Ok(()),
        };
        // Only now: requests in flight may still publish until here.
        self.stop.cancel();
        if let Err(error) = self.nats.await {
            warn!(%error, "the task of the NATS connection ended badly");
        }
        served.map_err(AppError::Serve)?;
        info!("stopped");
        Ok(())
    }
}

/// The origins a browser on this machine sees, if the listener is reachable from it alone.
fn loopback_origins(address: SocketAddr) -> Vec<Origin> {
    if !address.ip().is_loopback() {
        return Vec::new();
    }
    let port = address.port();
    ["localhost", "127.0.0.1", "[::1]"]
        .into_iter()
        .filter_map(|host| Origin::parse(&format!("http://{host}:{port}")).ok())
        .collect()
}
