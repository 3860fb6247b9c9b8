//! The directory of the bans: private, one process at a time, each file replaced in one step.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;
/// Mode bits that make a file of bans too open: whoever can write it can lift a ban.
const FILE_TOO_OPEN: u32 = 0o177;
const DIR_TOO_OPEN: u32 = 0o077;
/// Bytes of a file at most.
const MAX_BYTES: u64 = 256 << 20;

/// The bans cannot be read or kept.
#[derive(Debug, thiserror::Error)]
#[error("the bans in {} cannot be used: {problem}", path.display())]
pub struct BanFileError {
    path: PathBuf,
    #[source]
    problem: BanFileProblem,
}

impl BanFileError {
    pub(super) fn new(path: &Path, problem: impl Into<BanFileProblem>) -> Self {
        Self { path: path.to_owned(), problem: problem.into() }
    }
}

/// What is wrong with the bans.
#[derive(Debug, thiserror::Error)]
pub(super) enum BanFileProblem {
    /// The operating system said no.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// Others can read or write it.
    #[error("its mode is {mode:04o}, more open than {:04o}", 0o777 & !closed)]
    TooOpen {
        /// The mode.
        mode: u32,
        /// The bits that must not be set.
        closed: u32,
    },
    /// Larger than anything this program writes. A part of it would lift the bans of the rest.
    #[error("it is larger than {MAX_BYTES} bytes")]
    TooLarge,
    /// Another process has it.
    #[error("another `api` uses it")]
    Busy,
    /// It is not what was written.
    #[error("line {0} is not what this program writes")]
    Malformed(usize),
    /// It is not what was written.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
}

/// The directory. Nobody else has it while this lives.
#[derive(Debug)]
pub(super) struct Store {
    dir: PathBuf,
    /// Unlocked when it is closed.
    _lock: File,
}

impl Store {
    /// Opens the directory, made if need be.
    pub(super) fn open(dir: &Path) -> Result<Self, BanFileError> {
        let refuse = |problem: BanFileProblem| BanFileError::new(dir, problem);
        DirBuilder::new()
            .recursive(true)
            .mode(DIR_MODE)
            .create(dir)
            .map_err(|error| refuse(error.into()))?;
        let lock = File::open(dir).map_err(|error| refuse(error.into()))?;
        check_mode(&lock, DIR_TOO_OPEN).map_err(refuse)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { dir: dir.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(refuse(BanFileProblem::Busy)),
            Err(TryLockError::Error(error)) => Err(refuse(error.into())),
        }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A file's text; nothing if there is no such file.
    pub(super) fn read(&self, name: &str) -> Result<Option<String>, BanFileError> {
        let path = self.path(name);
        read(&path).map_err(|problem| BanFileError::new(&path, problem))
    }

    /// Replaces a file. When this returns, it is on the disk.
    pub(super) fn replace(&self, name: &str, contents: &[u8]) -> Result<(), BanFileError> {
        let path = self.path(name);
        let partial = self.path(&format!("{name}.partial"));
        let written = write(&partial, contents)
            .and_then(|()| fs::rename(&partial, &path))
            .and_then(|()| File::open(&self.dir)?.sync_all());
        written.map_err(|error| BanFileError::new(&path, error))
    }

    /// Opens a file to add to it.
    pub(super) fn append(&self, name: &str) -> Result<File, BanFileError> {
        let path = self.path(name);
        let opened = OpenOptions::new().append(true).create(true).mode(FILE_MODE).open(&path);
        opened.map_err(|error| BanFileError::new(&path, error))
    }
}

fn read(path: &Path) -> Result<Option<String>, BanFileProblem> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    // Of the opened file, not of the path: what is checked is what is read.
    check_mode(&file, FILE_TOO_OPEN)?;
    if file.metadata()?.len() > MAX_BYTES {
        return Err(BanFileProblem::TooLarge);
    }
    let mut text = String::new();
    // One more than there may be, so that growing meanwhile shows.
    file.take(MAX_BYTES + 1).read_to_string(&mut text)?;
    if text.len() as u64 > MAX_BYTES { Err(BanFileProblem::TooLarge) } else { Ok(Some(text)) }
}

fn check_mode(file: &File, closed: u32) -> Result<(), BanFileProblem> {
    let mode = file.metadata()?.permissions().mode() & 0o777;
    if mode & closed == 0 { Ok(()) } else { Err(BanFileProblem::TooOpen { mode, closed }) }
}

fn write(path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
    file.write_all(contents)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_large_is_refused_and_not_cut() {
        let root = tempfile::tempdir().unwrap();
        let store = Store::open(&root.path().join("bans")).unwrap();
        let file = store.append("a").unwrap();
        file.set_len(MAX_BYTES + 1).unwrap();
        let error = store.read("a").unwrap_err();
        assert!(matches!(error.problem, BanFileProblem::TooLarge), "{error}");
        // All zeroes, which are text.
        file.set_len(5).unwrap();
        assert_eq!(store.read("a").unwrap().unwrap(), "\0\0\0\0\0");
    }
}
