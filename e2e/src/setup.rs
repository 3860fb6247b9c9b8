use std::path::Path;

use crate::Error;

/// What differs from the configuration that is shipped. The default is nothing.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    pub(crate) config: Vec<[String; 2]>,
    pub(crate) roles: Vec<[String; 2]>,
    pub(crate) environment: Vec<[String; 2]>,
    pub(crate) auth_callout: bool,
}

impl Setup {
    /// Nothing differs.
    pub fn new() -> Self {
        Self::default()
    }

    /// Other words in `api/config/dev.toml`, where `from` stands first.
    #[must_use]
    pub fn config(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.config.push([from.into(), to.into()]);
        self
    }

    /// Other words in `api/roles.toml`, where `from` stands first.
    #[must_use]
    pub fn roles(mut self, from: impl Into<String>, to: impl Into<String>) -> Self {
        self.roles.push([from.into(), to.into()]);
        self
    }

    /// A variable in the API's environment.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.environment.push([name.into(), value.into()]);
        self
    }

    /// nats-server asks about clients that bring no token: `nats-conf/single-callout.conf`.
    #[must_use]
    pub fn auth_callout(mut self) -> Self {
        self.auth_callout = true;
        self
    }
}

/// Makes each replacement once; one that finds nothing is a mistake of the test.
pub(crate) fn edited(path: &Path, text: String, edits: &[[String; 2]]) -> Result<String, Error> {
    edits.iter().try_fold(text, |text, [from, to]| {
        if text.contains(from) {
            Ok(text.replacen(from, to, 1))
        } else {
            Err(Error::Edit { file: path.to_owned(), text: from.clone() })
        }
    })
}
