use std::io;

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Server or browser do not do what they should.
    #[error(transparent)]
    Stack(#[from] e2e::Error),
    /// The page of the benchmarks failed.
    #[error("the page failed in {call}: {message}")]
    Page {
        /// What it was told to do.
        call: String,
        /// What it says.
        message: String,
    },
    /// Chromium or the page said something that it should not.
    #[error("{what} is not as expected: {found}")]
    Unexpected {
        /// What was asked for.
        what: &'static str,
        /// What came instead.
        found: String,
    },
    /// What is to be read could not be stored.
    #[error("{what}")]
    Store {
        /// What was tried.
        what: &'static str,
        /// What nats-server says.
        source: async_nats::Error,
    },
    /// The page has not been built, or results can't be read or written.
    #[error("{what}")]
    Io {
        /// What was tried.
        what: String,
        /// What the system says.
        source: io::Error,
    },
    /// Results that were kept are not readable.
    #[error("these are no results")]
    Results(#[from] serde_json::Error),
}

impl Error {
    /// For `map_err` on what JetStream is asked.
    pub(crate) fn store<E: Into<async_nats::Error>>(what: &'static str) -> impl FnOnce(E) -> Self {
        move |source| Self::Store { what, source: source.into() }
    }

    /// For `map_err` on files and sockets.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::Io { what, source }
    }
}
