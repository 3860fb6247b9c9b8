//! Where the keys are.

use std::path::PathBuf;

use serde::Deserialize;

/// Settings of the keys.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// The directory that `api init` wrote.
    pub dir: PathBuf,
}
