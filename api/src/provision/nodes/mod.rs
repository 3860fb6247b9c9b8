//! The nodes of a cluster: addresses, and certificates for the routes between them.
//!
//! Keys, accounts and roles are those of the keys directory, the same for all nodes. What is one
//! node's own lies in `nodes/NAME` below it, to be copied to that node's machine; the authority that
//! signed its certificate stays in `nodes`, and is needed only to add a node or to renew a
//! certificate.

mod authority;
mod node;

use std::path::Path;

use self::{authority::Authority, node::Node};
pub use self::{
    authority::CertificateError,
    node::{NodeError, NodeName, NodeSpec, NodesRequest, Ports},
};
use super::{KeysDir, Plan, PlannedFile, UpdateError, WriteError, write, write::replace};
use crate::keys::{KeyFileError, Problem, file};

/// The directory of nodes within the keys directory.
pub const NODES_DIR: &str = "nodes";
const CA_CERTIFICATE: &str = "ca.pem";
const CA_KEY: &str = "ca.key";
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
    /// The authority's key can't be used.
    #[error(transparent)]
    Keys(#[from] KeyFileError),
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
    let authority = match open_authority(&dir) {
        Err(error) if matches!(error.problem(), Problem::Missing) => {
            let authority = Authority::generate(now)?;
            write(&Plan {
                dir: dir.clone(),
                data_dirs: Vec::new(),
                files: vec![
                    PlannedFile::new(CA_CERTIFICATE, authority.certificate().to_owned()),
                    PlannedFile::new(CA_KEY, authority.key()),
                ],
            })?;
            authority
        }
        other => other?,
    };
    for node in &nodes {
        let dir = dir.join(node.name.as_str());
        let mut files = vec![PlannedFile::new(LOCAL_CONF, node.conf(&dir, &nodes, request)?)];
        files.extend(certificate_files(&authority, node, now)?);
        files.push(PlannedFile::new(CA_CERTIFICATE, authority.certificate().to_owned()));
        write(&Plan { data_dirs: node::data_dirs().into(), dir, files })?;
    }
    Ok(())
}

/// Gives each of these nodes a new certificate, for the host that is named now. nats-server takes it
/// with `nats-server --signal reload`.
///
/// # Errors
/// [`NodesError`]. Nodes before the one that failed have their new certificate.
pub fn renew(keys: &KeysDir, specs: &[NodeSpec], now: i64) -> Result<(), NodesError> {
    let dir = keys.path().join(NODES_DIR);
    let authority = open_authority(&dir)?;
    for spec in specs {
        let dir = dir.join(spec.name.as_str());
        if !dir.join(LOCAL_CONF).is_file() {
            return Err(NodesError::NoNode(spec.name.clone()));
        }
        let node = Node::new(spec.clone(), Ports::default());
        replace(&dir, &certificate_files(&authority, &node, now)?, &[])?;
    }
    Ok(())
}

fn open_authority(dir: &Path) -> Result<Authority, KeyFileError> {
    let path = dir.join(CA_KEY);
    let key = file::read(&path)?;
    let certificate = file::read(&dir.join(CA_CERTIFICATE))?;
    Authority::open(&key, &certificate)
        .map_err(|source| KeyFileError::new(&path, Problem::Certificate(source)))
}

fn certificate_files(
    authority: &Authority,
    node: &Node,
    now: i64,
) -> Result<[PlannedFile; 2], CertificateError> {
    let (certificate, key) = authority.issue(node.name.as_str(), &node.host, now)?;
    Ok([PlannedFile::new(ROUTE_CERTIFICATE, certificate), PlannedFile::new(ROUTE_KEY, key)])
}
