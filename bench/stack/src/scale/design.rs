//! The ways to reach many browsers, each with its servers.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use async_nats::ConnectOptions;
use clap::ValueEnum;
use e2e::{Cluster, NatsServer};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::UPDATES;
use crate::api::{self, Uses, answers, free_address, spawn};
use crate::error::Error;
use crate::http::Request;

/// How many connections a server is given at most, of the 20,000 files that it may open: some room
/// is left for those of a node that dies.
const EACH: u32 = 14_000;

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Browsers on a cluster of nats-server, as this project has it
    Nats,
    /// A websocket server of one's own
    Single,
    /// Several of them, and a nats-server behind
    Relays,
}

impl Kind {
    /// As a table has it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nats => "browsers on NATS",
            Self::Single => "one websocket server",
            Self::Relays => "websocket servers behind NATS",
        }
    }

    /// Whether it can hold so many.
    pub(super) fn holds(self, connections: u32) -> bool {
        self != Self::Single || connections <= EACH
    }
}

/// The servers of one of them, which end with the value.
pub(super) struct Design {
    servers: Servers,
    publisher: Publisher,
}

enum Servers {
    Nats { cluster: Box<Cluster>, api: SocketAddr, _api: Child, _folder: TempDir },
    Own { relays: Vec<Relay>, nats: Option<(NatsServer, TempDir)> },
}

struct Relay {
    child: Child,
    websocket: SocketAddr,
}

enum Publisher {
    Nats(async_nats::Client),
    Http(SocketAddr),
}

impl Design {
    /// Starts the servers for so many connections.
    pub(super) async fn start(kind: Kind, connections: u32, program: &Path) -> Result<Self, Error> {
        let servers = u16::try_from(connections.div_ceil(EACH)).unwrap_or(u16::MAX);
        match kind {
            Kind::Nats => Self::nats(servers.max(3), program).await,
            Kind::Single => {
                let (relay, http) = Relay::start(None).await?;
                let servers = Servers::Own { relays: vec![relay], nats: None };
                Ok(Self { servers, publisher: Publisher::Http(http) })
            }
            Kind::Relays => Self::relays(servers.max(2)).await,
        }
    }

    async fn nats(nodes: u16, program: &Path) -> Result<Self, Error> {
        let cluster = Box::new(Cluster::start_of(nodes).await?);
        let folder = TempDir::new().map_err(Error::io("make a temporary folder"))?;
        let uses = Uses {
            keys: cluster.api.keys(),
            nats_url: &cluster.nodes[0].client_url(),
            websocket_urls: &cluster.nodes[0].websocket_url(),
            folder: folder.path(),
        };
        let (child, api) = api::start(program, uses).await?;
        let credentials = cluster.api.keys().join("service.creds");
        let options = ConnectOptions::with_credentials_file(credentials).await;
        let options = options.map_err(Error::io("read the API's credentials"))?;
        let client = options.connect(cluster.nodes[0].client_url()).await;
        let publisher = Publisher::Nats(client.map_err(|error| unexpected(&error))?);
        let servers = Servers::Nats { cluster, api, _api: child, _folder: folder };
        Ok(Self { servers, publisher })
    }

    async fn relays(count: u16) -> Result<Self, Error> {
        let folder = TempDir::new().map_err(Error::io("make a temporary folder"))?;
        let conf = folder.path().join("relays.conf");
        let mut nats = NatsServer::new(conf.clone())?;
        let (client, monitor) = (nats.client_address(), nats.monitor_address());
        let text = format!("listen: \"{client}\"\nhttp: \"{monitor}\"\n");
        fs::write(&conf, text).map_err(Error::io("write the server's configuration"))?;
        nats.start().await?;
        let url = nats.client_url();
        let mut relays = Vec::new();
        for _ in 0..count {
            relays.push(Relay::start(Some(&url)).await?.0);
        }
        let client = async_nats::connect(&url).await;
        let publisher = Publisher::Nats(client.map_err(|error| unexpected(&error))?);
        Ok(Self { servers: Servers::Own { relays, nats: Some((nats, folder)) }, publisher })
    }

    /// Where browsers connect.
    pub(super) fn websocket_urls(&self) -> Vec<String> {
        match &self.servers {
            Servers::Nats { cluster, .. } => {
                cluster.nodes.iter().map(NatsServer::websocket_url).collect()
            }
            Servers::Own { relays, .. } => {
                relays.iter().map(|relay| format!("ws://{}", relay.websocket)).collect()
            }
        }
    }

    /// Where they get their credentials, if they need any.
    pub(super) fn api(&self) -> Option<SocketAddr> {
        match &self.servers {
            Servers::Nats { api, .. } => Some(*api),
            Servers::Own { .. } => None,
        }
    }

    /// The processes that a message passes through, by their numbers.
    pub(super) fn processes(&self) -> Vec<u32> {
        match &self.servers {
            Servers::Nats { cluster, .. } => {
                cluster.nodes.iter().filter_map(NatsServer::process_id).collect()
            }
            Servers::Own { relays, nats } => {
                let relays = relays.iter().filter_map(|relay| relay.child.id());
                relays.chain(nats.as_ref().and_then(|(nats, _)| nats.process_id())).collect()
            }
        }
    }

    /// Sends a message to everybody.
    pub(super) async fn publish(&self, text: String) -> Result<(), Error> {
        match &self.publisher {
            Publisher::Nats(client) => {
                let published = client.publish(UPDATES, text.into()).await;
                published.map_err(|error| unexpected(&error))?;
                client.flush().await.map_err(|error| unexpected(&error))
            }
            Publisher::Http(address) => {
                Request::post(*address, "/ping", &text).once().await.map(drop)
            }
        }
    }

    /// The node that can be ended, where there are several and browsers know all of them. It is the
    /// last: the one that is published to stays.
    pub(super) fn last_node(&mut self) -> Option<&mut NatsServer> {
        match &mut self.servers {
            Servers::Nats { cluster, .. } => cluster.nodes.last_mut(),
            Servers::Own { .. } => None,
        }
    }
}

impl Relay {
    /// Starts one, and tells where it is published to.
    async fn start(nats: Option<&str>) -> Result<(Self, SocketAddr), Error> {
        let (websocket, http) = (free_address()?, free_address()?);
        let program = std::env::current_exe().map_err(Error::io("find this program"))?;
        let mut command = Command::new(program);
        command.arg("relay").args(["--websocket", &websocket.to_string()]);
        command.args(["--http", &http.to_string()]);
        if let Some(url) = nats {
            command.args(["--nats", url]);
        }
        let child = spawn(&mut command)?;
        answers(&Request::post(http, "/ping", "")).await?;
        Ok((Self { child, websocket }, http))
    }
}

fn unexpected(error: &dyn std::error::Error) -> Error {
    Error::Unexpected { what: "nats-server's answer", found: error.to_string() }
}
