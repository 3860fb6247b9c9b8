//! The nodes of a cluster: addresses, and certificates for the routes between them.
//!
//! Keys, accounts and roles are those of the keys directory, the same for all nodes. What is one
//! node's own lies in `nodes/NAME` below it, to be copied to that node's machine; the authority that
//! signed its certificate stays in `nodes`, and is needed only to add a node or to renew a
//! certificate.

mod node;

use self::node::Node;
pub(super) use self::node::loopback;
pub use self::node::{NodeError, NodeName, NodeSpec, NodesRequest, Ports, parse_host};
use super::{
    KeysDir, Plan, PlannedFile, UpdateError, WriteError,
    authority::{Authority, AuthorityError, CA_CERTIFICATE, CertificateError, Purpose},
    tls::{self, TLS_DIR},
    write,
    write::replace,
};
use crate::keys::KeyFileError;

/// The directory of nodes within the keys directory.
pub const NODES_DIR: &str = "nodes";
const LOCAL_CONF: &str = "local.conf";
const ROUTE_CERTIFICATE: &str = "route.pem";
const ROUTE_KEY: &str = "route.key";

/// The nodes were not added, or their certificates not renewed.
#[derive(Debug, thiserror::Error)]
pub enum NodesError {
    /// What was asked for can't be had.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The keys directory is not there, or is being changed.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// An authority's key can't be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
    /// There is no authority.
    #[error(transparent)]
    Authority(#[from] AuthorityError),
    /// A certificate could not be made.
    #[error(transparent)]
    Certificate(#[from] CertificateError),
    /// A node is there already, or could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// There is no such node.
    #[error("there is no node {0}; `api nodes add` makes it")]
    NoNode(NodeName),
}

/// Makes what each of these nodes needs, and the authority for their certificates if it is not there.
/// `now` is in Unix seconds.
///
/// # Errors
/// [`NodesError`]. Nodes before the one that failed are there.
pub fn add(keys: &KeysDir, request: &NodesRequest, now: i64) -> Result<(), NodesError> {
    let nodes = request.nodes()?;
    let dir = keys.path().join(NODES_DIR);
    let routes = Authority::read_or_make(&dir, Purpose::Routes, now)?;
    let listeners = match request.tls {
        true => Some(Authority::read_or_make(&keys.path().join(TLS_DIR), Purpose::Listeners, now)?),
        false => None,
    };
    for node in &nodes {
        let dir = dir.join(node.name.as_str());
        let mut files = vec![PlannedFile::new(LOCAL_CONF, node.conf(&dir, &nodes, request)?)];
        files.extend(certificate_files(&routes, node, now)?);
        files.push(PlannedFile::new(CA_CERTIFICATE, routes.certificate().to_owned()));
        files.extend(node.tls_conf(&dir, listeners.is_some())?);
        files.push(node.hub_conf());
        if let Some(listeners) = &listeners {
            files.extend(tls::server_files(
                listeners,
                node.name.as_str(),
                std::slice::from_ref(&node.host),
                now,
            )?);
        }
        write(&Plan { data_dirs: node::data_dirs().into(), dir, files })?;
    }
    Ok(())
}

/// Gives each of these nodes new certificates, for the host that is named now. nats-server takes it
/// with `nats-server --signal reload`.
///
/// # Errors
/// [`NodesError`]. Nodes before the one that failed have their new certificate.
pub fn renew(keys: &KeysDir, specs: &[NodeSpec], now: i64) -> Result<(), NodesError> {
    let dir = keys.path().join(NODES_DIR);
    let routes = Authority::read(&dir, Purpose::Routes)?;
    for spec in specs {
        let dir = dir.join(spec.name.as_str());
        if !dir.join(LOCAL_CONF).is_file() {
            return Err(NodesError::NoNode(spec.name.clone()));
        }
        let node = Node::new(spec.clone(), Ports::default());
        let mut files = Vec::from(certificate_files(&routes, &node, now)?);
        if dir.join(tls::SERVER_CERTIFICATE).is_file() {
            let listeners = Authority::read(&keys.path().join(TLS_DIR), Purpose::Listeners)?;
            files.extend(tls::server_files(&listeners, node.name.as_str(), &[node.host], now)?);
        }
        replace(&dir, &files, &[])?;
    }
    Ok(())
}

fn certificate_files(
    authority: &Authority,
    node: &Node,
    now: i64,
) -> Result<[PlannedFile; 2], CertificateError> {
    let (certificate, key) =
        authority.issue(node.name.as_str(), std::slice::from_ref(&node.host), now)?;
    Ok([PlannedFile::new(ROUTE_CERTIFICATE, certificate), PlannedFile::new(ROUTE_KEY, key)])
}
