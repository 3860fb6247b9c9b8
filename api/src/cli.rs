//! The command line.

mod leaf;
mod nodes;
mod revoke;
mod roles;
mod rotate;
mod tls;

use std::{
    io::Write,
    net::SocketAddr,
    path::{Path, PathBuf, absolute},
};

use clap::{Args, Parser, Subcommand};
use url::{Host, Url};

use self::{
    leaf::LeafCommand, nodes::NodesCommand, revoke::RevokeArgs, roles::RolesCommand,
    rotate::RotateCommand, tls::TlsCommand,
};
use crate::{
    app::{App, AppError},
    auth::api_key::{NewApiKey, NewApiKeyError},
    clock::unix_now,
    config::{
        Config, ConfigError, Origin, Overrides,
        roles::{RolesFile, RolesFileError, check as check_roles, load as load_roles},
    },
    provision::{
        self, CalloutFreshKeys, FreshKeys, InitRequest, KeysDir, PlanError, RotateError,
        UpdateError, WriteError, keys::FreshKeysError, leaf::LeafError, nodes::NodesError,
        push::PushError, tls::TlsError,
    },
    server,
    telemetry::{self, TelemetryError},
};

/// Publishes to NATS and mints the credentials that let browsers onto it.
#[derive(Debug, Parser)]
#[command(version, about)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the service until SIGINT or SIGTERM.
    Serve(ServeArgs),
    /// Make keys and this machine's part of the nats-server configuration, once.
    Init(InitArgs),
    /// Say whether a configuration can be used and, if not, what is wrong where.
    CheckConfig(ConfigArgs),
    /// Change the roles and their keys, and tell the running servers.
    #[command(subcommand)]
    Roles(RolesCommand),
    /// Replace a key that `init` made, in three steps; `roles` replaces those of roles.
    #[command(subcommand)]
    Rotate(RotateCommand),
    /// Make the tokens of users worthless, by key, and tell the running servers.
    Revoke(RevokeArgs),
    /// The nodes of a cluster.
    #[command(subcommand)]
    Nodes(NodesCommand),
    /// Servers near users that hang on others.
    #[command(subcommand)]
    Leaf(LeafCommand),
    /// The certificate of a single server's listeners.
    #[command(subcommand)]
    Tls(TlsCommand),
    /// API keys of back ends.
    #[command(subcommand)]
    Key(KeyCommand),
}

#[derive(Debug, Subcommand)]
enum KeyCommand {
    /// Make an API key; print it, this once, and the line that makes the service know it.
    New {
        /// Whose key it is; it appears in logs.
        name: String,
    },
}

#[derive(Debug, Args)]
struct ConfigArgs {
    /// The configuration file.
    #[arg(long, env = "API_CONFIG", default_value = "api/config/dev.toml")]
    config: PathBuf,
    /// Address to listen on, instead of http.listen; port 0 takes a free one.
    #[arg(long, env = "API_LISTEN")]
    listen: Option<SocketAddr>,
    /// NATS servers, instead of nats.urls; separated by commas.
    #[arg(long, env = "API_NATS_URL", value_delimiter = ',')]
    nats_url: Vec<Url>,
    /// The authority that NATS servers must have their certificates of, instead of nats.ca_file.
    #[arg(long, env = "API_NATS_CA_FILE")]
    nats_ca_file: Option<PathBuf>,
    /// The directory that `init` wrote, instead of keys.dir.
    #[arg(long, env = "API_KEYS_DIR")]
    keys_dir: Option<PathBuf>,
    /// The roles file, instead of roles.file.
    #[arg(long, env = "API_ROLES")]
    roles: Option<PathBuf>,
    /// Websocket URLs told to browsers, instead of websocket.urls; separated by commas.
    #[arg(long, env = "API_WEBSOCKET_URLS", value_delimiter = ',')]
    websocket_urls: Vec<Url>,
    /// The built page, instead of page.dir.
    #[arg(long, env = "API_PAGE_DIR")]
    page_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct ServeArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// Write the real address to this file once the service listens.
    #[arg(long, env = "API_ADDRESS_FILE")]
    address_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct InitArgs {
    /// The directory to make. It must not exist or be empty.
    #[arg(long, default_value = "nats-conf/generated")]
    dir: PathBuf,
    /// Address of nats-server's TCP listener for services; port 0 leaves the choice to it.
    #[arg(long, default_value = "127.0.0.1:4222")]
    client_listen: SocketAddr,
    /// Address of nats-server's websocket listener for browsers.
    #[arg(long, default_value = "0.0.0.0:5000")]
    websocket_listen: SocketAddr,
    /// Address of nats-server's monitoring page; loopback only.
    #[arg(long, default_value = "127.0.0.1:8222")]
    monitor_listen: SocketAddr,
    /// Origin whose pages may open a websocket; may be repeated.
    #[arg(
        long = "allowed-origin",
        default_values = ["http://localhost:3000", "http://127.0.0.1:3000"]
    )]
    allowed_origins: Vec<Origin>,
    /// The roles file: each role gets a signing key.
    #[arg(long, env = "API_ROLES", default_value = "api/roles.toml")]
    roles: PathBuf,
    /// Also make what auth callout needs, for nats-conf/single-callout.conf and the section `callout`
    /// of the configuration: clients that bring no token are asked about at `api serve`.
    #[arg(long)]
    auth_callout: bool,
    /// Also make a certificate for nats-conf/tls.conf, for this DNS name or address of nats-server;
    /// may be repeated.
    #[arg(long = "tls", value_name = "HOST", value_parser = tls::host)]
    tls: Vec<Host>,
}

