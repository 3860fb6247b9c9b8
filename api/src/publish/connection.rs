//! One connection after the other, endlessly.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_nats::{Auth, AuthError, Client, ConnectError, ConnectOptions, Event, connection::State};
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{interval, sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};
use url::Url;

use crate::{
    causes::Causes,
    claims::{Claims, Permission, UserClaims},
    keys::ServiceCredentials,
    provision::plan::OLDEST_SERVER,
};

/// First and longest wait between two attempts to connect.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// How often the state is looked at, in case the event that tells of a loss was itself lost.
const STATE_CHECK: Duration = Duration::from_secs(1);
/// Time without traffic after which the server is pinged, so that a dead peer is noticed.
const PING_INTERVAL: Duration = Duration::from_secs(10);
/// How long a drain may take.
const DRAIN_DEADLINE: Duration = Duration::from_secs(2);

/// How to connect.
#[derive(Debug)]
pub struct ConnectionSettings {
    /// Servers of one cluster.
    pub urls: Vec<Url>,
    /// The authority that must have signed their certificates; it is read for each connection.
    pub ca_file: Option<PathBuf>,
    /// Who to connect as.
    pub credentials: ServiceCredentials,
    /// How long one attempt may take.
    pub connect_timeout: Duration,
}

/// There is no connection.
#[derive(Debug, thiserror::Error)]
enum NoConnection {
    /// The server was not reached, or did not let the service in.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The server is not to be used.
    #[error("nats-server {0} is too old; {OLDEST_SERVER} is the oldest without known holes")]
    TooOld(String),
}

/// A handle to the connection that is kept up in the background. Clones share it.
#[derive(Debug, Clone)]
pub struct Connection {
    client: watch::Receiver<Option<Client>>,
    rights: Arc<Permission>,
}

impl Connection {
    /// Starts to connect in the background and goes on until `stop` is cancelled; then the
    /// connection is drained, and the task ends.
    #[must_use]
    pub fn spawn(settings: ConnectionSettings, stop: CancellationToken) -> (Self, JoinHandle<()>) {
        let (sender, client) = watch::channel(None);
        let rights = Arc::new(publish_rights(&settings.credentials));
        let task = tokio::spawn(keep_connected(Arc::new(settings), sender, stop));
        (Self { client, rights }, task)
    }

    /// The client, if there is a connection as far as can be told.
    #[must_use]
    pub fn client(&self) -> Option<Client> {
        self.client.borrow().clone().filter(|client| client.connection_state() == State::Connected)
    }

    /// Whether there is a connection as far as can be told.
    #[must_use]
    pub fn is_up(&self) -> bool {
        let client = self.client.borrow();
        client.as_ref().is_some_and(|client| client.connection_state() == State::Connected)
    }

    /// Waits for a client that is connected. `None` once there will be none any more.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn connected(&mut self) -> Option<Client> {
        self.client.wait_for(Option::is_some).await.ok()?.clone()
    }

    /// Waits until the client that [`Connection::connected`] gave is lost.
    ///
    /// # Cancel safety
    /// Cancel safe.
    pub(crate) async fn lost(&mut self) {
        // An error means that there will be none any more.
        let _ = self.client.wait_for(Option::is_none).await;
    }

    /// Whether nats-server lets the user of this connection publish on a subject.
    #[must_use]
    pub fn may_publish(&self, subject: &str) -> bool {
        self.rights.verdict(subject).is_allowed()
    }

    /// A handle that never connects, for tests of everything around it.
    #[cfg(test)]
    pub(crate) fn never() -> Self {
        Self { client: watch::channel(None).1, rights: Arc::new(Permission::only([">"])) }
    }
}

/// What the token says, or nothing: a user whose token says nothing may do nothing here.
fn publish_rights(credentials: &ServiceCredentials) -> Permission {
    Claims::<UserClaims>::decode(credentials.jwt().as_str())
        .ok()
        .and_then(|claims| claims.nats.publish)
        .unwrap_or_else(Permission::nothing)
}

async fn keep_connected(
    settings: Arc<ConnectionSettings>,
    current: watch::Sender<Option<Client>>,
    stop: CancellationToken,
) {
    let mut waits = Waits::default();
    let mut last_failure = String::new();
    loop {
        let attempt = tokio::select! {
            attempt = connect(&settings) => attempt,
            () = stop.cancelled() => return,
        };
        match attempt {
            Ok((client, lost)) => {
                let server = client.server_info();
                info!(server = server.server_name, version = server.version, "connected to NATS");
                waits = Waits::default();
                last_failure.clear();
                current.send_replace(Some(client.clone()));
                tokio::select! {
                    () = until_lost(&client, &lost) => {}
                    () = stop.cancelled() => {
                        drain(&client, &lost).await;
                        current.send_replace(None);
                        return;
                    }
                }
                current.send_replace(None);
                warn!("the connection to NATS is lost; connecting again");
            }
            Err(error) => {
                // An outage of an hour is told once, not two thousand times.
                let failure = Causes(&error).to_string();
                if failure == last_failure {
                    debug!(error = failure, "still no connection to NATS");
                } else {
                    warn!(error = failure, "cannot connect to NATS; trying until it works");
                    last_failure = failure;
                }
            }
        }
        tokio::select! {
            () = sleep(waits.next()) => {}
            () = stop.cancelled() => return,
        }
    }
}

