//! Reading files that hold secrets.

use std::{
    fs::File,
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{
    claims::{DecodeError, KeyError},
    mint::RoleName,
    provision::CertificateError,
};

/// No file here comes near this size.
const MAX_BYTES: u64 = 64 * 1024;
/// Bits that let anyone but the owner in, or let the file be run.
const TOO_OPEN: u32 = 0o177;

/// A key file cannot be used. The message names the file and says why; it never shows contents.
#[derive(Debug, thiserror::Error)]
#[error("the key file {} cannot be used: {problem}", path.display())]
pub struct KeyFileError {
    path: PathBuf,
    #[source]
    problem: Problem,
}

impl KeyFileError {
    pub(crate) fn new(path: &Path, problem: Problem) -> Self {
        Self { path: path.to_owned(), problem }
    }

    /// What is wrong.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

/// What is wrong with a key file.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It is not there.
    #[error(
        "it does not exist (`api init` makes it, for a new role `api roles apply`, for auth \
         callout `api init --auth-callout`)"
    )]
    Missing,
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[source] io::Error),
    /// It is a directory, a pipe or the like.
    #[error("it is not a regular file")]
    NotAFile,
    /// Others than its owner may read or write it.
    #[error("its mode is {mode:04o}, more open than 0600 (`chmod 600` closes it)")]
    TooOpen {
        /// The permission bits.
        mode: u32,
    },
    /// Larger than any key file.
    #[error("it is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// Not UTF-8.
    #[error("it is not text")]
    NotText,
    /// Not the key it should hold.
    #[error("it does not hold the key it should: {0}")]
    Key(#[source] KeyError),
    /// Not the token it should hold.
    #[error("it does not hold the token it should: {0}")]
    Jwt(#[source] DecodeError),
    /// Not the key of a certificate authority.
    #[error("it is of no use as an authority's key: {0}")]
    Certificate(#[source] CertificateError),
    /// Not in the form of a credentials file.
    #[error("it is not a credentials file with a user's JWT and seed")]
    NotCredentials,
    /// Token and seed belong to different users.
    #[error("its token and its seed belong to different users")]
    CredentialsMismatch,
    /// The account's JWT has no such signing key.
    #[error("the account's JWT beside it does not know this signing key; were they made together?")]
    UnknownRoleKey,
    /// The account's JWT has the key under another role.
    #[error("the account's JWT beside it has this key for the role {actual:?}, not {expected}")]
    OtherRole {
        /// The role it is loaded for.
        expected: RoleName,
        /// The role it is.
        actual: String,
    },
    /// The account that asks about clients was made with other keys.
    #[error("it does not know {0} beside it; were they made together?")]
    OtherCallout(&'static str),
    /// The roles file says something else than what nats-server goes by.
    #[error(
        "the account's JWT beside it gives the role {role} other rights than the roles file; \
         `api roles apply` brings them together"
    )]
    OtherRights {
        /// The role.
        role: RoleName,
    },
}

/// Reads a file that only its owner may read. The text is wiped from memory when dropped.
///
/// # Errors
/// [`KeyFileError`] if the file is missing, unreadable, too open, too large or not text.
pub fn read(path: &Path) -> Result<Zeroizing<String>, KeyFileError> {
    read_inner(path).map_err(|problem| KeyFileError::new(path, problem))
}

fn read_inner(path: &Path) -> Result<Zeroizing<String>, Problem> {
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => Problem::Missing,
        _ => Problem::Unreadable(error),
    })?;
    // Of the opened file, not of the path: what is checked is what is read.
    let metadata = file.metadata().map_err(Problem::Unreadable)?;
    if !metadata.is_file() {
        return Err(Problem::NotAFile);
    }
    let mode = metadata.permissions().mode() & 0o777;
    if mode & TOO_OPEN != 0 {
        return Err(Problem::TooOpen { mode });
    }
    if metadata.len() > MAX_BYTES {
        return Err(Problem::TooLarge);
    }
    let mut text = Zeroizing::new(String::new());
    // One more than there may be, so that growing meanwhile shows.
    file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => Problem::NotText,
        _ => Problem::Unreadable(error),
    })?;
    if text.len() as u64 > MAX_BYTES { Err(Problem::TooLarge) } else { Ok(text) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn write(mode: u32, contents: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.seed");
        fs::write(&path, contents).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (dir, path)
    }

    #[test]
    fn a_private_file_is_read() {
        for mode in [0o600, 0o400] {
            let (_dir, path) = write(mode, b"secret\n");
            assert_eq!(read(&path).unwrap().as_str(), "secret\n");
        }
    }

    #[test]
    fn an_open_file_is_refused_whoever_else_could_read_it() {
        for mode in [0o644, 0o640, 0o660, 0o601, 0o602, 0o700] {
            let (_dir, path) = write(mode, b"secret\n");
            let error = read(&path).unwrap_err();
            assert!(matches!(error.problem(), Problem::TooOpen { .. }), "{mode:o}: {error}");
            assert!(error.to_string().contains("x.seed"));
            assert!(error.to_string().contains(&format!("{mode:04o}")));
        }
    }

    #[test]
    fn what_is_no_key_file_is_refused_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let missing = read(&dir.path().join("gone.seed")).unwrap_err();
        assert!(matches!(missing.problem(), Problem::Missing));
        assert!(missing.to_string().contains("gone.seed"));

        let directory = read(dir.path()).unwrap_err();
        assert!(matches!(directory.problem(), Problem::NotAFile | Problem::Unreadable(_)));

        let (_dir, path) = write(0o600, &[0xff, 0xfe]);
        assert!(matches!(read(&path).unwrap_err().problem(), Problem::NotText));

        let (_dir, path) = write(0o600, &vec![b'a'; 65 * 1024]);
        assert!(matches!(read(&path).unwrap_err().problem(), Problem::TooLarge));
    }
}
