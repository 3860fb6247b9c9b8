//! Bans.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, de};

use super::{Invalid, roles::read_rules};
use crate::mint::CallerRule;

/// Settings of bans.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeConfig {
    /// Who may ban, in the words of the roles file's `given_to`; empty means nobody.
    #[serde(deserialize_with = "rules")]
    pub allowed_to: Vec<CallerRule>,
    /// The directory that bans are kept in.
    pub dir: PathBuf,
    /// A directory that `init` wrote, with the signing seeds of operator and system account, where
    /// bans are to be written into the account's JWT by this service. Absent: by `api revoke`.
    pub signer_dir: Option<PathBuf>,
}

impl RevokeConfig {
    /// Whether anybody may ban.
    #[must_use]
    pub fn is_on(&self) -> bool {
        !self.allowed_to.is_empty()
    }

    pub(super) fn check(&self, problems: &mut Vec<Invalid>) {
        if self.allowed_to.contains(&CallerRule::Guest) {
            problems.push(Invalid {
                field: "revoke.allowed_to",
                problem: "guests are nobody in particular and cannot be let ban others".to_owned(),
            });
        }
    }
}

fn rules<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<CallerRule>, D::Error> {
    let values = Vec::<toml::Value>::deserialize(deserializer)?;
    read_rules(values, "allowed_to").map_err(de::Error::custom)
}
