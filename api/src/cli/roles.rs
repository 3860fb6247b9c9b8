//! `api roles`: changes what was provisioned.

use std::{path::PathBuf, thread, time::Duration};

use clap::{Args, Subcommand};
use url::Url;

use super::{CliError, print};
use crate::{
    clock::unix_now,
    config::roles,
    keys::{ServiceCredentials, file},
    mint::RoleName,
    provision::{
        KeysDir, Update, UpdateError,
        apply::apply,
        push::{Pushed, push},
        rotate::role::{new_key, retire_key, switch_key},
    },
};

/// Seconds that nats-server may take to notice that a token has ended.
const EXPIRY_SLACK: u64 = 2;

#[derive(Debug, Subcommand)]
pub(super) enum RolesCommand {
    /// Bring the roles file into the account's JWT: keys for new roles, none for those that are gone.
    Apply {
        #[command(flatten)]
        files: FileArgs,
        #[command(flatten)]
        push: PushArgs,
        /// Only say what would change.
        #[arg(long)]
        dry_run: bool,
    },
    /// Replace a role's key, step 1: make the next key and have the account know both.
    NewKey {
        /// The role.
        role: RoleName,
        #[command(flatten)]
        files: FileArgs,
        #[command(flatten)]
        push: PushArgs,
    },
    /// Replace a role's key, step 2: have `api serve` sign with the next key from its next start.
    SwitchKey {
        /// The role.
        role: RoleName,
        #[command(flatten)]
        files: FileArgs,
    },
    /// Replace a role's key, step 3, when `api serve` has started again: forget the former key.
    RetireKey {
        /// The role.
        role: RoleName,
        #[command(flatten)]
        when: WhenArgs,
        #[command(flatten)]
        files: FileArgs,
        #[command(flatten)]
        push: PushArgs,
    },
    /// Send the accounts' JWTs, as they stand in the keys directory, to the running servers.
    Push {
        #[command(flatten)]
        files: FileArgs,
        #[command(flatten)]
        servers: ServerArgs,
    },
}

#[derive(Debug, Args)]
pub(super) struct FileArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// The roles file.
    #[arg(long, env = "API_ROLES", default_value = "api/roles.toml")]
    roles: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct DirArgs {
    /// The directory that `init` wrote.
    #[arg(long, env = "API_KEYS_DIR", default_value = "nats-conf/generated")]
    dir: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct PushArgs {
    /// Send the result to the running servers and wait until they have it.
    #[arg(long)]
    push: bool,
    #[command(flatten)]
    servers: ServerArgs,
}

#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// NATS servers to send to; separated by commas.
    #[arg(
        long,
        env = "API_NATS_URL",
        value_delimiter = ',',
        default_value = "nats://127.0.0.1:4222"
    )]
    nats_url: Vec<Url>,
    /// The authority that the servers must have their certificates of; all URLs are tls:// then.
    #[arg(long, env = "API_NATS_CA_FILE")]
    nats_ca_file: Option<PathBuf>,
    /// Credentials of a user of the system account, if its signing seed is not in the directory.
    #[arg(long)]
    system_creds: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(super) struct WhenArgs {
    /// Wait first until every token of the former key has ended; nobody is cut off.
    #[arg(long)]
    wait: bool,
    /// Cut off at once whoever holds a token of the former key, as when that key has leaked.
    #[arg(long)]
    now: bool,
}

impl RolesCommand {
    pub(super) fn run(self) -> Result<(), CliError> {
        match self {
            Self::Apply { files, push, dry_run } => {
                let file = roles::load(&files.roles)?;
                let dir = files.dir.open()?;
                let update = apply(&dir, &file, unix_now())?;
                if update.changes.is_empty() {
                    print(
                        "The account's JWT says what the roles file says. `api serve` takes the \
                         rest (who may have a role, for how long) from the file when it starts.",
                    )?;
                    return if push.push && !dry_run { send(&dir, &push.servers) } else { Ok(()) };
                }
                if dry_run {
                    tell(&update)?;
                    return print("Nothing was written.");
                }
                finish(&dir, &update, &push)
            }
            Self::NewKey { role, files, push } => {
                let dir = files.dir.open()?;
                let update = new_key(&dir, &role, unix_now())?;
                finish(&dir, &update, &push)
            }
            Self::SwitchKey { role, files } => {
                let dir = files.dir.open()?;
                let update = switch_key(&dir, &role)?;
                dir.commit(&update).map_err(UpdateError::from)?;
                tell(&update)
            }
            Self::RetireKey { role, when, files, push } => {
                if when.wait {
                    wait_for_tokens(&role, &files)?;
                }
                let dir = files.dir.open()?;
                let update = retire_key(&dir, &role, unix_now())?;
                finish(&dir, &update, &push)
            }
            Self::Push { files, servers } => send(&files.dir.open()?, &servers),
        }
    }
}

impl DirArgs {
    /// The directory, for this process alone.
    pub(super) fn open(&self) -> Result<KeysDir, UpdateError> {
        KeysDir::open(&self.dir)
    }
}

/// Waits for as long as a token of the role may live. Whatever is wrong is told before.
fn wait_for_tokens(role: &RoleName, files: &FileArgs) -> Result<(), CliError> {
    let roles = roles::load(&files.roles)?.roles;
    let known = roles::find(&roles, role).ok_or_else(|| UpdateError::NoRole(role.clone()))?;
    retire_key(&files.dir.open()?, role, unix_now())?;
    let wait = known.ttl + Duration::from_secs(EXPIRY_SLACK);
    print(&format!("Waiting {} seconds for the tokens of the former key to end.", wait.as_secs()))?;
    thread::sleep(wait);
    Ok(())
}

/// Puts an update in place, says what it was, and tells the servers or says how to.
pub(super) fn finish(dir: &KeysDir, update: &Update, push: &PushArgs) -> Result<(), CliError> {
    dir.commit(update).map_err(UpdateError::from)?;
    tell(update)?;
    if push.push {
        send(dir, &push.servers)
    } else if !update.is_to_be_pushed {
        Ok(())
    } else {
        print(
            "The servers do not know yet: `api roles push` tells those that run; one that starts \
             takes it from auth.conf.",
        )
    }
}

pub(super) fn tell(update: &Update) -> Result<(), CliError> {
    update.changes.iter().try_for_each(|change| print(change))
}

pub(super) fn send(dir: &KeysDir, servers: &ServerArgs) -> Result<(), CliError> {
    let system = match &servers.system_creds {
        Some(path) => {
            let text = file::read(path).map_err(UpdateError::from)?;
            let credentials = ServiceCredentials::parse(&text)
                .map_err(|problem| UpdateError::from(file::KeyFileError::new(path, problem)))?;
            Some(credentials)
        }
        None => None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(CliError::Runtime)?;
    let ca_file = servers.nats_ca_file.as_deref();
    match runtime.block_on(push(dir, &servers.nats_url, ca_file, system, unix_now()))? {
        Pushed::Taken => print("The servers have the account's JWT."),
        Pushed::AlreadyThere => print("The servers had the account's JWT already."),
    }
}
