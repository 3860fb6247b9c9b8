//! The page.

use std::path::PathBuf;

use serde::Deserialize;

/// Settings of the page.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PageConfig {
    /// Directory of the built page, served at `/`. It may be missing: `/` then says so.
    pub dir: PathBuf,
}
