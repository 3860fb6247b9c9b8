//! `api tls`: the certificate of a single server's listeners.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use url::Host;

use super::{CliError, print};
use crate::{
    clock::unix_now,
    provision::{
        KeysDir,
        nodes::{NodeError, parse_host},
        tls::{TlsError, add, authority_file, renew},
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum TlsCommand {
    /// Make the certificate for nats-conf/tls.conf, and an authority that signs it.
    Add(TlsArgs),
    /// Make a new certificate; a running nats-server takes it with `nats-server --signal reload`.
    Renew(TlsArgs),
}

#[derive(Debug, Args)]
pub(super) struct TlsArgs {
    /// DNS names and addresses by which services and browsers find the server.
    #[arg(required = true, value_name = "HOST", value_parser = host)]
    hosts: Vec<Host>,
    /// The directory that `init` wrote.
    #[arg(long, env = "API_KEYS_DIR", default_value = "nats-conf/generated")]
    dir: PathBuf,
}

/// `FromStr` of a host would take an IPv6 address in brackets only.
pub(super) fn host(text: &str) -> Result<Host, NodeError> {
    parse_host(text)
}

impl TlsCommand {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self {
            Self::Add(args) => {
                let dir = super::resolve(&args.dir)
                    .map_err(|source| CliError::Directory { path: args.dir.clone(), source })?;
                make(&dir, &args.hosts)
            }
            Self::Renew(args) => {
                let keys = KeysDir::open(&args.dir).map_err(TlsError::Update)?;
                renew(&keys, &args.hosts, unix_now())?;
                print(
                    "The certificate is new; a running nats-server takes it with `nats-server \
                     --signal reload`.",
                )
            }
        }
    }
}

/// Makes the certificate and says where what is needed of it lies.
pub(super) fn make(dir: &Path, hosts: &[Host]) -> Result<(), CliError> {
    let keys = KeysDir::open(dir).map_err(TlsError::Update)?;
    add(&keys, hosts, unix_now())?;
    print(&format!(
        "{} is for [nats] ca_file, and for browsers that are to trust it. ca.key beside it is not \
         needed to run: keep it somewhere safer.",
        authority_file(keys.path()).display()
    ))
}
