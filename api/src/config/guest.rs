//! Access without an account.

use serde::Deserialize;

/// Settings of guest access.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GuestConfig {
    /// Whether callers who say nothing about themselves get in, with the roles that are for guests.
    pub enabled: bool,
}
