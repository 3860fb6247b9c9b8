//! `api revoke`: names users in the account's JWT whose tokens no longer count.

use std::collections::BTreeMap;

use clap::Args;

use super::{
    CliError, print,
    roles::{ServerArgs, send, tell},
};
use crate::{
    claims::{KeyError, UserKey},
    clock::unix_now,
    provision::{KeysDir, UpdateError, revoke::revoke},
};

#[derive(Debug, Args)]
pub(super) struct RevokeArgs {
    /// The directory that `init` wrote, with the operator's signing seed.
    #[arg(
        long,
        visible_alias = "dir",
        env = "API_KEYS_DIR",
        default_value = "nats-conf/generated"
    )]
    keys_dir: std::path::PathBuf,
    /// A user's public key; repeat it for several.
    #[arg(long = "nkey", value_parser = parse_key, required_unless_present = "prune")]
    nkeys: Vec<UserKey>,
    /// Refuse also tokens that are issued from now until then, in Unix seconds.
    #[arg(long)]
    until: Option<i64>,
    /// Drop entries that no token of `api serve` needs any more. A user whose token has no end, as
    /// that of service.creds, gets in again if it was revoked more than a day ago.
    #[arg(long)]
    prune: bool,
    #[command(flatten)]
    servers: ServerArgs,
}

/// `FromStr` is not there for keys, whose mistakes have names of their own.
fn parse_key(text: &str) -> Result<UserKey, KeyError> {
    UserKey::parse(text)
}

impl RevokeArgs {
    pub(super) fn run(self) -> Result<(), CliError> {
        let now = unix_now();
        let time = self.until.map_or(now, |until| until.max(now));
        let users: BTreeMap<_, _> = self.nkeys.into_iter().map(|nkey| (nkey, time)).collect();
        let dir = KeysDir::open(&self.keys_dir)?;
        let update = revoke(&dir, &users, self.prune, now)?;
        if update.changes.is_empty() {
            print("The account's JWT says so already.")?;
        } else {
            dir.commit(&update).map_err(UpdateError::from)?;
            tell(&update)?;
        }
        // Also if nothing has changed: a former attempt may have got no further.
        send(&dir, &self.servers)
    }
}
