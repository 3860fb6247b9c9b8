//! Leaf nodes: servers near users that hang on a hub, each with a listener for browsers of its own.
//!
//! What is one leaf's own lies in `leaves/NAME` below the keys directory, to be copied to its machine:
//! addresses, a certificate of the listeners' authority, and credentials of two users that may do no more
//! than a leaf has to.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    str::FromStr,
};

use url::Host;

use super::{
    KeysDir, Plan, PlannedFile, Update, UpdateError, WriteError,
    auth_conf::AuthConfFile,
    authority::{Authority, AuthorityError, CA_CERTIFICATE, CertificateError, Purpose},
    conf::{HubConf, LeafConf, plain_path},
    keys::{FreshKeysError, fresh},
    keys_dir::seal,
    leaf_users,
    nodes::{NodeError, NodeName, NodeSpec, Ports, loopback, parse_host},
    tls::{self, SERVER_CERTIFICATE, SERVER_KEY, TLS_DIR},
    write,
    write::replace,
};
use crate::{
    claims::{SignError, UserPair},
    config::Origin,
    keys::{KeyFileError, ServiceCredentials, load_user},
    mint::Role,
};

/// The directory of leaves within the keys directory.
pub const LEAVES_DIR: &str = "leaves";
/// Where the hub listens for leaves, as a variable.
const HUB_CONF: &str = "hub.conf";
const LOCAL_CONF: &str = "local.conf";
/// The user that carries the browsers' messages.
const CARRIER_CREDS: &str = "leaf.creds";
/// The user that carries what bans and changed roles take.
const SYSTEM_CREDS: &str = "leaf-system.creds";
/// Connections of leaves that the accounts admit, once there is one: by their JWTs none is.
const MAX_LEAVES: i64 = 64;
/// Account JWTs, which nats-server writes itself.
const ACCOUNTS_DIR: &str = "data/accounts";

/// A leaf was not added, or not renewed.
#[derive(Debug, thiserror::Error)]
pub enum LeafError {
    /// What was asked for can't be had.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The keys directory is not there, is being changed, or does not hold what is needed.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// A key can't be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// There is no authority.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// The certificate could not be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A key could not be made.
    #[error(transparent)]
    FreshKeys(#[from] FreshKeysError),
    /// The credentials could not be signed.
    #[error("the credentials could not be signed")]
    Sign(#[from] SignError),
    /// It is there already, or could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// There is no such leaf.
    #[error("there is no leaf {0}; `api leaf add` makes it")]
    NoLeaf(NodeName),
}

/// A server of a hub as leaves find it, as `HOST` or `HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubSpec {
    /// What its certificate is for.
    pub host: Host,
    /// Where it listens for leaves, if not where the others do.
    pub port: Option<u16>,
}

impl FromStr for HubSpec {
    type Err = NodeError;

