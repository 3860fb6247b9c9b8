//! The service as a whole: from configuration to a running server.

mod error;

pub use error::AppError;

use std::{fs, io::Write, net::SocketAddr, path::Path, sync::Arc, time::Duration};

use rustls::pki_types::{CertificateDer, pem::PemObject};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::{
    auth::Authenticator,
    callout::{
        Door,
        service::{self, CalloutSettings},
    },
    claims::AccountKey,
    clock::unix_now,
    config::{
        Config, HttpConfig, Origin,
        roles::{self, RolesFile},
    },
    keys::{self, ServiceCredentials},
    limits::{AddressSource, RateLimits},
    middleware::{body_limit::BodyLimits, security_headers::content_security_policy},
    mint::{CallerRule, Role, Roles},
    objects::Objects,
    presence::{Presence, listener::SUBJECTS},
    publish::{Connection, ConnectionSettings, Publisher},
    revoke::{BanList, Kicker, Revoker, Signer, revoker::Means, warden},
    router::{AppState, RouterSettings, metrics_router, router},
    routes::{credentials::Issuer, session::SessionIssuer},
    server::{self, ServerSettings},
    session::Sessions,
    streams::{Streams, StreamsError},
    telemetry::Metrics,
};

/// Connections at once to the listener for Prometheus: one, some spare, and people who look.
const MAX_METRICS_CONNECTIONS: usize = 16;

/// How long the pieces of objects that did not come whole may take to be taken away at the end.
const SWEEP_DEADLINE: Duration = Duration::from_secs(2);

/// A service that listens, and whose connection to NATS is on its way.
pub struct App {
    address: SocketAddr,
    listener: TcpListener,
    router: axum::Router,
    server: ServerSettings,
    metrics: Option<(TcpListener, axum::Router)>,
    stop: CancellationToken,
    nats: JoinHandle<()>,
    callout: Option<JoinHandle<()>>,
    streams_refused: oneshot::Receiver<StreamsError>,
    objects: Objects,
}

