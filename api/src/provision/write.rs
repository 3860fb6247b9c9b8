//! Puts a plan on disk, whole or not at all.
//!
//! All files are written into a new directory beside the target, each private from its first byte,
//! and synced; then that directory is renamed to the target. A crash leaves at worst a directory
//! whose name says that it is partial, never a target that looks complete.
//!
//! Files of a directory that exists are replaced one by one, each by a rename.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
};

use super::{Plan, PlannedFile};

const FILE_MODE: u32 = 0o600;
const DIR_MODE: u32 = 0o700;

/// The plan is not on disk.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is something already, which is never overwritten.
    #[error(
        "{} already exists and is not empty; nothing was written (remove it to start over, \
         which makes every key and credential in use worthless)",
        .0.display()
    )]
    Exists(PathBuf),
    /// The operating system said no.
    #[error("{} could not be read or written", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl WriteError {
    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }
}

/// Writes the plan.
///
/// # Errors
/// * [`WriteError::Exists`]: the target is there and not empty. Nothing was changed.
/// * [`WriteError::Io`]: something failed on the way. The target was not touched, and what was
///   written beside it was removed.
pub fn write(plan: &Plan) -> Result<(), WriteError> {
    refuse_existing(&plan.dir)?;
    let parent = plan.dir.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(parent).map_err(WriteError::io(parent))?;

    let staging = Staging::create(&plan.dir)?;
    for file in &plan.files {
        write_file(&staging.path.join(&file.name), file.contents.as_bytes())?;
    }
    for dir in &plan.data_dirs {
        let path = staging.path.join(dir);
        DirBuilder::new()
            .mode(DIR_MODE)
            .recursive(true)
            .create(&path)
            .map_err(WriteError::io(&path))?;
    }
    sync(&staging.path)?;
    // Replaces an empty directory, and fails if the target has been filled meanwhile.
    fs::rename(&staging.path, &plan.dir).map_err(|source| match source.kind() {
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists => {
            WriteError::Exists(plan.dir.clone())
        }
        _ => WriteError::Io { path: plan.dir.clone(), source },
    })?;
    staging.keep();
    sync(parent)
}

/// Replaces or makes files of a directory, each in one step, in this order; then removes files. One
/// to remove that is not there is no error.
pub(super) fn replace(
    dir: &Path,
    files: &[PlannedFile],
    removed: &[String],
) -> Result<(), WriteError> {
    for file in files {
        let path = dir.join(&file.name);
        let partial = dir.join(format!("{}.partial-{:016x}", file.name, fastrand::u64(..)));
        let written = write_file(&partial, file.contents.as_bytes())
            .and_then(|()| fs::rename(&partial, &path).map_err(WriteError::io(&path)));
        if written.is_err() {
            // Nothing better can be done about a file that cannot be removed.
            let _ = fs::remove_file(&partial);
        }
        written?;
    }
    // What is new must be there before what is old goes.
    sync(dir)?;
    for name in removed {
        let path = dir.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(WriteError::io(&path)(error));
            }
            _ => {}
        }
    }
    sync(dir)
}

/// The text of a file that may be absent.
pub(super) fn read_if_there(path: &Path) -> Result<Option<String>, WriteError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(WriteError::io(path)(error)),
    }
}

fn refuse_existing(dir: &Path) -> Result<(), WriteError> {
    match fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(()),
            Some(_) => Err(WriteError::Exists(dir.to_owned())),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(WriteError::io(dir)(error)),
    }
}

fn write_file(path: &Path, contents: &[u8]) -> Result<(), WriteError> {
    let write = || {
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path)?;
        file.write_all(contents)?;
        file.sync_all()
    };
    write().map_err(WriteError::io(path))
}

/// Makes the names within a directory durable, not only the files they name.
fn sync(dir: &Path) -> Result<(), WriteError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(WriteError::io(dir))
}

/// A directory that is removed again unless it is kept.
struct Staging {
    path: PathBuf,
    keep: bool,
}

impl Staging {
    fn create(target: &Path) -> Result<Self, WriteError> {
        let mut name = target.file_name().unwrap_or_default().to_owned();
        name.push(format!(".partial-{:016x}", fastrand::u64(..)));
        let path = target.with_file_name(name);
        DirBuilder::new().mode(DIR_MODE).create(&path).map_err(WriteError::io(&path))?;
        Ok(Self { path, keep: false })
    }

    fn keep(mut self) {
        self.keep = true;
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        if !self.keep {
            // Nothing better can be done about a directory that cannot be removed.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use zeroize::Zeroizing;

    use super::*;

    fn plan(dir: &Path, names: &[&str]) -> Plan {
        let file = |name: &&str| PlannedFile {
            name: (*name).to_owned(),
            contents: Zeroizing::new(format!("contents of {name}\n")),
        };
        Plan {
            dir: dir.to_owned(),
            data_dirs: vec!["data/a".into()],
            files: names.iter().map(file).collect(),
        }
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn names(dir: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(dir)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn everything_is_written_private() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("deep/generated");
        write(&plan(&dir, &["a", "b"])).unwrap();
        assert_eq!(names(&dir), ["a", "b", "data"]);
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join("data")), 0o700);
        assert_eq!(mode(&dir.join("data/a")), 0o700);
        assert_eq!(mode(&dir.join("a")), 0o600);
        assert_eq!(fs::read_to_string(dir.join("b")).unwrap(), "contents of b\n");
        assert_eq!(names(dir.parent().unwrap()), ["generated"]);
    }

    #[test]
    fn an_empty_directory_is_taken_over_and_a_full_one_is_not() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("generated");
        fs::create_dir(&dir).unwrap();
        write(&plan(&dir, &["a"])).unwrap();
        assert_eq!(mode(&dir), 0o700);

        let error = write(&plan(&dir, &["a", "b"])).unwrap_err();
        assert!(matches!(error, WriteError::Exists(_)), "{error}");
        assert_eq!(names(&dir), ["a", "data"]);
        assert_eq!(names(root.path()), ["generated"]);
    }

    #[test]
    fn a_failure_half_way_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("generated");
        // The same name twice: the second cannot be created.
        let error = write(&plan(&dir, &["a", "a"])).unwrap_err();
        assert!(matches!(error, WriteError::Io { .. }), "{error}");
        assert!(names(root.path()).is_empty());
    }

    #[test]
    fn a_file_in_the_way_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("generated");
        fs::write(&dir, "a file").unwrap();
        assert!(write(&plan(&dir, &["a"])).is_err());
        assert_eq!(fs::read_to_string(&dir).unwrap(), "a file");
    }
}