    /// An address of IPv6 is in brackets where a port follows, and in none otherwise.
    fn from_str(text: &str) -> Result<Self, NodeError> {
        if let Ok(host) = parse_host(text) {
            return Ok(Self { host, port: None });
        }
        let wrong = || NodeError::Host(text.to_owned());
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
        Ok(Self { host: Host::parse(host).map_err(|_| wrong())?, port: Some(port) })
    }
}

/// A leaf to be added.
#[derive(Debug, Clone, PartialEq)]
pub struct LeafRequest {
    /// Its name, and the DNS name or address by which browsers find it.
    pub leaf: NodeSpec,
    /// The hub's servers, as the leaf finds them; their certificates are for these names.
    pub hubs: Vec<HubSpec>,
    /// The port for leaves of those that name none.
    pub hub_port: u16,
    /// The leaf's own ports, of which that for routes is not used.
    pub ports: Ports,
    /// Origins whose pages its websocket listener admits.
    pub allowed_origins: Vec<Origin>,
    /// The roles, which say what may pass.
    pub roles: Vec<Role>,
}

/// Makes what the leaf needs, and the listeners' authority if that is not there; has both accounts admit
/// leaves, and says whether running servers are to be told of that. `now` is in Unix seconds.
///
/// # Errors
/// [`LeafError`]; a leaf that is there already is not changed.
pub fn add(keys: &KeysDir, request: &LeafRequest, now: i64) -> Result<bool, LeafError> {
    if request.allowed_origins.is_empty() {
        return Err(NodeError::NoOrigin.into());
    }
    let leaves = keys.path().join(LEAVES_DIR);
    let dir = leaves.join(request.leaf.name.as_str());
    let authority = Authority::read_or_make(&keys.path().join(TLS_DIR), Purpose::Listeners, now)?;
    let mut files = vec![PlannedFile::new(LOCAL_CONF, conf(keys, &dir, request)?)];
    files.extend(certificate(&authority, &request.leaf, now)?);
    files.push(PlannedFile::new(CA_CERTIFICATE, authority.certificate().to_owned()));
    files.extend(credentials(keys, &request.roles, [fresh()?, fresh()?], now)?);
    write(&Plan { data_dirs: vec![ACCOUNTS_DIR.into()], dir, files })?;
    let open = request.hubs.iter().find_map(|hub| loopback(&hub.host));
    let open = open.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let leaf_listen = SocketAddr::new(open, request.hub_port);
    let hub = HubConf { leaf_listen, made_by: "api leaf add" }.render();
    replace(&leaves, &[PlannedFile::new(HUB_CONF, hub)], &[])?;
    admit_leaves(keys, now)
}

/// Says whether that changed anything.
fn admit_leaves(keys: &KeysDir, now: i64) -> Result<bool, LeafError> {
    let mut update = Update::default();
    let (operator, mut account) = keys.account()?;
    if account.nats.limits.leaf < MAX_LEAVES {
        account.nats.limits.leaf = MAX_LEAVES;
        keys.reissue(account, &operator, now, &mut update)?;
        keys.commit(&update)?;
    }
    let mut conf = AuthConfFile::read(keys.path())?;
    let mut system = conf.system_account()?;
    if system.nats.limits.leaf < MAX_LEAVES {
        system.nats.limits.leaf = MAX_LEAVES;
        let operator = keys.operator_of(&system)?;
        let jwt = seal(&mut system, &operator, now)?;
        conf.set_account(&system.sub, &jwt);
        replace(keys.path(), &[conf.to_file()], &[])?;
        update.is_to_be_pushed = true;
    }
    Ok(update.is_to_be_pushed)
}

/// Gives the leaf a new certificate, and credentials of the same users with what the roles say now.
/// nats-server takes the certificate with `nats-server --signal reload`, and the credentials when it
/// connects to its hub again.
///
/// # Errors
/// [`LeafError`]; what is not replaced stays.
pub fn renew(keys: &KeysDir, leaf: &NodeSpec, roles: &[Role], now: i64) -> Result<(), LeafError> {
    let dir = keys.path().join(LEAVES_DIR).join(leaf.name.as_str());
    if !dir.join(LOCAL_CONF).is_file() {
        return Err(LeafError::NoLeaf(leaf.name.clone()));
    }
    let authority = Authority::read(&keys.path().join(TLS_DIR), Purpose::Listeners)?;
    let user =
        |name| load_user(&dir.join(name)).map(|user: ServiceCredentials| user.pair().clone());
    let mut files = Vec::from(certificate(&authority, leaf, now)?);
    files.extend(credentials(keys, roles, [user(CARRIER_CREDS)?, user(SYSTEM_CREDS)?], now)?);
    replace(&dir, &files, &[])?;
    Ok(())
}

fn conf(keys: &KeysDir, dir: &Path, request: &LeafRequest) -> Result<String, LeafError> {
    let path = |name: &str| plain_path(&dir.join(name)).ok_or(NodeError::Path(dir.join(name)));
    let host = &request.leaf.host;
    // A leaf on one machine for trying things is nobody else's.
    let open = loopback(host).unwrap_or(Ipv4Addr::UNSPECIFIED.into());
    let own = loopback(host).unwrap_or(Ipv4Addr::LOCALHOST.into());
    let (_, account) = keys.account()?;
    let system_account = AuthConfFile::read(keys.path())?.system_account()?;
    let hub =
        |hub: &HubSpec| format!("tls://{}:{}", hub.host, hub.port.unwrap_or(request.hub_port));
    Ok(LeafConf {
        client_listen: SocketAddr::new(own, request.ports.client),
        websocket_listen: SocketAddr::new(open, request.ports.websocket),
        monitor_listen: SocketAddr::new(own, request.ports.monitor),
        allowed_origins: request.allowed_origins.iter().map(Origin::as_str).collect(),
        resolver_dir: &path(ACCOUNTS_DIR)?,
        certificate: &path(SERVER_CERTIFICATE)?,
        key: &path(SERVER_KEY)?,
        hub_urls: request.hubs.iter().map(hub).collect(),
        hub_authority: &path(CA_CERTIFICATE)?,
        account: &account.sub,
        account_credentials: &path(CARRIER_CREDS)?,
        system_account: &system_account.sub,
        system_credentials: &path(SYSTEM_CREDS)?,
    }
    .render())
}

fn certificate(
    authority: &Authority,
    leaf: &NodeSpec,
    now: i64,
) -> Result<[PlannedFile; 2], CertificateError> {
    tls::server_files(authority, leaf.name.as_str(), std::slice::from_ref(&leaf.host), now)
}

fn credentials(
    keys: &KeysDir,
    roles: &[Role],
    [carrier, system]: [UserPair; 2],
    now: i64,
) -> Result<[PlannedFile; 2], LeafError> {
    let (_, account) = keys.account()?;
    let system_account = AuthConfFile::read(keys.path())?.system_account()?;
    let carrier = leaf_users::carrier(&carrier, roles, now, &keys.signer(&account)?)?;
    let signer = keys.system_signer(&system_account)?;
    let system = leaf_users::system(&system, &account.sub, now, &signer)?;
    let file = |name: &str, credentials: &ServiceCredentials| {
        Ok::<_, SignError>(PlannedFile { name: name.to_owned(), contents: credentials.format()? })
    };
    Ok([file(CARRIER_CREDS, &carrier)?, file(SYSTEM_CREDS, &system)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_of_a_hub_may_name_its_port() {
        for (text, host, port) in [
            ("a.example.com", "a.example.com", None),
            ("a.example.com:7423", "a.example.com", Some(7423)),
            ("127.0.0.1:7423", "127.0.0.1", Some(7423)),
            ("::1", "[::1]", None),
            ("[::1]:7423", "[::1]", Some(7423)),
        ] {
            let expected = HubSpec { host: Host::parse(host).unwrap(), port };
            assert_eq!(text.parse(), Ok(expected), "{text}");
        }
        for text in ["", "a b", "a:", "a:0", "a:65536", "a:b", ":7422", "a:1:2", "tls://a"] {
            let error = text.parse::<HubSpec>().unwrap_err();
            assert_eq!(error, NodeError::Host(text.to_owned()));
        }
    }
}
