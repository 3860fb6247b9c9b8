//! The roles file: which roles there are, who may have them, and what they open; and the buckets and
//! streams that must be made just so for roles to write to.
//!
//! `api/roles.toml` documents each field. Reading it tells every mistake, not only the first, each
//! with its place and with what to do about it: the file decides what strangers may do, so whoever
//! writes it must not have to guess.

mod answers;
mod browsers;
mod channels;
mod consumers;
mod fields;
mod given_to;
mod lists;
mod objects;
mod pattern;
mod read;
mod streams;

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use crate::{
    mint::{CallerRule, Role, RoleName},
    streams::DeclaredStream,
};

/// Longest life of a browser's credential: a day. Nothing but the end of its life takes a
/// credential away from a browser that was let in by mistake.
pub const MAX_TTL_SECONDS: u64 = 24 * 60 * 60;
/// Shortest life that still leaves a client time to refresh.
pub const MIN_TTL_SECONDS: u64 = 2;

/// Settings of the roles.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolesConfig {
    /// The roles file.
    pub file: PathBuf,
}

/// What a roles file says.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RolesFile {
    /// The roles, in the file's order, which is the order of preference.
    pub roles: Vec<Role>,
    /// Buckets and streams that are to be there.
    pub streams: Vec<DeclaredStream>,
}

/// The roles file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RolesFileError {
    /// It cannot be read.
    #[error("the roles file {} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It says something that cannot be done, or that should not be.
    #[error("the roles file {} is not right:{}", path.display(), list(mistakes))]
    Mistakes {
        /// The file.
        path: PathBuf,
        /// Everything that is wrong, in the file's order.
        mistakes: Vec<Mistake>,
    },
}

/// One mistake in the roles file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong and what to do about it.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.problem)
    }
}

fn list(mistakes: &[Mistake]) -> String {
    mistakes.iter().map(|mistake| format!("\n  {mistake}")).collect()
}

/// Reads the roles file.
///
/// # Errors
/// * [`RolesFileError::Read`]: the file is missing or unreadable.
/// * [`RolesFileError::Mistakes`]: everything that is wrong with it.
pub fn load(path: &Path) -> Result<RolesFile, RolesFileError> {
    check(path).map(|(file, _)| file)
}

/// Reads the roles file as [`load`] does, and tells what in it is no mistake and may surprise.
///
/// # Errors
/// Those of [`load`].
pub fn check(path: &Path) -> Result<(RolesFile, Vec<Mistake>), RolesFileError> {
    let text = fs::read_to_string(path)
        .map_err(|source| RolesFileError::Read { path: path.to_owned(), source })?;
    read::file(&text)
        .map_err(|mistakes| RolesFileError::Mistakes { path: path.to_owned(), mistakes })
}

/// Reads the text of a roles file.
///
/// # Errors
/// Every mistake, in the text's order.
pub fn parse(text: &str) -> Result<RolesFile, Vec<Mistake>> {
    read::file(text).map(|(file, _)| file)
}

/// Reads rules as those of `given_to` that stand elsewhere, in a list of this name.
///
/// # Errors
/// Every mistake, in words.
pub(super) fn read_rules(values: Vec<toml::Value>, list: &str) -> Result<Vec<CallerRule>, String> {
    given_to::read_elsewhere(values, list)
}

/// The role of this name.
#[must_use]
pub fn find<'a>(roles: &'a [Role], name: &RoleName) -> Option<&'a Role> {
    roles.iter().find(|role| role.name == *name)
}

#[cfg(test)]
mod tests;
