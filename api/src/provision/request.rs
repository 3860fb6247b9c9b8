//! What `init` is asked for.

use std::{net::SocketAddr, path::PathBuf};

use crate::{config::Origin, mint::Role, streams::DeclaredStream};

/// Addresses, paths and origins of one machine, and the roles. A port of 0 leaves the choice to nats-server.
#[derive(Debug, Clone, PartialEq)]
pub struct InitRequest {
    /// The directory to make, as an absolute path: nats-server's own paths start there.
    pub dir: PathBuf,
    /// Address of the TCP listener for services.
    pub client_listen: SocketAddr,
    /// Address of the websocket listener for browsers.
    pub websocket_listen: SocketAddr,
    /// Address of the monitoring page.
    pub monitor_listen: SocketAddr,
    /// Origins whose pages the websocket listener admits.
    pub allowed_origins: Vec<Origin>,
    /// The roles that get a signing key.
    pub roles: Vec<Role>,
    /// The streams that the service is to make and to check.
    pub streams: Vec<DeclaredStream>,
}