/// With an authority, its certificates alone count, and a server without TLS is none to speak to.
pub(crate) fn trusting(options: ConnectOptions, ca_file: Option<&Path>) -> ConnectOptions {
    match ca_file {
        Some(path) => options.add_root_certificates(path.to_owned()).require_tls(true),
        None => options,
    }
}

/// Makes a client that lives for one connection: the second time it wants to log in, it gets no
/// credentials, gives up, and drops what it had not sent.
async fn connect(
    settings: &Arc<ConnectionSettings>,
) -> Result<(Client, Arc<Notify>), NoConnection> {
    let lost = Arc::new(Notify::new());
    let spent = Arc::new(AtomicBool::new(false));

    let on_event = {
        let lost = Arc::clone(&lost);
        move |event| {
            let lost = Arc::clone(&lost);
            async move {
                match event {
                    Event::Disconnected | Event::Closed => lost.notify_one(),
                    Event::ServerError(error) => warn!(%error, "NATS reports an error"),
                    Event::LameDuckMode => info!("NATS is going to shut down"),
                    other => debug!(event = %other, "event of the NATS client"),
                }
            }
        }
    };
    let log_in = {
        let settings = Arc::clone(settings);
        let spent = Arc::clone(&spent);
        move |nonce: Vec<u8>| {
            let auth = if spent.load(Ordering::Acquire) {
                Err(AuthError::new("this client has had its one connection"))
            } else {
                sign(&settings.credentials, &nonce)
            };
            async move { auth }
        }
    };

    let urls: Vec<&str> = settings.urls.iter().map(Url::as_str).collect();
    let options = ConnectOptions::with_auth_callback(log_in);
    let client = trusting(options, settings.ca_file.as_deref())
        .name("api")
        .event_callback(on_event)
        .custom_inbox_prefix(format!("_INBOX.{}", settings.credentials.public()))
        .connection_timeout(settings.connect_timeout)
        .ping_interval(PING_INTERVAL)
        // Each server once for the connection; afterwards, once for the refusal that ends it.
        .max_reconnects(urls.len())
        .reconnect_delay_callback(|_| Duration::ZERO)
        .ignore_discovered_servers()
        .connect(urls)
        .await?;
    spent.store(true, Ordering::Release);
    let version = client.server_info().version;
    if is_too_old(&version) { Err(NoConnection::TooOld(version)) } else { Ok((client, lost)) }
}

/// Whether this is the version of a server that is not to be used, or none at all. async-nats's own
/// comparison panics at numbers that are too large.
fn is_too_old(version: &str) -> bool {
    // `None`, which is no version, is less than any.
    release(version) < release(OLDEST_SERVER)
}

/// The three numbers of a version.
fn release(version: &str) -> Option<[u32; 3]> {
    let release = version.split(['-', '+']).next()?;
    let numbers: Result<Vec<u32>, _> = release.split('.').map(str::parse).collect();
    numbers.ok()?.try_into().ok()
}

fn sign(credentials: &ServiceCredentials, nonce: &[u8]) -> Result<Auth, AuthError> {
    let mut auth = Auth::new();
    auth.jwt = Some(credentials.jwt().as_str().to_owned());
    auth.signature =
        Some(credentials.pair().sign(nonce).map_err(|_| AuthError::new("cannot sign the nonce"))?);
    Ok(auth)
}

async fn until_lost(client: &Client, lost: &Notify) {
    let mut checks = interval(STATE_CHECK);
    loop {
        tokio::select! {
            () = lost.notified() => return,
            _ = checks.tick() => {
                if client.connection_state() != State::Connected {
                    return;
                }
            }
        }
    }
}

async fn drain(client: &Client, lost: &Notify) {
    let drained = async {
        client.drain().await.ok()?;
        lost.notified().await;
        Some(())
    };
    match timeout(DRAIN_DEADLINE, drained).await {
        Ok(Some(())) => debug!("the connection to NATS is drained"),
        Ok(None) | Err(_) => warn!("the connection to NATS could not be drained in time"),
    }
}

/// Waits that double up to a limit, each shortened by up to half at random so that many services do
/// not come back in the same instant.
struct Waits {
    next: Duration,
}

impl Default for Waits {
    fn default() -> Self {
        Self { next: FIRST_WAIT }
    }
}

impl Waits {
    fn next(&mut self) -> Duration {
        let full = self.next;
        self.next = (full * 2).min(LONGEST_WAIT);
        full.mul_f64(1.0 - fastrand::f64() / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_is_too_old_or_does_not_say_is_not_used() {
        for version in ["2.13.9", "1.99.99", "0.0.0", "2.14", "", "v2.15.1", "2.99999999999.0", "é"]
        {
            assert!(is_too_old(version), "{version}");
        }
        for version in ["2.14.0", "2.15.1", "2.15.0-RC.3", "3.0.0+build"] {
            assert!(!is_too_old(version), "{version}");
        }
    }

    #[test]
    fn waits_grow_to_a_limit_and_are_spread() {
        let mut waits = Waits::default();
        let mut full = FIRST_WAIT;
        for _ in 0..20 {
            let wait = waits.next();
            assert!(wait <= full && wait >= full / 2, "{wait:?} of {full:?}");
            full = (full * 2).min(LONGEST_WAIT);
        }
    }
}
