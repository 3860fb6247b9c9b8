//! `api leaf`: servers near users that hang on a hub.

use std::path::PathBuf;

use super::{CliError, open_keys, print};
use crate::{
    clock::unix_now,
    config::{Origin, roles},
    provision::{
        leaf::{HubSpec, LEAVES_DIR, LeafRequest, add, renew},
        nodes::{NodeSpec, Ports},
    },
};
use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(super) enum LeafCommand {
    /// Make a leaf's addresses, its certificate, and credentials for its hub.
    Add(AddArgs),
    /// Make a new certificate, and credentials with what the roles file says now.
    Renew {
        #[command(flatten)]
        leaf: LeafArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct LeafArgs {
    /// The leaf, with the DNS name or address by which browsers find it.
    #[arg(value_name = "NAME=HOST")]
    leaf: NodeSpec,
    /// The directory that `init` wrote.
    #[arg(long, env = "API_KEYS_DIR", default_value = "nats-conf/generated")]
    dir: PathBuf,
    /// The roles file: what its browsers may do passes, and nothing else.
    #[arg(long, env = "API_ROLES", default_value = "api/roles.toml")]
    roles: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct AddArgs {
    #[command(flatten)]
    leaf: LeafArgs,
    /// A server of the hub, by a name that its certificate is for; may be repeated.
    #[arg(long = "hub", required = true, value_name = "HOST[:PORT]")]
    hubs: Vec<HubSpec>,
    /// The port for leaves of those that name none.
    #[arg(long, default_value_t = 7422)]
    hub_port: u16,
    /// Port of the leaf's listener for services on its own machine.
    #[arg(long, default_value_t = Ports::default().client)]
    client_port: u16,
    /// Port of its websocket listener for browsers.
    #[arg(long, default_value_t = Ports::default().websocket)]
    websocket_port: u16,
    /// Port of its monitoring page.
    #[arg(long, default_value_t = Ports::default().monitor)]
    monitor_port: u16,
    /// Origin whose pages may open a websocket; may be repeated.
    #[arg(
        long = "allowed-origin",
        default_values = ["http://localhost:3000", "http://127.0.0.1:3000"]
    )]
    allowed_origins: Vec<Origin>,
}

impl LeafCommand {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self {
            Self::Add(args) => {
                let keys = open_keys(&args.leaf.dir)?;
                let request = LeafRequest {
                    roles: roles::load(&args.leaf.roles)?.roles,
                    leaf: args.leaf.leaf,
                    hubs: args.hubs,
                    hub_port: args.hub_port,
                    ports: Ports {
                        client: args.client_port,
                        websocket: args.websocket_port,
                        monitor: args.monitor_port,
                        ..Ports::default()
                    },
                    allowed_origins: args.allowed_origins,
                };
                let is_to_be_pushed = add(&keys, &request, unix_now())?;
                let leaves = keys.path().join(LEAVES_DIR);
                print(&format!(
                    "The leaf is in {}. The hub runs nats-conf/hub.conf, or \
                     cluster/hub-NAME.conf on each of its nodes.",
                    leaves.join(request.leaf.name.as_str()).display()
                ))?;
                if is_to_be_pushed {
                    print(
                        "The accounts admit leaves now, and servers that run do not know yet: `api roles \
                         push` tells them.",
                    )?;
                }
                Ok(())
            }
            Self::Renew { leaf } => {
                let keys = open_keys(&leaf.dir)?;
                renew(&keys, &leaf.leaf, &roles::load(&leaf.roles)?.roles, unix_now())?;
                print(
                    "Certificate and credentials are new; a running leaf takes the certificate with \
                     `nats-server --signal reload`, and the credentials when it dials its hub the \
                     next time.",
                )
            }
        }
    }
}