/// A command failed. Each message is a whole sentence's worth; sources add detail.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The roles file cannot be used.
    #[error(transparent)]
    Roles(#[from] RolesFileError),
    /// The log could not be started.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The service could not start, or stopped by itself.
    #[error(transparent)]
    App(#[from] AppError),
    /// The runtime could not be made, or signals not be watched.
    #[error("the operating system refused what the service needs to run")]
    Runtime(#[source] std::io::Error),
    /// The directory given to `init` has no absolute form.
    #[error("the directory {} cannot be found", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Keys could not be made.
    #[error(transparent)]
    FreshKeys(#[from] FreshKeysError),
    /// There is no plan for what was asked.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The plan could not be put on disk.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The keys directory was not changed.
    #[error(transparent)]
    Update(#[from] UpdateError),
    /// Nodes were not added, or not renewed.
    #[error(transparent)]
    Nodes(#[from] NodesError),
    /// A leaf was not added, or not renewed.
    #[error(transparent)]
    Leaf(#[from] LeafError),
    /// The listeners' certificate was not made.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// A key was not replaced.
    #[error(transparent)]
    Rotate(#[from] RotateError),
    /// The servers were not told.
    #[error(transparent)]
    Push(#[from] PushError),
    /// An API key could not be made.
    #[error(transparent)]
    NewApiKey(#[from] NewApiKeyError),
    /// Standard output or error is closed.
    #[error("cannot write to standard output or error")]
    Output(#[source] std::io::Error),
}

impl Cli {
    /// Runs the command that was given.
    ///
    /// # Errors
    /// One variant of [`CliError`] for each way a command can fail.
    pub fn run(self) -> Result<(), CliError> {
        match self.command {
            Command::Serve(args) => serve(args),
            Command::Init(args) => init(args),
            Command::CheckConfig(args) => check_config(args),
            Command::Roles(command) => command.run(),
            Command::Rotate(command) => command.run(),
            Command::Revoke(args) => args.run(),
            Command::Nodes(command) => command.run(),
            Command::Leaf(command) => command.run(),
            Command::Tls(command) => command.run(),
            Command::Key(KeyCommand::New { name }) => new_key(&name),
        }
    }
}

impl ConfigArgs {
    fn load(self) -> Result<Config, ConfigError> {
        let overrides = Overrides {
            listen: self.listen,
            nats_urls: self.nats_url,
            nats_ca_file: self.nats_ca_file,
            keys_dir: self.keys_dir,
            roles_file: self.roles,
            websocket_urls: self.websocket_urls,
            page_dir: self.page_dir,
        };
        Config::load(&self.config, overrides)
    }
}

fn serve(args: ServeArgs) -> Result<(), CliError> {
    let config = args.config.load()?;
    telemetry::start(&config.log)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?;
    runtime.block_on(async {
        // Watched before the address is told: whoever reads it may stop the service at once.
        let stop = server::stop_signal().map_err(CliError::Runtime)?;
        let app = App::start(&config).await?;
        if let Some(path) = &args.address_file {
            app.tell_address(path)?;
        }
        app.run(stop).await.map_err(CliError::from)
    })
}

fn init(args: InitArgs) -> Result<(), CliError> {
    let RolesFile { roles, streams } = load_roles(&args.roles)?;
    let request = InitRequest {
        dir: resolve(&args.dir)
            .map_err(|source| CliError::Directory { path: args.dir.clone(), source })?,
        client_listen: args.client_listen,
        websocket_listen: args.websocket_listen,
        monitor_listen: args.monitor_listen,
        allowed_origins: args.allowed_origins,
        roles,
        streams,
    };
    let mut keys = FreshKeys::generate(request.roles.len())?;
    if args.auth_callout {
        keys.callout = Some(CalloutFreshKeys::generate()?);
    }
    let plan = provision::plan(&request, &keys, unix_now())?;
    provision::write(&plan)?;
    print(&format!(
        "Keys and configuration are in {}.\n\
         The seeds of operator and accounts are not needed to run: keep the *-signing.seed \
         somewhere safer, and operator.seed, account.seed and system-account.seed offline.",
        plan.dir.display()
    ))?;
    // What is there by then is whole: if this fails, `api tls add` makes up for it.
    if args.tls.is_empty() { Ok(()) } else { tls::make(&plan.dir, &args.tls) }
}

/// An absolute path without `..`, whose last part need not exist.
fn resolve(dir: &Path) -> std::io::Result<PathBuf> {
    let dir = absolute(dir)?;
    match (dir.parent(), dir.file_name()) {
        (Some(parent), Some(name)) if parent.exists() => Ok(parent.canonicalize()?.join(name)),
        _ => Ok(dir),
    }
}

/// The keys directory by its absolute path, since nats-server's own paths start there.
fn open_keys(dir: &Path) -> Result<KeysDir, CliError> {
    let dir =
        resolve(dir).map_err(|source| CliError::Directory { path: dir.to_owned(), source })?;
    Ok(KeysDir::open(&dir)?)
}

fn check_config(args: ConfigArgs) -> Result<(), CliError> {
    let path = args.config.clone();
    let config = args.load()?;
    let (_, warnings) = check_roles(&config.roles.file)?;
    for warning in warnings {
        let file = config.roles.file.display();
        writeln!(std::io::stderr().lock(), "warning: {file}: {warning}")
            .map_err(CliError::Output)?;
    }
    print(&format!("{} can be used.", path.display()))
}

fn new_key(name: &str) -> Result<(), CliError> {
    let key = NewApiKey::generate(name)?;
    print(key.key())?;
    print(&format!(
        "\nIt is not shown again. In the configuration, under [auth] api_keys:\n  {}",
        key.to_config()
    ))
}

fn print(text: &str) -> Result<(), CliError> {
    writeln!(std::io::stdout().lock(), "{text}").map_err(CliError::Output)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }
}
