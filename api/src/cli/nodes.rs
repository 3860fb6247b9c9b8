//! `api nodes`: what the nodes of a cluster need beyond the keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CliError, open_keys, print};
use crate::{
    clock::unix_now,
    config::Origin,
    provision::nodes::{NODES_DIR, NodeSpec, NodesRequest, Ports, add, renew},
};

#[derive(Debug, Subcommand)]
pub(super) enum NodesCommand {
    /// Make each node's addresses and its certificate for the routes to the others.
    Add(AddArgs),
    /// Give nodes new certificates; running ones take them with `nats-server --signal reload`.
    Renew {
        #[command(flatten)]
        nodes: NodeArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    /// Nodes, each with the DNS name or address by which the others find it; several on one host
    /// have ports one after the other.
    #[arg(required = true, value_name = "NAME=HOST")]
    nodes: Vec<NodeSpec>,
    /// The directory that `init` wrote.
    #[arg(long, default_value = "nats-conf/generated")]
    dir: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    nodes: NodeArgs,
    /// Port of the TCP listeners for services.
    #[arg(long, default_value_t = Ports::default().client)]
    client_port: u16,
    /// Port of the websocket listeners for browsers.
    #[arg(long, default_value_t = Ports::default().websocket)]
    websocket_port: u16,
    /// Port of the monitoring pages.
    #[arg(long, default_value_t = Ports::default().monitor)]
    monitor_port: u16,
    /// Port of the routes between nodes.
    #[arg(long, default_value_t = Ports::default().cluster)]
    cluster_port: u16,
    /// Port for leaves, where the nodes run `cluster/hub-NAME.conf`.
    #[arg(long, default_value_t = Ports::default().leaf)]
    leaf_port: u16,
    /// Origin whose pages may open a websocket; may be repeated.
    #[arg(
        long = "allowed-origin",
        default_values = ["http://localhost:3000", "http://127.0.0.1:3000"]
    )]
    allowed_origins: Vec<Origin>,
    /// Have the listeners for services and browsers speak TLS, too, with certificates of an authority
    /// in `tls` of the directory.
    #[arg(long)]
    tls: bool,
}

impl NodesCommand {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self {
            Self::Add(args) => {
                let keys = open_keys(&args.nodes.dir)?;
                let request = NodesRequest {
                    nodes: args.nodes.nodes,
                    ports: Ports {
                        client: args.client_port,
                        websocket: args.websocket_port,
                        monitor: args.monitor_port,
                        cluster: args.cluster_port,
                        leaf: args.leaf_port,
                    },
                    allowed_origins: args.allowed_origins,
                    tls: args.tls,
                };
                add(&keys, &request, unix_now())?;
                print(&format!(
                    "The nodes are in {}. ca.key there is not needed to run: keep it somewhere safer.",
                    keys.path().join(NODES_DIR).display()
                ))
            }
            Self::Renew { nodes } => {
                let keys = open_keys(&nodes.dir)?;
                renew(&keys, &nodes.nodes, unix_now())?;
                print(
                    "The certificates are new; running nodes take them with `nats-server --signal reload`.",
                )
            }
        }
    }
}