impl App {
    /// Reads the keys, binds the listeners, and starts to connect to NATS and to fetch the issuers'
    /// keys. Neither NATS nor an issuer need be there.
    ///
    /// # Errors
    /// * [`AppError::Roles`]: the roles file is missing, unreadable or wrong.
    /// * [`AppError::Keys`]: a key file is missing, unreadable, malformed or too open.
    /// * [`AppError::Bans`]: the bans are unreadable, malformed, too open, or another process's.
    /// * [`AppError::PresenceRights`]: a key file is too old for presence.
    /// * [`AppError::ObjectRights`]: the service's user is from before objects were declared.
    /// * [`AppError::Listen`]: the address cannot be bound.
    /// * [`AppError::Authority`]: `nats.ca_file` holds no certificate.
    /// * [`AppError::Policy`]: the websocket URLs make no header.
    /// * [`AppError::Authenticator`]: issuers' keys cannot be fetched from this machine.
    pub async fn start(config: &Config) -> Result<Self, AppError> {
        let credentials = keys::load_service(&config.keys.dir)?;
        let RolesFile { roles, streams: declared } = roles::load(&config.roles.file)?;
        let all_roles = roles.clone();
        let roles = reachable(roles, config);
        // Once for all who need it: it is read from one file, and verified.
        let needs_system = config.revoke.is_on() || config.presence.needs_system();
        let account = if roles.is_empty() && !needs_system {
            None
        } else {
            Some(keys::load_account(&config.keys.dir)?)
        };
        let roles = match &account {
            Some(account) => keys::load_roles(&config.keys.dir, roles, account)?,
            None => Roles::default(),
        };
        let max_payload = roles.max_payload();
        let bans = if config.revoke.is_on() || config.revoke.dir.exists() {
            BanList::open(&config.revoke.dir, unix_now())?
        } else {
            BanList::default()
        };
        let system = match account.filter(|_| needs_system) {
            Some(account) => Some((keys::load_system(&config.keys.dir)?, account.sub)),
            None => None,
        };
        check_presence(config, &credentials, system.as_ref())?;
        let callout_keys = if config.callout.enabled {
            let account = keys::load_account(&config.keys.dir)?.sub;
            Some((
                keys::load_callout(&config.keys.dir, &account)?,
                Sessions::new(keys::load_session(&config.keys.dir)?),
            ))
        } else {
            None
        };
        if let Some(path) = &config.nats.ca_file {
            // Read again for each connection; this says at once what would only be seen there.
            CertificateDer::from_pem_file(path)
                .map_err(|source| AppError::Authority { path: path.clone(), source })?;
        }
        let policy = content_security_policy(&config.websocket.urls).map_err(AppError::Policy)?;

        let listener = bind(config.http.listen).await?;
        let address = local_address(&listener, config.http.listen)?;
        let metrics_listener =
            if config.metrics.enabled { Some(bind(config.metrics.listen).await?) } else { None };

        let stop = CancellationToken::new();
        let metrics = Metrics::new();
        let authenticator =
            Authenticator::start(&config.auth, config.guest.enabled, &metrics, &stop)?;
        let settings = ConnectionSettings {
            urls: config.nats.urls.clone(),
            ca_file: config.nats.ca_file.clone(),
            credentials,
            connect_timeout: config.nats.connect_timeout(),
        };
        let (connection, nats) = Connection::spawn(settings, stop.child_token());
        let (streams, streams_refused) =
            Streams::spawn(declared.clone(), &all_roles, connection.clone(), stop.child_token());
        let objects = Objects::new(
            &declared,
            connection.clone(),
            streams.clone(),
            metrics.clone(),
            config.http.request_timeout(),
            stop.child_token(),
        );
        if let Some(subject) = objects.missing_right() {
            return Err(AppError::ObjectRights { subject });
        }
        // Its end is not waited for: what it has sent has been answered, and the rest is watching.
        let system = system.map(|(credentials, account)| {
            let settings = ConnectionSettings {
                urls: config.nats.urls.clone(),
                ca_file: config.nats.ca_file.clone(),
                credentials,
                connect_timeout: config.nats.connect_timeout(),
            };
            (Connection::spawn(settings, stop.child_token()).0, account)
        });
        let presence = if config.presence.enabled {
            let system = system.clone().filter(|_| config.presence.disconnects);
            Presence::spawn(config.presence.ttl(), connection.clone(), system, &stop)
        } else {
            Presence::default()
        };
        let system = system.filter(|_| config.revoke.is_on());
        let revoker = revoker(config, bans, system, streams.clone(), &stop);
        let limits = RateLimits::new(&config.limits);
        let mut sessions = SessionIssuer::default();
        let callout = callout_keys.map(|(keys, read)| {
            sessions = SessionIssuer::new(read.clone(), &config.callout);
            let door = Door {
                connection_types: config.callout.connection_types.clone(),
                sessions: read,
                authenticator: authenticator.clone(),
                roles: roles.clone(),
                bans: revoker.bans().clone(),
                limits: limits.clone(),
                streams: streams.clone(),
            };
            let settings = CalloutSettings {
                urls: config.nats.urls.clone(),
                ca_file: config.nats.ca_file.clone(),
                connect_timeout: config.nats.connect_timeout(),
                max_concurrent: config.callout.max_concurrent,
                deadline: config.callout.deadline(),
            };
            service::spawn(settings, keys, door, metrics.clone(), stop.child_token())
        });
        let state = Arc::new(AppState {
            publisher: Publisher::new(connection, config.nats.publish_deadline(), metrics.clone()),
            issuer: Issuer::new(roles, &config.websocket.urls),
            sessions,
            authenticator,
            revoker,
            streams,
            objects: objects.clone(),
            presence,
            limits,
            addresses: AddressSource::new(
                config.http.trusted_proxies.clone(),
                config.http.forwarded_header,
            ),
            metrics,
        });
        let metrics = match metrics_listener {
            Some(listener) => {
                let address = local_address(&listener, config.metrics.listen)?;
                info!(%address, "listening for Prometheus");
                Some((listener, metrics_router(Arc::clone(&state))))
            }
            None => None,
        };
        let mut own_origins = config.origins.own.clone();
        own_origins.extend(loopback_origins(address));
        let router = router(
            state,
            &RouterSettings {
                own_origins,
                cross_origins: config.origins.cross.clone(),
                body_limits: BodyLimits::new(config.http.body_limit_bytes, max_payload),
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
            server: server_settings(&config.http),
            metrics,
            stop,
            nats,
            callout,
            streams_refused,
            objects,
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
    /// [`AppError::Streams`]: once NATS was there, a stream was not as the roles file declares it. It
    /// stopped in the same order.
    ///
    /// # Cancel safety
    /// Cancelling leaves the connection to NATS undrained.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) -> Result<(), AppError> {
        let stop_serving = CancellationToken::new();
        let serving = server::serve(self.listener, self.router, self.server, stop_serving.clone());
        let stopping = async {
            let stopped = tokio::select! {
                () = stop => Ok(()),
                Ok(refused) = self.streams_refused => Err(refused),
            };
            info!("stopping: no new connections");
            stop_serving.cancel();
            stopped
        };
        if let Some((listener, router)) = self.metrics {
            let settings =
                ServerSettings { max_connections: MAX_METRICS_CONNECTIONS, ..self.server };
            // Until all else has stopped: how that goes is of interest, too.
            tokio::spawn(server::serve(listener, router, settings, self.stop.clone()));
        }
        let ((), stopped) = tokio::join!(serving, stopping);
        self.objects.finish(SWEEP_DEADLINE).await;
        // Only now: requests in flight may still publish until here.
        self.stop.cancel();
        if let Err(error) = self.nats.await {
            warn!(%error, "the task of the NATS connection ended badly");
        }
        if let Some(callout) = self.callout
            && let Err(error) = callout.await
        {
            warn!(%error, "the task of the callout ended badly");
        }
        info!("stopped");
        Ok(stopped?)
    }
}

/// Sees to it that the users may do what presence takes: nats-server would only be silent.
fn check_presence(
    config: &Config,
    service: &ServiceCredentials,
    system: Option<&(ServiceCredentials, AccountKey)>,
) -> Result<(), AppError> {
    if !config.presence.enabled {
        return Ok(());
    }
    let reads = |user: &ServiceCredentials, subject: &str| {
        let subscribe = user.claims().ok().and_then(|claims| claims.subscribe);
        subscribe.is_some_and(|has| has.subscription_verdict(subject).verdict.is_allowed())
    };
    let refuse =
        |file, subject: &str| Err(AppError::PresenceRights { file, subject: subject.to_owned() });
    if !reads(service, SUBJECTS) {
        return refuse(keys::names::SERVICE_CREDS, SUBJECTS);
    }
    if let Some((system, account)) = system.filter(|_| config.presence.disconnects) {
        let subject = format!("$SYS.ACCOUNT.{account}.DISCONNECT");
        if !reads(system, &subject) {
            return refuse(keys::names::SYSTEM_CREDS, &subject);
        }
    }
    Ok(())
}

/// Bans, and what keeps banned users out.
fn revoker(
    config: &Config,
    bans: BanList,
    system: Option<(Connection, AccountKey)>,
    streams: Streams,
    stop: &CancellationToken,
) -> Revoker {
    let means = system.map(|(connection, account)| {
        let kicker = Kicker::new(connection, account);
        tokio::spawn(warden::keep_out(bans.clone(), kicker.clone(), stop.child_token()));
        let signer_dir = config.revoke.signer_dir.clone();
        let ca_file = config.nats.ca_file.clone();
        let signer = signer_dir.map(|dir| Signer::new(dir, &config.nats.urls, ca_file));
        Means { kicker, signer, streams }
    });
    Revoker::new(&config.revoke.allowed_to, bans, means)
}

async fn bind(address: SocketAddr) -> Result<TcpListener, AppError> {
    TcpListener::bind(address).await.map_err(|source| AppError::Listen { address, source })
}

fn local_address(listener: &TcpListener, address: SocketAddr) -> Result<SocketAddr, AppError> {
    listener.local_addr().map_err(|source| AppError::Listen { address, source })
}

fn server_settings(config: &HttpConfig) -> ServerSettings {
    let count = |number| usize::try_from(number).unwrap_or(usize::MAX);
    ServerSettings {
        header_read_timeout: config.header_read_timeout(),
        max_header_bytes: count(config.max_header_bytes),
        max_connections: count(config.max_connections),
        shutdown_deadline: config.shutdown_deadline(),
    }
}

/// The roles that somebody can have under this configuration: the keys of the others need not be
/// here.
fn reachable(mut roles: Vec<Role>, config: &Config) -> Vec<Role> {
    let auth = &config.auth;
    let is_known = |rule: &CallerRule| match rule {
        CallerRule::Guest => config.guest.enabled,
        CallerRule::ApiKey(name) => auth.api_keys.iter().any(|key| key.name == *name),
        CallerRule::User { issuer, .. } => auth
            .issuers
            .iter()
            .any(|known| issuer.as_ref().is_none_or(|issuer| *issuer == known.issuer)),
    };
    roles.retain(|role| role.given_to.iter().any(is_known));
    roles
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
