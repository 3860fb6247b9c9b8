//! TLS for the listeners of services and browsers: an authority of this installation's own, and
//! certificates for the names by which the servers are found.
//!
//! The authority lies in `tls` below the keys directory, the certificate of a single server in
//! `tls/single`, that of a cluster's node in its own directory. Browsers trust none of this unless they
//! are told to: where they are strangers', a public authority's certificate takes its place.

use std::path::Path;

use url::Host;

use super::{
    KeysDir, Plan, PlannedFile, UpdateError, WriteError,
    authority::{Authority, AuthorityError, CertificateError, Purpose},
    conf::{TlsConf, plain_path},
    nodes::NodeError,
    write,
    write::replace,
};
use crate::keys::KeyFileError;

/// The directory of the listeners' authority within the keys directory.
pub const TLS_DIR: &str = "tls";
/// The directory of the single server within that.
const SINGLE_DIR: &str = "single";
const LOCAL_CONF: &str = "local.conf";
pub(super) const SERVER_CERTIFICATE: &str = "server.pem";
pub(super) const SERVER_KEY: &str = "server.key";

/// The certificate was not made.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// It would be for nobody.
    #[error("at least one DNS name or address is needed by which the server is found")]
    NoHost,
    /// The path cannot stand in nats-server's configuration.
    #[error(transparent)]
    Path(NodeError),
    /// The keys directory is not there, or is being changed.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// The authority's key can't be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// There is no authority.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// A certificate could not be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// It is there already, or could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// There is none to renew.
    #[error("there is no certificate yet; `api tls add` makes it")]
    NoServer,
}

/// Makes the certificate of a single server's listeners, for these hosts, and the authority for it if
/// that is not there. `now` is in Unix seconds.
///
/// # Errors
/// [`TlsError`]; nothing that was there is changed.
pub fn add(keys: &KeysDir, hosts: &[Host], now: i64) -> Result<(), TlsError> {
    if hosts.is_empty() {
        return Err(TlsError::NoHost);
    }
    let authority_dir = keys.path().join(TLS_DIR);
    let dir = authority_dir.join(SINGLE_DIR);
    let path = |name: &str| {
        let path = dir.join(name);
        plain_path(&path).ok_or(TlsError::Path(NodeError::Path(path)))
    };
    let conf =
        TlsConf { certificate: &path(SERVER_CERTIFICATE)?, key: &path(SERVER_KEY)? }.render();
    let authority = Authority::read_or_make(&authority_dir, Purpose::Listeners, now)?;
    let mut files = vec![PlannedFile::new(LOCAL_CONF, conf)];
    files.extend(server_files(&authority, SINGLE_DIR, hosts, now)?);
    write(&Plan { dir, data_dirs: Vec::new(), files })?;
    Ok(())
}

/// Gives the single server a new certificate, for the hosts that are named now. nats-server takes it
/// with `nats-server --signal reload`, and no connection is lost.
///
/// # Errors
/// [`TlsError`]; the former certificate stays.
pub fn renew(keys: &KeysDir, hosts: &[Host], now: i64) -> Result<(), TlsError> {
    if hosts.is_empty() {
        return Err(TlsError::NoHost);
    }
    let authority_dir = keys.path().join(TLS_DIR);
    let dir = authority_dir.join(SINGLE_DIR);
    if !dir.join(LOCAL_CONF).is_file() {
        return Err(TlsError::NoServer);
    }
    let authority = Authority::read(&authority_dir, Purpose::Listeners)?;
    replace(&dir, &server_files(&authority, SINGLE_DIR, hosts, now)?, &[])?;
    Ok(())
}

/// A server's certificate and key, as files of its directory.
pub(super) fn server_files(
    authority: &Authority,
    name: &str,
    hosts: &[Host],
    now: i64,
) -> Result<[PlannedFile; 2], CertificateError> {
    let (certificate, key) = authority.issue(name, hosts, now)?;
    Ok([PlannedFile::new(SERVER_CERTIFICATE, certificate), PlannedFile::new(SERVER_KEY, key)])
}

/// Where the authority's certificate is, for those who are to trust it.
#[must_use]
pub fn authority_file(keys: &Path) -> std::path::PathBuf {
    keys.join(TLS_DIR).join(super::authority::CA_CERTIFICATE)
}
