use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why the harness could not do what a test asked of it. What the system under test does wrong is
/// for the test's own assertions to say, [`Error::Timeout`] apart.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Something that a test waited for did not come about.
    #[error("waited {within:?} in vain: {what}")]
    Timeout {
        /// What should have come about.
        what: String,
        /// How long it was waited for.
        within: Duration,
    },
    /// A part of the stack ended by itself; its output is in the test's.
    #[error("{name} ended by itself ({status})")]
    Ended {
        /// The part.
        name: &'static str,
        /// How it ended.
        status: ExitStatus,
    },
    /// A program that only prepares something failed; its output is in the test's.
    #[error("{what} failed ({status})")]
    Preparation {
        /// What it should have done.
        what: &'static str,
        /// How it ended.
        status: ExitStatus,
    },
    /// The system lets nobody make network namespaces here, and the environment says that it must.
    #[error("no machine room can be made here: {reason}")]
    NoMachineRoom {
        /// What the system says.
        reason: String,
    },
    /// The page has not been built.
    #[error("{} is missing: run `just page` first", .0.display())]
    NoPage(PathBuf),
    /// The examples have not been built.
    #[error("{} is missing: run `just examples` first", .0.display())]
    NoExamples(PathBuf),
    /// A program is missing, or the system refuses to run it.
    #[error("{name} cannot be started (`just setup-test` installs what is missing)")]
    Spawn {
        /// The program.
        name: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// A file or a port could not be had.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// A configuration does not hold the words that a test wants replaced.
    #[error("{} has no {text:?}", .file.display())]
    Edit {
        /// The configuration.
        file: PathBuf,
        /// The words.
        text: String,
    },
    /// An HTTP request of the test itself failed.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
    /// The browser could not be told something.
    #[error(transparent)]
    Browser(#[from] fantoccini::error::CmdError),
    /// The browser did not start.
    #[error(transparent)]
    Session(#[from] fantoccini::error::NewSessionError),
}

impl Error {
    /// For `map_err` on file and port operations.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
